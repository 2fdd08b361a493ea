"""Refuse inputs that claim to be enormous before anything of that size is allocated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dreamvid.errors import ReadError

if TYPE_CHECKING:
    from fractions import Fraction

    from dreamvid.types import Size

MAX_PIXELS = 200_000_000
"""Pixels of one picture, still or frame: more than any camera or 16K video has."""

MAX_FRAMES = 5_000_000
"""Frames of a video once resampled: nearly a day at 60 frames a second."""

MAX_FPS = 1000
"""Average frames per second."""

# Decoders count borders and whole blocks as well, which is most of a small picture.
MAX_DECODED_PIXELS = 2 * MAX_PIXELS + (1 << 16)
"""Pixels that a decoder may allocate for one picture: FFmpeg's ``max_pixels``."""


def check_picture(name: str, size: Size) -> None:
    """Raise a ``ReadError`` for a picture with more than :data:`MAX_PIXELS`."""
    if size.height * size.width > MAX_PIXELS:
        raise ReadError(f"{name} is {size}; at most {MAX_PIXELS // 10**6} megapixels are read")


def check_frames(name: str, count: float) -> None:
    """Raise a ``ReadError`` for a video with more than :data:`MAX_FRAMES`."""
    if count > MAX_FRAMES:
        raise ReadError(
            f"{name} has {count / 1e6:.3g} million frames; at most {MAX_FRAMES // 10**6} million are read; "
            "--fps sets how many there are a second"
        )


def check_rate(name: str, rate: Fraction) -> None:
    """Raise a ``ReadError`` for a video with more than :data:`MAX_FPS`."""
    if rate > MAX_FPS:
        raise ReadError(f"{name} has {float(rate):g} frames a second; at most {MAX_FPS} are read")
