"""Where the frame loop stands between two frames: all that the next one needs, and the sums of the report."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dreamvid.checkpoint.state import State
from dreamvid.types import Carry, DetailStatistics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_SUMS = ("frames", "shots", "squares", "seconds", "dreamed", "lost")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a run: ``frames`` are dreamed, so that this is the index of the next.

    ``carries`` is what each scene hands on; ``dreamed`` and ``lost`` count as those of
    :class:`dreamvid.pipelines.rescue.Rescue` do; ``shots``, ``squares`` and ``seconds`` are as in
    :class:`dreamvid.pipelines.frame_loop.RunReport`.
    """

    frames: int = 0
    shots: int = 0
    squares: float = 0.0
    seconds: float = 0.0
    dreamed: int = 0
    lost: int = 0
    carries: Mapping[int, Carry] = field(default_factory=dict)

    def without_carries(self) -> Position:
        """Return the position where nothing is handed on."""
        return replace(self, carries={})

    def to_state(self) -> State:
        """Return what is kept on the disk; every number comes back bit for bit."""
        arrays: dict[str, NDArray[Any]] = {}
        scenes: dict[str, Any] = {}
        for scene, carry in self.carries.items():
            arrays[f"source.{scene}"], arrays[f"dreamed.{scene}"] = carry.source, carry.dreamed
            scenes[str(scene)] = {"level": None if carry.level is None else carry.level._asdict()}
        return State({**{name: getattr(self, name) for name in _SUMS}, "scenes": scenes}, arrays)

    @classmethod
    def from_state(cls, state: State | None) -> Position:
        """Return the position that was kept; the beginning for None."""
        if state is None:
            return cls()
        carries = {
            int(scene): Carry(
                state.arrays[f"source.{scene}"],
                state.arrays[f"dreamed.{scene}"],
                None if facts["level"] is None else level_of(facts["level"]),
            )
            for scene, facts in state.values["scenes"].items()
        }
        return replace(cls.from_values(state.values), carries=carries)

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Position:
        """Return the position of a state's plain values, without what is carried; the beginning for none."""
        if not values:
            return cls()
        return cls(**{name: values[name] for name in _SUMS})

    @property
    def dream_rms(self) -> float:
        """RMS of dreamed minus source over all frames, in [0, 1]."""
        return math.sqrt(self.squares / self.frames) if self.frames else 0.0


def level_of(values: Mapping[str, Any]) -> DetailStatistics:
    """Return the level of plain values, as ``Level._asdict`` gives them."""
    bands = tuple((gray, color) for gray, color in values["bands"])
    return DetailStatistics(tuple(values["mean"]), bands, values["color"], values["push"])
