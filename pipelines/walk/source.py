"""The frames of a walk, made one by one: the generator's pictures, enlarged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from dreamvid.image.resize import cover, resize
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from numpy.typing import NDArray

    from dreamvid.pipelines.walk.course import Course
    from dreamvid.pipelines.walk.path import LatentPath
    from dreamvid.types import RGB


# Sigma of the blur, in pixels of the small picture, and how many times enlarged it is blurred, at most.
_BLUR, _BLURRED_SCALE = 0.4, 4.0


class Generator(Protocol):
    """What is asked of a generator; :class:`dreamvid.engine.gan.generator.Generator` is one."""

    @property
    def latent_size(self) -> int: ...  # noqa: D102
    @property
    def size(self) -> Size: ...  # noqa: D102
    def picture(self, latent: NDArray[np.float32]) -> RGB: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class WalkSource:
    """A :class:`dreamvid.types.SeekableSource` of a walk's frames, each of which stands for itself.

    ``info`` is that of all frames: ``fade`` frames from the end of a loop come before its first one, so that it is a
    :class:`~dreamvid.pipelines.footage_loop.DreamedLoop`. ``first`` is the index to begin at.
    """

    generator: Generator
    path: LatentPath
    course: Course
    info: VideoInfo
    fade: int = 0
    panorama: bool = False
    first: int = 0

    @property
    def frames(self) -> int:
        """Number of frames of the walk."""
        return len(self.course.positions)

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.first, self.fade + self.frames):
            yield self.frame(index)

    def from_frame(self, index: int, time: Fraction | None = None) -> WalkSource:  # noqa: ARG002  part of the protocol
        """Return a source of the same frames from this index on."""
        return replace(self, first=index)

    def frame(self, index: int) -> Frame:
        """Return the frame of an index."""
        picture = enlarge(self.generator.picture(self.latent(index - self.fade)), self.info.size)
        return Frame(index, index / self.info.rate, picture, duration=1 / self.info.rate)

    def latent(self, place: int) -> NDArray[np.float32]:
        """Return the latent vector of a frame of the walk, ``[latent_size]``; -1 is the last one."""
        course = self.course
        return self.path.at(float(course.positions[place])) * np.float32(course.truncations[place])


def enlarge(picture: RGB, size: Size) -> RGB:
    """Return a picture at another size, cropped where its shape is another one, ``[H, W, 3]`` in [0, 1].

    Bicubic interpolation by more than two or three times shows the grid of the small picture as steps along edges; a
    blur of less than half of its pixels removes them.
    """
    height, width = picture.shape[:2]
    scale = min(max(size.height / height, size.width / width), _BLURRED_SCALE)
    if scale > 1.0:
        picture = resize(picture, Size(round(scale * height), round(scale * width)))
        picture = np.asarray(
            cv2.GaussianBlur(picture, (0, 0), _BLUR * scale, borderType=cv2.BORDER_REFLECT), np.float32
        )
    return np.clip(cover(picture, size), 0.0, 1.0)
