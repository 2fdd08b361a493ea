"""Plan the octaves, the sizes at which a picture is dreamed: coarsest first, full size last.

Octave k of n has the picture's size divided by ``scale ** (n - 1 - k)`` (Mordvintsev et al. 2015,
https://github.com/google/deepdream). Octaves that would be too small for a network to see anything in are
left out, the full size never.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from dreamvid.types import Size

if TYPE_CHECKING:
    from dreamvid.config.settings import OctaveSettings

SMALLEST_SIDE = 32
"""Shortest side of an octave by default, in px."""


@dataclass(frozen=True, slots=True)
class OctavePlan:
    """Sizes of the octaves of one picture, coarsest first; the last is the picture's own."""

    sizes: tuple[Size, ...]

    @classmethod
    def build(cls, size: Size, config: OctaveSettings, *, smallest: int = SMALLEST_SIDE) -> Self:
        """Return the octaves of a picture.

        Parameters
        ----------
        size
            Height and width of the picture, in pixels.
        config
            How many octaves, and the ratio of one's size to the next.
        smallest
            Shortest side, in pixels, that an octave below full size may have; smaller octaves are dropped.

        Returns
        -------
        At least one octave, each strictly larger than the one before it.
        """
        sizes = [Size(*size)]
        for index in range(1, config.count):
            ratio = config.scale**index
            coarser = Size(round(size.height / ratio), round(size.width / ratio))
            if min(coarser) < smallest or coarser == sizes[-1]:
                break
            sizes.append(coarser)
        return cls(tuple(reversed(sizes)))

    def __len__(self) -> int:
        """Return the number of octaves."""
        return len(self.sizes)
