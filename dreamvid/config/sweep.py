"""Settings of sweeps: what one picture is dreamed by in turn, and how the dreams are shown."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from dreamvid.config.fields import Meta, Pipeline, SettingsModel

_SWEEPS: tuple[Pipeline, ...] = ("sweep",)
_LONGEST_SECONDS = 60.0


class SweepSettings(SettingsModel):
    """A sweep of one picture through layers, channels or classes of a network."""

    panel: ClassVar[str] = "The sweep"

    layers: str | None = Field(
        None,
        max_length=10_000,
        description="Layers, between commas: names, globs such as 'mixed*', depths and ranges of them such as "
        "1,5,18,44 or 0-25; default: one layer of each depth, or none with --classes.",
        json_schema_extra=Meta(flag="--layers", pipelines=_SWEEPS),
    )
    channels: str | None = Field(
        None,
        max_length=10_000,
        description="Channels of each of the layers, instead of the whole layer: 16 (the first 16), all, 0,3,7, 4-9, "
        "or random:8; one alone is written 35,.",
        json_schema_extra=Meta(flag="--channels", pipelines=_SWEEPS),
    )
    classes: str | None = Field(
        None,
        max_length=10_000,
        description="Classes, between commas: names, globs, numbers, ranges of them, or all.",
        json_schema_extra=Meta(flag="--classes", pipelines=_SWEEPS),
    )
    hold: float = Field(
        1.0,
        ge=0.0,
        le=_LONGEST_SECONDS,
        description="How long each dream is shown; at least one frame.",
        json_schema_extra=Meta("s", "--hold", pipelines=_SWEEPS, affects="encoding"),
    )
    fade: float = Field(
        0.5,
        ge=0.0,
        le=_LONGEST_SECONDS,
        description="Length of the cross-fade from each dream to the next; 0 cuts.",
        json_schema_extra=Meta("s", "--fade", pipelines=_SWEEPS, affects="encoding"),
    )
    labels: bool = Field(
        True,
        description="Write the name of its layer, channel or class on each picture; --no-labels does not.",
        json_schema_extra=Meta(flag="--no-labels", pipelines=_SWEEPS, affects="encoding"),
    )
