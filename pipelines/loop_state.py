"""What the frame loop knows between two frames, so that a run can be resumed after any of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dreamvid.checkpoint.layout import State
from dreamvid.types import Carry, DetailStatistics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_OPTIONAL_ARRAYS = ("reference", "fading")
"""Fields of a :class:`~dreamvid.types.Carry`, in their order, that may be None."""

_COUNTS = ("frames", "interval", "shots", "squares", "seconds", "dreamed", "failed")
_NEW = "new."
"""Prefix of the arrays of a dream that is grown beside the one that shows."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """What a dream hands on: ``carries`` is, by scene, what its last dreamed frame hands to the next.

    ``interval`` frames came after that one: they were carried from its neighbors, and are taken up again.
    """

    interval: int = 0
    carries: Mapping[int, Carry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoopState:
    """What the loop knows between two frames: all that later frames depend on, and the sums of the report.

    ``frames`` are done, so that this is the index of the next one; ``interval`` and ``carries`` are those of the
    dream (:class:`StreamState`). ``shot_start`` is the index of the shot's first frame, ``new`` the state of the
    dream that is grown to replace this one. ``dreamed`` came out as pictures and ``failed`` did not. ``squares`` is
    the sum over frames of the mean square of dreamed minus source, ``seconds`` the time of dreaming.
    """

    frames: int = 0
    interval: int = 0
    shots: int = 0
    squares: float = 0.0
    seconds: float = 0.0
    dreamed: int = 0
    failed: int = 0
    carries: Mapping[int, Carry] = field(default_factory=dict)
    shot_start: int = 0
    new: StreamState | None = None

    @property
    def dream_rms(self) -> float:
        """RMS of dreamed minus source over all frames, in [0, 1]."""
        return math.sqrt(self.squares / self.frames) if self.frames else 0.0

    @property
    def stream(self) -> StreamState:
        """The state of the dream that shows."""
        return StreamState(self.interval, self.carries)

    @property
    def first_needed(self) -> int:
        """Index of the first frame that is dreamed, or carried from its neighbors, once more."""
        return self.frames - max(self.interval, 0 if self.new is None else self.new.interval)

    def to_checkpoint(self) -> State:
        """Return the state as plain values and arrays; every number comes back bit for bit."""
        arrays: dict[str, NDArray[Any]] = {}
        values = {name: getattr(self, name) for name in _COUNTS}
        values |= {"statistics": _pack(self.carries, arrays), "shot_start": self.shot_start}
        if self.new is not None:
            statistics = _pack(self.new.carries, arrays, _NEW)
            values["new"] = {"interval": self.new.interval, "statistics": statistics}
        return State(values, arrays)

    @classmethod
    def from_checkpoint(cls, state: State | None) -> LoopState:
        """Return the stored state; None is the start of a run."""
        if state is None:
            return cls()
        new = state.values.get("new")
        if new is not None:
            new = StreamState(new["interval"], _unpack(new["statistics"], state.arrays, _NEW))
        return replace(
            cls.from_values(state.values),
            carries=_unpack(state.values["statistics"], state.arrays),
            shot_start=state.values.get("shot_start", 0),
            new=new,
        )

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> LoopState:
        """Return the counts alone; empty values are the start of a run."""
        return cls(**{name: values[name] for name in _COUNTS}) if values else cls()


def _pack(carries: Mapping[int, Carry], arrays: dict[str, NDArray[Any]], prefix: str = "") -> dict[str, Any]:
    """Add the arrays of carries; return their statistics by scene."""
    statistics: dict[str, Any] = {}
    for scene, carry in carries.items():
        arrays[f"{prefix}source.{scene}"], arrays[f"{prefix}dreamed.{scene}"] = carry.source, carry.dreamed
        for name in _OPTIONAL_ARRAYS:
            if (array := getattr(carry, name)) is not None:
                arrays[f"{prefix}{name}.{scene}"] = array
        statistics[str(scene)] = None if carry.statistics is None else carry.statistics._asdict()
    return statistics


def _unpack(
    statistics: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], prefix: str = ""
) -> dict[int, Carry]:
    return {
        int(scene): Carry(
            arrays[f"{prefix}source.{scene}"],
            arrays[f"{prefix}dreamed.{scene}"],
            None if values is None else DetailStatistics.from_values(values),
            *(arrays.get(f"{prefix}{name}.{scene}") for name in _OPTIONAL_ARRAYS),
        )
        for scene, values in statistics.items()
    }
