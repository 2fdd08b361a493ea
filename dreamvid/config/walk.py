"""Settings of latent walks: the generator, the way through its pictures, and the music."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from dreamvid.config.fields import FileName, Meta, Pipeline, SettingsModel
from dreamvid.config.scene import EasingName
from dreamvid.schedule.easing import Easing
from dreamvid.schedule.fields import Bounds, Scheduled
from dreamvid.schedule.lengths import Length, LengthRange
from dreamvid.schedule.times import Seconds

MAX_SEEDS = 10_000
_WALKS: tuple[Pipeline, ...] = ("walk",)
_LARGEST_SEED = 2**32 - 1
_RANGE = re.compile(r"(\d{1,10})(?:\s*-\s*(\d{1,10}))?")


class WalkSettings(SettingsModel):
    """A walk through the latent space of a generator, a network that makes pictures from vectors of noise."""

    panel: ClassVar[str] = "The walk"

    generator: Annotated[Path, FileName("generator")] | None = Field(
        None,
        description="The generator: a .gan file of 'gan train', or a Keras generator (.keras or .h5).",
    )
    path: Literal["seeds", "noise"] = Field(
        "seeds",
        description="seeds: from one seed's picture to the next, along great circles; noise: a smooth random loop.",
        json_schema_extra=Meta(flag="--path", pipelines=_WALKS),
    )
    seeds: str = Field(
        "8",
        description="Seeds to walk through, in order: 1,5,9 or 4-9; 8 alone is the first eight from --seed on, and "
        "one seed is written 5,.",
        json_schema_extra=Meta(flag="--seeds", pipelines=_WALKS),
    )
    frequency: float = Field(
        2.0,
        ge=0.25,
        le=64.0,
        description="How much happens on a noise path: the typical number of turns that its numbers take in a loop.",
        json_schema_extra=Meta(flag="--frequency", pipelines=_WALKS),
    )
    loop: bool = Field(
        True,
        description="End where it begins, as a seamless loop; --no-loop ends at the last seed.",
        json_schema_extra=Meta(flag="--no-loop", pipelines=_WALKS),
    )
    easing: EasingName = Field(
        Easing("sine"),
        description="Easing from one seed to the next: sine rests at each for a moment, linear never does.",
        json_schema_extra=Meta(flag="--easing", pipelines=_WALKS),
    )
    duration: Annotated[Length, LengthRange(gt=0, le=86400)] | None = Field(
        None,
        description="Length of the walk; with a tempo also 16b or 4bar; default: 3 s from seed to seed, 20 s on a "
        "noise path.",
        json_schema_extra=Meta("s", "--duration", pipelines=_WALKS),
    )
    speed: Annotated[Scheduled[float], Bounds(ge=0.0, le=100.0)] | None = Field(
        None,
        description="Speed at a moment as a multiple of the mean: a loop goes round as many whole times as its mean "
        "says, at least once. Default: 1; with music a quickening on each beat, unless an expression uses one of its "
        "signals.",
        json_schema_extra=Meta(flag="--walk-speed", pipelines=_WALKS),
    )
    truncation: Annotated[Scheduled[float], Bounds(ge=0.0, le=4.0)] = Field(
        1.0,
        description="Length of the latent vectors as a multiple of their own: below 1 pictures are more typical and "
        "more alike, above 1 stranger.",
        json_schema_extra=Meta(flag="--truncation", pipelines=_WALKS),
    )
    dream: bool = Field(
        False,
        description="Dream the walk, as a video is dreamed; --preset, --model, --objective and --strength imply it.",
        json_schema_extra=Meta(flag="--dream", pipelines=_WALKS),
    )
    music: Annotated[Path, FileName("music")] | None = Field(
        None,
        description="Music track, cut to the length of the walk; expressions can then use beat, onset, rms, bass, "
        "mid and treble.",
        json_schema_extra=Meta(flag="--music", pipelines=_WALKS),
    )
    music_start: Seconds = Field(
        Fraction(0),
        ge=0,
        description="Start time within the music track.",
        json_schema_extra=Meta("s", pipelines=_WALKS),
    )

    @field_validator("seeds", mode="before")
    @classmethod
    def _numbers_as_text(cls, value: object) -> object:
        if isinstance(value, list | tuple):
            return ",".join(str(seed) for seed in value) + ","
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("seeds")
    @classmethod
    def _can_be_read(cls, value: str) -> str:
        choose_seeds(value, 0)
        return value


def choose_seeds(text: str, first: int) -> tuple[int, ...]:
    """Return the seeds that a text names, in its order.

    ``1,5,9`` and ``4-9`` name them, ``8`` is the eight from ``first`` on, ``5,`` is the one seed 5.

    Raises
    ------
    ValueError
        Where the text cannot be read, or names too many or too large seeds.
    """
    text = text.strip()
    if text.isdecimal() and 0 < int(text) <= MAX_SEEDS:
        return tuple(range(first, first + int(text)))
    seeds: list[int] = []
    for part in text.removesuffix(",").split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None or text.isdecimal():
            raise ValueError(f"must be seeds such as 1,5,9 or 4-9, or a number of them from 1 to {MAX_SEEDS}")
        lowest, highest = int(match[1]), int(match[2] or match[1])
        if not lowest <= highest <= _LARGEST_SEED:
            raise ValueError(f"must be seeds from 0 to {_LARGEST_SEED}, in ranges the lower one first")
        if len(seeds) + highest - lowest >= MAX_SEEDS:
            raise ValueError(f"must be {MAX_SEEDS} seeds at most")
        seeds += range(lowest, highest + 1)
    return tuple(seeds)
