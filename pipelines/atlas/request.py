"""What an atlas is to show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from dreamvid.config.settings import AscentSettings, OctaveSettings

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.config.settings import ModelSettings
    from dreamvid.config.visualization import VisualizationSettings

IMAGE_SIZE = 256
"""Longer side of the tiles that dream a picture, in px, where nothing else is asked for."""

Sort = Literal["unit", "activation"]


@dataclass(frozen=True, slots=True)
class AtlasRequest:
    """What an atlas shows.

    Attributes
    ----------
    model
        The network.
    settings
        How pictures are made; ``size`` is the longer side of a tile where a picture is dreamed.
    octaves, ascent
        How a picture is dreamed.
    image
        The picture that each unit dreams; None is noise.
    layers, channels, classes
        As texts; see :mod:`dreamvid.pipelines.units`. Neither layers nor classes are the main layers.
    sort
        ``activation`` orders units by how strongly they fire on the picture or the examples, and a number of channels
        is then that of the strongest.
    examples
        A video, picture or folder of pictures; the patches that fire each unit most are shown beside it.
    example_count
        Patches of a unit.
    columns
        Tiles in a row of the contact sheet.
    variants
        Pictures from noise of each unit, as different as may be; they share its tile.
    transparent
        Tiles have alpha: the share of the gradient that each pixel got.
    """

    model: ModelSettings
    settings: VisualizationSettings
    octaves: OctaveSettings = field(default_factory=OctaveSettings)
    ascent: AscentSettings = field(default_factory=AscentSettings)
    image: Path | None = None
    layers: str | None = None
    channels: str = "16"
    classes: str | None = None
    sort: Sort = "unit"
    examples: Path | None = None
    example_count: int = 4
    columns: int = 8
    variants: int = 1
    transparent: bool = False

    @property
    def dream(self) -> dict[str, object]:
        """The settings of the dream of a picture that are not the default, by path."""
        if self.image is None:
            return {}
        groups = {"octaves": self.octaves, "ascent": self.ascent}
        return {
            f"{group}.{name}": value
            for group, settings in groups.items()
            for name, value in settings.model_dump(mode="json", exclude_defaults=True).items()
        }
