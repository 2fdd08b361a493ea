"""From a raw dream to the frame that is written: strength, and detail upscaled onto the full-size source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.errors import SettingsError
from dreamvid.preset import LONGEST_SIDE
from dreamvid.resample import resize
from dreamvid.types import Size

if TYPE_CHECKING:
    from dreamvid.types import RGB


@dataclass(frozen=True, slots=True)
class Finish:
    """How a raw dream becomes the written frame.

    ``strength`` in [0, 1] scales the dreamed detail. ``dream_size`` is the size at which frames are dreamed; the
    detail is then upscaled onto the full-size source. None dreams at the source's own size.
    """

    strength: float = 1.0
    dream_size: Size | None = None

    def prepare(self, rgb: RGB) -> RGB:
        """Return the picture that is dreamed."""
        return rgb if self.dream_size is None else resize(rgb, self.dream_size)

    def apply(self, source: RGB, prepared: RGB, dreamed: RGB) -> RGB:
        """Return the frame to write: ``source + strength * detail``, clipped to [0, 1].

        ``source`` is full size; ``prepared`` and ``dreamed`` have the dreamed size. Strength 0 gives the source
        back bit for bit.
        """
        if self.strength == 0.0:
            return source
        if prepared is source and self.strength == 1.0:
            return dreamed
        detail = dreamed - prepared
        height, width = source.shape[:2]
        detail = resize(detail, Size(height, width))
        result: RGB = np.clip(source + np.float32(self.strength) * detail, 0.0, 1.0)
        return result


def dream_size(size: Size, width: int | None) -> Size | None:
    """Return the size at which frames are dreamed for ``--dream-width``; None where that is the frame's own.

    Raises
    ------
    SettingsError
        Where the height that follows is longer than any side may be.
    """
    if width is None or width == size.width:
        return None
    height = max(1, round(size.height * width / size.width))
    if height > LONGEST_SIDE:
        raise SettingsError(
            f"output.dream_width: makes {width}x{height} of {size}; no side can be over {LONGEST_SIDE}"
        )
    return Size(height, width)
