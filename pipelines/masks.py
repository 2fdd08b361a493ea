"""Open the masks of a run: by the picture's luma, by its motion, or from an image or video file.

Masks are a pure function of the frames, so that a run can be resumed anywhere: those of motion depend on a few frames
on either side, all others on a frame's time and picture alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dreamvid.config.fields import named_files
from dreamvid.errors import ReadError, SettingsError
from dreamvid.image.luma import luma
from dreamvid.image.masks import BUILT_IN_MASKS, feather, luma_mask, stretch_levels
from dreamvid.image.panorama import pad, unpad
from dreamvid.image.resize import cover
from dreamvid.pipelines.frame_task import FrameTask
from dreamvid.pipelines.panorama import is_panorama
from dreamvid.text import did_you_mean
from dreamvid.types import Frame, Size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dreamvid.config.preset import Preset
    from dreamvid.config.settings import MaskSettings
    from dreamvid.types import RGB, Alpha, FrameSource, Mask

_SLACK = Fraction(1, 200)
"""Seconds by which a mask's frame may come late and still count: containers round times, GIF to 1/100 s."""


class MaskShape(Protocol):
    """A mask over the frames of one run, before it is inverted and feathered."""

    def over(self, tasks: Iterable[FrameTask]) -> Iterator[tuple[FrameTask, Mask]]:
        """Yield each frame with its shape, ``[H, W]`` of any size; a few frames may be held back."""
        ...


@dataclass(frozen=True, slots=True)
class Masks:
    """Masks for the frames of a run.

    ``feather`` is the width, in px of the frame, of the soft edge inside the mask; ``invert`` turns the shape inside
    out before. ``follows_motion`` says that masks depend on where shots begin; ``panorama``, that pictures go around.
    """

    shape: MaskShape
    feather: float
    invert: bool
    follows_motion: bool = False
    panorama: bool = False

    def over(self, tasks: Iterable[FrameTask]) -> Iterator[FrameTask]:
        """Yield the frames with their masks, of their full size; each call begins a run."""
        last: Mask | None = None
        mask: Mask | None = None
        for task, raw in self.shape.over(tasks):
            size = Size(*task.frame.rgb.shape[:2])
            if mask is None or raw is not last or mask.shape != size:
                mask, last = self._finished(raw, size), raw
            yield replace(task, mask=mask)

    def of_still(self, rgb: RGB) -> Mask:
        """Return a still's mask, of its size."""
        task = FrameTask(Frame(0, Fraction(0), rgb), rgb, starts_shot=True)
        _, raw = next(self.shape.over([task]))
        return self._finished(raw, Size(*rgb.shape[:2]))

    def _finished(self, raw: Mask, size: Size) -> Mask:
        fitted = cover(raw, size)
        mask = 1.0 - fitted if self.invert else fitted
        return unpad(feather(pad(mask), self.feather)) if self.panorama else feather(mask, self.feather)


def mask_file(settings: MaskSettings) -> Path | None:
    """Return the file that masks come from; None where they come from none."""
    return dict(named_files(settings)).get("mask")


def open_masks(preset: Preset, *, rate: Fraction | None, keep_going: bool = False) -> Masks | None:
    """Return the masks that a preset asks for; None for none.

    A file is an image, or a video, animation or folder of pictures, whose frames are taken by time: it runs along
    with the source, from ``input.start`` on, and after its end the last frame holds. White is where dreams show; a
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
    panorama = is_panorama(preset)
    make = partial(Masks, feather=settings.feather, invert=settings.invert, panorama=panorama)
    match settings.source:
        case "off":
            return None
        case "luma":
            return make(_Luma(panorama))
        case "motion":
            if rate is None:
                raise SettingsError(
                    "mask.source: motion needs a video; a still takes luma, or an image file as its mask"
                )
            from dreamvid.pipelines.mask_motion import MotionMask  # noqa: PLC0415  only where motion is asked for

            shape = MotionMask(preset.stability.method, padded=panorama)
            return make(shape, follows_motion=True)
        case source:
            start = Fraction(0) if rate is None else preset.input.start
            try:
                return make(_open_file(Path(source), start, rate, keep_going=keep_going))
            except ReadError as error:
                near = "" if Path(source).exists() else did_you_mean(source, BUILT_IN_MASKS)
                raise ReadError(f"mask.source: {error}{near}") from error


@dataclass(frozen=True, slots=True)
class _Luma:
    """White where the picture is bright."""

    panorama: bool

    def over(self, tasks: Iterable[FrameTask]) -> Iterator[tuple[FrameTask, Mask]]:
        for task in tasks:
            rgb = task.frame.rgb
            yield task, unpad(luma_mask(pad(rgb))) if self.panorama else luma_mask(rgb)


def _open_file(path: Path, start: Fraction, rate: Fraction | None, *, keep_going: bool) -> MaskShape:
    """Open a mask's file and decode its first frame.

    ``start`` (seconds) is where runs begin within the file; ``rate`` is that of a folder without ``frames.json`` (24
    where it is None).
    """
    from dreamvid.media.input.image_sequence import read_frame_list  # noqa: PLC0415  PyAV loads only when media is touched
    from dreamvid.media.input.source import open_source  # noqa: PLC0415  the same
    from dreamvid.media.still.reader import is_still, read_still  # noqa: PLC0415  the same

    if is_still(path):
        still = read_still(path)
        return _Constant(_mask_of(still.rgb, still.alpha if _is_transparent(still.alpha) else None))
    fps = rate if path.is_dir() and read_frame_list(path) is None else None
    mask_video = open_source(path, fps=fps, keep_going=keep_going)
    by_alpha = _is_transparent(next(iter(mask_video)).alpha)
    duration = mask_video.info.duration
    begin = start if duration is not None and start < duration else Fraction(0)
    open_at = partial(open_source, path, start=begin, fps=fps, keep_going=keep_going)
    # Damage behind which nothing more is used can only be found by reading all that is before it.
    return _Timed(open_at, start - begin, by_alpha=by_alpha, seeks=not keep_going)


@dataclass(frozen=True, slots=True)
class _Constant:
    """One mask for all frames."""

    mask: Mask

    def over(self, tasks: Iterable[FrameTask]) -> Iterator[tuple[FrameTask, Mask]]:
        for task in tasks:
            yield task, self.mask


@dataclass(frozen=True, slots=True)
class _Timed:
    """A video's frames by time, decoded as time goes on; ``start`` (seconds) is added to each frame's time.

    ``open_at`` opens the video; with ``seeks`` at the first frame that is needed.
    """

    open_at: Callable[..., FrameSource]
    start: Fraction
    by_alpha: bool
    seeks: bool

    def over(self, tasks: Iterable[FrameTask]) -> Iterator[tuple[FrameTask, Mask]]:
        frames: Iterator[Frame] = iter(())
        due: Frame | None = None
        after: Frame | None = None
        mask: Mask | None = None
        for number, task in enumerate(tasks):
            if number == 0:
                time = task.frame.pts + self.start + _SLACK
                frames = iter(self.open_at(shown_at=time if self.seeks else None))
                due, after = next(frames), next(frames, None)
            while after is not None and after.pts <= task.frame.pts + self.start + _SLACK:
                due, after = after, next(frames, None)
            if due is not None:
                mask, due = _mask_of(due.rgb, due.alpha if self.by_alpha else None), None
            assert mask is not None
            yield task, mask


def _is_transparent(alpha: Alpha | None) -> bool:
    return alpha is not None and bool(alpha.min() < 1.0)


def _mask_of(rgb: RGB, alpha: Alpha | None) -> Mask:
    return stretch_levels(luma(rgb) if alpha is None else alpha)
