"""An atlas in memory: sections of tiles, each with its picture and what is known of its unit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

FORMAT, VERSION = "dreamvid-atlas", 1


@dataclass(frozen=True, slots=True)
class Patch:
    """A part of a given picture or video that fires a unit: an encoded picture, and where it is from.

    ``seconds`` is the time in a video, None in a still.
    """

    picture: bytes
    file: str
    seconds: float | None
    activation: float


@dataclass(frozen=True, slots=True)
class Tile:
    """The picture of one unit.

    Attributes
    ----------
    unit
        Channel or class, counted from 0.
    title
        ``#35``, or the first name of a class.
    words
        What else it is found by, such as all names of a class.
    objective
        The text form of its objective.
    picture
        As an encoded file (WebP).
    score, start_score
        The objective on the picture, and on what it started from.
    attempts
        How many starts were tried.
    reason
        Why nothing was found; empty where something was.
    activation
        How strongly the unit fires on the given picture, or at most in the examples; None without either.
    """

    unit: int
    title: str
    words: str
    objective: str
    picture: bytes = field(repr=False)
    score: float
    start_score: float
    attempts: int = 1
    reason: str = ""
    activation: float | None = None
    patches: tuple[Patch, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """The tiles of one layer, or of the classes.

    ``output`` is the layer's name, or ``logits`` for the classes; ``about`` describes it in one line; ``units`` is
    how many it has in all.
    """

    output: str
    title: str
    about: str
    units: int
    tiles: tuple[Tile, ...]
    is_classes: bool = False

    @property
    def line(self) -> str:
        """What it is, and how much of it is shown: ``Conv2D, depth 3, 16 of 64 channels``."""
        kind = "classes" if self.is_classes else "channels" if self.units > 1 else "channel"
        shown = str(self.units) if len(self.tiles) == self.units else f"{len(self.tiles)} of {self.units}"
        return ", ".join(filter(None, [self.about, f"{shown} {kind}"]))


@dataclass(frozen=True, slots=True)
class Atlas:
    """All sections, and how they were made.

    Attributes
    ----------
    network
        The name, or the base name of the file.
    width, height
        Of a tile, in px.
    model
        What a preset's ``model`` says, where it is not the default.
    dream
        Other settings of a preset, by path, where they are not the default.
    image, image_picture
        Name and encoded picture of what was dreamed; empty for noise.
    examples
        Name of the video or folder of the patches; empty without.
    settings
        Everything that the pictures depend on, for programs.
    made_by
        Program, version and settings in one line.
    """

    network: str
    width: int
    height: int
    sections: tuple[Section, ...]
    model: dict[str, Any] = field(default_factory=dict)
    dream: dict[str, Any] = field(default_factory=dict)
    image: str = ""
    image_picture: bytes = field(default=b"", repr=False)
    examples: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    made_by: str = ""

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return sum(len(section.tiles) for section in self.sections)

    @property
    def dead(self) -> int:
        """Number of tiles that show nothing."""
        return sum(bool(tile.reason) for section in self.sections for tile in section.tiles)
