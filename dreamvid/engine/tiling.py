"""Cut a picture into windows that the network sees one batch at a time, and join their tiles.

A tile is the part of a window whose gradient is used; the window is the tile and a halo around it, so that a tile's
edge sees what lies beyond. In each step the picture is shifted on a canvas by up to ``reach`` px at random (jitter),
so that no seam is twice in the same place. Tiles and halos are multiples of the network's stride: all windows sample
the canvas on the same grid. Where one window spans the whole height or width it has no halo there.

The canvas holds at (y, x) what the picture has at (y - shift_y, x - shift_x), mirrored beyond its borders. Google's
notebook (https://github.com/google/deepdream) and others roll the picture around instead, so that the network sees an
edge between sky and ground and dreams along it, a row of things all around the frame. Nothing is shifted as a whole:
windows are gathered by index.

A panorama (``wraps``) does go around: its canvas is as wide as the picture, which is rolled by up to all of its
width, so that no column is at the canvas' border more often than another, and even a single window has a halo.

The halo is 64 px (5 strides where those are more), or half the theoretical receptive field where that is less. Energy
of the gradient within 16 px of a tile's border relative to that of the untiled gradient: dreamnet mixed4 1.02, mixed5
0.99 (0.97 with 64 px), VGG16 block4_conv3 1.00; InceptionV3 mixed5 1.00-1.01 with 64 px.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

import numpy as np

from dreamvid.engine.runtime import tf
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

BATCH_PIXELS = 512 * 512
"""Small windows are batched up to about this many pixels on a CPU; more gains nothing there."""

_MIN_HALO = 64
_MIN_HALO_STRIDES = 5
_MIN_TILE = 16
_REACH_DIVISOR = 64


@dataclass(frozen=True, slots=True)
class TileAxis:
    """The tiles along height or width: ``count`` of ``tile`` px, with ``before`` and ``after`` px of halo.

    ``length`` is the canvas', in px. The last tile may end past it; what lies there is cropped.
    """

    length: int
    count: int
    tile: int
    before: int
    after: int

    @property
    def window(self) -> int:
        """Length of a window: the tile and its halo, in px."""
        return self.before + self.tile + self.after


@dataclass(frozen=True, slots=True)
class TilePlan:
    """How one picture is cut into windows; a pure function of size, network and settings.

    ``size`` is the picture's; ``reach`` is the largest shift (height, width), in px; ``batch`` windows are seen
    at once. ``wraps`` says whether the picture goes around from its right border to its left one.
    """

    size: Size
    reach: Size
    vertical: TileAxis
    horizontal: TileAxis
    batch: int
    wraps: bool = False

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
        wraps: bool = False,
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
            Largest shift, in px; small pictures are shifted less (:func:`reach_for`).
        wraps
            Whether the picture goes around; it is then rolled by up to its width, unless ``jitter`` is 0.

        Returns
        -------
        The plan with the least work: of all grids whose windows are small enough, the one whose windows have
        the smallest total area.
        """
        halo = halo_for(stride, receptive_field)
        reach = Size(*(reach_for(n, stride, jitter) for n in size))
        canvas = Size(size.height + reach.height, size.width + reach.width)
        if wraps:
            reach, canvas = (
                reach._replace(width=size.width - 1 if jitter else 0),
                canvas._replace(width=size.width),
            )
        around = (False, wraps)
        if fixed_size is not None:
            axes = [
                _fixed(n, window, stride, min(halo, window // 4), wraps=goes_around)
                for n, window, goes_around in zip(canvas, fixed_size, around, strict=True)
            ]
        elif tile == "off":
            axes = [
                _cut(n, 1, stride, halo, margin, wraps=goes_around)
                for n, goes_around in zip(canvas, around, strict=True)
            ]
        else:
            limit = budget if tile == "auto" else (tile + 2 * halo) ** 2
            axes = _cheapest(canvas, stride, halo, margin, limit, wraps=wraps)
        vertical, horizontal = axes
        pixels = vertical.window * horizontal.window
        count = vertical.count * horizontal.count
        return cls(
            Size(*size),
            reach,
            vertical,
            horizontal,
            largest_divisor(count, max(1, batch_pixels // pixels)),
            wraps,
        )

    @property
    def count(self) -> int:
        """Number of tiles."""
        return self.vertical.count * self.horizontal.count

    @property
    def window(self) -> Size:
        """Size of a window, which the network sees at once, in px."""
        return Size(self.vertical.window, self.horizontal.window)

    @property
    def work(self) -> float:
        """Pixels that the network sees, over the picture's."""
        return self.count * self.window.height * self.window.width / (self.size.height * self.size.width)

    def __str__(self) -> str:
        """Return ``untiled`` or ``4 x 3 tiles of 488x360``."""
        if self.count == 1:
            return "untiled"
        tile = Size(self.vertical.tile, self.horizontal.tile)
        return f"{self.horizontal.count} x {self.vertical.count} tiles of {tile}"


def halo_for(stride: int, receptive_field: int) -> int:
    """Return the halo in px, a multiple of ``stride``."""
    return _round_up(min(-(-receptive_field // 2), max(_MIN_HALO, _MIN_HALO_STRIDES * stride)), stride)


def reach_for(length: int, stride: int, jitter: int) -> int:
    """Return the largest shift of a picture of this height or width, in px: at most ``jitter``."""
    # A shift of n px costs n more rows or columns, so small pictures are shifted less; but by at least the network's
    # stride, which varies the grid as much as any shift can.
    return min(jitter, max(stride, length // _REACH_DIVISOR))


class Grid(NamedTuple):
    """A :class:`TilePlan` as numbers: ints where it is compiled in, int32 scalar tensors where it is given."""

    height: Any
    width: Any
    rows: Any
    columns: Any
    tile_height: Any
    tile_width: Any
    before_y: Any
    before_x: Any
    window_height: Any
    window_width: Any
    batch: Any

    @classmethod
    def of(cls, plan: TilePlan) -> Self:
        """Return the plan's numbers as ints."""
        vertical, horizontal = plan.vertical, plan.horizontal
        return cls(
            plan.size.height,
            plan.size.width,
            vertical.count,
            horizontal.count,
            vertical.tile,
            horizontal.tile,
            vertical.before,
            horizontal.before,
            vertical.window,
            horizontal.window,
            plan.batch,
        )

    @classmethod
    def unpack(cls, numbers: Any) -> Self:
        """Return the grid of an int32 tensor ``[11]``."""
        return cls(*tf.unstack(numbers, num=len(cls._fields)))

    def pack(self) -> NDArray[np.int32]:
        """Return the numbers as ``[11]`` int32."""
        return np.array(self, np.int32)


class WindowAxis(NamedTuple):
    """A batch of windows along one axis.

    ``start`` (``[N]`` int32) is where each window's tile begins on the canvas; ``length`` is the picture's. The
    other fields are those of :class:`TileAxis` and the axis' shift, in px; ``wraps`` says whether it goes around.
    """

    start: Any
    shift: Any
    length: Any
    tile: Any
    before: Any
    window: Any
    wraps: bool = False

    def indices(self) -> Any:
        """Return ``[N, window]``: the picture's pixels that each window sees, mirrored beyond its ends."""
        first = self.start - self.before - self.shift
        if self.wraps:
            return tf.math.floormod(first[:, None] + tf.range(self.window)[None, :], self.length)
        period = tf.maximum(2 * (self.length - 1), 1)
        position = tf.math.floormod(first[:, None] + tf.range(self.window)[None, :], period)
        return tf.minimum(position, period - position)

    def in_tile(self, count: Any, stride: int) -> Any:
        """Return ``[N, count]`` float32: 1 where a feature's position lies in both tile and picture, else 0."""
        offset = tf.range(count)[None, :] * stride - self.before
        pixel = self.start[:, None] + offset - (0 if self.wraps else self.shift)
        inside = (offset >= 0) & (offset < self.tile) & (pixel >= 0) & (pixel < self.length)
        return tf.cast(inside, tf.float32)

    def one_hot(self, position: float, count: Any, stride: int, *, tiles_only: bool) -> Any:
        """Return ``[N, count]`` float32: 1 at the feature that covers a relative position, 0 elsewhere."""
        pixel = tf.minimum(tf.cast(position * tf.cast(self.length, tf.float32), tf.int32), self.length - 1)
        if self.wraps:
            return self._one_hot_around(pixel, count, stride, tiles_only=tiles_only)
        offset = pixel + self.shift - self.start
        within = (offset >= 0) & (offset < self.tile)
        seen = within if tiles_only else tf.ones_like(within)
        index = (offset + self.before) // stride
        # Networks without padding lack the last features; the last one that they have stands in.
        index = tf.where(within, tf.minimum(index, count - 1), index)
        return tf.cast(tf.where(seen, index, -1)[:, None] == tf.range(count)[None, :], tf.float32)

    def _one_hot_around(self, pixel: Any, count: Any, stride: int, *, tiles_only: bool) -> Any:
        """Return the same where the axis goes around: a window sees a place as often as it comes by."""
        offset = tf.range(count)[None, :] * stride - self.before
        feature = self.start[:, None] + offset - self.shift
        covers = tf.math.floormod(pixel - feature, self.length) < stride
        if tiles_only:
            covers &= (offset >= 0) & (offset < self.tile) & (self.start[:, None] + offset < self.length)
        return tf.cast(covers, tf.float32)


class WindowBatch:
    """Where the ``number``-th batch of windows lies on the canvas; ``shift`` is ``[2]`` int32 (y, x)."""

    def __init__(self, grid: Grid, shift: Any, number: Any, *, wraps: bool = False) -> None:
        index = number * grid.batch + tf.range(grid.batch)
        self.grid = grid
        self.vertical = WindowAxis(
            index // grid.columns * grid.tile_height,
            shift[0],
            grid.height,
            grid.tile_height,
            grid.before_y,
            grid.window_height,
        )
        self.horizontal = WindowAxis(
            index % grid.columns * grid.tile_width,
            shift[1],
            grid.width,
            grid.tile_width,
            grid.before_x,
            grid.window_width,
            wraps,
        )

    def cut(self, picture: Any) -> Any:
        """Return the windows ``[N, window_height, window_width, 3]`` of a picture ``[H, W, 3]``."""
        rows = tf.gather(picture, self.vertical.indices())
        return tf.gather(rows, self.horizontal.indices(), axis=2, batch_dims=1)

    def tiles(self, windows: Any) -> Any:
        """Return the tiles ``[N, tile_height, tile_width, 3]`` of windows."""
        y, x = self.vertical.before, self.horizontal.before
        return windows[:, y : y + self.vertical.tile, x : x + self.horizontal.tile]

    def in_tiles(self, shape: Any, stride: int) -> Any:
        """Return ``[N, h, w]`` float32: 1 where a feature's position lies in its window's tile, else 0."""
        rows = self.vertical.in_tile(shape[1], stride)
        columns = self.horizontal.in_tile(shape[2], stride)
        return rows[:, :, None] * columns[:, None, :]

    def one_hot(self, position: tuple[float, float], shape: Any, stride: int, *, tiles_only: bool) -> Any:
        """Return ``[N, h, w]`` float32: 1 at the feature that covers a position, 0 elsewhere.

        ``position`` is relative to the picture, (x, y) in [0, 1]. Windows that do not see it, or with
        ``tiles_only`` those whose tile does not hold it, are all 0.
        """
        rows = self.vertical.one_hot(position[1], shape[1], stride, tiles_only=tiles_only)
        columns = self.horizontal.one_hot(position[0], shape[2], stride, tiles_only=tiles_only)
        return rows[:, :, None] * columns[:, None, :]

    def feature_share(self, stride: int) -> Any:
        """Return the share of the picture that one feature position stands for."""
        area = tf.cast(self.grid.height, tf.float32) * tf.cast(self.grid.width, tf.float32)
        return float(stride * stride) / area

    def tile_share(self) -> Any:
        """Return the share of the picture that one tile stands for."""
        return 1.0 / tf.cast(self.grid.rows * self.grid.columns, tf.float32)


def assemble(tiles: Any, grid: Grid, shift: Any, *, wraps: bool = False) -> Any:
    """Return the picture ``[H, W, 3]``, shifted back, of all tiles ``[count, tile_height, tile_width, 3]``."""
    shape = (grid.rows, grid.columns, grid.tile_height, grid.tile_width, 3)
    canvas = tf.transpose(tf.reshape(tiles, shape), (0, 2, 1, 3, 4))
    canvas = tf.reshape(canvas, (grid.rows * grid.tile_height, grid.columns * grid.tile_width, 3))
    if wraps:
        canvas = tf.slice(canvas, (shift[0], 0, 0), (grid.height, grid.width, 3))
        return tf.roll(canvas, -shift[1], axis=1)
    # Not an index: XLA would not know the size.
    return tf.slice(canvas, (shift[0], shift[1], 0), (grid.height, grid.width, 3))


def _cheapest(size: Size, stride: int, halo: int, margin: int, limit: int, *, wraps: bool) -> list[TileAxis]:
    """Return the grid with the least area of all windows, each of at most ``limit`` px; else the finest one."""
    best: tuple[int, int, list[TileAxis]] | None = None
    rows = list(_cuts(size.height, stride, halo, margin))
    columns = list(_cuts(size.width, stride, halo, margin, wraps=wraps))
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


def _cuts(length: int, stride: int, halo: int, margin: int, *, wraps: bool = False) -> Iterator[TileAxis]:
    """Yield the cuts of a length, coarsest first, down to tiles as large as one halo."""
    previous = None
    for count in range(1, max(1, length // max(halo, stride, _MIN_TILE)) + 1):
        axis = _cut(length, count, stride, halo, margin, wraps=wraps)
        if axis != previous:
            yield axis
        previous = axis


def _cut(length: int, count: int, stride: int, halo: int, margin: int, *, wraps: bool = False) -> TileAxis:
    """Return the cut into at most ``count`` tiles.

    One tile has no halo, as it is what an untiled network sees, unless it goes around (``wraps``).
    """
    tile = _round_up(-(-length // count), stride)
    count = -(-length // tile)
    if count == 1 and not wraps:
        return TileAxis(length, 1, length, 0, margin)
    return TileAxis(length, count, tile, halo, max(halo, margin))


def _fixed(length: int, window: int, stride: int, halo: int, *, wraps: bool = False) -> TileAxis:
    """Return the cut into windows of one given size; a smaller picture is continued by its mirror image."""
    if length <= window and not wraps:
        return TileAxis(length, 1, length, 0, window - length)
    before = halo // stride * stride
    largest = max((window - 2 * before) // stride * stride, 1)
    tile = min(_round_up(-(-length // -(-length // largest)), stride), largest)
    return TileAxis(length, -(-length // tile), tile, before, window - before - tile)


def largest_divisor(number: int, most: int) -> int:
    """Return the largest divisor of ``number`` that is at most ``most``."""
    return next(d for d in range(min(number, most), 0, -1) if number % d == 0)


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
