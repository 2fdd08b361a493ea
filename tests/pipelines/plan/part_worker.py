"""Dream the free parts of a plan as ``dreamvid part`` does, with a dream that takes no network.

``python -m tests.pipelines.plan.part_worker PLAN LOG [SECONDS]`` adds a line to LOG for each frame, which takes some
SECONDS. Where a file ``die`` beside LOG holds a number, it is removed, and the process is killed after so
many frames.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dreamvid.cli.interrupt import defer_interrupts, read_input, set_handler
from dreamvid.cli.progress import JsonLines
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.plan.plan import read_plan
from dreamvid.pipelines.plan.worker import dream_free_parts, prepare_worker
from tests.pipelines.plan.waves import load_waves

if TYPE_CHECKING:
    from types import FrameType


class Told(JsonLines):
    """Logs frames; may end the process."""

    def __init__(self, log: Path, die_after: int | None) -> None:
        super().__init__()
        self._log = log
        self._left = die_after

    def frame(self, index: int) -> None:
        super().frame(index)
        with self._log.open("a", encoding="ascii") as log:
            log.write(f"{index}\n")
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  a signal handler's signature
    raise KeyboardInterrupt


def main() -> None:
    """See the module."""
    set_handler(("SIGTERM",), interrupt)
    threading.Thread(target=read_input, args=(lambda _: None,), daemon=True).start()
    folder, log = Path(sys.argv[1]), Path(sys.argv[2])
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    order = log.with_name("die")
    try:
        taken = order.with_name(f"died-{os.getpid()}")
        order.rename(taken)
        die_after = int(taken.read_text(encoding="ascii"))
    except FileNotFoundError:
        die_after = None
    options = RunOptions(
        progress=Told(log, die_after),
        chunk=Fraction(1, 4),
        interruptible=partial(defer_interrupts, quiet=True),
    )
    worker = prepare_worker(read_plan(folder), options, build=partial(load_waves, seconds=seconds))
    try:
        list(dream_free_parts(worker))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
