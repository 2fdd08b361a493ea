"""Where dreams show, frame by frame: by the picture's luma, by its motion, or by a file of the user's own.

Masks are a pure function of the frames: those of motion of a few on either side, all others of a frame's time and
picture alone. So a run can be cut anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dreamvid.errors import ReadError, SettingsError
from dreamvid.image.masks import BUILT_IN_MASKS, feather, luma_mask
from dreamvid.image.resize import cover
from dreamvid.pipelines.frame_loop import FrameTask
from dreamvid.text import did_you_mean
from dreamvid.types import Frame, Size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dreamvid.config.preset import MaskSettings, Preset
    from dreamvid.types import RGB, Mask


class Shape(Protocol):
    """A mask's shape over the frames of one run."""

    def over(self, items: Iterable[FrameTask]) -> Iterator[tuple[FrameTask, Mask]]:
        """Yield each frame with its shape, ``[H, W]`` of any size; a few frames may be held back."""
        ...


@dataclass(frozen=True, slots=True)
class Masks:
    """Masks for the frames of a run.

    ``feather`` is the width, in px of the frame, of the soft edge inside the mask; ``invert`` turns the shape inside
    out before. ``follows_motion`` says that masks depend on where shots begin.
    """

    shape: Shape
    feather: float
    invert: bool
    follows_motion: bool = False

    def over(self, items: Iterable[FrameTask]) -> Iterator[FrameTask]:
        """Yield the frames with their masks, of their full size; each call begins a run."""
        last: Mask | None = None
        mask: Mask | None = None
        for item, raw in self.shape.over(items):
            size = Size(*item.frame.rgb.shape[:2])
            if mask is None or raw is not last or mask.shape != size:
                mask, last = self._shaped(raw, size), raw
            yield replace(item, mask=mask)

    def of_still(self, rgb: RGB) -> Mask:
        """Return a still's mask, of its size."""
        item = FrameTask(Frame(0, Fraction(0), rgb), rgb, begins=True)
        _, raw = next(self.shape.over([item]))
        return self._shaped(raw, Size(*rgb.shape[:2]))

    def _shaped(self, raw: Mask, size: Size) -> Mask:
        fitted = cover(raw, size)
        return feather(1.0 - fitted if self.invert else fitted, self.feather)


def mask_file(settings: MaskSettings) -> Path | None:
    """Return the file that masks come from; None where they come from none."""
    return None if settings.source in BUILT_IN_MASKS else Path(settings.source)


def open_masks(preset: Preset, *, rate: Fraction | None, keep_going: bool = False) -> Masks | None:
    """Return the masks that a preset asks for; None for none.

    A file is an image, or a video, animation or folder of PNGs, whose frames are taken by time: it runs along with
    the source, from ``input.start`` on, and after its end the last frame holds. White is where dreams show; a
    picture with transparency (for a video, in its first frame) says it by its alpha. A mask of another size is made
    to cover the frame, as the video is itself: one of the same shape is resized, another cropped about its center.

    Parameters
    ----------
    rate
        Frames a second of the source, also that of a folder without ``frames.json``; None for a still, for which a
        video gives its first frame.
    keep_going
        Where the mask's video is damaged, the last frame before that holds.

    Raises
    ------
    ReadError
        In one line that begins with ``mask.source``, for a file that is missing or cannot be read.
    SettingsError
        Where a still should be masked by motion.
    """
    settings = preset.mask
    make = partial(Masks, feather=settings.feather, invert=settings.invert)
    match settings.source:
        case "off":
            return None
        case "luma":
            return make(_Bright())
        case "motion":
            if rate is None:
                raise SettingsError(
                    "mask.source: motion needs a video; a still takes luma, or an image file as its mask"
                )
            from dreamvid.pipelines.mask_motion import Moving  # noqa: PLC0415  only where motion is asked for

            return make(Moving(preset.stability.method), follows_motion=True)
        case source:
            from dreamvid.pipelines.mask_files import open_shape  # noqa: PLC0415  which loads PyAV

            start = Fraction(0) if rate is None else preset.input.start
            try:
                return make(open_shape(Path(source), start, rate, keep_going=keep_going))
            except ReadError as error:
                near = "" if Path(source).exists() else did_you_mean(source, BUILT_IN_MASKS)
                raise ReadError(f"mask.source: {error}{near}") from error


class _Bright:
    """Where the picture is bright."""

    def over(self, items: Iterable[FrameTask]) -> Iterator[tuple[FrameTask, Mask]]:
        for item in items:
            yield item, luma_mask(item.frame.rgb)
