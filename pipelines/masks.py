"""Where dreams show, frame by frame: by the picture's luma, by its motion, or by a file of the user's own.

Masks are a pure function of the frames: one of motion of its shot's next or last few ones, all others of time and
picture alone. So a run can be cut anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from dreamvid.errors import ReadError, SettingsError, did_you_mean
from dreamvid.masking import MASK_WORDS, feathered, luma_mask
from dreamvid.pipelines.loop import Prepared
from dreamvid.resample import cover
from dreamvid.types import Frame, Size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dreamvid.preset import MaskSettings, Preset
    from dreamvid.types import RGB, Mask, Notify


class Shape(Protocol):
    """A mask's shape over the frames of one run; asked in order."""

    def at(self, item: Prepared) -> Mask | None:
        """Return the shape at a frame, ``[H, W]`` of any size; None where only the next frames will tell."""
        ...


@dataclass(frozen=True, slots=True)
class Masks:
    """Masks for the frames of a run.

    ``start_shape`` begins a run. ``feather`` is the width, in px of the frame, of the soft edge inside the mask;
    ``invert`` turns the shape inside out before. ``follows_motion`` says that masks depend on where shots begin.
    """

    start_shape: Callable[[], Shape]
    feather: float
    invert: bool
    follows_motion: bool = False

    def over(self, items: Iterable[Prepared]) -> Iterator[Prepared]:
        """Yield the frames with their masks, of their full size.

        Where only later frames tell a shape, frames are held back until then: they get the shape of the first one
        that has one, and nothing where their shot ends before that.
        """
        shape = self.start_shape()
        held: list[Prepared] = []
        raw: Mask | None = None
        mask: Mask | None = None
        for item in items:
            last, raw = raw, shape.at(item)
            if raw is None:
                if item.begins:
                    yield from map(self._with_nothing, held)
                    held = []
                held.append(item)
                continue
            size = Size(*item.frame.rgb.shape[:2])
            if mask is None or raw is not last or mask.shape != size:
                mask = self._shaped(raw, size)
            for each in (*held, item):
                yield replace(each, mask=mask)
            held = []
        yield from map(self._with_nothing, held)

    def of_still(self, rgb: RGB) -> Mask:
        """Return a still's mask, of its size."""
        item = Prepared(Frame(0, Fraction(0), rgb), rgb, begins=True)
        mask = next(self.over([item])).mask
        assert mask is not None
        return mask

    def _with_nothing(self, item: Prepared) -> Prepared:
        size = Size(*item.frame.rgb.shape[:2])
        return replace(item, mask=self._shaped(np.zeros(size, np.float32), size))

    def _shaped(self, raw: Mask, size: Size) -> Mask:
        fitted = cover(raw, size)
        return feathered(1.0 - fitted if self.invert else fitted, self.feather)


def mask_file(settings: MaskSettings) -> Path | None:
    """Return the file that masks come from; None where they come from none."""
    return None if settings.source in MASK_WORDS else Path(settings.source)


def open_masks(
    preset: Preset, *, rate: Fraction | None, notify: Notify, keep_going: bool = False
) -> Masks | None:
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
        Where a mask's video is damaged, the last frame before that holds.

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
            return make(_Bright)
        case "motion":
            if rate is None:
                raise SettingsError(
                    "mask.source: motion needs a video; a still takes luma, or an image file as its mask"
                )
            return make(_moving(preset), follows_motion=True)
        case source:
            from dreamvid.pipelines.mask_files import open_shape  # noqa: PLC0415  which loads PyAV

            start = Fraction(0) if rate is None else preset.input.start
            try:
                return make(open_shape(Path(source), start, rate, notify=notify, keep_going=keep_going))
            except ReadError as error:
                near = "" if Path(source).exists() else did_you_mean(source, MASK_WORDS)
                raise ReadError(f"mask.source: {error}{near}") from error


def _moving(preset: Preset) -> Callable[[], Shape]:
    from dreamvid.flow.estimate import make_estimator  # noqa: PLC0415  only where motion is asked for
    from dreamvid.pipelines.mask_motion import Moving  # noqa: PLC0415  the same

    settings = preset.stability
    estimator = make_estimator(settings.method, settings.flow.preset, settings.flow.scale)
    return partial(Moving, estimator, settings.flow.scale)


class _Bright:
    """Where the picture is bright."""

    def at(self, item: Prepared) -> Mask:
        return luma_mask(item.frame.rgb)
