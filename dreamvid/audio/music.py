"""Fit a piece of music to a length, by cutting or looping it, fade it, and write it as a WAV file."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.atomic import FULL_TEMPORARY_FOLDER, write_error

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

# Seconds in which the end and the beginning of a looped track overlap.
_CROSSFADE = 0.01
# Samples that are written at once.
_BLOCK = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class AudioTrack:
    """Sound in memory.

    Attributes
    ----------
    samples
        ``[N, C]`` float32 in [-1, 1]; C is 1 (mono) or 2 (left, right).
    rate
        Samples a second, in Hz.
    """

    samples: NDArray[np.float32]
    rate: int

    @property
    def duration(self) -> float:
        """The length, in seconds."""
        return len(self.samples) / self.rate


def fit_track(
    track: AudioTrack, duration: float, *, fade_in: float = 0.05, fade_out: float = 2.0
) -> AudioTrack:
    """Return the track cut to a length, or looped up to it, with linear fades.

    Where a track that is too short begins anew, its end and its beginning overlap for 10 ms, in a cross-fade. Fades
    take a quarter of the length at most.

    Parameters
    ----------
    track
        At least one sample.
    duration
        Seconds; the result has ``round(duration * rate)`` samples, and one at least.
    fade_in, fade_out
        Seconds in which the sound grows from silence and falls back; 0 is no fade.
    """
    count = max(1, round(duration * track.rate))
    samples = track.samples[:count] if len(track.samples) >= count else _loop(track, count)
    if fade_in <= 0.0 and fade_out <= 0.0:
        return AudioTrack(samples, track.rate)
    samples = samples.copy()
    length = count / track.rate
    if fade_in > 0.0:
        seconds = min(fade_in, length / 4)
        times = np.arange(min(count, int(seconds * track.rate) + 2)) / track.rate
        samples[: len(times)] *= _ramp(times, seconds)
    if fade_out > 0.0:
        seconds = min(fade_out, length / 4)
        first = max(0, count - int(seconds * track.rate) - 2)
        samples[first:] *= _ramp(length - np.arange(first, count) / track.rate, seconds)
    return AudioTrack(np.clip(samples, -1.0, 1.0, out=samples), track.rate)


def write_track(track: AudioTrack, path: Path) -> None:
    """Write a track as WAV, 16-bit PCM, into a temporary folder.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    try:
        with path.open("wb") as place, wave.open(place, "wb") as file:
            file.setnchannels(track.samples.shape[1])
            file.setsampwidth(2)
            file.setframerate(track.rate)
            for first in range(0, len(track.samples), _BLOCK):
                block = np.clip(track.samples[first : first + _BLOCK], -1.0, 1.0) * np.float32(32767.0)
                file.writeframes(np.round(block).astype("<i2").tobytes())
    except OSError as error:
        raise write_error(path, error, advice=FULL_TEMPORARY_FOLDER) from error


def _loop(track: AudioTrack, count: int) -> NDArray[np.float32]:
    """Return ``count`` samples of a track that is shorter, in [-1, 1]."""
    sound = np.clip(track.samples, -1.0, 1.0)
    overlap = min(round(_CROSSFADE * track.rate), len(sound) // 4)
    period = len(sound) - overlap
    samples = np.empty((count, sound.shape[1]), np.float32)
    for first in range(0, count, period):
        samples[first : first + period] = sound[: min(period, count - first)]
    if overlap:
        seam = overlap / track.rate
        times = np.arange(period, len(sound) + 1) / track.rate
        rising = _ramp(times - period / track.rate, seam)
        falling = _ramp(len(sound) / track.rate - times, seam)
        tail = np.concatenate([track.samples[period:], np.zeros((1, sound.shape[1]), np.float32)])
        crossfade = falling * tail + rising * track.samples[: overlap + 1]
        crossfade = np.clip(crossfade.astype(np.float32), -1.0, 1.0)
        for first in range(period, count, period):
            samples[first : first + overlap + 1] = crossfade[: count - first]
    return samples


def _ramp(times: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    """Return weights ``[N, 1]`` that reach 1 at ``seconds``."""
    return np.minimum(times / seconds, 1.0)[:, None]
