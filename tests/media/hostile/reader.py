"""Reads the files named on standard input, one a line, to their end, and says what became of each.

A process of its own, with bounded memory, so that whoever asks sees a crash, a hang and a flood. Each line is JSON:
``path`` and what :func:`read` takes; so is each answer: ``frames``, ``error`` and ``kind``, its class, ``notices``,
``seconds`` of processor time and ``megabytes``, the most that the process has ever held.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

MOST_MEMORY = 4 << 30


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        sys.stdout.write(json.dumps(read(**json.loads(line))) + "\n")
        sys.stdout.flush()


def read(
    path: str,
    *,
    keep_going: bool = False,
    still: bool = False,
    fps: int | None = None,
) -> dict[str, Any]:
    warnings: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: warnings.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("dreamvid").handlers = [handler]
    error, kind, frames, sizes = None, None, 0, set()
    begun = time.process_time()
    try:
        if still:
            from dreamvid.media.still.reader import read_still  # noqa: PLC0415  only what is asked for

            sizes.add(read_still(Path(path)).rgb.shape[:2])
            frames = 1
        else:
            from dreamvid.media.input.source import open_source  # noqa: PLC0415  the same

            rate = None if fps is None else Fraction(fps)
            for frame in open_source(path, keep_going=keep_going, fps=rate):
                frames += 1
                sizes.add(frame.rgb.shape[:2])
    except BaseException as caught:  # noqa: BLE001  whatever it is, it is reported
        kinds = [base.__name__ for base in type(caught).__mro__]
        error, kind = str(caught), type(caught).__name__
        if "DreamvidError" not in kinds:
            error, kind = repr(caught), f"!{kind}"
    return {
        "frames": frames,
        "sizes": sorted(sizes),
        "error": error,
        "kind": kind,
        "notices": warnings,
        "seconds": time.process_time() - begun,
        "megabytes": _peak(),
    }


def _peak() -> float:
    """Return this program's peak of resident memory in MiB; ``ru_maxrss`` would count its parent's as well."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text(encoding="ascii").partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
