"""The clock of what a preset makes, known without a network: frame rate, length, beats."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from dreamvid.pipelines.scenes import VideoClock
from dreamvid.pipelines.tempo import assume_tempo, bars_seconds, in_seconds
from dreamvid.schedule.lengths import known_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dreamvid.config.preset import Preset
    from dreamvid.types import VideoInfo

    Signals = Callable[[float], Mapping[str, float]]

TRIP_RATE = Fraction(24)
"""Frames a second of trips, unless ``output.fps`` says otherwise."""


def with_tempo(preset: Preset, found: Mapping[str, object] | None = None) -> Preset:
    """Return a preset with its tempo known, what is in beats as seconds, and its bars as the length.

    Parameters
    ----------
    found
        Settings that a tempo which is ``auto`` was found to be, by dotted path; None takes it for 120 BPM.
    """
    if found and preset.tempo.bpm == "auto":
        preset = preset.override(found)
    preset = in_seconds(assume_tempo(preset))
    bars = bars_seconds(preset.tempo)
    return preset if bars is None else preset.override({"trip.duration": bars, "input.duration": bars})


def video_clock(preset: Preset, info: VideoInfo, signals: Signals | None = None) -> VideoClock:
    """Return the clock of the part of a video that is dreamed, by a preset whose tempo is known."""
    clock = VideoClock.of(info, signals, preset.tempo.grid)
    duration = None if clock.duration is None else clock.duration - preset.input.start
    wanted = known_seconds(preset.input.duration)
    if wanted is not None:
        duration = wanted if duration is None else min(duration, wanted)
    return clock._replace(duration=duration)


def trip_clock(preset: Preset, signals: Signals | None = None) -> VideoClock:
    """Return the clock of a trip, by a preset whose tempo is known."""
    rate = preset.output.fps or TRIP_RATE
    frames = max(1, round(known_seconds(preset.trip.duration) * rate))
    return VideoClock(rate, frames / rate, signals, preset.tempo.grid)
