"""Where the beats of a piece of music are, found in its onsets by librosa (https://librosa.org)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PART: Final = 20.0
_MEMORY: Final = 8.0
_STEADY: Final = 0.25
_OCTAVES_AROUND: Final = 0.4
_CLEAR: Final = 0.3
_NEAR: Final = 0.03
_HEARD: Final = 0.02
_QUIET: Final = 2.0
_CHANGE: Final = 0.04
_FEWEST: Final = 2
_CONTINUED: Final = 8


def find_beats(
    onsets: NDArray[np.float32], rhythm: NDArray[np.float32], loudness: NDArray[np.float32], hop: float
) -> tuple[float, ...]:
    """Return the times of the beats, in seconds; those of all clear onsets where nothing is steady.

    The tracker is that of D. Ellis, "Beat tracking by dynamic programming" (2007), as it is in librosa, with a tempo
    for every 20 s. Its first and last clear beats are continued by up to eight more; where nothing is heard
    there are none.

    Parameters
    ----------
    onsets, rhythm, loudness
        ``[M]`` float32 in 0..1, every ``hop`` seconds. The onsets tell the tempo; the rhythm, which is onsets of
        which those of the bass count more, tells beats from what is between them.
    hop
        In seconds; about 0.01.
    """
    tempi = _tempi(onsets, hop)
    if tempi is None:
        return tuple(float(frame) * hop for frame in _clear_onsets(onsets, hop))
    tracked = _tracked(rhythm, tempi, hop)
    if len(tracked) < _FEWEST:
        return tuple(frame * hop for frame in tracked)
    frames = _continued(tracked, rhythm, round(_NEAR / hop))
    reach = round(30.0 / (float(tempi.max()) * hop))
    heard = [frame for frame in frames if loudness[max(0, frame - reach) : frame + reach].max() > _HEARD]
    return tuple(frame * hop for frame in heard)


def _tracked(rhythm: NDArray[np.float32], tempi: NDArray[np.float64], hop: float) -> list[int]:
    """Return the indexes of the beats; each stretch of one tempo is tracked by itself."""
    from librosa.beat import beat_track

    quiet = round(_QUIET / hop)  # around a stretch, as the tracker is unsure at the very beginning and end
    ends = [*(np.flatnonzero(np.abs(np.diff(np.log(tempi))) > _CHANGE) + 1), len(rhythm)]
    last = len(rhythm) - round(_NEAR / hop)  # one at the very end belongs to what follows
    frames: list[int] = []
    begin = 0
    for end in ends:
        stretch, tempo = np.pad(rhythm[begin:end], quiet), float(np.median(tempi[begin:end]))
        _, found = beat_track(onset_envelope=stretch, sr=1.0, hop_length=hop, bpm=tempo)
        near = frames[-1] + 30.0 / (tempo * hop) if frames else 0.0
        beats = [int(frame) - quiet + begin for frame in found]
        frames += [frame for frame in beats if begin <= frame < min(end, last) and frame >= near]
        begin = end
    return frames


def _tempi(onsets: NDArray[np.float32], hop: float) -> NDArray[np.float64] | None:
    """Return the beats a minute at each onset value, ``[M]``, or None where most of the piece has no steady beat.

    The tempo of the whole piece is what the parts' tempi lie around, so that none is counted in double or half time.
    """
    from librosa.feature import tempo

    length = round(_PART / hop)
    parts = [onsets[first : first + length] for first in range(0, len(onsets), length)]
    grams = [_repeats(part, hop) for part in parts]
    whole = np.sum(grams, axis=0)
    if whole[0] <= 0.0:
        return None
    usual = float(tempo(tg=_normal(whole), sr=1.0, hop_length=hop)[0])
    found, steady = np.full(len(onsets), usual), 0
    for index, (part, gram) in enumerate(zip(parts, grams, strict=True)):
        if gram[0] <= 0.0:
            continue
        near = float(
            tempo(tg=_normal(gram), sr=1.0, hop_length=hop, start_bpm=usual, std_bpm=_OCTAVES_AROUND)[0]
        )
        if gram[round(60.0 / (near * hop))] >= _STEADY * gram[0]:
            found[index * length : index * length + length] = near
            steady += len(part)
    return found if 2 * steady >= len(onsets) else None


def _repeats(part: NDArray[np.float32], hop: float) -> NDArray[np.float64]:
    """Return how much the onsets resemble themselves at each lag, ``[8 s]``; the first is their energy."""
    from librosa.feature import tempogram

    window = round(_MEMORY / hop)
    around = np.pad(part - part.mean(), window // 2)
    gram = tempogram(
        onset_envelope=around, sr=1.0, hop_length=hop, win_length=window, center=False, norm=None
    )
    result: NDArray[np.float64] = gram.sum(axis=1, dtype=np.float64)
    return result


def _normal(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = np.maximum(gram / gram[0], 0.0)[:, None]
    return result


def _clear_onsets(onsets: NDArray[np.float32], hop: float) -> NDArray[np.intp]:
    from librosa.onset import onset_detect

    around = np.pad(onsets, (1, 0))  # so that the first may be a peak
    found: NDArray[np.intp] = onset_detect(
        onset_envelope=around, sr=1.0, hop_length=hop, normalize=False, delta=_CLEAR
    )
    return np.maximum(found - 1, 0)


def _continued(tracked: list[int], rhythm: NDArray[np.float32], near: int) -> list[int]:
    """Return the beats with some before the first and after the last, each at the strongest moment nearby."""
    intervals = np.diff(tracked)
    frames = list(tracked)
    period = float(np.median(intervals[:_CONTINUED]))
    for _ in range(_CONTINUED):
        frame = round(frames[0] - period)
        if frame < -near:
            break
        frames.insert(0, _clearest(rhythm, frame, near))
    period = float(np.median(intervals[-_CONTINUED:]))
    for _ in range(_CONTINUED):
        frame = round(frames[-1] + period)
        if frame >= len(rhythm) - near:
            break
        frames.append(_clearest(rhythm, frame, near))
    return sorted(set(frames))


def _clearest(rhythm: NDArray[np.float32], frame: int, near: int) -> int:
    begin = max(0, frame - near)
    around = rhythm[begin : frame + near + 1]
    best = begin + int(around.argmax())
    return best if rhythm[best] >= _CLEAR else max(0, frame)
