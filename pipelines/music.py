"""Prepare the music of a trip or walk: a track of its length, and the signals that drive it."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dreamvid.pipelines.tempo import Music
from dreamvid.schedule.expression import Expression
from dreamvid.schedule.times import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from fractions import Fraction

    from dreamvid.config.preset import Preset

# Length of the fade-out in seconds, and its largest share of the trip.
_FADE_SECONDS, _MAX_FADE_SHARE = 2.0, 0.25


class MusicSettings(Protocol):
    """Settings with a music track: those of trips and of walks."""

    @property
    def music(self) -> Path | None: ...  # noqa: D102
    @property
    def music_start(self) -> Fraction: ...  # noqa: D102
    @property
    def loop(self) -> bool: ...  # noqa: D102


class Soundtrack(NamedTuple):
    """A WAV file of exactly a film's length, and its signals, in [0, 1] by name, at a time in seconds."""

    file: Path
    signals: Callable[[float], Mapping[str, float]]


@contextmanager
def soundtrack(settings: MusicSettings, duration: Fraction, fps: Fraction) -> Iterator[Soundtrack | None]:
    """Yield the music of a trip or walk, or None; its file is removed afterwards.

    The track starts at ``music_start``, is repeated where it is too short, and fades out unless the film is a loop.

    Raises
    ------
    ReadError
        If the track cannot be read or has no audio.
    """
    music = settings.music
    if music is None:
        yield None
        return
    from dreamvid.audio.analysis import analyse  # noqa: PLC0415  loads librosa
    from dreamvid.audio.music import AudioTrack, fit_track, write_track  # noqa: PLC0415  loads NumPy
    from dreamvid.media.input.audio import read_audio  # noqa: PLC0415  loads PyAV

    seconds = float(duration)
    track = AudioTrack(*read_audio(music, start=float(settings.music_start), duration=seconds))
    # Signals are those of the track before it fades out.
    unfaded = fit_track(track, seconds, fade_in=0.0, fade_out=0.0)
    signals = analyse(unfaded.samples, unfaded.rate)
    faded = unfaded
    if not settings.loop:
        faded = fit_track(track, seconds, fade_out=min(_FADE_SECONDS, _MAX_FADE_SHARE * seconds))
    frame = 1.0 / float(fps)
    with tempfile.TemporaryDirectory(prefix="dreamvid-") as scratch:
        file = Path(scratch) / "music.wav"
        write_track(faded, file)
        # Over the frame's length about its time, so that a beat is seen in the frame that is nearest to it.
        yield Soundtrack(file, lambda t: signals.at(t - frame / 2, frame))


def music_of(settings: MusicSettings) -> Music | None:
    """Return the music of a trip or walk as what its tempo is read from; None for none."""
    return None if settings.music is None else Music(settings.music, settings.music_start)


def uses_music_signals(preset: Preset) -> bool:
    """Return whether any expression of a preset uses a signal of the music."""
    schedules = [each.schedule for scene in preset.in_scenes() for each in scene.preset.schedules().values()]
    return any(isinstance(each, Expression) and not each.names.isdisjoint(SIGNALS) for each in schedules)
