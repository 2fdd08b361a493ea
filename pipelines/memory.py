"""Memory of a run: an estimate, checked against what the machine has before any work is done."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dreamvid.errors import SettingsError
from dreamvid.text import byte_size

if TYPE_CHECKING:
    from dreamvid.types import Size

_log = logging.getLogger(__name__)

STILL_BYTES, VIDEO_BYTES, WAITING_BYTES = 170, 640, 40
"""Bytes that a run takes for each pixel of its frames: measured from 1 to 31 megapixels, for videos to 8. The last
are those of each frame that waits for the next dreamed one: its picture, flow and masks.
"""

_BASE_BYTES = 1_200_000_000
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def check_memory(name: str, size: Size, bytes_per_pixel: int, processes: int = 1) -> None:
    """Warn where frames of this size take more memory than the machine has, by estimate, in so many processes.

    Raises
    ------
    SettingsError
        Where they take more than twice as much.
    """
    available = machine_memory()
    needed = processes * (_BASE_BYTES + bytes_per_pixel * size.height * size.width)
    if available is None or needed <= available:
        return
    shared, or_fewer = (
        (f" in {processes} processes", ", or name fewer --devices") if processes > 1 else ("", "")
    )
    message = (
        f"{name}: frames of {size} take about {byte_size(needed)} of memory{shared}, but there are "
        f"{byte_size(available)}; make them smaller (--width){or_fewer}"
    )
    if needed > 2 * available:
        raise SettingsError(message)
    _log.warning("%s", message)


def machine_memory() -> int | None:
    """Return the bytes of memory that this process may have; None where the system does not tell."""
    limits = []
    with suppress(OSError, ValueError, AttributeError):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, ValueError):
        limits.append(int(_CGROUP_LIMIT.read_text(encoding="ascii")))
    return min((limit for limit in limits if limit > 0), default=None)
