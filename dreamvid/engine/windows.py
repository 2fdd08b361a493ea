"""Takes windows out of a rolled picture and puts their tiles together again, inside the graph.

A rolled picture holds at (y, x) what the picture has at (y - shift_y, x - shift_x), both taken modulo its
size (crowsonkb's and Google's jitter). Nothing is ever rolled as a whole: windows are gathered by index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from dreamvid.engine.runtime import tf

if TYPE_CHECKING:
    from dreamvid.tiles import TilePlan


class Grid(NamedTuple):
    """A :class:`~dreamvid.tiles.TilePlan` as numbers: ints (static) or int32 scalars (one trace for all)."""

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
        """Return the plan's numbers."""
        down, across = plan.vertical, plan.horizontal
        return cls(
            plan.size.height,
            plan.size.width,
            down.count,
            across.count,
            down.tile,
            across.tile,
            down.before,
            across.before,
            down.window,
            across.window,
            plan.batch,
        )

    @classmethod
    def unpack(cls, numbers: Any) -> Self:
        """Return the grid of an int32 tensor ``[11]``."""
        return cls(*tf.unstack(numbers, num=len(cls._fields)))

    def pack(self) -> np.ndarray[Any, np.dtype[np.int32]]:
        """Return the numbers as ``[11]`` int32."""
        return np.array(self, np.int32)


class Line(NamedTuple):
    """A batch of windows along one axis.

    ``start`` (``[N]`` int32) is where each window's tile begins in the rolled picture; the other fields are
    those of :class:`~dreamvid.tiles.Axis` and the axis' roll, in px.
    """

    start: Any
    shift: Any
    length: Any
    tile: Any
    before: Any
    window: Any

    def indices(self) -> Any:
        """Return ``[N, window]``: the picture's pixels that each window sees."""
        first = self.start - self.before - self.shift
        return tf.math.floormod(first[:, None] + tf.range(self.window)[None, :], self.length)

    def kept(self, count: Any, stride: int) -> Any:
        """Return ``[N, count]`` float32: 1 where a feature's position lies in the window's tile, else 0."""
        offset = tf.range(count)[None, :] * stride - self.before
        kept = (offset >= 0) & (offset < self.tile) & (self.start[:, None] + offset < self.length)
        return tf.cast(kept, tf.float32)

    def place(self, at: float, count: Any, stride: int, *, inside: bool) -> Any:
        """Return ``[N, count]`` float32: 1 at the feature that covers a relative place, 0 elsewhere."""
        pixel = tf.minimum(tf.cast(at * tf.cast(self.length, tf.float32), tf.int32), self.length - 1)
        # How far the place lies behind the tile's start, going around the picture.
        offset = tf.math.floormod(pixel + self.shift - self.start, self.length)
        within = offset < self.tile
        if inside:
            seen = within & (self.start + offset < self.length)
        else:
            in_front = ~within & (offset - self.length >= -self.before)
            offset = tf.where(in_front, offset - self.length, offset)
            seen = tf.ones_like(within)
        index = (offset + self.before) // stride
        # Networks without padding lack the last features; the last one that they have stands in.
        index = tf.where(within, tf.minimum(index, count - 1), index)
        return tf.cast(tf.where(seen, index, -1)[:, None] == tf.range(count)[None, :], tf.float32)


class View:
    """Where a batch of windows lies in the rolled picture."""

    def __init__(self, grid: Grid, shift: Any, batch: Any) -> None:
        number = batch * grid.batch + tf.range(grid.batch)
        self.grid = grid
        self.down = Line(
            number // grid.columns * grid.tile_height,
            shift[0],
            grid.height,
            grid.tile_height,
            grid.before_y,
            grid.window_height,
        )
        self.across = Line(
            number % grid.columns * grid.tile_width,
            shift[1],
            grid.width,
            grid.tile_width,
            grid.before_x,
            grid.window_width,
        )

    def take(self, picture: Any) -> Any:
        """Return the windows ``[N, window_height, window_width, 3]`` of a picture ``[H, W, 3]``."""
        rows = tf.gather(picture, self.down.indices())
        return tf.gather(rows, self.across.indices(), axis=2, batch_dims=1)

    def keep(self, windows: Any) -> Any:
        """Return the tiles ``[N, tile_height, tile_width, 3]`` of windows."""
        y, x = self.down.before, self.across.before
        return windows[:, y : y + self.down.tile, x : x + self.across.tile]

    def inside(self, shape: Any, stride: int) -> Any:
        """Return ``[N, h, w]`` float32: 1 where a feature's position lies in its window's tile, else 0."""
        return self.down.kept(shape[1], stride)[:, :, None] * self.across.kept(shape[2], stride)[:, None, :]

    def place(self, at: tuple[float, float], shape: Any, stride: int, *, inside: bool) -> Any:
        """Return ``[N, h, w]`` float32: 1 at the feature that covers a place, 0 elsewhere.

        ``at`` is relative to the picture, (x, y) in [0, 1]. Windows that do not see the place, or with
        ``inside`` those that do not keep it, are all 0.
        """
        rows = self.down.place(at[1], shape[1], stride, inside=inside)
        columns = self.across.place(at[0], shape[2], stride, inside=inside)
        return rows[:, :, None] * columns[:, None, :]

    def share(self, stride: int) -> Any:
        """Return the share of the picture that one feature position stands for."""
        return float(stride * stride) / _area(self.grid.height, self.grid.width)

    def share_of_tile(self) -> Any:
        """Return the share of the picture that one tile stands for."""
        return _area(self.down.tile, self.across.tile) / _area(self.grid.height, self.grid.width)


def assemble(tiles: Any, grid: Grid, shift: Any) -> Any:
    """Return the picture ``[H, W, 3]``, rolled back, of all tiles ``[count, tile_height, tile_width, 3]``."""
    shape = (grid.rows, grid.columns, grid.tile_height, grid.tile_width, 3)
    rolled = tf.transpose(tf.reshape(tiles, shape), (0, 2, 1, 3, 4))
    rolled = tf.reshape(rolled, (grid.rows * grid.tile_height, grid.columns * grid.tile_width, 3))
    rows = tf.math.floormod(tf.range(grid.height) + shift[0], grid.height)
    columns = tf.math.floormod(tf.range(grid.width) + shift[1], grid.width)
    return tf.gather(tf.gather(rolled, rows), columns, axis=1)


def _area(height: Any, width: Any) -> Any:
    return tf.cast(height, tf.float32) * tf.cast(width, tf.float32)
