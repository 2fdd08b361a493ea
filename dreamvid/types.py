"""Values and protocols that every floor shares.

Conventions: pictures are float32, ``[H, W, 3]``, sRGB-encoded, in [0, 1]; times are exact
(:class:`fractions.Fraction`, seconds); sizes are height first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

RGB = NDArray[np.float32]
"""``[H, W, 3]``, sRGB-encoded, [0, 1]."""

Flow = NDArray[np.float32]
"""``[H, W, 2]``, (dx, dy) in px, backward: ``out[y, x] = source[y + dy, x + dx]``."""

Mask = NDArray[np.float32]
"""``[H, W]``, [0, 1]."""

StepMap = NDArray[np.float32]
"""``[H, W]``, in gradient steps, 0 and up: how far each pixel's dream is taken."""

Alpha = NDArray[np.float32]
"""``[H, W]``, straight (not premultiplied), [0, 1]."""

BlendMode = Literal[
    "normal", "lighten", "darken", "screen", "multiply", "overlay", "soft-light", "hard-light", "difference"
]
KeepColor = Literal["off", "luma", "lab", "histogram"]


class Size(NamedTuple):
    """Height and width of a picture, in pixels."""

    height: int
    width: int

    def __str__(self) -> str:
        """Width first, as people write it: ``480x270``."""
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a video.

    ``pts`` is the time at which it appears, in seconds from the first frame; ``duration`` is how long it
    stays, where the container knows (GIF, VFR, the last frame).
    """

    index: int
    pts: Fraction
    rgb: RGB
    alpha: Alpha | None = None
    duration: Fraction | None = None


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a video before its first frame is decoded.

    ``size`` is upright (rotation baked in). ``rate`` is frames per second, the average where it varies.
    ``frames`` and ``duration`` (seconds) are the container's promises, None where it makes none.
    ``sar`` is the sample aspect ratio. ``depth`` is bits per channel. ``full_range`` and ``hdr`` describe
    the source; frames are always full-range SDR sRGB-encoded.
    """

    size: Size
    rate: Fraction
    frames: int | None = None
    duration: Fraction | None = None
    sar: Fraction = Fraction(1)
    depth: int = 8
    has_alpha: bool = False
    hdr: bool = False
    variable_rate: bool = False


class DetailStatistics(NamedTuple):
    """How strong added detail is: its mean color, each band of frequencies, finest first, and all its color.

    A band has two strengths: the RMS of what is common to its channels, and the mean spread of what is not.
    ``push`` is how far the dream was taken that it was measured on: steps times step size.
    """

    mean: tuple[float, ...]
    bands: tuple[tuple[float, float], ...]
    color: float
    push: float = 1.0

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Return the statistics of plain values, as ``_asdict`` gives them."""
        bands = tuple((gray, color) for gray, color in values["bands"])
        return cls(tuple(values["mean"]), bands, values["color"], values["push"])

    def towards(self, other: DetailStatistics, share: float) -> DetailStatistics:
        """Return the level with its bands a share of the way to another's, as strong in all as before."""
        own, theirs = (math.hypot(*(gray for gray, _ in level.bands)) for level in (self, other))
        scale = own / theirs if theirs > 0 else 1.0

        def between(a: float, b: float) -> float:
            return a + share * (b * scale - a)

        bands = zip(self.bands, other.bands, strict=True)
        return self._replace(
            bands=tuple((between(a[0], b[0]), between(a[1], b[1])) for a, b in bands),
            color=between(self.color, other.color),
        )

    def pushed(self, push: float) -> DetailStatistics:
        """Return what it would be of a dream that is taken further, or less far: strength grows with distance."""
        if push == self.push or not push > 0 or not self.push > 0:
            return self
        factor = push / self.push
        return DetailStatistics(
            tuple(factor * value for value in self.mean),
            tuple((factor * gray, factor * color) for gray, color in self.bands),
            factor * self.color,
            push,
        )


@dataclass(frozen=True, slots=True)
class Carry:
    """All that one frame hands to the next: its source and its raw, full-strength dream.

    ``level`` is how strong detail was when the shot's first frame had been dreamed in full.
    """

    source: RGB
    dreamed: RGB
    level: DetailStatistics | None = None


@dataclass(frozen=True, slots=True)
class Motion:
    """Where a frame's pixels were in the frame before: a pure function of the two sources.

    ``visible_mask`` is 1 where a pixel was seen there and 0 where it was hidden, with soft edges.
    """

    flow: Flow
    visible_mask: Mask


@dataclass(frozen=True, slots=True)
class InitialDetail:
    """What a frame's dream starts from.

    ``detail`` is added to the source before the ascent (same size, signed); ``steps`` is how many gradients are
    computed per octave, and ``effort`` how many steps' worth each pixel goes by them in all. None means: nothing,
    the preset's own number, and as many as there are. ``kept`` is the share of ``detail`` in what is settled.
    """

    detail: RGB | None = None
    steps: int | None = None
    effort: StepMap | None = None
    kept: Mask | None = None


class FrameSource(Protocol):
    """Frames in presentation order, decoded one by one as they are asked for."""

    @property
    def info(self) -> VideoInfo:
        """What is known before decoding."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """Decode from the start; each call starts anew."""
        ...


class SeekableSource(FrameSource, Protocol):
    """A source that can begin later."""

    def from_frame(self, index: int) -> FrameSource:
        """Return a source of the same frames, from the one of this index on; indices and times are the same."""
        ...


class FrameWriter(Protocol):
    """Takes frames in order; the file appears under its name only when all went well."""

    def __enter__(self) -> Self:
        """Start writing beside the target."""
        ...

    def write(self, frame: Frame) -> None:
        """Append one frame; ``pts`` must grow."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Verify and rename; after an error, remove what was written."""
        ...


class Dreamer(Protocol):
    """Dreams one picture."""

    def dream(
        self,
        image: RGB,
        *,
        detail: RGB | None = None,
        steps: int | None = None,
        effort: StepMap | None = None,
        frame_index: int | None = None,
    ) -> RGB:
        """Return the dreamed picture, same size and range.

        ``effort`` says how many steps' worth each pixel goes by the ``steps`` gradients; None is ``steps`` of them.
        ``frame_index`` varies the random shifts from frame to frame; None keeps them the same for every
        picture, so that a still shot dreamed frame by frame does not shimmer.
        """
        ...


class FlowEstimator(Protocol):
    """Finds where each pixel came from."""

    def estimate(self, target: RGB, source: RGB) -> Flow:
        """Return the backward flow: ``warp(source, flow)`` looks like ``target``; both of one size."""
        ...


class Stabilizer(Protocol):
    """Carries dreams from frame to frame; holds no state of its own."""

    def estimate_motion(self, target: RGB, source: RGB) -> Motion | None:
        """Return how ``target`` moved on from ``source``, the frame before; None where nothing is carried.

        A pure function of the two, so that it can be computed while an earlier frame still dreams.
        """
        ...

    def prepare(self, motion: Motion | None, carry: Carry | None) -> InitialDetail:
        """Say what a frame's dream starts from; without motion or carry, it starts a shot."""
        ...

    def stabilize(self, picture: RGB, dreamed: RGB, seed: InitialDetail, carry: Carry | None) -> Carry:
        """Return what the frame hands on, its final, full-strength dream among it."""
        ...
