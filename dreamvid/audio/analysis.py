"""What a piece of music does at each moment, as numbers in 0..1 that schedules can follow.

librosa (https://librosa.org) analyses the finished sound once, in steps of about 10 ms; :meth:`Signals.at` then
reads the values of any time. All times are seconds from the sound's first sample.

========== ==========================================================================================
``beat``   1 at each beat, half of it 0.1 s later, and so on; where there is no steady beat, at onsets
``onset``  how hard a note or hit sets in, over all frequencies; half of it 0.05 s later
``rms``    loudness: root mean square of the sound
``bass``   loudness of 20 to 250 Hz
``mid``    loudness of 250 to 4000 Hz
``treble`` loudness of 4000 Hz and more
========== ==========================================================================================

Loudness is an amplitude, not decibels. Each signal reaches 1 where the sound is at its loudest, but for single
outliers; a band that has less than a hundredth of the whole sound's amplitude stays below 1, and silence (less than
-80 dB) is 0. They rise at once and fall to half in 0.1 s at the fastest, so that pictures do not flicker.
"""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from dreamvid.audio.beats import find_beats
from dreamvid.errors import DreamvidError
from dreamvid.schedule.times import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    _MakeWeights = Callable[[int, int], NDArray[np.float32]]

_HOP: Final = 0.01
_BAND_WINDOW: Final = 0.046
_ONSET_WINDOW: Final = 0.023
_BANDS: Final = {"bass": (20.0, 250.0), "mid": (250.0, 4000.0), "treble": (4000.0, math.inf)}
_MELS: Final = 32
_HIGHEST: Final = 16_000.0
_CONTRAST: Final = 300.0
_SILENCE: Final = 1e-4
_FAINT: Final = 0.01
_BEAT_HALF: Final = 0.1
_LOUDNESS_HALF: Final = 0.1
_ONSET_HALF: Final = 0.05
_BLOCK: Final = 2048
_USUAL: Final = 1.5
_KICK_BANDS: Final = 2
_EDGE: Final = 4
_LEAST_RISE: Final = 0.05
_NOTHING: Final = 1e-4
_EXACTLY: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """The signals of one sound.

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
            name: self._beat(t, span) if name == "beat" else self._highest(self.curves[name], t, span)
            for name in SIGNALS
        }

    def _beat(self, t: float, span: float) -> float:
        last = bisect_right(self.beats, t)
        if last < len(self.beats) and self.beats[last] < t + span:
            return 1.0
        return 0.5 ** ((t - self.beats[last - 1]) / _BEAT_HALF) if last else 0.0

    def _highest(self, curve: NDArray[np.float32], t: float, span: float) -> float:
        first = math.floor(t / self.hop + _EXACTLY)
        last = max(math.ceil((t + span) / self.hop - _EXACTLY), first + 1)
        return float(curve[max(first, 0) : max(last, 0)].max(initial=0.0))


def analyse(samples: NDArray[np.float32], rate: int) -> Signals:
    """Return the signals of a sound; the same for the same sound, and 0 throughout for silence.

    Parameters
    ----------
    samples
        ``[N, C]`` float32 in [-1, 1]; channels are added by their energy, so that none cancels another.
    rate
        Samples a second, in Hz.

    Raises
    ------
    DreamvidError
        Where librosa's compiled functions can be kept nowhere.
    """
    _load_librosa()
    hop = max(1, round(rate * _HOP))
    sound = _Sound(samples, rate, hop)
    rms = sound.rms()
    loudest = _full(rms)
    if loudest < _SILENCE:
        silence = np.zeros(sound.frames, np.float32)
        return Signals(hop / rate, {name: silence for name in SIGNALS if name != "beat"}, ())
    curves = {"rms": _released(rms / loudest, hop / rate / _LOUDNESS_HALF)}
    bands = np.sqrt(sound.powers(_BAND_WINDOW, _band_weights))
    least = _FAINT * _full(np.sqrt(np.square(bands).sum(axis=0)))
    for name, band in zip(_BANDS, bands, strict=True):
        curves[name] = _released(band / max(_full(band), least), hop / rate / _LOUDNESS_HALF)
    powers = sound.powers(_ONSET_WINDOW, _mel_weights)
    onsets = _onsets(powers)
    kicks = _onsets(powers[:_KICK_BANDS])  # which tell the beat from a hi-hat between beats
    rhythm = (onsets + kicks) / np.float32(2)
    curves["onset"] = _released(onsets, hop / rate / _ONSET_HALF)
    return Signals(hop / rate, curves, find_beats(onsets, rhythm, curves["rms"], hop / rate))


def _load_librosa() -> None:
    """Load librosa now, so that numba, which compiles for it, is explained where it has no folder to write to."""
    try:
        import librosa.beat
        import librosa.onset  # noqa: F401
    except RuntimeError as error:
        raise DreamvidError(
            "the analysis of music keeps compiled functions, and has no place for them; set the environment "
            "variable NUMBA_CACHE_DIR to a folder that can be written"
        ) from error


class _Sound:
    """A sound, looked at through windows whose centers lie a hop apart; silence is before and after it."""

    def __init__(self, samples: NDArray[np.float32], rate: int, hop: int) -> None:
        self._samples = samples
        self._mean = samples.mean(axis=0, dtype=np.float64).astype(np.float32) if len(samples) else 0.0
        self._rate = rate
        self._hop = hop
        self.frames = -(-len(samples) // hop) + 1

    def rms(self) -> NDArray[np.float32]:
        """Return ``[M]``: the root mean square from one hop before to one hop after each center."""
        energy = np.zeros(self.frames + 1)  # of the hop before each center, and of the one after the last
        for first in range(0, self.frames, _BLOCK):
            piece = self._piece(first * self._hop, min(_BLOCK, self.frames - first) * self._hop)
            energies = np.square(piece, dtype=np.float64).mean(axis=0).reshape(-1, self._hop).mean(axis=1)
            energy[first + 1 : first + 1 + len(energies)] = energies
        result: NDArray[np.float32] = np.sqrt((energy[:-1] + energy[1:]) / 2).astype(np.float32)
        return result

    def powers(self, seconds: float, make_weights: _MakeWeights) -> NDArray[np.float32]:
        """Return ``[K, M]``: the mean power of K bands, seen through windows of about that length.

        A sine of amplitude 1 that a band holds has the power 1/2.
        """
        from librosa import stft

        window = 2 ** max(5, round(math.log2(seconds * self._rate)))
        weights = make_weights(self._rate, window)
        shape = np.hanning(window + 1)[:-1].astype(np.float32)
        scale = np.float32(2.0 / (window * np.square(shape).sum()))
        powers = np.empty((len(weights), self.frames), np.float32)
        for first in range(0, self.frames, _BLOCK):
            count = min(_BLOCK, self.frames - first)
            piece = self._piece(first * self._hop - window // 2, (count - 1) * self._hop + window)
            spectrum = stft(piece, n_fft=window, hop_length=self._hop, window=shape, center=False)
            power = (np.square(spectrum.real) + np.square(spectrum.imag)).mean(axis=0)
            powers[:, first : first + count] = weights @ power * scale
        return powers

    def _piece(self, start: int, length: int) -> NDArray[np.float32]:
        """Return ``[C, length]`` from a sample on, without the sound's constant part; zeros are outside of it."""
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
    """Return triangles as wide as the ear's bands; those between two frequencies of the window are left out."""
    from librosa.filters import mel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "empty filters"
        weights = mel(sr=rate, n_fft=window, n_mels=_MELS, fmax=min(_HIGHEST, rate / 2), norm=None)
    result: NDArray[np.float32] = weights[weights.any(axis=1)].astype(np.float32)
    return result


def _onsets(powers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much the bands grow from one moment to the next, ``[M]`` in 0..1.

    The spectral flux of S. Bock and G. Widmer, "Maximum filter vibrato suppression for onset detection" (2013), as
    it is in librosa, of the logarithm of ``1 + 300 * power``, without what is usual throughout the piece.
    """
    from librosa.onset import onset_strength

    loudest = _full(powers.max(axis=0))
    if loudest <= 0.0:
        return np.zeros(powers.shape[1], np.float32)
    levels = np.log1p(_CONTRAST * powers / np.float32(loudest))
    flux = onset_strength(S=np.pad(levels, ((0, 0), (1, 0))), lag=1, max_size=3, center=False)[1:]
    risen = np.maximum(flux - np.median(flux) * _USUAL, 0.0)
    settled = risen[_EDGE:] if risen[_EDGE:].any() else risen  # the sound's own beginning is no measure
    least = _LEAST_RISE * math.log1p(_CONTRAST)
    result: NDArray[np.float32] = np.minimum(risen / max(_full(settled), least), 1.0).astype(np.float32)
    return result


def _full(curve: NDArray[np.float32]) -> float:
    """Return what counts as a curve's highest value: 98 % of it are lower, and single outliers do not count."""
    return max(float(np.percentile(curve, 98.0)), float(curve.max()) / 4)


def _released(curve: NDArray[np.float32], steps: float) -> NDArray[np.float32]:
    """Return a curve cut at 1 that rises at once, and falls to half in ``1 / steps`` values at the fastest."""
    tiny = np.finfo(np.float32).tiny
    fall = np.arange(len(curve)) * steps
    highest = np.maximum.accumulate(np.log2(np.clip(curve, tiny, 1.0)).astype(np.float64) + fall)
    result = np.exp2(highest - fall)
    return np.where(result > _NOTHING, result, 0.0).astype(np.float32)
