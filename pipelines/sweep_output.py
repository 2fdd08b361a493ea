"""Make the output of a sweep from its stills: a film of holds and cross-fades, or a contact sheet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from dreamvid.image.caption import draw_caption
from dreamvid.image.resize import resize
from dreamvid.types import Frame, Size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from dreamvid.types import RGB, FrameWriter

_SHEET_WIDTH = 4096
_GAP = 4
_BACKGROUND = 24
_ONE_ROW = 3


class SweepTiming(NamedTuple):
    """Frames a second, and how many frames each still is held and faded into the next.

    ``is_variable`` says that one long frame holds a still, instead of many equal ones.
    """

    rate: Fraction
    hold: int
    fade: int
    is_variable: bool

    def frames(self, stills: int) -> int:
        """Return how many frames there are."""
        return stills * (1 if self.is_variable else self.hold) + (stills - 1) * self.fade

    def duration(self, stills: int) -> Fraction:
        """Return the length in seconds."""
        return (stills * self.hold + (stills - 1) * self.fade) / self.rate


@dataclass(slots=True)
class SweepFilm:
    """A :class:`dreamvid.types.FrameWriter` that gets stills and writes a film of them.

    ``labels`` are drawn on the stills; during a fade, that of the nearer one. Empty ones are left out.
    """

    writer: FrameWriter
    timing: SweepTiming
    labels: Sequence[str]
    _last: Frame | None = None
    _frames: int = 0
    _ticks: int = 0

    def __enter__(self) -> Self:
        """Enter the film's own writer."""
        self.writer.__enter__()
        return self

    def write(self, frame: Frame) -> None:
        """Fade from the still before to this one, and hold it."""
        if self._last is not None:
            for step in range(1, self.timing.fade + 1):
                share = np.float32(step / (self.timing.fade + 1))
                mixed = self._last.rgb + share * (frame.rgb - self._last.rgb)
                self._write(mixed, self._last.index if share < 0.5 else frame.index, 1)  # noqa: PLR2004  the middle
        if self.timing.is_variable:
            self._write(frame.rgb, frame.index, self.timing.hold)
        else:
            for _ in range(self.timing.hold):
                self._write(frame.rgb, frame.index, 1)
        self._last = frame

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the film."""
        self.writer.__exit__(kind, error, trace)

    def _write(self, rgb: RGB, index: int, ticks: int) -> None:
        """Write a picture that is shown for ``ticks`` frames' time, with a still's label."""
        if self.labels[index]:
            rgb = draw_caption(rgb, self.labels[index])
        pts, duration = self._ticks / self.timing.rate, ticks / self.timing.rate
        self.writer.write(Frame(self._frames, pts, rgb, duration=duration))
        self._frames += 1
        self._ticks += ticks


class SheetLayout(NamedTuple):
    """Where stills lie on a contact sheet: row and column of each, the number of both, and the size of a cell."""

    places: Sequence[tuple[int, int]]
    rows: int
    columns: int
    cell: Size

    @property
    def size(self) -> Size:
        """Size of the sheet, in px."""
        return Size(
            self.rows * (self.cell.height + _GAP) + _GAP, self.columns * (self.cell.width + _GAP) + _GAP
        )


def plan_sheet(groups: Sequence[str], size: Size) -> SheetLayout:
    """Return the layout for stills of a size; ``groups`` names each still's, and each of several begins a row."""
    runs: dict[str, int] = {}
    for group in groups:
        runs[group] = runs.get(group, 0) + 1
    if max(runs.values()) == 1:
        runs = {"": len(groups)}
    columns = math.ceil(math.sqrt(len(groups) * size.height / size.width))
    if len(groups) <= _ONE_ROW:
        columns = len(groups)
    if len(runs) > 1:
        columns = -(-max(runs.values()) // -(-max(runs.values()) // 8))  # rows of equal length, up to 8
    columns = max(1, min(columns, max(runs.values())))
    places, row = [], 0
    for count in runs.values():
        places += [(row + index // columns, index % columns) for index in range(count)]
        row += -(-count // columns)
    width = max(1, min(size.width, _SHEET_WIDTH // columns - _GAP))
    cell = Size(max(1, round(size.height * width / size.width)), width)
    return SheetLayout(places, row, columns, cell)


class ContactSheet:
    """A :class:`dreamvid.types.FrameWriter` that gets stills and lays them on one picture.

    ``labels`` are drawn on the cells; empty ones are left out. ``metadata`` are texts of the picture by key.
    """

    def __init__(
        self, path: Path, layout: SheetLayout, labels: Sequence[str], metadata: Mapping[str, str]
    ) -> None:
        self._path = path
        self._layout = layout
        self._labels = labels
        self._metadata = metadata
        self._sheet: NDArray[np.uint8] = np.full((*layout.size, 3), _BACKGROUND, np.uint8)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def write(self, frame: Frame) -> None:
        """Lay a still into its cell."""
        (row, column), cell = self._layout.places[frame.index], self._layout.cell
        picture = resize(frame.rgb, cell)
        if self._labels[frame.index]:
            picture = draw_caption(picture, self._labels[frame.index])
        top, left = row * (cell.height + _GAP) + _GAP, column * (cell.width + _GAP) + _GAP
        codes = np.rint(np.clip(picture, 0.0, 1.0) * 255.0).astype(np.uint8)
        self._sheet[top : top + cell.height, left : left + cell.width] = codes

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the picture, unless an error came before."""
        if kind is None:
            from dreamvid.media.still.reader import Still  # noqa: PLC0415  imageio loads only when media is touched
            from dreamvid.media.still.writer import write_still  # noqa: PLC0415  the same

            sheet = self._sheet.astype(np.float32) / np.float32(255.0)
            write_still(self._path, Still(sheet), metadata=self._metadata, overwrite=True)
