"""Going on where the device's memory does not suffice: smaller batches of windows, then smaller windows.

How a picture is cut changes its dream by no more than rounding, as long as a window's halo covers what the network
sees; what ``auto`` tiles became is still what the settings say, and what was done instead is told.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from dreamvid.engine.runtime import tf
from dreamvid.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dreamvid.engine.tiles import TilePlan

T = TypeVar("T")

_log = logging.getLogger(__name__)

_SIGNS = ("RESOURCE_EXHAUSTED", "out of memory", "OOM when")
"""What TensorFlow and XLA say where they do not raise ``ResourceExhaustedError``."""


class Relief:
    """Runs work on plans, with smaller ones where memory was short; those are kept for the pictures that follow.

    ``build(plan, pixels)`` makes the plan of the same picture whose windows have at most so many pixels.
    """

    def __init__(self, build: Callable[[TilePlan, int], TilePlan]) -> None:
        self._build = build
        self._fitting: dict[TilePlan, TilePlan] = {}

    def run(self, plan: TilePlan, work: Callable[[TilePlan], T]) -> T:
        """Return ``work`` of a plan, or of the largest smaller one that fits into memory.

        Raises
        ------
        EngineError
            Where not even the smallest does.
        """
        while True:
            fitting = self._fitting.get(plan, plan)
            try:
                return work(fitting)
            except (tf.errors.OpError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                smaller = self._smaller(fitting)
                if smaller is None:
                    raise EngineError(
                        f"not enough memory to dream {plan.size} even in windows of {fitting.window}; make the "
                        "picture smaller (--width, --dream-width), or use another device (--device cpu)"
                    ) from error
            self._fitting[plan] = smaller
            _log.warning(
                "out of memory at %s, %s, %s at once: going on with %s, %s at once",
                plan.size,
                fitting,
                fitting.batch,
                smaller,
                smaller.batch,
            )

    def _smaller(self, plan: TilePlan) -> TilePlan | None:
        """Return a plan that takes about half the memory; None where there is none."""
        if plan.batch > 1:
            return replace(plan, batch=_divisor(plan.count, plan.batch // 2))
        pixels = plan.window.height * plan.window.width
        smaller = replace(self._build(plan, pixels // 2), batch=1)
        return smaller if smaller.window.height * smaller.window.width < pixels else None


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory was short, on the device or here."""
    if isinstance(error, MemoryError | tf.errors.ResourceExhaustedError):
        return True
    return any(sign.lower() in str(error).lower() for sign in _SIGNS)


def _divisor(number: int, most: int) -> int:
    """Return the largest divisor of ``number`` that is at most ``most``."""
    return next(d for d in range(max(1, min(number, most)), 0, -1) if number % d == 0)
