"""Track the beats of a piece of music from its onset curves, with librosa (https://librosa.org).

The tracker is that of D. Ellis, "Beat tracking by dynamic programming" (2007), with a tempo for every 20 s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Seconds for which one tempo is estimated, and the longest lag of the autocorrelation that it is read from.
_SECTION: Final = 20.0
_LONGEST_LAG: Final = 8.0
# Autocorrelation at the beat's period, as a share of the energy, from which on a section has a steady beat.
_MIN_PERIODICITY: Final = 0.25
# Standard deviation, in octaves, of a section's tempo about that of the whole piece.
_TEMPO_DEVIATION: Final = 0.4
# Relative change of tempo from which on a new stretch begins, which is tracked by itself.
_TEMPO_CHANGE: Final = 0.04
# Silence, in seconds, put around a stretch: the tracker is unsure at its very beginning and end.
_PADDING: Final = 2.0
# Height of an onset that is clear.
_CLEAR_ONSET: Final = 0.3
# Seconds by which a beat may differ from where it is expected.
_TOLERANCE: Final = 0.03
# Loudness below which nothing is heard.
_AUDIBLE: Final = 0.02
# Beats that are added before the first tracked one and after the last, at most; at least so many give a period.
_MAX_EXTRAPOLATED: Final = 8
_MIN_TRACKED: Final = 2


def find_beats(
    onsets: NDArray[np.float32], rhythm: NDArray[np.float32], loudness: NDArray[np.float32], hop: float
) -> tuple[float, ...]:
    """Return the times of the beats, in seconds; those of all clear onsets where there is no steady beat.

    The tracked beats are extrapolated by up to eight in either direction; where nothing is heard there are none.

    Parameters
    ----------
    onsets, rhythm, loudness
        ``[M]`` float32 in 0..1, every ``hop`` seconds. Tempo is estimated from the onsets; beats are tracked in the
        rhythm, which are onsets with more weight on the bass.
    hop
        In seconds; about 0.01.
    """
    tempi = _estimate_tempi(onsets, hop)
    if tempi is None:
        return tuple(float(frame) * hop for frame in _clear_onsets(onsets, hop))
    tracked = _track(rhythm, tempi, hop)
    if len(tracked) < _MIN_TRACKED:
        return tuple(frame * hop for frame in tracked)
    frames = _extrapolate(tracked, rhythm, round(_TOLERANCE / hop))
    half_beat = round(30.0 / (float(tempi.max()) * hop))
    audible = [
        frame for frame in frames if loudness[max(0, frame - half_beat) : frame + half_beat].max() > _AUDIBLE
    ]
    return tuple(frame * hop for frame in audible)


def _track(rhythm: NDArray[np.float32], tempi: NDArray[np.float64], hop: float) -> list[int]:
    """Return the indexes of the beats; each stretch of one tempo is tracked by itself."""
    # Not librosa's beat_track(bpm=array): around a change of tempo it loses most beats, and others move.
    from librosa.beat import beat_track

    padding = round(_PADDING / hop)
    ends = [*(np.flatnonzero(np.abs(np.diff(np.log(tempi))) > _TEMPO_CHANGE) + 1), len(rhythm)]
    # A beat at the very end belongs to what follows.
    last = len(rhythm) - round(_TOLERANCE / hop)
    beats: list[int] = []
    begin = 0
    for end in ends:
        stretch, tempo = np.pad(rhythm[begin:end], padding), float(np.median(tempi[begin:end]))
        _, tracked = beat_track(onset_envelope=stretch, sr=1.0, hop_length=hop, bpm=tempo)
        earliest = beats[-1] + 30.0 / (tempo * hop) if beats else 0.0
        frames = [int(frame) - padding + begin for frame in tracked]
        beats += [frame for frame in frames if begin <= frame < min(end, last) and frame >= earliest]
        begin = end
    return beats


def _estimate_tempi(onsets: NDArray[np.float32], hop: float) -> NDArray[np.float64] | None:
    """Return the beats per minute at each onset value, ``[M]``, or None where most of the piece has no steady beat.

    The tempi of sections lie around that of the whole piece, so that none is counted in double or half time.
    """
    from librosa.feature import tempo

    length = round(_SECTION / hop)
    sections = [onsets[first : first + length] for first in range(0, len(onsets), length)]
    autocorrelations = [_autocorrelate(section, hop) for section in sections]
    total = np.sum(autocorrelations, axis=0)
    if total[0] <= 0.0:
        return None
    overall = float(tempo(tg=_normalize(total), sr=1.0, hop_length=hop)[0])
    tempi, steady = np.full(len(onsets), overall), 0
    for index, (section, autocorrelation) in enumerate(zip(sections, autocorrelations, strict=True)):
        if autocorrelation[0] <= 0.0:
            continue
        tempogram = _normalize(autocorrelation)
        estimate = float(
            tempo(tg=tempogram, sr=1.0, hop_length=hop, start_bpm=overall, std_bpm=_TEMPO_DEVIATION)[0]
        )
        if autocorrelation[round(60.0 / (estimate * hop))] >= _MIN_PERIODICITY * autocorrelation[0]:
            tempi[index * length : index * length + length] = estimate
            steady += len(section)
    return tempi if 2 * steady >= len(onsets) else None


def _autocorrelate(onsets: NDArray[np.float32], hop: float) -> NDArray[np.float64]:
    """Return the autocorrelation of onsets at lags up to 8 s; the first value is their energy."""
    from librosa.feature import tempogram

    window = round(_LONGEST_LAG / hop)
    padded = np.pad(onsets - onsets.mean(), window // 2)
    by_time = tempogram(
        onset_envelope=padded, sr=1.0, hop_length=hop, win_length=window, center=False, norm=None
    )
    result: NDArray[np.float64] = by_time.sum(axis=1, dtype=np.float64)
    return result


def _normalize(autocorrelation: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = np.maximum(autocorrelation / autocorrelation[0], 0.0)[:, None]
    return result


def _clear_onsets(onsets: NDArray[np.float32], hop: float) -> NDArray[np.intp]:
    """Return the indexes of the peaks of clear onsets."""
    from librosa.onset import onset_detect

    padded = np.pad(onsets, (1, 0))  # so that the first may be a peak
    frames: NDArray[np.intp] = onset_detect(
        onset_envelope=padded, sr=1.0, hop_length=hop, normalize=False, delta=_CLEAR_ONSET
    )
    return np.maximum(frames - 1, 0)


def _extrapolate(beats: list[int], rhythm: NDArray[np.float32], tolerance: int) -> list[int]:
    """Return the beats with some before the first and after the last, each at the strongest onset nearby."""
    intervals = np.diff(beats)
    frames = list(beats)
    period = float(np.median(intervals[:_MAX_EXTRAPOLATED]))
    for _ in range(_MAX_EXTRAPOLATED):
        frame = round(frames[0] - period)
        if frame < -tolerance:
            break
        frames.insert(0, _strongest_onset(rhythm, frame, tolerance))
    period = float(np.median(intervals[-_MAX_EXTRAPOLATED:]))
    for _ in range(_MAX_EXTRAPOLATED):
        frame = round(frames[-1] + period)
        if frame >= len(rhythm) - tolerance:
            break
        frames.append(_strongest_onset(rhythm, frame, tolerance))
    return sorted(set(frames))


def _strongest_onset(rhythm: NDArray[np.float32], frame: int, tolerance: int) -> int:
    """Return the index of the strongest onset around a frame, or the frame where none is clear."""
    begin = max(0, frame - tolerance)
    nearby = rhythm[begin : frame + tolerance + 1]
    strongest = begin + int(nearby.argmax())
    return strongest if rhythm[strongest] >= _CLEAR_ONSET else max(0, frame)
