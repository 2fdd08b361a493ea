"""Settings of zoom trips: how the camera moves, and how the picture goes on."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from dreamvid.config.fields import FileName, Meta, Pipeline, SettingsModel
from dreamvid.schedule.fields import Bounds, Scheduled
from dreamvid.schedule.times import Seconds

_TRIPS: tuple[Pipeline, ...] = ("zoom",)
_START_FILE = re.compile(r"\A(?!noise\Z|#[#0-9a-fA-F\s-]*\Z)(.+?)(?:@[0-9:.]+s?)?\Z", re.DOTALL)
_PALETTE_FILE = re.compile(r"\A(?!start\Z)(.+)\Z", re.DOTALL)


class CameraSettings(SettingsModel):
    """How the camera of a trip moves, by the second, so that the frame rate changes smoothness and nothing else."""

    panel: ClassVar[str] = "The trip"

    zoom: Annotated[Scheduled[float], Bounds(ge=0.0625, le=16.0)] = Field(
        1.25,
        description="Zoom: how many times as large things become in a second; below 1 zooms out.",
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
        description="What zoom and rotation are about: 0 is the frame's left side, 1 its right.",
        json_schema_extra=Meta(pipelines=_TRIPS),
    )
    center_y: Annotated[Scheduled[float], Bounds(ge=0.0, le=1.0)] = Field(
        0.5,
        description="What zoom and rotation are about: 0 is the frame's top, 1 its bottom.",
        json_schema_extra=Meta(pipelines=_TRIPS),
    )
    mirrors: int = Field(
        0,
        ge=0,
        le=64,
        description="Mirrors that meet in the center, as in a kaleidoscope; 0 is none.",
        json_schema_extra=Meta(flag="--mirrors", pipelines=_TRIPS),
    )


class TripSettings(SettingsModel):
    """What a zoom trip starts from, how much it changes, and what of it is held."""

    panel: ClassVar[str] = "The trip"

    start: Annotated[str, FileName("start", _START_FILE)] = Field(
        "noise",
        min_length=1,
        description="What it starts from: noise (1/f), a color (#204060), a gradient (#204060-#ff8800), an image "
        "file, or a frame of a video (FILE@12.5s).",
        json_schema_extra=Meta(flag="--from", pipelines=_TRIPS),
    )
    duration: Seconds = Field(
        Fraction(20),
        gt=0,
        le=86400,
        description="How long the trip lasts.",
        json_schema_extra=Meta("s", "--duration", pipelines=_TRIPS),
    )
    rate: Annotated[Scheduled[float], Bounds(ge=0.0, le=100.0)] = Field(
        4.0,
        description="How fast the picture becomes something new: full dreams (all steps) in a second.",
        json_schema_extra=Meta("1/s", "--rate", pipelines=_TRIPS),
    )
    color_lock: Annotated[Scheduled[float], Bounds(ge=0.0, le=1.0)] = Field(
        0.5,
        description="How firmly colors are held to the palette: 0 lets them go where the network takes them, "
        "1 holds their mean and spread in every frame.",
        json_schema_extra=Meta(flag="--color-lock", pipelines=_TRIPS),
    )
    palette: Annotated[str, FileName("palette", _PALETTE_FILE)] = Field(
        "start",
        min_length=1,
        description="Whose colors are held: start (the first picture's), or an image file.",
        json_schema_extra=Meta(flag="--palette", pipelines=_TRIPS),
    )
    hue: Annotated[Scheduled[float], Bounds(ge=-36000.0, le=36000.0)] = Field(
        0.0, description="Turn of the palette's hues.", json_schema_extra=Meta("degrees", pipelines=_TRIPS)
    )
    saturation: Annotated[Scheduled[float], Bounds(ge=0.0, le=4.0)] = Field(
        1.0,
        description="How colorful the palette is held, as a multiple of its own.",
        json_schema_extra=Meta(pipelines=_TRIPS),
    )
    brightness: Annotated[Scheduled[float], Bounds(ge=0.0, le=4.0)] = Field(
        1.0,
        description="How light the palette is held, as a multiple of its own.",
        json_schema_extra=Meta(pipelines=_TRIPS),
    )
    loop: bool = Field(
        False,
        description="Make a seamless loop: the last frame flows into the first.",
        json_schema_extra=Meta(flag="--loop", pipelines=_TRIPS),
    )
    keyframe: Annotated[Seconds, Field(gt=0, le=3600)] | None = Field(
        None,
        description="Dream one large picture each so many seconds, and zoom from one into the next: cheap and very "
        "smooth. Every frame is dreamed where it is not given.",
        json_schema_extra=Meta("s", "--keyframe", pipelines=_TRIPS),
    )
    music: Annotated[Path, FileName("music")] | None = Field(
        None,
        description="A track to lay under the trip, cut and faded to its length; beat, onset, rms, bass, mid and "
        "treble can then be used in expressions.",
        json_schema_extra=Meta(flag="--music", pipelines=_TRIPS),
    )
    music_start: Seconds = Field(
        Fraction(0),
        ge=0,
        description="Where in the track to begin.",
        json_schema_extra=Meta("s", pipelines=_TRIPS),
    )
    pulse: Annotated[Scheduled[float], Bounds(ge=0.0, le=4.0)] | None = Field(
        None,
        description="How strongly the zoom pulses to the music's beat; 1 with music, unless an expression names a "
        "signal of it.",
        json_schema_extra=Meta(flag="--pulse", pipelines=_TRIPS),
    )
