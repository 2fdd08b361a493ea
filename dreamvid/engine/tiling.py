"""Takes windows out of a shifted canvas and puts their tiles together again, inside the graph.

The canvas holds at (y, x) what the picture has at (y - shift_y, x - shift_x), mirrored beyond its borders. This
is Google's jitter, but for what lies beyond a border: there, they and others roll the picture around, so that
the network sees an edge between sky and ground and dreams along it, a row of things all around the frame.
Nothing is ever shifted as a whole: windows are gathered by index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from dreamvid.engine.runtime import tf

if TYPE_CHECKING:
    from dreamvid.engine.tiles import TilePlan


class Grid(NamedTuple):
    """A :class:`~dreamvid.engine.tiles.TilePlan` as numbers: ints (static) or int32 scalars (one trace for all)."""

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

    ``start`` (``[N]`` int32) is where each window's tile begins on the canvas; ``length`` is the picture's. The
    other fields are those of :class:`~dreamvid.engine.tiles.Axis` and the axis' shift, in px.
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
        there_and_back = tf.maximum(2 * (self.length - 1), 1)
        way = tf.math.floormod(first[:, None] + tf.range(self.window)[None, :], there_and_back)
        return tf.minimum(way, there_and_back - way)

    def kept(self, count: Any, stride: int) -> Any:
        """Return ``[N, count]`` float32: 1 where a feature's position lies in both tile and picture, else 0."""
        offset = tf.range(count)[None, :] * stride - self.before
        pixel = self.start[:, None] + offset - self.shift
        kept = (offset >= 0) & (offset < self.tile) & (pixel >= 0) & (pixel < self.length)
        return tf.cast(kept, tf.float32)

    def place(self, at: float, count: Any, stride: int, *, inside: bool) -> Any:
        """Return ``[N, count]`` float32: 1 at the feature that covers a relative place, 0 elsewhere."""
        pixel = tf.minimum(tf.cast(at * tf.cast(self.length, tf.float32), tf.int32), self.length - 1)
        offset = pixel + self.shift - self.start
        within = (offset >= 0) & (offset < self.tile)
        seen = within if inside else tf.ones_like(within)
        index = (offset + self.before) // stride
        # Networks without padding lack the last features; the last one that they have stands in.
        index = tf.where(within, tf.minimum(index, count - 1), index)
        return tf.cast(tf.where(seen, index, -1)[:, None] == tf.range(count)[None, :], tf.float32)


class View:
    """Where a batch of windows lies on the canvas."""

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
        return 1.0 / tf.cast(self.grid.rows * self.grid.columns, tf.float32)


def assemble(tiles: Any, grid: Grid, shift: Any) -> Any:
    """Return the picture ``[H, W, 3]``, shifted back, of all tiles ``[count, tile_height, tile_width, 3]``."""
    shape = (grid.rows, grid.columns, grid.tile_height, grid.tile_width, 3)
    canvas = tf.transpose(tf.reshape(tiles, shape), (0, 2, 1, 3, 4))
    canvas = tf.reshape(canvas, (grid.rows * grid.tile_height, grid.columns * grid.tile_width, 3))
    return canvas[shift[0] : shift[0] + grid.height, shift[1] : shift[1] + grid.width]


def _area(height: Any, width: Any) -> Any:
    return tf.cast(height, tf.float32) * tf.cast(width, tf.float32)
