"""How a run keeps its work: what is no part of a look and never embedded."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

StopRequested: TypeAlias = Callable[[], bool]
"""Returns whether the run was asked to stop after the frame that it is at."""

CHUNK_SECONDS = Fraction(5)


def _never() -> AbstractContextManager[StopRequested]:
    return nullcontext(lambda: False)


@dataclass(frozen=True, slots=True)
class Keeping:
    """What becomes of unfinished work.

    Attributes
    ----------
    fresh
        Discard what an earlier run has left.
    keep
        Leave the work directory where it is after success.
    chunk
        Length of a chunk in seconds of video: at most so much is dreamed twice after a crash.
    command
        What was typed, to be shown as the way to go on; empty for none.
    interruptible
        Entered while frames are dreamed; an interruption within only asks to stop, and what it gives tells whether
        one has. The default leaves interruptions as they are: the frames since the last whole chunk are lost then.
    """

    fresh: bool = False
    keep: bool = False
    chunk: Fraction = CHUNK_SECONDS
    command: tuple[str, ...] = ()
    interruptible: Callable[[], AbstractContextManager[StopRequested]] = _never
