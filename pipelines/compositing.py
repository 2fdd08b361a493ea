"""From a raw dream to the frame that is written: size, kept color, blend mode, strength and mask, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.config.settings import LONGEST_SIDE
from dreamvid.errors import SettingsError
from dreamvid.image.blend import blend
from dreamvid.image.color_transfer import keep_color
from dreamvid.image.panorama import pad, resize_panorama, unpad
from dreamvid.image.resize import resize
from dreamvid.schedule.fields import constant
from dreamvid.types import Size

if TYPE_CHECKING:
    from dreamvid.config.preset import Preset
    from dreamvid.types import RGB, BlendMode, KeepColor, Mask


@dataclass(frozen=True, slots=True)
class Compositor:
    """How a raw dream becomes the written frame.

    ``strength`` in [0, 1] is how much of what the dream changes is written. ``dream_size`` is the size at which
    frames are dreamed; the detail is then upscaled onto the full-size source. None dreams at the source's own size.
    ``blend`` is the blend mode (`dreamvid.image.blend`), ``keep_color`` what of the source's colors stays
    (`dreamvid.image.keep_color`). ``panorama`` says that pictures go around; ``padded``, that they are dreamed with
    margins (`dreamvid.image.panorama`).
    """

    strength: float = 1.0
    dream_size: Size | None = None
    blend: BlendMode = "normal"
    keep_color: KeepColor = "off"
    panorama: bool = False
    padded: bool = False

    def prepare(self, rgb: RGB) -> RGB:
        """Return the picture that is dreamed."""
        picture = rgb if self.dream_size is None else self._resize(rgb, self.dream_size)
        return pad(picture) if self.padded else picture

    def apply(self, source: RGB, prepared: RGB, dreamed: RGB, mask: Mask | None = None) -> RGB:
        """Return the frame to write: ``source + strength * mask * (laid - source)``, clipped to [0, 1].

        ``laid`` is the dream at full size, ``source + resize(dreamed - prepared)``, in kept colors and laid over the
        source in the blend mode.

        Parameters
        ----------
        source
            ``[H, W, 3]`` float32 in [0, 1], full size; it is not changed.
        prepared, dreamed
            What was dreamed, and its dream; both of the dreamed size.
        mask
            ``[H, W]`` float32 in [0, 1], full size; None is 1 everywhere.

        Strength 0 gives the source back bit for bit, and so does every pixel where the mask is 0.
        """
        if self.strength == 0.0:
            return source
        is_full = prepared is source
        if self.padded:
            is_full, prepared, dreamed = self.dream_size is None, unpad(prepared), unpad(dreamed)
        full = dreamed if is_full else self._full_size(source, prepared, dreamed)
        laid = blend(source, keep_color(source, full, self.keep_color), self.blend)
        if mask is None and self.strength == 1.0:
            return laid
        change = laid - source
        change *= np.float32(self.strength) if mask is None else (mask * np.float32(self.strength))[..., None]
        change += source
        return np.clip(change, 0.0, 1.0, out=change)

    def _full_size(self, source: RGB, prepared: RGB, dreamed: RGB) -> RGB:
        detail = self._resize(dreamed - prepared, Size(*source.shape[:2]))
        detail += source
        return np.clip(detail, 0.0, 1.0, out=detail)

    def _resize(self, picture: RGB, size: Size) -> RGB:
        return resize_panorama(picture, size) if self.panorama else resize(picture, size)


def make_compositor(preset: Preset, size: Size, *, video: bool = False) -> Compositor:
    """Return how a preset's dreams are finished in pictures of a size, which are frames of a ``video`` or alone.

    Raises
    ------
    SettingsError
        As `dream_size` does.
    """
    look, panorama = preset.look, preset.projection == "equirect"
    return Compositor(
        constant(look.strength),
        dream_size(size, preset.output.dream_width),
        look.blend,
        look.keep_color,
        panorama=panorama,
        padded=panorama and (video or preset.ascent.accentuate),
    )


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
