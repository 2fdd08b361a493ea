"""Take pictures as arrays, tensors or Pillow images, and return results as arrays like them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from dreamvid.errors import SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB

_LAYOUT = "[height, width], [height, width, 3] or [height, width, 4]"
_COLOR_CHANNELS = (3, 4)
_BYTE_MAX = 255


@dataclass(frozen=True, slots=True)
class ArrayPicture:
    """A picture in memory, and how its array held it.

    ``rgb`` is ``[H, W, 3]`` float32, sRGB-encoded, [0, 1]; ``alpha`` is ``[H, W]`` as it came; ``top`` is the
    number that stands for 1.
    """

    rgb: RGB
    alpha: NDArray[Any] | None
    dtype: np.dtype[Any]
    top: int

    def restore(self, rgb: RGB) -> NDArray[Any]:
        """Return a result in the picture's dtype and range: ``[H, W, 3]``, or ``[H, W, 4]`` with its alpha."""
        result: NDArray[Any] = rgb
        if self.dtype.kind in "iu":
            result = np.round(np.clip(rgb, 0.0, 1.0) * self.top)
        result = result.astype(self.dtype)
        return result if self.alpha is None else np.dstack([result, self.alpha])


def as_picture(image: object) -> ArrayPicture:
    """Take a picture: gray, RGB or RGBA, of integers or floats.

    Raises
    ------
    SettingsError
        In one line, for what is no such picture.
    """
    values = _as_array(image)
    _check_shape(values.shape)
    if values.ndim == 2 or values.shape[2] == 1:  # noqa: PLR2004  gray
        values = np.repeat(values.reshape(*values.shape[:2], 1), 3, axis=2)
    top = _check_values(values)
    rgb = values[..., :3].astype(np.float32)
    if top > 1:
        rgb /= np.float32(top)
    alpha = values[..., 3] if values.shape[2] == 4 else None  # noqa: PLR2004  RGBA
    return ArrayPicture(rgb, alpha, values.dtype, top)


def _as_array(image: object) -> NDArray[Any]:
    if isinstance(image, (str, bytes, Path)):
        raise SettingsError("a picture is an array, not a file name; use dream_image for a file")
    if isinstance(image, Image.Image):
        return _from_pillow(image)
    try:
        values: NDArray[Any] = np.asarray(image)
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise SettingsError(
            f"a picture is an array of numbers {_LAYOUT}; this one is none: {reason}"
        ) from error
    return values


def _from_pillow(image: Image.Image) -> NDArray[Any]:
    if image.mode == "La":  # premultiplied, which converts to LA only
        image = image.convert("LA")
    if image.mode not in {"I", "F"} and not image.mode.startswith("I;16"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    values: NDArray[Any] = np.asarray(image)
    if image.mode == "I":  # in which Pillow holds 16-bit gray
        values = np.clip(values, 0, 65535).astype(np.uint16)
    return values


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) in {2, 3} and 0 in shape:
        raise SettingsError(f"a picture of the shape {list(shape)} is empty")
    if len(shape) == 2 or (len(shape) == 3 and shape[2] in {1, *_COLOR_CHANNELS}):  # noqa: PLR2004  axes
        return
    advice = ""
    if len(shape) == 3 and shape[0] in {1, *_COLOR_CHANNELS}:  # noqa: PLR2004  axes
        advice = "; put the channels last"
    elif len(shape) == 4:  # noqa: PLR2004  axes
        advice = "; give the pictures of a batch one by one"
    raise SettingsError(f"a picture has the shape {_LAYOUT}, not {list(shape)}{advice}")


def _check_values(values: NDArray[Any]) -> int:
    """Return the number that stands for 1."""
    kind = values.dtype
    if kind.kind == "u" and kind.itemsize <= 2:  # noqa: PLR2004  uint8 and uint16
        return int(np.iinfo(kind).max)
    if kind.kind in "iu":
        low, high = int(values.min()), int(values.max())
        if low < 0 or high > _BYTE_MAX:
            raise SettingsError(
                f"a picture of {kind} must lie in 0..255, not in {low}..{high}; uint16 lies in 0..65535"
            )
        return _BYTE_MAX
    if kind.kind != "f" and kind.name != "bfloat16":
        raise SettingsError(f"a picture is of integers or floats, not of {kind}")
    if not np.isfinite(values).all():
        raise SettingsError("a picture must be finite; this one holds NaN or infinity")
    lowest, highest = float(values.min()), float(values.max())
    if lowest < 0.0 or highest > 1.0:
        raise SettingsError(
            f"a float picture must lie in 0..1, not in {lowest:g}..{highest:g}; scale it, or give integers of 0..255"
        )
    return 1
