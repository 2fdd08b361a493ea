"""Settings of zoom trips: how the camera moves, and how the picture goes on."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from dreamvid.config.fields import FileName, Meta, Pipeline, SettingsModel
from dreamvid.schedule.fields import Bounds, Scheduled
from dreamvid.schedule.lengths import Length, LengthRange
from dreamvid.schedule.times import Seconds

_TRIPS: tuple[Pipeline, ...] = ("zoom",)
_START_FILE = re.compile(r"\A(?!noise\Z|#[#0-9a-fA-F\s-]*\Z)(.+?)(?:@[0-9:.]+s?)?\Z", re.DOTALL)
_PALETTE_FILE = re.compile(r"\A(?!start\Z)(.+)\Z", re.DOTALL)


class CameraSettings(SettingsModel):
    """Camera motion of a zoom trip, per second, so that the frame rate changes only the smoothness."""

    panel: ClassVar[str] = "The trip"

    zoom: Annotated[Scheduled[float], Bounds(ge=0.0625, le=16.0)] = Field(
        1.25,
        description="Zoom factor per second; below 1 zooms out.",
        json_schema_extra=Meta("times/s", "--zoom", pipelines=_TRIPS),
    )
    rotation: Annotated[Scheduled[float], Bounds(ge=-720.0, le=720.0)] = Field(
        0.0,
        description="Rotation, clockwise.",
        json_schema_extra=Meta("degrees/s", "--rotation", pipelines=_TRIPS),
    )
    pan_x: Annotated[Scheduled[float], Bounds(ge=-4.0, le=4.0)] = Field(
        0.0,
        description="Pan to the right.",
        json_schema_extra=Meta("frame widths/s", "--pan-x", pipelines=_TRIPS),
    )
    pan_y: Annotated[Scheduled[float], Bounds(ge=-4.0, le=4.0)] = Field(
        0.0, description="Pan down.", json_schema_extra=Meta("frame heights/s", "--pan-y", pipelines=_TRIPS)
    )
    center_x: Annotated[Scheduled[float], Bounds(ge=0.0, le=1.0)] = Field(
        0.5,
        description=("Center of zoom and rotation: 0 is the left edge of the frame, 1 the right."),
        json_schema_extra=Meta(pipelines=_TRIPS),
    )
    center_y: Annotated[Scheduled[float], Bounds(ge=0.0, le=1.0)] = Field(
        0.5,
        description="Center of zoom and rotation: 0 is the top of the frame, 1 the bottom.",
        json_schema_extra=Meta(pipelines=_TRIPS),
    )
    mirrors: int = Field(
        0,
        ge=0,
        le=64,
        description="Number of kaleidoscope mirrors that meet in the center; 0 is off.",
        json_schema_extra=Meta(flag="--mirrors", pipelines=_TRIPS),
    )


class TripSettings(SettingsModel):
    """Start image, rate of change, colors and music of a zoom trip."""

    panel: ClassVar[str] = "The trip"

    start: Annotated[str, FileName("start", _START_FILE)] = Field(
        "noise",
        min_length=1,
        description="What it starts from: noise (1/f), a color (#204060), a gradient (#204060-#ff8800), an image "
        "file, or a frame of a video (FILE@12.5s).",
        json_schema_extra=Meta(flag="--from", pipelines=_TRIPS),
    )
    duration: Annotated[Length, LengthRange(gt=0, le=86400)] = Field(
        Fraction(20),
        description="Length of the trip; with a tempo also 16b or 4bar.",
        json_schema_extra=Meta("s", "--duration", pipelines=_TRIPS),
    )
    rate: Annotated[Scheduled[float], Bounds(ge=0.0, le=100.0)] = Field(
        4.0,
        description="Rate of change: full dreams (all steps) per second.",
        json_schema_extra=Meta("1/s", "--rate", pipelines=_TRIPS),
    )
    ease_in: Seconds = Field(
        Fraction(5),
        ge=0,
        le=3600,
        description="Time over which the rate of a trip from a picture grows from nothing, so that one watches the "
        "picture turn; at most 0.4 of the trip. Loops and trips by keyframes have none.",
        json_schema_extra=Meta("s", "--ease-in", pipelines=_TRIPS),
    )
    color_lock: Annotated[Scheduled[float], Bounds(ge=0.0, le=1.0)] = Field(
        0.5,
        description=(
            "How strongly colors are held to the palette: 0 leaves them to the network, 1 "
            "restores their mean and spread in every frame."
        ),
        json_schema_extra=Meta(flag="--color-lock", pipelines=_TRIPS),
    )
    palette: Annotated[str, FileName("palette", _PALETTE_FILE)] = Field(
        "start",
        min_length=1,
        description="Palette to hold: start (that of the start image) or an image file.",
        json_schema_extra=Meta(flag="--palette", pipelines=_TRIPS),
    )
    hue: Annotated[Scheduled[float], Bounds(ge=-36000.0, le=36000.0)] = Field(
        0.0, description="Hue rotation of the palette.", json_schema_extra=Meta("degrees", pipelines=_TRIPS)
    )
    saturation: Annotated[Scheduled[float], Bounds(ge=0.0, le=4.0)] = Field(
        1.0,
        description="Saturation of the palette, as a multiple of its own.",
        json_schema_extra=Meta(pipelines=_TRIPS),
    )
    brightness: Annotated[Scheduled[float], Bounds(ge=0.0, le=4.0)] = Field(
        1.0,
        description="Brightness of the palette, as a multiple of its own.",
        json_schema_extra=Meta(pipelines=_TRIPS),
    )
    loop: bool = Field(
        False,
        description="Make a seamless loop: the last frame leads into the first.",
        json_schema_extra=Meta(flag="--loop", pipelines=_TRIPS),
    )
    keyframe: Annotated[Length, LengthRange(gt=0, le=3600)] | None = Field(
        None,
        description=(
            "Interval of keyframes: dream one large picture per interval and zoom from one "
            "into the next, which is fast and very smooth; default: dream every frame."
        ),
        json_schema_extra=Meta("s", "--keyframe", pipelines=_TRIPS),
    )
    music: Annotated[Path, FileName("music")] | None = Field(
        None,
        description=(
            "Music track, cut and faded to the length of the trip; expressions can then use "
            "beat, onset, rms, bass, mid and treble."
        ),
        json_schema_extra=Meta(flag="--music", pipelines=_TRIPS),
    )
    music_start: Seconds = Field(
        Fraction(0),
        ge=0,
        description="Start time within the music track.",
        json_schema_extra=Meta("s", pipelines=_TRIPS),
    )
    pulse: Annotated[Scheduled[float], Bounds(ge=0.0, le=4.0)] | None = Field(
        None,
        description=(
            "How strongly the zoom pulses to the beat; default: 1 with music, unless an "
            "expression uses one of its signals."
        ),
        json_schema_extra=Meta(flag="--pulse", pipelines=_TRIPS),
    )
