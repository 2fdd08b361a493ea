"""Checks of what is handed to the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dreamvid.errors import EngineError

if TYPE_CHECKING:
    from dreamvid.types import RGB


def check_picture(image: RGB, what: str, shape: tuple[int, ...] | None = None) -> None:
    """Raise EngineError for what is no finite float32 picture ``[H, W, 3]``, or none of this shape."""
    if image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:  # noqa: PLR2004  height, width, RGB
        raise EngineError(f"{what} has shape {image.shape}; RGB (height, width, 3) is needed")
    if shape is not None and image.shape != shape:
        raise EngineError(f"{what} has shape {image.shape}, the picture {shape}; they must be the same")
    if image.dtype != np.float32:
        raise EngineError(f"{what} is {image.dtype}; float32 in 0..1 is needed")
    if not np.isfinite(image).all():
        raise EngineError(f"{what} holds numbers that are not finite")


def clipped(image: RGB) -> RGB:
    """Return a picture held within 0..1."""
    return np.clip(image, 0.0, 1.0, out=np.empty_like(image))
