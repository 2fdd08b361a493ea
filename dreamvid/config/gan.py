"""The settings of training a GAN: the size of its pictures and networks, and its seed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from dreamvid.config.fields import Meta, SettingsModel


def _number(value: object) -> object:
    """Return the number that the text of an option stands for."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


_WIDTHS = {16: 48, 32: 40, 64: 32}


class GanTrainingSettings(SettingsModel):
    """What the two networks are, and how they are trained."""

    size: Annotated[Literal[16, 32, 64] | None, BeforeValidator(_number)] = Field(
        None,
        description="Side of the pictures; default: 64, of MNIST 32, of digits 16.",
        json_schema_extra=Meta("px"),
    )
    width: int | None = Field(
        None,
        ge=4,
        le=256,
        description="Channels of the layers next to the picture, which double towards the middle; default: 48 at "
        "16 px, 40 at 32 px, 32 at 64 px.",
    )
    latent_size: int = Field(16, ge=2, le=1024, description="Numbers in a latent vector.")
    batch: int = Field(16, ge=4, le=512, description="Pictures in a step.")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Seed of the weights and of all random numbers.")

    def width_at(self, size: int) -> int:
        """Return the width at a size of pictures, in px."""
        return self.width or _WIDTHS[size]
