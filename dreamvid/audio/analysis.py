"""Analyze music into signals in 0..1 that schedules can follow: beat, onset, loudness of bands.

The sound is analyzed once, in steps of about 10 ms, with librosa (https://librosa.org); :meth:`Signals.at` then
returns the values at any time. All times are seconds from the sound's first sample.

========== ==========================================================================================
``beat``   1 at each beat, half of it 0.1 s later, and so on; where there is no steady beat, at onsets
``onset``  how hard a note or hit sets in, over all frequencies; half of it 0.05 s later
``rms``    loudness: root mean square of the sound
``bass``   loudness of 20 to 250 Hz
``mid``    loudness of 250 to 4000 Hz
``treble`` loudness of 4000 Hz and more
========== ==========================================================================================

Loudness is an amplitude, not decibels. Each signal reaches 1 where the sound is loudest, single outliers aside; a
band with less than a hundredth of the whole sound's amplitude stays below 1, and silence (less than -80 dB) is 0.
Loudness rises at once and falls to half in 0.1 s at the fastest, so that pictures do not flicker.
"""

from __future__ import annotations

import math
import os
import warnings
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from dreamvid.atomic import write_error
from dreamvid.audio.beats import find_beats
from dreamvid.errors import DreamvidError
from dreamvid.schedule.times import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    _MakeWeights = Callable[[int, int], NDArray[np.float32]]

_OTHER_CACHE: Final = "set the environment variable NUMBA_CACHE_DIR to a folder that can be written"

# Seconds between values, and lengths of the windows through which bands and onsets are analyzed.
_HOP: Final = 0.01
_BAND_WINDOW: Final = 0.046
_ONSET_WINDOW: Final = 0.023
_BANDS: Final = {"bass": (20.0, 250.0), "mid": (250.0, 4000.0), "treble": (4000.0, math.inf)}
# Mel bands of the onsets, their highest frequency in Hz, and the lowest of them, which are the kick drum's.
_MEL_BANDS: Final = 32
_MAX_FREQUENCY: Final = 16_000.0
_KICK_BANDS: Final = 2
# Factor of the power within the logarithm of the onsets.
_LOG_GAIN: Final = 300.0
# Multiple of the median flux that is no onset, and the least flux, as a share of the largest possible, that is a full
# one. The sound's own beginning, so many values, is no measure.
_MEDIAN_FACTOR: Final = 1.5
_MIN_FULL_FLUX: Final = 0.05
_BEGINNING: Final = 4
# RMS below which a sound is silent, and the share of the whole sound's amplitude that makes a band full.
_SILENCE: Final = 1e-4
_MIN_BAND_SHARE: Final = 0.01
# Seconds in which signals fall to half.
_BEAT_HALF_LIFE: Final = 0.1
_LOUDNESS_HALF_LIFE: Final = 0.1
_ONSET_HALF_LIFE: Final = 0.05
# Values that are computed at once.
_BLOCK: Final = 2048
_MIN_VALUE: Final = 1e-4
_ROUNDING: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """Signals of one sound.

    Attributes
    ----------
    hop
        Seconds between the values of the curves, 0.01 but for rounding to whole samples.
    curves
        All signals but ``beat``, by name: ``[M]`` float32 in 0..1, each from ``hop * index`` to the next.
    beats
        Times of the beats, in seconds, growing.
    """

    hop: float
    curves: Mapping[str, NDArray[np.float32]] = field(repr=False)
    beats: tuple[float, ...] = field(repr=False)

    def at(self, t: float, span: float = 0.0) -> dict[str, float]:
        """Return all signals at a time, in 0..1, by name.

        Parameters
        ----------
        t
            Seconds from the sound's first sample. Before it and after the last, all but ``beat`` are 0.
        span
            Seconds, such as the duration of a frame: the highest values in ``[t, t + span)`` count, so that no beat
            falls between two frames.
        """
        return {
            name: self._beat(t, span) if name == "beat" else self._maximum(self.curves[name], t, span)
            for name in SIGNALS
        }

    def sampled(self, name: str) -> NDArray[np.float32]:
        """Return a signal as values ``[M]`` a ``hop`` apart, each the highest until the next."""
        if name != "beat":
            return self.curves[name]
        count = len(self.curves["rms"])
        return np.array([self._beat(index * self.hop, self.hop) for index in range(count)], np.float32)

    def _beat(self, t: float, span: float) -> float:
        following = bisect_right(self.beats, t)
        if following < len(self.beats) and self.beats[following] < t + span:
            return 1.0
        return 0.5 ** ((t - self.beats[following - 1]) / _BEAT_HALF_LIFE) if following else 0.0

    def _maximum(self, curve: NDArray[np.float32], t: float, span: float) -> float:
        first = math.floor(t / self.hop + _ROUNDING)
        last = max(math.ceil((t + span) / self.hop - _ROUNDING), first + 1)
        return float(curve[max(first, 0) : max(last, 0)].max(initial=0.0))


def analyse(samples: NDArray[np.float32], rate: int) -> Signals:
    """Return the signals of a sound; 0 throughout for silence.

    Parameters
    ----------
    samples
        ``[N, C]`` float32 in [-1, 1]; the energies of channels are added, so that none cancels another.
    rate
        Samples a second, in Hz.

    Raises
    ------
    DreamvidError
        Where there is no folder for librosa's compiled functions; a WriteError where they cannot be written to it.
    """
    try:
        _load_librosa()
        return _analyse(samples, rate)
    except OSError as error:  # numba writes what it has compiled when a function is imported or first called
        folder = Path(error.filename or os.environ.get("NUMBA_CACHE_DIR") or "numba's cache")
        raise write_error(folder, error, advice=_OTHER_CACHE) from error


def _analyse(samples: NDArray[np.float32], rate: int) -> Signals:
    hop = max(1, round(rate * _HOP))
    sound = _Sound(samples, rate, hop)
    rms = sound.rms()
    full_scale = _full_scale(rms)
    if full_scale < _SILENCE:
        silence = np.zeros(sound.frames, np.float32)
        return Signals(hop / rate, {name: silence for name in SIGNALS if name != "beat"}, ())
    curves = {"rms": _release(rms / full_scale, hop / rate / _LOUDNESS_HALF_LIFE)}
    bands = np.sqrt(sound.powers(_BAND_WINDOW, _band_weights))
    min_band_scale = _MIN_BAND_SHARE * _full_scale(np.sqrt(np.square(bands).sum(axis=0)))
    for name, band in zip(_BANDS, bands, strict=True):
        curves[name] = _release(
            band / max(_full_scale(band), min_band_scale), hop / rate / _LOUDNESS_HALF_LIFE
        )
    powers = sound.powers(_ONSET_WINDOW, _mel_weights)
    onsets = _onsets(powers)
    # The kick drum tells the beat from a hi-hat between beats.
    kicks = _onsets(powers[:_KICK_BANDS])
    rhythm = (onsets + kicks) / np.float32(2)
    curves["onset"] = _release(onsets, hop / rate / _ONSET_HALF_LIFE)
    return Signals(hop / rate, curves, find_beats(onsets, rhythm, curves["rms"], hop / rate))


def _load_librosa() -> None:
    """Import librosa; explain where numba, which compiles for it, has no folder to write to."""
    try:
        import librosa.beat
        import librosa.onset  # noqa: F401
    except RuntimeError as error:
        raise DreamvidError(
            f"the analysis of music keeps compiled functions, and has no place for them; {_OTHER_CACHE}"
        ) from error


class _Sound:
    """A sound seen through windows whose centers are a hop apart, with silence before and after it."""

    def __init__(self, samples: NDArray[np.float32], rate: int, hop: int) -> None:
        self._samples = samples
        self._mean = samples.mean(axis=0, dtype=np.float64).astype(np.float32) if len(samples) else 0.0
        self._rate = rate
        self._hop = hop
        self.frames = -(-len(samples) // hop) + 1

    def rms(self) -> NDArray[np.float32]:
        """Return ``[M]``: the root mean square from one hop before to one hop after each center."""
        # Energy of the hop before each center, and of the one after the last.
        energy = np.zeros(self.frames + 1)
        for first in range(0, self.frames, _BLOCK):
            piece = self._piece(first * self._hop, min(_BLOCK, self.frames - first) * self._hop)
            energies = np.square(piece, dtype=np.float64).mean(axis=0).reshape(-1, self._hop).mean(axis=1)
            energy[first + 1 : first + 1 + len(energies)] = energies
        result: NDArray[np.float32] = np.sqrt((energy[:-1] + energy[1:]) / 2).astype(np.float32)
        return result

    def powers(self, seconds: float, make_weights: _MakeWeights) -> NDArray[np.float32]:
        """Return ``[K, M]``: the mean power of K bands, in windows of about that length.

        A sine of amplitude 1 within a band has the power 1/2.
        """
        from librosa import stft

        window = 2 ** max(5, round(math.log2(seconds * self._rate)))
        weights = make_weights(self._rate, window)
        taper = np.hanning(window + 1)[:-1].astype(np.float32)
        scale = np.float32(2.0 / (window * np.square(taper).sum()))
        powers = np.empty((len(weights), self.frames), np.float32)
        for first in range(0, self.frames, _BLOCK):
            count = min(_BLOCK, self.frames - first)
            piece = self._piece(first * self._hop - window // 2, (count - 1) * self._hop + window)
            spectrum = stft(piece, n_fft=window, hop_length=self._hop, window=taper, center=False)
            power = (np.square(spectrum.real) + np.square(spectrum.imag)).mean(axis=0)
            powers[:, first : first + count] = weights @ power * scale
        return powers

    def _piece(self, start: int, length: int) -> NDArray[np.float32]:
        """Return samples ``[C, length]`` from ``start`` on, without the sound's mean; zeros outside of it."""
        piece = np.zeros((self._samples.shape[1], length), np.float32)
        begin, end = max(start, 0), min(start + length, len(self._samples))
        if begin < end:
            piece[:, begin - start : end - start] = (self._samples[begin:end] - self._mean).T
        return piece


def _band_weights(rate: int, window: int) -> NDArray[np.float32]:
    frequencies = np.arange(window // 2 + 1) * (rate / window)
    bands = [(frequencies >= low) & (frequencies < high) for low, high in _BANDS.values()]
    return np.array(bands, np.float32)


def _mel_weights(rate: int, window: int) -> NDArray[np.float32]:
    """Return the mel filters ``[K, F]`` that hold at least one frequency of the window."""
    from librosa.filters import mel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "empty filters"
        weights = mel(sr=rate, n_fft=window, n_mels=_MEL_BANDS, fmax=min(_MAX_FREQUENCY, rate / 2), norm=None)
    result: NDArray[np.float32] = weights[weights.any(axis=1)].astype(np.float32)
    return result


def _onsets(powers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the spectral flux of the bands, ``[M]`` in 0..1.

    S. Bock and G. Widmer, "Maximum filter vibrato suppression for onset detection" (2013), as implemented by librosa,
    of the logarithm of ``1 + 300 * power``, less 1.5 times its median over the piece.
    """
    from librosa.onset import onset_strength

    full_scale = _full_scale(powers.max(axis=0))
    if full_scale <= 0.0:
        return np.zeros(powers.shape[1], np.float32)
    levels = np.log1p(_LOG_GAIN * powers / np.float32(full_scale))
    flux = onset_strength(S=np.pad(levels, ((0, 0), (1, 0))), lag=1, max_size=3, center=False)[1:]
    rises = np.maximum(flux - np.median(flux) * _MEDIAN_FACTOR, 0.0)
    measured = rises[_BEGINNING:] if rises[_BEGINNING:].any() else rises
    min_full_scale = _MIN_FULL_FLUX * math.log1p(_LOG_GAIN)
    result: NDArray[np.float32] = np.minimum(rises / max(_full_scale(measured), min_full_scale), 1.0).astype(
        np.float32
    )
    return result


def _full_scale(curve: NDArray[np.float32]) -> float:
    """Return the value that becomes 1: the 98th percentile of a curve, but at least a quarter of its maximum."""
    return max(float(np.percentile(curve, 98.0)), float(curve.max()) / 4)


def _release(curve: NDArray[np.float32], steps: float) -> NDArray[np.float32]:
    """Return a curve clipped to 1 that falls to half in ``1 / steps`` values at the fastest."""
    tiny = np.finfo(np.float32).tiny
    fall = np.arange(len(curve)) * steps
    highest = np.maximum.accumulate(np.log2(np.clip(curve, tiny, 1.0)).astype(np.float64) + fall)
    result = np.exp2(highest - fall)
    return np.where(result > _MIN_VALUE, result, 0.0).astype(np.float32)
