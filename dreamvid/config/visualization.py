"""The settings of feature visualization: pictures of what channels and classes respond to."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from dreamvid.config.fields import Meta, SettingsModel

ParameterizationName = Literal["fourier", "maco", "pixels"]


class VisualizationSettings(SettingsModel):
    """How the picture of a channel or class is made."""

    scalar: ClassVar[str | None] = "parameterization"

    parameterization: ParameterizationName = Field(
        "fourier",
        description=(
            "What gradient ascent changes: fourier, the spectrum in decorrelated colors, for natural pictures; maco, "
            "its phase alone, at the spectrum of photographs; pixels, each pixel by itself, the classic noise."
        ),
    )
    size: int = Field(128, ge=16, le=2048, description="Side of the picture.", json_schema_extra=Meta("px"))
    steps: int = Field(128, ge=1, le=10000, description="Gradient steps from noise.")
    learning_rate: float | None = Field(
        None,
        gt=0.0,
        le=10.0,
        description=(
            "Learning rate of the first step, which falls to 0; for pixels the mean change of a pixel in each step. "
            "Default: by parameterization."
        ),
    )
    jitter: int = Field(
        8,
        ge=0,
        le=512,
        description="Largest random shift of the picture before each step; it and the next two make pictures robust.",
        json_schema_extra=Meta("px"),
    )
    scaling: float = Field(
        0.2,
        ge=0.0,
        lt=1.0,
        description="Largest random change of scale before each step: 0.2 is 0.8 to 1.2 times.",
    )
    rotation: float = Field(
        10.0,
        ge=0.0,
        le=180.0,
        description="Largest random rotation before each step.",
        json_schema_extra=Meta("degrees"),
    )
    diversity: float = Field(
        1.0,
        ge=0.0,
        le=1000.0,
        description="How much several pictures of the same channel or class must differ; 0 lets chance decide.",
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Seed of the noise and of the random transforms.")
