"""The music of a trip: cut to its length, its signals, and the file that is encoded into the output."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dreamvid.schedule.keyframes import SIGNALS, Expression

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from fractions import Fraction

    from dreamvid.config.preset import Preset

_FADE_OUT = 2.0
_LONGEST_FADE = 0.25
"""Longest fade as a share of the trip."""


class Soundtrack(NamedTuple):
    """A track of exactly a trip's length in a WAV file, and its signals at a time in seconds."""

    file: Path
    signals: Callable[[float], Mapping[str, float]]


@contextmanager
def soundtrack(preset: Preset, duration: Fraction, fps: Fraction) -> Iterator[Soundtrack | None]:
    """Give the music of a trip, None where it has none; its file is removed afterwards.

    The track begins where the preset says, is repeated where it is too short, and fades out; under a loop it does not
    fade.

    Raises
    ------
    ReadError
        Where the track cannot be read or holds no sound.
    """
    music = preset.trip.music
    if music is None:
        yield None
        return
    from dreamvid.audio.analysis import analyse  # noqa: PLC0415  loads librosa
    from dreamvid.media.streams.music import fit_track, read_track, write_track  # noqa: PLC0415  loads PyAV and moviepy

    seconds = float(duration)
    track = read_track(music, start=float(preset.trip.music_start), duration=seconds)
    whole = fit_track(track, seconds, fade_in=0.0, fade_out=0.0)
    found = analyse(whole.samples, whole.rate)
    if not preset.trip.loop:
        whole = fit_track(track, seconds, fade_out=min(_FADE_OUT, _LONGEST_FADE * seconds))
    span = 1.0 / float(fps)  # a beat is seen in the frame that is nearest to it
    with tempfile.TemporaryDirectory(prefix="dreamvid-") as scratch:
        file = Path(scratch) / "music.wav"
        write_track(whole, file)
        yield Soundtrack(file, lambda t: found.at(t - span / 2, span))


def follows_music(preset: Preset) -> bool:
    """Return whether any schedule of a preset names a signal of the music."""
    varying = [value for scene in preset.in_scenes() for value in scene.preset.varying().values()]
    return any(
        isinstance(value.schedule, Expression) and value.schedule.names & set(SIGNALS) for value in varying
    )
