"""Analyze what a timeline is laid over: the waveform and beats of a sound, the shots of a clip, and signals.

Each function returns plain values that JSON holds. All times are seconds from where the output begins.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from dreamvid.schedule.times import SIGNALS
from dreamvid.types import Size

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from dreamvid.config.preset import Preset

LONGEST_SOUND = Fraction(900)
"""Seconds of a sound that are analyzed, as many as its tempo is read from."""

_PEAKS_PER_SECOND = 50
_MOST_PEAKS = 4000
_MOST_CUTS = 2000
_MOST_FRAMES = 20_000
_LONGEST_SIDE = 160
"""Of the frames in which cuts are sought, in px."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file: from ``start`` for ``seconds``, None for all the rest."""

    file: Path
    start: Fraction = Fraction(0)
    seconds: Fraction | None = None


def analyse_sound(part: Part, rate: Fraction | None = None) -> dict[str, Any]:
    """Return waveform, beats and tempo of a sound.

    ``peaks`` are the highest amplitudes in 0..1, each for ``hop`` seconds; ``beats`` are times; ``tempo`` holds the
    settings that ``tempo.bpm: auto`` stands for, None where it keeps no steady tempo; ``seconds`` is how much was
    analyzed, a quarter of an hour at most.

    Parameters
    ----------
    rate
        Frames a second of a trip of the part's length, whose music this is: it is repeated where it is too short, and
        ``signals`` holds the values of each frame, by name. None is the sound of a clip.

    Raises
    ------
    DreamvidError
        Where there is no sound, or none that can be read.
    """
    from dreamvid.audio.analysis import analyse  # noqa: PLC0415  loads librosa
    from dreamvid.audio.music import AudioTrack, fit_track  # noqa: PLC0415  loads NumPy
    from dreamvid.audio.tempo import find_tempo  # noqa: PLC0415  the same
    from dreamvid.media.input.audio import read_audio  # noqa: PLC0415  loads PyAV

    longest = float(
        LONGEST_SOUND if rate is not None or part.seconds is None else min(part.seconds, LONGEST_SOUND)
    )
    track = AudioTrack(*read_audio(part.file, start=float(part.start), duration=longest))
    found = analyse(track.samples, track.rate)
    tempo = find_tempo(found.beats)
    signals = None
    if rate is not None:
        seconds = float(min(part.seconds or LONGEST_SOUND, LONGEST_SOUND))
        track = fit_track(track, seconds, fade_in=0.0, fade_out=0.0)
        found = analyse(track.samples, track.rate)
        frame = 1 / float(rate)
        moments = [found.at(index * frame - frame / 2, frame) for index in range(_frames(seconds, rate))]
        signals = {name: _rounded([moment[name] for moment in moments]) for name in SIGNALS}
    peaks, hop = _peaks(track.samples, track.rate)
    return {
        "peaks": _rounded(peaks),
        "hop": hop,
        "beats": _rounded(found.beats),
        "tempo": None
        if tempo is None
        else {"tempo.bpm": str(tempo.bpm), "tempo.first_beat": str(tempo.first_beat)},
        "seconds": len(track.samples) / track.rate,
        "signals": signals,
    }


def find_cuts(part: Part, patience: float) -> dict[str, Any]:
    """Return the times of a clip's ``cuts``, where shots begin but the first, and up to where they are known.

    ``until`` is None where the whole part was seen in time, otherwise seconds.

    Parameters
    ----------
    patience
        Seconds after which the search ends.

    Raises
    ------
    DreamvidError
        Where the clip cannot be read.
    """
    from dreamvid.flow.shot_detection import mark_cuts  # noqa: PLC0415  loads OpenCV
    from dreamvid.media.input.probe import probe  # noqa: PLC0415  loads PyAV
    from dreamvid.media.input.source import open_source  # noqa: PLC0415  the same

    height, width = probe(part.file).video.size
    scale = min(1.0, _LONGEST_SIDE / max(height, width))
    small = Size(max(1, round(height * scale)), max(1, round(width * scale)))
    frames = open_source(part.file, start=part.start, duration=part.seconds, size=small, keep_going=True)
    end, cuts = time.monotonic() + patience, []
    for frame, is_cut in mark_cuts(frames, lambda frame: frame.rgb):
        if is_cut and frame.index:
            cuts.append(float(frame.pts))
        if time.monotonic() > end or len(cuts) >= _MOST_CUTS:
            return {"cuts": _rounded(cuts), "until": round(float(frame.pts), 3)}
    return {"cuts": _rounded(cuts), "until": None}


def sample_signals(preset: Preset, source: Path | None, rate: Fraction, seconds: Fraction) -> dict[str, Any]:
    """Return the values of a preset's own signals in each frame, by name.

    Parameters
    ----------
    preset
        With its tempo known.
    source
        The clip that is dreamed, None for a trip.
    rate, seconds
        Frames a second of the output, and its length.

    Raises
    ------
    DreamvidError
        Where a signal cannot be read.
    """
    from dreamvid.media.input.source import open_source  # noqa: PLC0415  loads PyAV
    from dreamvid.pipelines.masks import open_masks  # noqa: PLC0415  loads OpenCV
    from dreamvid.pipelines.signals import Clip, open_signals  # noqa: PLC0415  NumPy

    clip = None
    if source is not None:
        frames = open_source(source, start=preset.input.start, duration=seconds, fps=preset.output.fps)
        masks = open_masks(preset, rate=rate)
        clip = Clip(frames, masks, source, preset.input.start, frames.info)
    curves = open_signals(preset, rate=rate, duration=seconds, clip=clip)
    moments = [curves.at(index / float(rate)) for index in range(_frames(float(seconds), rate))]
    return {"signals": {name: _rounded([moment[name] for moment in moments]) for name in preset.signals}}


def _frames(seconds: float, rate: Fraction) -> int:
    return min(max(1, round(seconds * float(rate))), _MOST_FRAMES)


def _peaks(samples: NDArray[np.float32], rate: int) -> tuple[NDArray[np.float32], float]:
    """Return the highest amplitudes of a sound ``[N, C]``, and the seconds that each stands for."""
    length = max(1, round(rate / _PEAKS_PER_SECOND), -(-len(samples) // _MOST_PEAKS))
    loudest = np.abs(samples).max(axis=1)
    padded = np.pad(loudest, (0, -len(loudest) % length))
    return padded.reshape(-1, length).max(axis=1), length / rate


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 4) for value in values]
