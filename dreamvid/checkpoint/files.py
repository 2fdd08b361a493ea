"""Write and remove files of a work folder; failures are one-line errors that say how to resume."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from dreamvid import atomic
from dreamvid.checkpoint.layout import OUTPUT

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.errors import WriteError


def folder_error(folder: Path, error: OSError, action: str = "written") -> WriteError:
    """Return the error for a failure to write, or ``read``, in a work folder."""
    advice = "free some space and run the same command again"
    return atomic.write_error(folder, error, action=action, advice=advice)


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file as a whole; a ``WriteError`` leaves what was there before."""
    try:
        atomic.write_durably(path, data)
    except OSError as error:
        raise folder_error(path.parent, error) from None


def unlink(entry: os.DirEntry[str]) -> None:
    """Remove a file, a link, or the folder that was to become the output."""
    if entry.name == OUTPUT and entry.is_dir(follow_symlinks=False):
        shutil.rmtree(entry.path)
    else:
        os.unlink(entry.path)  # noqa: PTH108  scandir's own
