"""Find the patches of the user's own material that activate channels and classes most.

A patch is the receptive field around the position where a unit fires most in a frame (Zhou et al. 2015, "Object
Detectors Emerge in Deep Scene CNNs"), at most one a picture of a folder, and in a video at most one in
:data:`MIN_GAP` seconds or, in long ones, in a part of it, so that the patches are spread over time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dreamvid.image.resize import resize
from dreamvid.pipelines.pictures import READ_WIDTH, Picture, open_pictures, shrink
from dreamvid.text import printable
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dreamvid.pipelines.progress import Progress
    from dreamvid.types import RGB, ActivationSource, FeatureAxis


EXAMPLE_RATE = 6
"""Frames of each second of a video that are looked at."""

MIN_GAP = 1.0
"""Seconds between two patches of a unit, at least."""

_PARTS = 2
"""A long video is cut into so many parts for each patch, which give one at most each."""
_SPARE = 3
"""Patches that are kept for each that is wanted, since those of neighboring parts may be too close in time."""


class PatchBox(NamedTuple):
    """A part of a picture, in its px; ``bottom`` and ``right`` lie one past the last row and column."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, slots=True)
class Example:
    """A patch that activates a unit.

    Attributes
    ----------
    pixels
        ``[size, size, 3]`` uint8, sRGB-encoded.
    seconds
        When a video shows it; None for pictures.
    file
        The video or picture.
    box
        Where in the frame it is.
    activation
        The unit's, at the position in the middle.
    """

    pixels: NDArray[np.uint8]
    seconds: float | None
    file: Path
    box: PatchBox
    activation: float

    @property
    def patch(self) -> RGB:
        """The patch as ``[size, size, 3]`` float32 in [0, 1]."""
        return self.pixels.astype(np.float32) / np.float32(255.0)


def strongest_patches(
    source: Path,
    reader: ActivationSource,
    layer: str,
    units: Sequence[int],
    *,
    count: int,
    size: int,
    width: int = READ_WIDTH,
    progress: Progress | None = None,
) -> dict[int, list[Example]]:
    """Return the strongest patches of the units of one layer; see :func:`strongest_patches_by_layer`."""
    return strongest_patches_by_layer(
        source, reader, {layer: units}, count=count, size=size, width=width, progress=progress
    )[layer]


def strongest_patches_by_layer(
    source: Path,
    reader: ActivationSource,
    units: Mapping[str, Sequence[int]],
    *,
    count: int,
    size: int,
    width: int = READ_WIDTH,
    progress: Progress | None = None,
) -> dict[str, dict[int, list[Example]]]:
    """Return the patches that activate units most, strongest first, in one pass over the source.

    Memory holds one frame, its activations, and at most three times ``count`` patches for each unit.

    Parameters
    ----------
    source
        A video, an animation, a picture, or a folder of pictures of any sizes. Of a video, :data:`EXAMPLE_RATE`
        frames a second are looked at.
    reader
        Reads the layers of ``units``, and maybe more.
    units
        Channels by layer, classes by ``logits``.
    count
        Most patches of a unit; it has fewer where fewer frames activate it, or the video is short.
    size
        Side of a patch, in px.
    width
        Longer side, in px, at which the network sees the pictures; smaller ones stay as they are.

    Raises
    ------
    DreamvidError
        In one line, for what holds no picture, or a network that fails on one.
    """
    pictures = open_pictures(source, rate=EXAMPLE_RATE)
    gap = 0.0 if pictures.seconds is None else max(MIN_GAP, pictures.seconds / (_PARTS * max(1, count)))
    strongest = {(layer, unit): _Strongest(count, gap) for layer in units for unit in units[layer]}
    if progress is not None:
        progress.start(pictures.count, printable(source.name))
    for index, picture in enumerate(pictures):
        seen = shrink(picture.rgb, width)
        maps = reader.read(seen)
        for layer, channels in units.items():
            values = maps[layer]
            flat = values.reshape(-1, values.shape[2])[:, list(channels)]
            positions = flat.argmax(axis=0)
            peaks = flat[positions, np.arange(len(channels))]
            axes = reader.axes(layer, Size(*seen.shape[:2]))
            for unit, position, peak in zip(channels, positions.tolist(), peaks.tolist(), strict=True):
                best = strongest[layer, unit]
                if peak > 0.0 and best.wants(peak, picture, index):
                    place = divmod(position, values.shape[1])
                    box = receptive_box(axes, place, Size(*seen.shape[:2]), Size(*picture.rgb.shape[:2]))
                    pixels = _cut(picture.rgb, box, size)
                    best.add(Example(pixels, picture.seconds, picture.file, box, peak), picture, index)
        if progress is not None:
            progress.frame(index)
    return {
        layer: {unit: strongest[layer, unit].examples() for unit in channels}
        for layer, channels in units.items()
    }


def receptive_box(
    axes: tuple[FeatureAxis, FeatureAxis], place: tuple[int, int], seen: Size, size: Size
) -> PatchBox:
    """Return the square around a feature's receptive field, moved into the picture, in px of ``size``.

    ``axes`` are those of the picture at the size that was ``seen``; ``place`` is the feature's index.
    """
    scale = max(size.height / seen.height, size.width / seen.width)
    field = max(axis.field for axis in axes)
    side = max(1, min(round(field * scale), *size))
    corner = [
        min(max(0, round((axis.center(index) + 0.5) * length / length_seen - side / 2)), length - side)
        for axis, index, length, length_seen in zip(axes, place, size, seen, strict=True)
    ]
    return PatchBox(corner[0], corner[1], corner[0] + side, corner[1] + side)


class _Strongest:
    """The strongest examples of a unit so far: one in each part of the time, of the strongest parts."""

    def __init__(self, count: int, gap: float) -> None:
        self._count, self._gap = count, gap
        self._by_part: dict[int, Example] = {}

    def wants(self, activation: float, picture: Picture, index: int) -> bool:
        """Return whether the unit's example of a picture, which has this index, would be kept."""
        rival = self._rival(self._part(picture, index))
        return rival is None or activation > self._by_part[rival].activation

    def add(self, example: Example, picture: Picture, index: int) -> None:
        """Keep an example that is wanted, instead of a weaker one."""
        part = self._part(picture, index)
        rival = self._rival(part)
        if rival is not None:
            del self._by_part[rival]
        self._by_part[part] = example

    def examples(self) -> list[Example]:
        """Return those that are a gap apart, strongest first."""
        chosen: list[Example] = []
        for example in sorted(self._by_part.values(), key=lambda e: -e.activation):
            if len(chosen) < self._count and all(self._is_apart(example, other) for other in chosen):
                chosen.append(example)
        return chosen

    def _part(self, picture: Picture, index: int) -> int:
        return index if picture.seconds is None else int(picture.seconds / self._gap)

    def _rival(self, part: int) -> int | None:
        """Return the part whose example an example of ``part`` must beat, None where there is room for both."""
        if part in self._by_part:
            return part
        if len(self._by_part) < _SPARE * self._count:
            return None
        return min(self._by_part, key=lambda other: self._by_part[other].activation)

    def _is_apart(self, one: Example, other: Example) -> bool:
        if one.seconds is None or other.seconds is None:
            return True
        return abs(one.seconds - other.seconds) >= self._gap


def _cut(picture: RGB, box: PatchBox, size: int) -> NDArray[np.uint8]:
    patch = resize(picture[box.top : box.bottom, box.left : box.right], Size(size, size))
    return np.round(np.clip(patch, 0.0, 1.0) * 255.0).astype(np.uint8)
