"""Read how strongly the channels and classes of a network respond to a picture, and where.

Pictures of more than :data:`WINDOW_PIXELS` are read in windows that overlap. Each window begins at a multiple of all
strides and is as long, modulo those, as the picture, so that the network pads it alike and its features lie where
those of the whole picture do. The overlap is the receptive field, so the result is that of the whole picture, to
rounding; up to :data:`MAX_HALO` px on each side, beyond which hardly anything is seen of what the receptive field
spans (Luo et al. 2016, "Understanding the Effective Receptive Field"). What pools over the whole picture inside of
the network (squeeze and excitation) pools over the window instead.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dreamvid.engine.receptive_field import feature_axes, strides
from dreamvid.engine.runtime import tf
from dreamvid.errors import ModelError
from dreamvid.image.resize import resize
from dreamvid.types import FeatureAxis, Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dreamvid.engine.network import Network
    from dreamvid.types import RGB

    Maps = dict[str, NDArray[np.float32]]

WINDOW_PIXELS = 1024 * 1024
MAX_HALO = 256

_LARGE = 2048
"""Side of a picture that any network takes, in px."""


class ActivationReader:
    """Reads the activations of some layers.

    Parameters
    ----------
    network
        As :func:`dreamvid.engine.network.load_network` gives it.
    layers
        Names of layers, or ``logits`` for the classes.
    precision
        What the network computes in; results are float32.

    Raises
    ------
    ObjectiveError
        Where a layer is unknown, or ``logits`` asked of a network without a classifier.
    """

    layers: tuple[str, ...]

    def __init__(self, network: Network, layers: Sequence[str], *, precision: str = "float32") -> None:
        self.layers = tuple(dict.fromkeys(layers))
        self._name = network.name
        self._extractor, self._graph = network.map_extractor(self.layers, precision=precision)
        self._unit = math.lcm(
            self._extractor.multiple, *(stride for stride in strides(self._graph).values() if stride > 0)
        )
        sides = self._extractor.fixed_size or (None, None)
        signature = tf.TensorSpec([1, *sides, 3], tf.float32)
        self._run = tf.function(self._extractor.__call__, input_signature=[signature])

    def read(self, picture: RGB) -> Maps:
        """Return the activations by layer, ``[h, w, C]`` float32, of a picture ``[H, W, 3]`` in [0, 1].

        Those of a layer that is no map of the picture are ``[1, 1, C]``. ``logits`` are a map too where the
        classifier takes the mean over one: its mean over ``[h, w]`` are the logits. A network of fixed size sees the
        picture resized.

        Raises
        ------
        ModelError
            Where activations are not finite.
        """
        picture = self._fit(picture)
        size = Size(*picture.shape[:2])
        rows, columns = (self._spans(length, other) for length, other in (size, size[::-1]))
        if len(rows) == len(columns) == 1:
            maps = dict(zip(self.layers, self._read_window(picture), strict=True))
        else:
            maps = self._read_windows(picture, rows, columns)
        for layer, values in maps.items():
            if not np.isfinite(values).all():
                raise ModelError(f"{self._name}: layer '{layer}' gives no finite numbers for this picture")
        return maps

    def axes(self, layer: str, size: Size) -> tuple[FeatureAxis, FeatureAxis]:
        """Return where a layer's features lie in a picture of ``size``, down and across, in its px.

        What is no map of the picture has one feature that sees all of it.
        """
        fixed = self._extractor.fixed_size
        known = feature_axes(self._graph, self._padded(fixed or size))
        name = self._graph.outputs[self.layers.index(layer)].node
        if name not in known:
            down, across = (FeatureAxis(1, (length - 1) / 2, float(length), float(length)) for length in size)
            return down, across
        if fixed is None:
            return known[name]
        down, across = (
            _scaled(axis, length / seen) for axis, length, seen in zip(known[name], size, fixed, strict=True)
        )
        return down, across

    def _fit(self, picture: RGB) -> RGB:
        fixed = self._extractor.fixed_size
        return picture if fixed is None else np.clip(resize(picture, fixed), 0.0, 1.0)

    def _padded(self, size: Size) -> Size:
        """Return the size that the network sees, mirrored beyond the ends where the picture does not fit."""
        multiple, smallest = self._extractor.multiple, self._extractor.min_size
        if self._extractor.fixed_size is not None:
            return size
        return Size(*(max(-(-length // multiple) * multiple, smallest) for length in size))

    def _read_window(self, window: RGB) -> list[NDArray[np.float32]]:
        outputs = self._run(tf.constant(np.ascontiguousarray(window[None], np.float32)))
        return [np.asarray(output[0]) for output in outputs]

    def _read_windows(self, picture: RGB, rows: Sequence[_Span], columns: Sequence[_Span]) -> Maps:
        size = Size(*picture.shape[:2])
        axes = {layer: self.axes(layer, size) for layer in self.layers}
        is_map = {layer: max(axis.count for axis in axes[layer]) > 1 for layer in self.layers}
        maps: Maps = {}
        for down in rows:
            for across in columns:
                window = picture[down.start : down.end, across.start : across.end]
                share = (down.last - down.first) * (across.last - across.first) / (size.height * size.width)
                for layer, values in zip(self.layers, self._read_window(window), strict=True):
                    vertical, horizontal = axes[layer]
                    if not is_map[layer]:  # a mean over the picture
                        values = values.mean((0, 1), keepdims=True)  # noqa: PLW2901  one value, refined
                        maps[layer] = maps.get(layer, np.float32(0.0)) + np.float32(share) * values
                        continue
                    if layer not in maps:
                        shape = (vertical.count, horizontal.count, values.shape[2])
                        maps[layer] = np.zeros(shape, np.float32)
                    to_y, from_y = _feature_slices(down, vertical, size.height)
                    to_x, from_x = _feature_slices(across, horizontal, size.width)
                    maps[layer][to_y, to_x] = values[from_y, from_x]
        return maps

    def _spans(self, length: int, other: int) -> list[_Span]:
        """Return the windows along one axis; ``other`` is the picture's length along the other."""
        whole = [_Span(0, length, 0, length)]
        if self._extractor.fixed_size is not None or length * other <= WINDOW_PIXELS:
            return whole
        unit, (before, after) = self._unit, self._halo()
        rest = length % unit
        side = max(math.isqrt(WINDOW_PIXELS) // unit * unit, 2 * (before + after))
        spans: list[_Span] = []
        first = 0
        while first < length:
            start = max(0, min(first - before, length - rest - side))
            end = min(start + side + rest, length)
            last = length if end == length else end - rest - after
            spans.append(_Span(start, end, first, last))
            first = last
        return spans

    def _halo(self) -> tuple[int, int]:
        """Return how far a window reaches beyond what is used of it, before and after, in px."""
        size = self._padded(Size(_LARGE, _LARGE))
        axes = [axis for layer in self.layers for axis in self.axes(layer, size) if axis.count > 1]
        before = max((min(axis.field / 2, MAX_HALO) for axis in axes), default=0)
        # A network without padding lacks the features at both ends, and counts from the first that it has.
        after = max((max(before, axis.first) + axis.first + axis.step for axis in axes), default=0)
        down, up = (math.ceil(halo / self._unit) * self._unit for halo in (before, after))
        return down, up


class _Span(NamedTuple):
    """A window along one axis, from ``start`` to ``end``, of which ``first`` to ``last`` are used, in px."""

    start: int
    end: int
    first: int
    last: int


def _feature_slices(span: _Span, axis: FeatureAxis, length: int) -> tuple[slice, slice]:
    """Return the features that a window gives, as indices of the whole picture's, and of its own."""
    offset, first = round(span.start / axis.step), round(span.first / axis.step)
    last = axis.count if span.last >= length else min(axis.count, round(span.last / axis.step))
    return slice(first, last), slice(first - offset, last - offset)


def _scaled(axis: FeatureAxis, scale: float) -> FeatureAxis:
    """Return the axis in a picture that is so much larger."""
    first = (axis.first + 0.5) * scale - 0.5
    return FeatureAxis(axis.count, first, axis.step * scale, axis.field * scale)
