"""The groups of settings, each field once: its default, range, unit and help.

All are frozen and refuse unknown keys. A bare scalar is accepted where it is clear: ``octaves: 4``,
``model: inceptionv3``.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, field_validator

from dreamvid.config.fields import DREAMING, MOVING, FileName, Meta, SettingsModel
from dreamvid.errors import ScheduleError, SettingsError
from dreamvid.schedule.fields import Bounds, Scheduled
from dreamvid.schedule.lengths import Length, LengthRange
from dreamvid.schedule.times import Rate, Seconds, TimeOffset, parse_offset
from dreamvid.types import BlendMode, KeepColor, Size

Codec = Literal["auto", "h264", "h265", "vp9", "av1", "prores", "ffv1", "hap", "hap-alpha", "hap-q", "dxv"]
PrecisionChoice = Literal["auto", "float32", "bfloat16", "float16"]
Normalize = Literal["mean-abs", "std"]

LONGEST_SIDE = 16384
MAX_CADENCE = 8

FRAME_NAME = re.compile(r"[^%/\\]*%(?:0[1-9])?d[^%/\\]*\.png", re.IGNORECASE)
"""Names of a folder's pictures, as C's printf writes them."""

_MODEL_FILE = re.compile(r"\A(.*[./].*)\Z", re.DOTALL)
_MASK_FILE = re.compile(r"\A(?!(?:off|luma|motion)\Z)(.+)\Z", re.DOTALL)


class ModelSettings(SettingsModel):
    """The network."""

    scalar: ClassVar[str | None] = "name"

    name: Annotated[str, FileName("model", _MODEL_FILE)] = Field(
        "dreamnet",
        min_length=1,
        description="Network: a name from 'models list', a .keras or .h5 file, or a .gan file (its discriminator).",
        json_schema_extra=Meta(flag="--model", pipelines=DREAMING),
    )
    weights: Annotated[Path, FileName("weights")] | None = Field(
        None,
        description="Weights file for a named network, with or without its classifier.",
        json_schema_extra=Meta(flag="--weights"),
    )
    input_range: str = Field(
        "auto",
        description="Pixel range of your own network, as LOW,HIGH (-1,1 or 0,255).",
        json_schema_extra=Meta(flag="--input-range"),
    )
    color_map: Literal["gray", "false-color"] = Field(
        "gray",
        description="Input for a network without three input channels: gray or false color.",
    )

    @field_validator("input_range")
    @classmethod
    def _two_numbers(cls, value: str) -> str:
        if value != "auto":
            try:
                low, high = (float(part) for part in value.split(","))
            except ValueError:
                raise ValueError("must be auto or LOW,HIGH such as -1,1") from None
            if not -math.inf < low < high < math.inf:
                raise ValueError("must be two finite numbers, the lower one first")
        return value


class OctaveSettings(SettingsModel):
    """The image pyramid: the sizes at which a frame is dreamed, from coarse to fine."""

    scalar: ClassVar[str | None] = "count"

    count: int = Field(
        5,
        ge=1,
        le=16,
        description="Number of octaves: sizes at which each frame is dreamed.",
        json_schema_extra=Meta(flag="--octaves"),
    )
    scale: float = Field(
        1.4,
        gt=1.0,
        le=4.0,
        description="Size ratio between one octave and the next.",
        json_schema_extra=Meta(flag="--octave-scale"),
    )
    largest: int | None = Field(
        None,
        ge=16,
        le=LONGEST_SIDE,
        description=(
            "Longest side of the octaves that are dreamed: for speed, larger ones are left out, all but one; "
            "the detail is upscaled, and steps are longer in turn."
        ),
        json_schema_extra=Meta("px"),
    )


class AscentSettings(SettingsModel):
    """Gradient ascent within one octave."""

    steps: Annotated[Scheduled[int], Bounds(ge=1, le=10000)] = Field(
        7,
        description="Gradient steps per octave of a still. Videos: 1.25 times as many in a shot's first frame, "
        "(1 - steadiness) times in the others; trips: rate x strength times in a second.",
        json_schema_extra=Meta(flag="--steps"),
    )
    step_size: Annotated[Scheduled[float], Bounds(gt=0.0, le=1.0)] = Field(
        0.005,
        description="Step size: how much one step changes a pixel of average gradient.",
        json_schema_extra=Meta("full range", "--step-size"),
    )
    substeps: int = Field(
        1,
        ge=1,
        le=16,
        description=(
            "Divide each gradient step into this many shorter ones: clearer forms at the same strength, in so much "
            "more time."
        ),
    )
    jitter: int = Field(
        32,
        ge=0,
        le=1024,
        description="Largest random shift (jitter) of the picture before each step.",
        json_schema_extra=Meta("px"),
    )
    normalize: Normalize = Field(
        "mean-abs", description="Divide the gradient by its mean absolute value or by its standard deviation."
    )
    smoothing: float = Field(
        1.0,
        ge=0.0,
        le=32.0,
        description="Smooth the gradient with Gaussians of 0.5, 1 and 2 times this sigma; 0 is off.",
        json_schema_extra=Meta("px"),
    )
    laplacian: int = Field(
        0,
        ge=0,
        le=8,
        description=(
            "Levels of a Laplacian pyramid in which the gradient is normalized level by level; 0 is off."
        ),
    )
    color: Annotated[Scheduled[float], Bounds(ge=0.0, le=1.0)] = Field(
        0.5,
        description=(
            "Natural color: 0 lets each color of the gradient act by itself, the classic rainbow; at 1 colors change "
            "together as they do in photographs."
        ),
        json_schema_extra=Meta(flag="--color"),
    )
    precondition: Annotated[Scheduled[float], Bounds(ge=0.0, le=1.0)] = Field(
        0.2,
        description=(
            "Weight of large forms over fine ones: the gradient's spectrum is multiplied by 1 / frequency to this "
            "power; 0 leaves it as it is."
        ),
        json_schema_extra=Meta(flag="--precondition"),
    )
    variety: Annotated[Scheduled[float], Bounds(ge=0.0, le=1.0)] | None = Field(
        None,
        description=(
            "How evenly the channels of a layer dream: at 0 those that grow most easily take over, and many pictures "
            "show the same; at 1 they make room for others as they grow. Default: 1, but 0 for videos, where it "
            "flickers."
        ),
        json_schema_extra=Meta(flag="--variety"),
    )
    accentuate: bool = Field(
        False,
        description=(
            "Keep the photograph and accentuate what the network sees in it: steps change its spectrum, in natural "
            "colors, and are tied to it. For stills."
        ),
        json_schema_extra=Meta(flag="--accentuate", pipelines=("image",)),
    )
    total_variation: Annotated[Scheduled[float], Bounds(ge=0.0, le=100.0)] = Field(
        0.0, description="Weight of a total-variation penalty on the added detail."
    )
    l2: Annotated[Scheduled[float], Bounds(ge=0.0, le=100.0)] = Field(
        0.0, description="Weight of an L2 penalty on the added detail."
    )


class LookSettings(SettingsModel):
    """How the dream is composited with its source."""

    strength: Annotated[Scheduled[float], Bounds(ge=0.0, le=1.0)] = Field(
        1.0,
        description=(
            "Share of the dreamed detail that is written: 0 is the source, 1 the full dream; "
            "with other blend modes, the opacity."
        ),
        json_schema_extra=Meta(flag="--strength"),
    )
    blend: BlendMode = Field(
        "normal",
        description="Blend mode of the dream over its source.",
        json_schema_extra=Meta(flag="--blend", pipelines=("video", "image", "sweep", "walk")),
    )
    keep_color: KeepColor = Field(
        "off",
        description=(
            "Keep the source's colors: luma keeps its chroma, lab its hue and saturation in "
            "CIE L*a*b*, histogram its color distribution."
        ),
        json_schema_extra=Meta(flag="--keep-color", pipelines=("video", "image", "sweep", "walk")),
    )


class MaskSettings(SettingsModel):
    """Where the dream is visible."""

    scalar: ClassVar[str | None] = "source"

    source: Annotated[str, FileName("mask", _MASK_FILE)] = Field(
        "off",
        min_length=1,
        description=(
            "Where the dream is visible: off (everywhere), luma (bright areas), motion "
            "(moving areas), or an image or video file that is white there."
        ),
        json_schema_extra=Meta(flag="--mask", pipelines=("video", "image", "sweep", "walk")),
    )
    feather: float = Field(
        8.0,
        ge=0.0,
        le=1024.0,
        description="Width of the soft edge, which lies inside the mask.",
        json_schema_extra=Meta("px"),
    )
    invert: bool = Field(False, description="Invert the mask: dream where it is black.")


class FlowSettings(SettingsModel):
    """Optical flow."""

    preset: Literal["ultrafast", "fast", "medium"] = Field(
        "medium", description="Effort of DIS optical flow (OpenCV's preset)."
    )
    scale: int = Field(
        640,
        ge=64,
        le=4096,
        description=("Longest side of the frames for optical flow; larger frames are scaled down for it."),
        json_schema_extra=Meta("px"),
    )


def _parse_period(value: object) -> TimeOffset:
    try:
        period = parse_offset(value)
    except ScheduleError:
        period = None
    if period is None or period.unit not in {"s", "f"} or period.amount <= 0.0:
        raise ValueError("must be seconds (12s, 1:05) or frames (300f), more than 0")
    return period


Period = Annotated[
    TimeOffset,
    BeforeValidator(_parse_period),
    PlainSerializer(str),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\s*(\d+:)*\d+(\.\d*)?\s*[SsFf]?\s*$"},
                {"type": "number", "exclusiveMinimum": 0},
            ],
            "examples": ["12s", "300f"],
        }
    ),
]
"""Time after which something comes again: seconds, or frames."""


class StabilitySettings(SettingsModel):
    """How the dream follows the motion from frame to frame."""

    scalar: ClassVar[str | None] = "steadiness"

    steadiness: Annotated[Scheduled[float], Bounds(ge=0.0, le=1.0)] = Field(
        0.8,
        description=(
            "Temporal stability: 0 dreams each frame alone and flickers, 1 hardly changes the"
            " dream from frame to frame."
        ),
        json_schema_extra=Meta(flag="--steadiness", pipelines=("video", "walk")),
    )
    decay: Annotated[Scheduled[float], Bounds(ge=0.0, le=1.0)] | None = Field(
        None,
        description=(
            "Share of the last frame's detail that is carried over; derived from steadiness by default."
        ),
    )
    steps: Annotated[Scheduled[int], Bounds(ge=0, le=10000)] | None = Field(
        None,
        description="Gradient steps per octave on carried detail; derived from steadiness by default.",
    )
    blend: Annotated[Scheduled[float], Bounds(ge=0.0, lt=1.0)] | None = Field(
        None,
        description=("Share of the carried detail in the blended frame; derived from steadiness by default."),
    )
    method: Literal["dis", "farneback"] = Field(
        "dis", description="Optical flow method: dense inverse search (DIS) or Farneback."
    )
    flow: FlowSettings = FlowSettings()
    cadence: int | Literal["auto"] = Field(
        1,
        description=(
            "Dream every Nth frame (1 to 8) and carry its detail to those between from both sides; auto: at least "
            "about 6 frames a second, more where the picture moves far. Faster and steadier."
        ),
        json_schema_extra=Meta(flag="--cadence", pipelines=("video", "walk")),
    )
    cuts: bool = Field(
        True,
        description="Start each shot from scratch; --no-cuts carries detail across cuts.",
        json_schema_extra=Meta(flag="--no-cuts", pipelines=("video",)),
    )

    renew: Period | None = Field(
        None,
        description=(
            "Grow the dream anew in long shots each time this has passed (12s, 300f), cross-fading for a second, "
            "so that parts of a shot can be dreamed on several devices; off by default."
        ),
        json_schema_extra=Meta(flag="--renew", pipelines=("video",)),
    )

    @field_validator("cadence", mode="before")
    @classmethod
    def _cadence_number(cls, value: object) -> object:
        return _number_or_word(value, {"auto"}, range(1, MAX_CADENCE + 1), "a number of frames")


class InputSettings(SettingsModel):
    """The part of the input to use."""

    panel: ClassVar[str] = "Input and output"

    start: Seconds = Field(
        Fraction(0),
        ge=0,
        description="Start at this time.",
        json_schema_extra=Meta("s", "--start", ("video",)),
    )
    duration: Annotated[Length, LengthRange(gt=0)] | None = Field(
        None,
        description="Length of the part to use; with a tempo also 16b or 4bar; default: to the end.",
        json_schema_extra=Meta("s", "--duration", ("video",)),
    )
    loop: bool = Field(
        False,
        description="Make a seamless loop: the end turns into what comes before the beginning, which is a cross-fade "
        "later than the clip's. Without sound.",
        json_schema_extra=Meta(flag="--loop", pipelines=("video",)),
    )
    crossfade: Seconds = Field(
        Fraction(1),
        gt=0,
        le=60,
        description="Length of a loop's cross-fade; at most a third of the clip.",
        json_schema_extra=Meta("s"),
    )


class OutputSettings(SettingsModel):
    """The output file."""

    panel: ClassVar[str] = "Input and output"

    width: int | None = Field(
        None,
        ge=16,
        le=LONGEST_SIDE,
        description="Output width; the height follows.",
        json_schema_extra=Meta("px", "--width"),
    )
    height: int | None = Field(
        None,
        ge=16,
        le=LONGEST_SIDE,
        description="Output height; the width follows.",
        json_schema_extra=Meta("px", "--height"),
    )
    dream_width: int | None = Field(
        None,
        ge=16,
        le=LONGEST_SIDE,
        description=(
            "Dream at this width, then upscale only the detail onto the full-size source; trips are upscaled whole."
        ),
        json_schema_extra=Meta("px", "--dream-width"),
    )
    fps: Rate | None = Field(
        None,
        description="Frame rate, such as 24, 23.976 or 24000/1001; default: the source's.",
        json_schema_extra=Meta(flag="--fps", pipelines=MOVING),
    )
    purpose: Literal["any", "vj"] = Field(
        "any",
        description="What it is made for. vj: 25, 30, 50 or 60 frames a second, whichever is nearest to the source, "
        "a loop, and HAP in a .mov file, as far as nothing else is said.",
        json_schema_extra=Meta(flag="--for", pipelines=("video", "zoom", "walk")),
    )
    codec: Codec = Field(
        "auto",
        description="Video codec; auto: by the suffix of the output.",
        json_schema_extra=Meta(flag="--codec", pipelines=MOVING, affects="encoding"),
    )
    crf: int | None = Field(
        None,
        ge=0,
        le=63,
        description=(
            "Constant rate factor: lower means better quality and a larger file; default: by codec."
        ),
        json_schema_extra=Meta(flag="--crf", pipelines=MOVING, affects="encoding"),
    )
    speed: Literal["fast", "medium", "slow"] = Field(
        "medium",
        description="Encoder effort: slow makes smaller files.",
        json_schema_extra=Meta(flag="--speed", pipelines=MOVING, affects="encoding"),
    )
    depth: Literal["auto", "8", "10"] = Field(
        "auto",
        description="Bits per channel of the output; auto is 8.",
        json_schema_extra=Meta("bit", "--depth", MOVING, "encoding"),
    )
    audio: bool = Field(
        True,
        description="Copy the source's audio; --no-audio drops it.",
        json_schema_extra=Meta(flag="--no-audio", pipelines=("video",), affects="encoding"),
    )
    frame_name: str = Field(
        "%06d.png",
        max_length=200,
        description="Names of the pictures of a folder: %d is the number, %05d the number with five digits. "
        "-o FOLDER/frame_%05d.png says both folder and names.",
        json_schema_extra=Meta(affects="encoding"),
    )
    first_number: int = Field(
        1,
        ge=0,
        le=10**9,
        description="Number of the first picture of a folder.",
        json_schema_extra=Meta(flag="--first-number", pipelines=MOVING, affects="encoding"),
    )

    @field_validator("frame_name")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        if not FRAME_NAME.fullmatch(value):
            raise ValueError("must hold the number once, as %d or %05d, and end in .png: frame_%05d.png")
        return value


class RunSettings(SettingsModel):
    """How the run is computed."""

    panel: ClassVar[str] = "The run"

    seed: int = Field(
        0,
        ge=0,
        lt=2**32,
        description="Random seed of the jitter, of a walk's first picture and of noise paths: the same seed gives "
        "the same picture.",
        json_schema_extra=Meta(flag="--seed"),
    )
    precision: PrecisionChoice = Field(
        "auto",
        description=(
            "Floating-point format of the network; auto measures which is fastest and "
            "accurate enough on this machine."
        ),
        json_schema_extra=Meta(flag="--precision", affects="resolved"),
    )
    tile: int | Literal["auto", "off"] = Field(
        "auto",
        description="Tile size; auto: by frame size and network; off: no tiles.",
        json_schema_extra=Meta("px", "--tile", affects="resolved"),
    )

    @field_validator("tile", mode="before")
    @classmethod
    def _tile_number(cls, value: object) -> object:
        return _number_or_word(value, {"auto", "off"}, range(64, 8193), "a size in pixels")


def _number_or_word(value: object, words: set[str], numbers: range, what: str) -> object:
    """Return a whole number, from text too, or one of the words as it is; raise ValueError for anything else."""
    *others, last = sorted(words)
    named = ", ".join([*others, f"{last} or"])
    if isinstance(value, str) and value not in words:
        try:
            value = int(value)
        except ValueError:
            raise ValueError(f"must be {named} {what}") from None
    if isinstance(value, int) and not isinstance(value, bool) and value not in numbers:
        raise ValueError(f"must be {named} between {numbers[0]} and {numbers[-1]}")
    return value


def output_size(source: Size, output: OutputSettings) -> Size:
    """Return the size that is written, where ``output`` asks for one: the other side follows, even.

    Raises
    ------
    SettingsError
        Where the side that follows would be longer than any picture may be.
    """
    width, height = output.width, output.height
    if width is None and height is None:
        return source
    if width is None:
        assert height is not None
        width = max(2, 2 * round(source.width * height / source.height / 2))
    if height is None:
        height = max(2, 2 * round(source.height * width / source.width / 2))
    size = Size(height, width)
    if max(size) > LONGEST_SIDE:
        raise SettingsError(
            f"output.{'width' if height > width else 'height'}: makes {size} of {source}; "
            f"the longest side that can be is {LONGEST_SIDE}; give both --width and --height to crop"
        )
    return size
