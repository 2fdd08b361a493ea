"""How a picture is cut into windows that a network sees one batch at a time.

A tile is what is kept of a window's gradient; the window is the tile and a halo around it, so that a tile's
edge sees what lies beyond. Windows are taken from a canvas on which the picture, mirrored beyond its borders,
is shifted by up to ``reach`` px at random in each step; so every tile has a whole halo, every pixel lies in
exactly one tile, and no seam is twice in the same place. Tiles and halos are multiples of the network's stride:
all windows sample the canvas on the same grid. Where one window spans the whole height or width it has no halo
there: it is what the network would see untiled.

The halo is 64 px (5 strides where those are more), or half the theoretical receptive field where that is
less. Energy of the gradient within 16 px of a tile's border relative to that of the untiled gradient: dreamnet
mixed4 1.02, mixed5 0.99 (0.97 with 64 px), VGG16 block4_conv3 1.00; InceptionV3 mixed5 1.00-1.01 with 64 px.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH_PIXELS = 512 * 512
"""Small windows are batched up to about this many pixels on a CPU; more gains nothing there."""

_HALO = 64
_HALO_STRIDES = 5
_SMALLEST_TILE = 16
_REACH_SHARE = 64


@dataclass(frozen=True, slots=True)
class Axis:
    """The cut along height or width: ``count`` tiles of ``tile`` px with ``before`` and ``after`` px of halo.

    ``length`` is the canvas', in px. The last tile may end past it; what lies there is not kept.
    """

    length: int
    count: int
    tile: int
    before: int
    after: int

    @property
    def window(self) -> int:
        """What the network sees at once, in px."""
        return self.before + self.tile + self.after


@dataclass(frozen=True, slots=True)
class TilePlan:
    """All windows of one picture; a pure function of size, network and setting.

    ``size`` is the picture's; ``reach`` is how far it may be shifted (height, width), in px.
    """

    size: Size
    reach: Size
    vertical: Axis
    horizontal: Axis
    batch: int

    @classmethod
    def build(
        cls,
        size: Size,
        *,
        stride: int,
        receptive_field: int,
        margin: int = 0,
        fixed_size: Size | None = None,
        tile: int | Literal["auto", "off"] = "auto",
        budget: int,
        batch_pixels: int = BATCH_PIXELS,
        jitter: int = 0,
    ) -> Self:
        """Return the plan for a picture.

        Parameters
        ----------
        size
            Height and width of the picture, in pixels.
        stride, receptive_field, margin
            Of the network, in pixels: stride at its deepest output, theoretical receptive field, and what must
            be added at the bottom and right of an untiled picture so that its last pixels get gradient.
        fixed_size
            The one size that the network takes, if it has one: every window has it.
        tile
            ``auto``: windows of at most ``budget`` pixels; ``off``: one window; a number: windows of at most the
            area of a square tile of so many pixels and its halo.
        budget
            Most pixels that ``auto`` lets the network see at once.
        batch_pixels
            Most pixels in a batch of several windows.
        jitter
            Largest shift that is asked for, in px; small pictures are shifted less (:func:`reach_for`).

        Returns
        -------
        The plan with the least work: of all grids whose windows are small enough, the one whose windows have
        the smallest total area.
        """
        halo = halo_for(stride, receptive_field)
        reach = Size(*(reach_for(n, stride, jitter) for n in size))
        canvas = Size(size.height + reach.height, size.width + reach.width)
        if fixed_size is not None:
            axes = [
                _fixed(n, window, stride, min(halo, window // 4))
                for n, window in zip(canvas, fixed_size, strict=True)
            ]
        elif tile == "off":
            axes = [_cut(n, 1, stride, halo, margin) for n in canvas]
        else:
            limit = budget if tile == "auto" else (tile + 2 * halo) ** 2
            axes = _cheapest(canvas, stride, halo, margin, limit)
        vertical, horizontal = axes
        pixels = vertical.window * horizontal.window
        count = vertical.count * horizontal.count
        return cls(Size(*size), reach, vertical, horizontal, _divisor(count, max(1, batch_pixels // pixels)))

    @property
    def count(self) -> int:
        """Number of tiles."""
        return self.vertical.count * self.horizontal.count

    @property
    def window(self) -> Size:
        """What the network sees at once, in px."""
        return Size(self.vertical.window, self.horizontal.window)

    @property
    def work(self) -> float:
        """Pixels that the network sees, over those that the picture has."""
        return self.count * self.window.height * self.window.width / (self.size.height * self.size.width)

    def __str__(self) -> str:
        """Say it for people: ``untiled`` or ``4 x 3 tiles of 488x360``."""
        if self.count == 1:
            return "untiled"
        tile = Size(self.vertical.tile, self.horizontal.tile)
        return f"{self.horizontal.count} x {self.vertical.count} tiles of {tile}"


def halo_for(stride: int, receptive_field: int) -> int:
    """Return the halo in px, a multiple of ``stride``."""
    return _round_up(min(-(-receptive_field // 2), max(_HALO, _HALO_STRIDES * stride)), stride)


def reach_for(length: int, stride: int, jitter: int) -> int:
    """Return how far a picture of this height or width is shifted at most, in px.

    A shift costs as many more pixels, so small pictures are shifted less than the ``jitter`` asked for, but by
    at least the network's stride, which varies the grid as much as any shift can.
    """
    return min(jitter, max(stride, length // _REACH_SHARE))


def _cheapest(size: Size, stride: int, halo: int, margin: int, limit: int) -> list[Axis]:
    best: tuple[int, int, list[Axis]] | None = None
    rows, columns = (list(_cuts(n, stride, halo, margin)) for n in size)
    for vertical in rows:
        for horizontal in columns:
            if vertical.window * horizontal.window > limit:
                continue
            count = vertical.count * horizontal.count
            work = count * vertical.window * horizontal.window
            if best is None or (work, count) < best[:2]:
                best = work, count, [vertical, horizontal]
            break  # a finer cut of the width is only more work
    if best is not None:
        return best[2]
    return [rows[-1], columns[-1]]


def _cuts(length: int, stride: int, halo: int, margin: int) -> Iterator[Axis]:
    """Yield the cuts of a length, coarsest first, down to tiles as large as one halo."""
    previous = None
    for count in range(1, max(1, length // max(halo, stride, _SMALLEST_TILE)) + 1):
        axis = _cut(length, count, stride, halo, margin)
        if axis != previous:
            yield axis
        previous = axis


def _cut(length: int, count: int, stride: int, halo: int, margin: int) -> Axis:
    tile = _round_up(-(-length // count), stride)
    count = -(-length // tile)
    if count == 1:
        return Axis(length, 1, length, 0, margin)
    return Axis(length, count, tile, halo, max(halo, margin))


def _fixed(length: int, window: int, stride: int, halo: int) -> Axis:
    """Return the cut into windows of one given size, which see the picture mirrored where it is smaller."""
    if length <= window:
        return Axis(length, 1, length, 0, window - length)
    before = halo // stride * stride
    largest = max((window - 2 * before) // stride * stride, 1)
    tile = min(_round_up(-(-length // -(-length // largest)), stride), largest)
    return Axis(length, -(-length // tile), tile, before, window - before - tile)


def _divisor(number: int, most: int) -> int:
    """Return the largest divisor of ``number`` that is at most ``most``."""
    return next(d for d in range(min(number, most), 0, -1) if number % d == 0)


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
