"""Fit a track of music to a length, with fades, and write it as WAV."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.errors import WriteError
from dreamvid.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_CROSSFADE = 0.01
"""Seconds by which a repeated track overlaps itself."""
_LONGEST_FADE = 0.25
"""Share of the length that a fade takes at most."""
_BLOCK = 1 << 18
_SAMPLE_MAX = np.float32(32767.0)


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Sound in memory.

    Attributes
    ----------
    samples
        ``[N, C]`` float32 in [-1, 1]; C is 1 (mono) or 2 (left, right).
    rate
        Samples per second.
    """

    samples: NDArray[np.float32]
    rate: int

    @property
    def duration(self) -> float:
        """The length in seconds."""
        return len(self.samples) / self.rate


def fit_track(track: Track, duration: float, *, fade_in: float = 0.05, fade_out: float = 2.0) -> Track:
    """Return the track cut to a length, or repeated up to it, with linear fades.

    Where a track that is too short is repeated, its end and its beginning overlap for 10 ms in a cross-fade.

    Parameters
    ----------
    track
        At least one sample.
    duration
        Seconds; the result has ``round(duration * rate)`` samples, and one at least.
    fade_in, fade_out
        Seconds; 0 is no fade. Each takes a quarter of the length at most.
    """
    count = max(1, round(duration * track.rate))
    samples = track.samples[:count] if len(track.samples) >= count else _repeated(track, count)
    lengths = [
        min(round(seconds * track.rate), int(_LONGEST_FADE * count)) for seconds in (fade_in, fade_out)
    ]
    if any(lengths):
        samples = samples.copy()
        rising, falling = (_ramp(length) for length in lengths)
        samples[: len(rising)] *= rising
        samples[len(samples) - len(falling) :] *= falling[::-1]
    return Track(samples, track.rate)


def write_track(track: Track, path: Path) -> None:
    """Write a track as WAV, 16-bit PCM; raises ``WriteError`` where the file cannot be written."""
    try:
        with path.open("wb") as place, wave.open(place, "wb") as file:
            file.setnchannels(track.samples.shape[1])
            file.setsampwidth(2)
            file.setframerate(track.rate)
            for first in range(0, len(track.samples), _BLOCK):
                block = np.clip(track.samples[first : first + _BLOCK], -1.0, 1.0) * _SAMPLE_MAX
                file.writeframes(np.round(block).astype("<i2").tobytes())
    except OSError as error:
        raise WriteError(f"cannot write {printable(path)}: {(error.strerror or '').lower()}") from error


def _ramp(length: int) -> NDArray[np.float32]:
    """Return weights ``[length, 1]`` that rise linearly from 0 towards 1."""
    return (np.arange(length, dtype=np.float32) / np.float32(max(1, length)))[:, None]


def _repeated(track: Track, count: int) -> NDArray[np.float32]:
    """Return ``count`` samples of a shorter track that follows itself with a short cross-fade."""
    overlap = min(round(_CROSSFADE * track.rate), len(track.samples) // 4)
    body, tail = track.samples[: len(track.samples) - overlap], track.samples[len(track.samples) - overlap :]
    following = body.copy()
    if overlap:
        rising = _ramp(overlap)
        following[:overlap] = rising * body[:overlap] + (np.float32(1.0) - rising) * tail
    repeats = -(-(count - len(body)) // len(body))
    return np.concatenate([body, *[following] * repeats])[:count]
