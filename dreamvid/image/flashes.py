"""Measure how often a video flashes, by the thresholds of WCAG 2.2, success criterion 2.3.1.

A general flash is a pair of opposing changes of relative luminance by 0.1 or more, the darker below 0.8. A red flash
is a pair of opposing changes of chromaticity by more than 0.2 in the CIE 1976 UCS diagram, to or from a saturated
red, R / (R + G + B) >= 0.8 of linear light. More than three of either in any one second are too many where they fill
more than a quarter of a field of 10 degrees: of 341x256 px of a picture that fills a screen of 1024x768 px.

Changes are those between peaks and valleys over time, however many frames they take. They are counted in cells of
8x8 px of that screen, so that finer patterns, which the criterion excepts, are averaged away.

Departure from the criterion: a texture that moves brightens some places as it darkens others. So a change counts only
where, in some square of 128 px around it, the cells that have just changed the same way outnumber those that have
changed the other way by a sixth of the square.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from dreamvid.image.luma import luma
from dreamvid.image.resize import resize
from dreamvid.image.srgb import srgb_to_linear
from dreamvid.types import Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB

MOST_FLASHES = 3
"""Flashes in one second that the criterion allows."""

# In px of the screen that the criterion assumes.
_SCREEN, _FIELD, _CELL, _AROUND = Size(768, 1024), Size(256, 341), 8, 128
_SHARE, _BALANCE = 0.25, 1 / 6
# Changes are of one moment within this time (seconds), as not all places of a flash change in the same frame.
_MOMENT = 0.05
_SECOND = Fraction(1)
_LUMINANCE_CHANGE, _BRIGHT = 0.1, 0.8
_CHROMATICITY_CHANGE, _SATURATED_RED = 0.2, 0.8
_ROUNDING = 1e-4
# Sum of R, G and B of linear light below which a cell is taken for gray: the hue of near-black is noise.
_DARK = 0.05
# CIE XYZ from linear sRGB (IEC 61966-2-1): X and Z; Y is luminance.
_X, _Z = (np.array([row], np.float32) for row in ((0.4124, 0.3576, 0.1805), (0.0193, 0.1192, 0.9505)))


@dataclass(frozen=True, slots=True)
class FlashReport:
    """How often a video flashes.

    ``general`` and ``red`` are the most flashes in any one second, in halves, as each is two changes. ``passages``
    are the times (seconds) in which there are too many, each from start to end.
    """

    general: float
    red: float
    passages: tuple[tuple[float, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "per_second": self.general,
            "red_per_second": self.red,
            "too_many": [list(passage) for passage in self.passages],
        }


class FlashMeter:
    """Takes a video frame by frame; holds what it needs of the last second, and of the first."""

    def __init__(self) -> None:
        self._luminance, self._redness = _LuminanceChanges(), _RednessChanges()
        self._counts = (_Count(), _Count())
        self._passages: list[tuple[Fraction, Fraction]] = []
        self._first: list[tuple[Fraction, RGB]] = []
        self._layout = _Layout(Size(1, 1))

    def add(self, picture: RGB, time: Fraction) -> None:
        """Measure the next frame, ``[H, W, 3]`` float32 in [0, 1], from ``time`` (seconds) on; all have one size."""
        size = Size(*picture.shape[:2])
        self._layout = _Layout(size)
        grid = self._layout.grid
        finer = Size(min(size.height, 4 * grid.height), min(size.width, 4 * grid.width))
        cells = resize(srgb_to_linear(np.clip(resize(picture, finer), 0.0, 1.0)), grid)
        if time < _SECOND:
            self._first.append((time, cells))
        self._measure(cells, time, time)

    def repeat(self, length: Fraction) -> None:
        """Measure what follows the last frame where a video of ``length`` seconds is played in a loop."""
        start = length
        while self._first and length > 0 and start < length + _SECOND:
            for time, cells in self._first:
                self._measure(cells, start + time, length)
            start += length

    def report(self) -> FlashReport:
        """Return what was found so far."""
        general, red = (count.most / 2 for count in self._counts)
        return FlashReport(general, red, tuple((float(start), float(end)) for start, end in self._passages))

    def _measure(self, cells: RGB, time: Fraction, end: Fraction) -> None:
        """Measure a frame at a time; ``end`` is what a passage that ends with it is said to end at."""
        changes = self._luminance.step(cells), self._redness.step(cells)
        too_many = [
            count.add(change, time, self._layout) for count, change in zip(self._counts, changes, strict=True)
        ]
        if any(too_many):
            start = max(Fraction(0), end - _SECOND)
            if self._passages and start <= self._passages[-1][1]:
                start = self._passages.pop()[0]
            self._passages.append((start, end))


class _Layout:
    """The cells of a picture, none smaller than a pixel, and lengths and areas among them."""

    def __init__(self, size: Size) -> None:
        scale = min(_SCREEN.height / size.height, _SCREEN.width / size.width)
        self.grid = Size(*(min(side, max(1, round(side * scale / _CELL))) for side in size))
        height, width = (side * scale / cells for side, cells in zip(size, self.grid, strict=True))
        self._field = Size(max(1, round(_FIELD.height / height)), max(1, round(_FIELD.width / width)))
        self._allowed = _SHARE * _FIELD.height * _FIELD.width / (height * width)
        self._around = Size(2 * round(_AROUND / height / 2) + 1, 2 * round(_AROUND / width / 2) + 1)

    def exceeds_field(self, flashing: NDArray[np.bool_]) -> bool:
        """Return whether too many cells ``[h, w]`` flash in any field of 10 degrees."""
        if np.count_nonzero(flashing) <= self._allowed:
            return False
        return float(_sums(flashing.astype(np.float32), self._field).max()) > self._allowed + 0.5

    def is_common(self, changes: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which cells ``[h, w]`` are in a square where enough changes, of 1 and -1, are 1 on balance."""
        enough = _sums(changes, self._around) > _BALANCE * self._around.height * self._around.width
        around = cv2.dilate(enough.astype(np.uint8), np.ones(self._around, np.uint8))
        return np.asarray(around, np.bool_)


def _sums(values: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Return the sums ``[h, w]`` over rectangles around each cell."""
    sums = cv2.boxFilter(
        values, cv2.CV_32F, (size.width, size.height), normalize=False, borderType=cv2.BORDER_CONSTANT
    )
    return np.asarray(sums, np.float32)


class _Count:
    """Counts the changes of each cell within a second; ``most`` is the highest count of enough cells at once."""

    def __init__(self) -> None:
        self.most = 0
        self._recent: deque[tuple[Fraction, NDArray[np.bool_]]] = deque()
        self._changes = self._counted = np.zeros(0, np.float32)
        self._changed_at = np.zeros(0)
        self._counts = np.zeros(0, np.int16)

    def add(self, changes: NDArray[np.float32], time: Fraction, layout: _Layout) -> bool:
        """Add the changes of cells, 1 and -1, at a time; return whether that second has too many flashes."""
        if not self._counts.size:
            self._changes = self._counted = np.zeros_like(changes)
            self._changed_at = np.zeros(changes.shape)
            self._counts = np.zeros(changes.shape, np.int16)
        self._changes = np.where(changes != 0, changes, self._changes)
        self._changed_at = np.where(changes != 0, float(time), self._changed_at)
        latest = np.where(float(time) - self._changed_at <= _MOMENT, self._changes, np.float32(0.0))
        rises = (latest > 0) & (self._counted <= 0) & layout.is_common(latest)
        falls = (latest < 0) & (self._counted >= 0) & layout.is_common(-latest)
        self._counted = np.where(rises | falls, latest, self._counted)
        while self._recent and time - self._recent[0][0] >= _SECOND:
            self._counts -= self._recent.popleft()[1]
        self._recent.append((time, rises | falls))
        self._counts += rises | falls
        while layout.exceeds_field(self._counts > self.most):
            self.most += 1
        return self.most > 2 * MOST_FLASHES and layout.exceeds_field(self._counts > 2 * MOST_FLASHES)


class _LuminanceChanges:
    """Finds where luminance turns: it has fallen from its last peak, or risen from its last valley, by enough."""

    def __init__(self) -> None:
        self._direction = self._peak = self._valley = np.zeros(0, np.float32)

    def step(self, cells: RGB) -> NDArray[np.float32]:
        """Return the changes ``[h, w]``, 1 or -1, that are complete with this frame, ``[h, w, 3]`` linear light."""
        value = luma(cells)
        if not self._direction.size:
            self._direction, self._peak, self._valley = np.zeros_like(value), value, value
        self._peak, self._valley = np.maximum(self._peak, value), np.minimum(self._valley, value)
        enough = _LUMINANCE_CHANGE - _ROUNDING
        rises = (self._direction <= 0) & (value - self._valley >= enough) & (self._valley < _BRIGHT)
        falls = (self._direction >= 0) & (self._peak - value >= enough) & (value < _BRIGHT)
        self._peak, self._valley = np.where(rises, value, self._peak), np.where(falls, value, self._valley)
        changes = _signed(rises, falls)
        self._direction = np.where(changes != 0, changes, self._direction)
        return changes


class _RednessChanges:
    """Finds where chromaticity goes to a saturated red, or from it, by enough."""

    def __init__(self) -> None:
        self._is_red = np.zeros(0, np.bool_)
        # The reddest and the least red state since the last change.
        self._reddest = self._palest = np.zeros(0, np.float32)

    def step(self, cells: RGB) -> NDArray[np.float32]:
        """Return the changes ``[h, w]``, 1 to red and -1 from it, that are complete with this frame, linear light."""
        state = _redness(cells)
        saturated = state[..., 0] >= _SATURATED_RED - _ROUNDING
        if not self._is_red.size:
            self._is_red, self._reddest, self._palest = saturated, state, state
        self._reddest = _where(state[..., 0] > self._reddest[..., 0], state, self._reddest)
        self._palest = _where(state[..., 0] < self._palest[..., 0], state, self._palest)
        reddens = ~self._is_red & saturated & _differ(state, self._palest)
        pales = self._is_red & _differ(state, self._reddest)
        self._reddest = _where(reddens, state, self._reddest)
        self._palest = _where(pales, state, self._palest)
        self._is_red = (self._is_red | reddens) & ~pales
        return _signed(reddens, pales)


def _redness(cells: RGB) -> NDArray[np.float32]:
    """Return the share of red in R + G + B, and u' and v' of the CIE 1976 UCS diagram, ``[h, w, 3]``."""
    total = cells.sum(axis=-1)
    colored = np.where((total < _DARK)[..., None], np.float32(1.0), cells)
    x, z = (np.asarray(cv2.transform(colored, weights)) for weights in (_X, _Z))
    y = luma(colored)
    scale = 1.0 / (x + 15.0 * y + 3.0 * z)
    return np.stack([colored[..., 0] / colored.sum(axis=-1), 4.0 * x * scale, 9.0 * y * scale], axis=-1)


def _differ(state: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.bool_]:
    difference = state[..., 1:] - other[..., 1:]
    distance = np.hypot(difference[..., 0], difference[..., 1])
    return np.asarray(distance > _CHROMATICITY_CHANGE, np.bool_)


def _where(
    mask: NDArray[np.bool_], chosen: NDArray[np.float32], other: NDArray[np.float32]
) -> NDArray[np.float32]:
    return np.where(mask[..., None], chosen, other)


def _signed(ones: NDArray[np.bool_], minus_ones: NDArray[np.bool_]) -> NDArray[np.float32]:
    return ones.astype(np.float32) - minus_ones.astype(np.float32)
