"""Make a loop of footage: its end is warped into what comes before its beginning, and so is the dream of it.

Of N + c frames, N make the loop: it begins with frame c, and during its last c frames the footage turns into the
frames 0 to c - 1, after which frame c comes again. The dream begins with those last frames, whose dreams are kept;
when it comes to them again, it is cross-faded into what is kept, so that the last frame leads into the first.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

from dreamvid.errors import ReadError, SettingsError
from dreamvid.pipelines.panorama import is_panorama
from dreamvid.pipelines.scenes import Timeline
from dreamvid.schedule.lengths import known_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from numpy.typing import NDArray

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.scenes import SceneShare
    from dreamvid.types import RGB, Alpha, FlowEstimator, Frame, FrameWriter, SeekableSource, VideoInfo

_log = logging.getLogger(__name__)

_MAX_SHARE = Fraction(1, 3)
"""Largest share of the footage that the cross-fade takes."""
_LEAST_FRAMES = 6
_TOLERATED_FRAMES = 2
_UINT16_MAX = np.float32(65535.0)
KEPT_BYTES = 6
"""Bytes for each pixel of a frame that is kept for the cross-fade."""


class DreamedLoop(Protocol):
    """A loop as it is dreamed: its last ``fade`` frames, then all of its ``frames``; ``info`` is that of these."""

    @property
    def frames(self) -> int: ...  # noqa: D102
    @property
    def fade(self) -> int: ...  # noqa: D102
    @property
    def panorama(self) -> bool: ...  # noqa: D102
    @property
    def info(self) -> VideoInfo: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class FootageLoop:
    """A :class:`dreamvid.types.SeekableSource` of what is dreamed for a loop: its end, and then all of it.

    Attributes
    ----------
    source
        The footage, of an even rate.
    frames
        Number of frames of the loop.
    fade
        Number of its last frames in which the footage turns into what comes before its beginning, and of those that
        are dreamed before the first.
    estimator
        Estimates the flow between the footage and that.
    panorama
        Whether frames go around.
    first
        Index of the first frame that is yielded.
    """

    source: SeekableSource
    frames: int
    fade: int
    estimator: FlowEstimator
    panorama: bool = False
    first: int = 0

    @classmethod
    def of(cls, source: SeekableSource, preset: Preset, name: str) -> Self:
        """Return the loop of footage that is as long as the loop and the cross-fade; ``name`` is for messages.

        Raises
        ------
        SettingsError
            Where it is too short, or how long it is is not known.
        """
        from dreamvid.flow.optical_flow import make_estimator  # noqa: PLC0415  OpenCV loads only when something is dreamed

        count, rate, duration = source.info.frames, source.info.rate, known_seconds(preset.input.duration)
        if count is None:
            raise SettingsError(f"input.loop: how long {name} lasts is not known; say a --duration")
        if count < _LEAST_FRAMES:
            raise SettingsError(
                f"input.loop: {name} has {count} frames; a loop needs {_LEAST_FRAMES} at least"
            )
        fade = max(2, min(round(preset.input.crossfade * rate), int(_MAX_SHARE * count)))
        stability = preset.stability
        estimator = make_estimator(stability.method, stability.flow.preset, stability.flow.scale)
        frames = count - fade
        if duration is not None:
            wanted = max(2, round(duration * rate))
            if wanted > frames:
                _log.warning(
                    "%s is too short for a loop of %.2f s and its cross-fade; it becomes %.2f s long",
                    name,
                    float(duration),
                    float(frames / rate),
                )
            frames = min(frames, wanted)
        return cls(source, frames, min(fade, frames), estimator, is_panorama(preset))

    @property
    def info(self) -> VideoInfo:
        """Of the frames that are dreamed."""
        return self._info(self.frames + self.fade)

    @property
    def loop_info(self) -> VideoInfo:
        """Of the loop."""
        return self._info(self.frames)

    def _info(self, frames: int) -> VideoInfo:
        return replace(self.source.info, frames=frames, duration=frames / self.source.info.rate)

    def frames_of_loop(self) -> Iterator[Frame]:
        """Yield the frames of the loop alone, as they come in it."""
        rate = self.source.info.rate
        for frame in self.from_frame(self.fade):
            index = frame.index - self.fade
            yield replace(frame, index=index, pts=index / rate)

    def from_frame(self, index: int, time: Fraction | None = None) -> FootageLoop:  # noqa: ARG002  part of the protocol
        """Return the same frames from an index on."""
        return replace(self, first=index)

    def __iter__(self) -> Iterator[Frame]:
        """Decode from the first frame that is wanted."""
        rate = self.source.info.rate
        if self.first < self.fade:
            for index, frame in enumerate(self._from(self.frames - self.fade + self.first), self.first):
                yield replace(frame, index=index, pts=index / rate)
        begin = max(0, self.first - self.fade)
        for index, frame in enumerate(self._from(begin), begin + self.fade):
            yield replace(frame, index=index, pts=index / rate)

    def _from(self, begin: int) -> Iterator[Frame]:
        """Yield the loop from a frame on, to its end."""
        rate, number = self.source.info.rate, begin
        place = self.fade + begin
        others: Iterator[Frame] | None = None
        for frame in _held_at_the_end(self.source.from_frame(place, place / rate)):
            if place < self.frames:
                yield replace(frame, duration=1 / rate)
            else:
                position = place - self.frames
                if others is None:
                    others = iter(self.source.from_frame(position, position / rate))
                yield self._between(frame, next(others), _eased((position + 1) / (self.fade + 1)))
            place += 1
            number += 1
            if number == self.frames:
                return
        raise ReadError(
            f"the footage of the loop ends after {place} frames, not {self.frames + self.fade}; say a --duration"
        )

    def _between(self, before: Frame, after: Frame, share: float) -> Frame:
        from dreamvid.flow.morph import morph, morph_flows  # noqa: PLC0415  OpenCV loads only when something is dreamed
        from dreamvid.image.panorama import pad, unpad  # noqa: PLC0415  the same

        def padded(picture: NDArray[np.float32]) -> NDArray[np.float32]:
            return pad(picture) if self.panorama else picture

        flows = morph_flows(padded(before.rgb), padded(after.rgb), self.estimator)

        def between(early: NDArray[np.float32], late: NDArray[np.float32]) -> NDArray[np.float32]:
            picture = morph(padded(early), padded(late), flows, share)
            return unpad(picture) if self.panorama else picture

        alpha: Alpha | None = None
        if before.alpha is not None and after.alpha is not None:
            alpha = between(before.alpha, after.alpha)
        rate = self.source.info.rate
        return replace(before, rgb=between(before.rgb, after.rgb), alpha=alpha, duration=1 / rate)


@dataclass(frozen=True, slots=True)
class LoopTimeline(Timeline):
    """The settings of the frames of a :class:`DreamedLoop`: its end has the same before the beginning."""

    frames: int = 0
    fade: int = 0

    @classmethod
    def around(cls, timeline: Timeline, loop: DreamedLoop) -> Self:
        """Return the timeline of a loop, given that of a video of its frames."""
        return cls(timeline.clock, timeline.spans, timeline.scenes, loop.frames, loop.fade)

    def at(self, frame: Frame) -> tuple[SceneShare, ...]:
        """Return the scenes that show in a frame, as it comes in the loop."""
        index = (frame.index - self.fade) % self.frames
        return Timeline.at(self, replace(frame, index=index, pts=index / self.clock.fps))


class LoopWriter:
    """A :class:`dreamvid.types.FrameWriter` of a loop, given the dreams of all frames of a :class:`DreamedLoop`."""

    def __init__(self, writer: FrameWriter, loop: DreamedLoop) -> None:
        self._writer = writer
        self._frames, self._fade, self._rate = loop.frames, loop.fade, loop.info.rate
        self._panorama = loop.panorama
        self._kept: deque[NDArray[np.uint16]] = deque()

    def __enter__(self) -> Self:
        """Start writing."""
        self._writer.__enter__()
        return self

    def write(self, frame: Frame) -> None:
        """Keep a frame from before the beginning, or write one, cross-faded at the end."""
        index = frame.index - self._fade
        if index < 0:
            self._kept.append(np.asarray(np.rint(frame.rgb * _UINT16_MAX), np.uint16))
            return
        place, rgb = index - (self._frames - self._fade), frame.rgb
        if place >= 0:
            target = self._kept.popleft().astype(np.float32) / _UINT16_MAX
            rgb = self._dissolve(rgb, target, _eased((place + 1) / self._fade))
        self._writer.write(replace(frame, index=index, pts=index / self._rate, rgb=rgb))

    def _dissolve(self, before: RGB, after: RGB, share: float) -> RGB:
        from dreamvid.flow.morph import dissolve  # noqa: PLC0415  OpenCV loads only when something is dreamed
        from dreamvid.image.panorama import pad, unpad  # noqa: PLC0415  the same

        if share >= 1.0:
            return after
        if self._panorama:
            return unpad(dissolve(pad(before), pad(after), share))
        return dissolve(before, after, share)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Verify and rename; after an error, remove what was written."""
        self._writer.__exit__(kind, error, trace)


def _eased(share: float) -> float:
    """Return a share that begins and ends slowly, so that motion does not jerk there."""
    return share * share * (3.0 - 2.0 * share)


def _held_at_the_end(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Yield frames, and the last one a few times more: containers may promise a frame too many."""
    last: Frame | None = None
    for last in frames:
        yield last
    if last is not None:
        yield from [last] * _TOLERATED_FRAMES


def check_loop(preset: Preset, info: VideoInfo, *, has_sound: bool) -> Preset:
    """Return the preset of a loop: of an even rate, and without sound, which would jump where it begins again.

    Raises
    ------
    SettingsError
        For a mask that is a video, which would not close.
    """
    from dreamvid.media.still.reader import is_still  # noqa: PLC0415  imageio loads only when media is touched
    from dreamvid.pipelines.masks import mask_file  # noqa: PLC0415  it loads OpenCV

    mask = mask_file(preset.mask)
    if mask is not None and not is_still(mask):
        raise SettingsError(
            "input.loop: a mask that is a video does not close; use a picture, luma or motion"
        )
    changes: dict[str, object] = {}
    if preset.output.audio and has_sound:
        _log.warning("a loop has no sound: it would jump where the loop begins again")
        changes["output.audio"] = False
    if info.variable_rate and preset.output.fps is None:
        changes["output.fps"] = info.rate
    return preset.override(changes) if changes else preset
