"""Array types, values and protocols that all packages share.

Conventions: pictures are float32, ``[H, W, 3]``, sRGB-encoded, in [0, 1]; times are exact
(:class:`fractions.Fraction`, seconds); sizes are height first.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

RGB = NDArray[np.float32]
"""``[H, W, 3]``, sRGB-encoded, [0, 1]."""

Flow = NDArray[np.float32]
"""``[H, W, 2]``, (dx, dy) in px, backward: ``out[y, x] = source[y + dy, x + dx]``."""

Luma = NDArray[np.float32]
"""``[H, W]``, of encoded values, [0, 1]."""

Reference = NDArray[np.float32]
"""``[h, w, 3]``: the luma that detail was dreamed on, small, for how many frames it has been another picture, and
for how many more, after all was dreamed anew, small changes count."""

Mask = NDArray[np.float32]
"""``[H, W]``, [0, 1]."""

StepMap = NDArray[np.float32]
"""``[H, W]``, in gradient steps, 0 and up: how many steps' worth each pixel moves."""

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
class FeatureAxis:
    """Where a layer's features lie along one axis of a picture, in px; the center of the first pixel is 0.

    Feature ``i`` of ``count`` is centered at ``first + i * step`` and sees ``field`` px around that.
    """

    count: int
    first: float
    step: float
    field: float

    def center(self, index: float) -> float:
        """Return the center of a feature's receptive field."""
        return self.first + index * self.step


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a video.

    ``pts`` is its presentation time, in seconds from the first frame; ``duration`` is how long it stays, where the
    container knows (GIF, VFR, the last frame).
    """

    index: int
    pts: Fraction
    rgb: RGB
    alpha: Alpha | None = None
    duration: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Spherical:
    """What a file says of its equirectangular pictures.

    ``yaw``, ``pitch`` and ``roll`` turn the sphere, in degrees. ``bounds`` are the shares of the sphere's width and
    height that the pictures lack at the left, top, right and bottom. ``stereo`` says how two views share a picture.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    bounds: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    stereo: Literal["mono", "top-bottom", "left-right"] = "mono"


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """Properties of a video that are known before its first frame is decoded.

    ``size`` is upright (rotation applied). ``rate`` is frames per second, the average where it varies. ``frames`` and
    ``duration`` (seconds) are the container's claims, None where it makes none. ``sar`` is the sample aspect ratio.
    ``depth`` is bits per channel. ``hdr`` describes the source; frames are always full-range SDR, sRGB-encoded.
    ``spherical`` is what the file says of a panorama, None where it says nothing.
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
    spherical: Spherical | None = None


class DetailStatistics(NamedTuple):
    """Mean color and strength of dreamed detail, by bands of frequencies, finest first.

    Each band has two strengths: the RMS of the channels' mean (gray), and the mean spread of what remains (color).
    ``color`` is the color strength of all bands together. ``ascent_length`` is steps times step size of the dream.
    """

    mean: tuple[float, ...]
    bands: tuple[tuple[float, float], ...]
    color: float
    ascent_length: float = 1.0

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Return the statistics of plain values, as ``_asdict`` gives them."""
        bands = tuple((gray, color) for gray, color in values["bands"])
        return cls(tuple(values["mean"]), bands, values["color"], values["ascent_length"])


@dataclass(frozen=True, slots=True)
class Carry:
    """All that one frame hands to the next: its source and its raw, full-strength dream, which may leave [0, 1].

    ``statistics`` are those of the detail of the shot's first frame, which was dreamed in full. ``reference`` is what
    the detail was dreamed on; see `dreamvid.flow.content_change`. ``fading`` is the detail of what was there before,
    while it fades, and its share of all detail, ``[H, W, 4]``; None is nothing.
    """

    source: RGB
    dreamed: RGB
    statistics: DetailStatistics | None = None
    reference: Reference | None = None
    fading: NDArray[np.float32] | None = None

    @property
    def detail(self) -> RGB:
        """The detail to show, with what fades of that of before; signed."""
        detail = self.dreamed - self.source
        if self.fading is None:
            return detail
        shown: RGB = detail * (1.0 - self.fading[..., 3:]) + self.fading[..., :3]
        return shown

    @property
    def shown(self) -> RGB:
        """The dream to show, with the detail that fades."""
        dream = self.dreamed if self.fading is None else self.source + self.detail
        shown: RGB = np.clip(dream, 0.0, 1.0)
        return shown


@dataclass(frozen=True, slots=True)
class Motion:
    """Motion between two source frames.

    ``visible_mask`` is 1 where a pixel was visible in the previous frame, 0 where it was occluded, with soft edges.
    ``target`` is the later frame, as a small luma picture; None compares nothing. ``forward`` is the flow from the
    earlier frame to the later, and where that shows it too, at a smaller size; None where no frame lies between two
    dreamed ones.
    ``static_mask`` is 1 where nothing moves or changes, 0 elsewhere, with soft edges; None is nowhere. ``frames`` is
    the distance between the two.
    """

    flow: Flow
    visible_mask: Mask
    target: Luma | None = None
    forward: tuple[Flow, Mask] | None = None
    static_mask: Mask | None = None
    frames: int = 1


@dataclass(frozen=True, slots=True)
class InitialDetail:
    """The detail that a frame's dream starts from, and how far it is dreamed.

    ``detail`` (same size, signed) is added to the source before the ascent; None is nothing. ``steps`` is the number
    of gradients per octave; None is the preset's. ``step_map`` is how many steps' worth each pixel moves by those
    gradients; None is ``steps``. ``blend_mask`` is the share of ``detail`` in the stabilized result; None is nothing.
    ``reference`` and ``fading`` are those of the frame's :class:`Carry`. ``renewed`` is the share of the picture, in
    [0, 1], whose detail is dreamed anew since the picture has changed beneath it. ``static_mask`` is where detail
    stays exactly as it is; None is nowhere.
    """

    detail: RGB | None = None
    steps: int | None = None
    step_map: StepMap | None = None
    blend_mask: Mask | None = None
    reference: Reference | None = None
    fading: NDArray[np.float32] | None = None
    renewed: float = 0.0
    static_mask: Mask | None = None


class FrameSource(Protocol):
    """Frames in presentation order, decoded one by one on demand."""

    @property
    def info(self) -> VideoInfo:
        """Properties known before decoding."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """Decode from the start; each call starts again."""
        ...


class SeekableSource(FrameSource, Protocol):
    """A source that can start at a later frame."""

    def from_frame(self, index: int, time: Fraction | None = None) -> FrameSource:
        """Return a source of the same frames from this index on; indices and times are the same.

        ``time`` is the time of the first one, in seconds, where it is known: it may then be found by seeking.
        """
        ...


class FrameWriter(Protocol):
    """Writes frames in order; the file appears under its name only if all went well."""

    def __enter__(self) -> Self:
        """Start writing to a temporary file beside the target."""
        ...

    def write(self, frame: Frame) -> None:
        """Append one frame; ``pts`` must grow."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Verify and rename; after an error, remove what was written."""
        ...


class ActivationSource(Protocol):
    """Reads how strongly the channels of layers respond to a picture, and where."""

    def read(self, picture: RGB) -> dict[str, NDArray[np.float32]]:
        """Return the activations by layer, ``[h, w, C]``; classes are the layer ``logits``."""
        ...

    def axes(self, layer: str, size: Size) -> tuple[FeatureAxis, FeatureAxis]:
        """Return where a layer's features lie in a picture of ``size``, down and across, in its px."""
        ...


class Dreamer(Protocol):
    """Dreams one picture."""

    def dream(
        self,
        image: RGB,
        *,
        detail: RGB | None = None,
        steps: int | None = None,
        step_map: StepMap | None = None,
        frame_index: int | None = None,
    ) -> RGB:
        """Return the dreamed picture, same size and range.

        ``step_map`` is how many steps' worth each pixel moves by the ``steps`` gradients; None is ``steps``.
        ``frame_index`` varies the jitter from frame to frame; None keeps it the same for every picture, so that a
        still shot dreamed frame by frame does not flicker.
        """
        ...


class FlowEstimator(Protocol):
    """Estimates optical flow."""

    def estimate(self, target: RGB, source: RGB) -> Flow:
        """Return the backward flow: ``warp(source, flow)`` looks like ``target``; both of one size."""
        ...


class Stabilizer(Protocol):
    """Carries dreams from frame to frame; holds no state of its own."""

    def estimate_motion(self, target: RGB, source: RGB) -> Motion | None:
        """Return the motion from ``source``, the previous frame, to ``target``; None where nothing is carried.

        A pure function of the two, so that it can be computed while an earlier frame is still being dreamed.
        """
        ...

    def after(self, earlier: Sequence[Stabilizer]) -> Stabilizer:
        """Return this with what the frames before it changed, which are not dreamed themselves."""
        ...

    def ends_interval(self, motions: Sequence[Motion]) -> bool:
        """Return whether the frame after these motions since the last dreamed one must be dreamed itself."""
        ...

    def prepare(self, motion: Motion | None, carry: Carry | None) -> InitialDetail:
        """Return what a frame's dream starts from; without motion or carry, it starts a shot."""
        ...

    def stabilize(self, picture: RGB, dreamed: RGB, initial: InitialDetail, carry: Carry | None) -> Carry:
        """Return what the frame hands to the next, with its final, full-strength dream."""
        ...
