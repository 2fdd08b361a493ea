"""Say in the file of a part's lock who works on the part, and read it there."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from dreamvid.text import printable

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that works on a part, or has done so; ``since`` is when it began there, in seconds since 1970."""

    host: str
    process: int
    device: str
    since: float | None = None

    def __str__(self) -> str:
        return printable(f"{self.device} of {self.host}, process {self.process}")


def describe_holder(device: str) -> str:
    """Return what the lock that this process holds is to say."""
    return json.dumps(asdict(Holder(platform.node(), os.getpid(), device, time.time())))


def read_holder(lock: Path) -> Holder | None:
    """Return who is, or was last, at a part; None where the file of its lock says nothing."""
    try:
        facts = json.loads(lock.read_bytes())
        return Holder(str(facts["host"]), int(facts["process"]), str(facts["device"]), float(facts["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
