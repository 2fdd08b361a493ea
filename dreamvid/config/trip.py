"""Settings of zoom trips: how the camera moves, and how the picture goes on."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated

from pydantic import Field

from dreamvid.config.settings import SettingsModel
from dreamvid.schedule.fields import Scheduled
from dreamvid.schedule.times import Seconds, unit


class CameraSettings(SettingsModel):
    """How the camera of a trip moves, by the second, so that the frame rate changes smoothness and nothing else."""

    zoom: Annotated[float, Field(ge=0.0625, le=16.0), Scheduled()] = Field(
        1.25,
        description="Zoom: how many times as large things become in a second; below 1 zooms out.",
        json_schema_extra=unit("times/s"),
    )
    rotation: Annotated[float, Field(ge=-720.0, le=720.0), Scheduled()] = Field(
        0.0, description="Rotation, clockwise.", json_schema_extra=unit("degrees/s")
    )
    pan_x: Annotated[float, Field(ge=-4.0, le=4.0), Scheduled()] = Field(
        0.0, description="Pan to the right.", json_schema_extra=unit("frame widths/s")
    )
    pan_y: Annotated[float, Field(ge=-4.0, le=4.0), Scheduled()] = Field(
        0.0, description="Pan down.", json_schema_extra=unit("frame heights/s")
    )
    center_x: Annotated[float, Field(ge=0.0, le=1.0), Scheduled()] = Field(
        0.5, description="What zoom and rotation are about: 0 is the frame's left side, 1 its right."
    )
    center_y: Annotated[float, Field(ge=0.0, le=1.0), Scheduled()] = Field(
        0.5, description="What zoom and rotation are about: 0 is the frame's top, 1 its bottom."
    )
    mirrors: int = Field(
        0, ge=0, le=64, description="Mirrors that meet in the center, as in a kaleidoscope; 0 is none."
    )


class TripSettings(SettingsModel):
    """What a zoom trip starts from, how much it changes, and what of it is held."""

    start: str = Field(
        "noise",
        min_length=1,
        description="What it starts from: noise (1/f), a color (#204060), a gradient (#204060-#ff8800), an image "
        "file, or a frame of a video (FILE@12.5s).",
    )
    duration: Seconds = Field(
        Fraction(20), gt=0, le=86400, description="How long the trip lasts.", json_schema_extra=unit("s")
    )
    rate: Annotated[float, Field(ge=0.0, le=100.0), Scheduled()] = Field(
        4.0,
        description="How fast the picture becomes something new: full dreams (all steps) in a second.",
        json_schema_extra=unit("1/s"),
    )
    color_lock: Annotated[float, Field(ge=0.0, le=1.0), Scheduled()] = Field(
        0.5,
        description="How firmly colors are held to the palette: 0 lets them go where the network takes them, "
        "1 holds their mean and spread in every frame.",
    )
    palette: str = Field(
        "start",
        min_length=1,
        description="Whose colors are held: start (the first picture's), or an image file.",
    )
    hue: Annotated[float, Field(ge=-36000.0, le=36000.0), Scheduled()] = Field(
        0.0, description="Turn of the palette's hues.", json_schema_extra=unit("degrees")
    )
    saturation: Annotated[float, Field(ge=0.0, le=4.0), Scheduled()] = Field(
        1.0, description="How colorful the palette is held, as a multiple of its own."
    )
    brightness: Annotated[float, Field(ge=0.0, le=4.0), Scheduled()] = Field(
        1.0, description="How light the palette is held, as a multiple of its own."
    )
    loop: bool = Field(False, description="Make a seamless loop: the last frame flows into the first.")
    keyframe: Annotated[Seconds, Field(gt=0, le=3600)] | None = Field(
        None,
        description="Dream one large picture each so many seconds, and zoom from one into the next: cheap and very "
        "smooth. Every frame is dreamed where it is not given.",
        json_schema_extra=unit("s"),
    )
    music: Path | None = Field(
        None,
        description="A track to lay under the trip, cut and faded to its length; beat, onset, rms, bass, mid and "
        "treble can then be used in expressions.",
    )
    music_start: Seconds = Field(
        Fraction(0), ge=0, description="Where in the track to begin.", json_schema_extra=unit("s")
    )
    pulse: Annotated[float, Field(ge=0.0, le=4.0), Scheduled()] | None = Field(
        None,
        description="How strongly the zoom pulses to the music's beat; 1 with music, unless an expression names a "
        "signal of it.",
    )
