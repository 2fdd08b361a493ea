"""Read animated WebP with imageio, as FFmpeg cannot decode it: frames with alpha and exact durations."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.errors import DamagedError, ReadError
from dreamvid.media.color.rgb import split_alpha
from dreamvid.media.input.info import MediaInfo
from dreamvid.media.input.timing import TimedFrame
from dreamvid.media.limits import check_frames
from dreamvid.media.still.reader import open_image
from dreamvid.text import printable
from dreamvid.types import Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from dreamvid.types import RGB, Alpha

_DEFAULT_DURATION = Fraction(1, 10)
"""Seconds for which browsers show a frame of no duration."""

_HEADER_BYTES = 21
_ANIMATION_FLAG = 0x02  # of the VP8X chunk


def is_webp(path: Path) -> bool:
    """Return whether a file begins as WebP does, whatever its name says."""
    header = _read_header(path)
    return header[:4] == b"RIFF" and header[8:12] == b"WEBP"


def probe_webp(path: Path) -> MediaInfo:
    """Probe an animated WebP; all its frames are decoded once, as only that tells their times.

    Raises
    ------
    ReadError
        For a still WebP, or one that cannot be read at all.
    """
    header = _read_header(path)
    if len(header) == _HEADER_BYTES and (header[12:16] != b"VP8X" or not header[20] & _ANIMATION_FLAG):
        raise ReadError(f"{printable(path)} is a still image; use `dreamvid image` for it")
    durations: list[Fraction] = []
    try:
        for timed in read_webp(path):
            durations.append(timed.duration or _DEFAULT_DURATION)  # noqa: PERF401  those before damage are wanted
    except DamagedError:
        if not durations:
            raise
    with open_image(path, ["WEBP"]) as image:
        (height, width, channels), frames = image.reader.properties(index=0).shape, image.frames
    total = sum(durations, start=Fraction(0))
    video = VideoInfo(
        size=Size(height, width),
        rate=len(durations) / total,
        frames=frames,
        duration=total,
        has_alpha=channels == 4,  # noqa: PLR2004  red, green, blue, alpha
        variable_rate=len(set(durations[:-1])) > 1,
    )
    return MediaInfo(path=path, kind="animation", video=video, start=Fraction(0), format_name="webp")


def read_webp(path: Path) -> Iterator[TimedFrame]:
    """Yield an animation's pictures with their times, decoded in order.

    Raises
    ------
    DamagedError
        Where decoding stops before the promised number of frames.
    """
    with open_image(path, ["WEBP"]) as image:
        check_frames(printable(path), image.frames)
        pts = Fraction(0)
        for index in range(image.frames):
            try:
                pixels = image.reader.read(index=index, writeable_output=False)
                milliseconds = int(image.reader.metadata(index=index).get("duration", 0))
            except (OSError, EOFError, ValueError, SyntaxError) as error:
                raise DamagedError(
                    f"{printable(path)} is damaged at {float(pts):.3f} s: its frames stop there; "
                    "--keep-going keeps what comes before"
                ) from error
            duration = Fraction(milliseconds, 1000) or _DEFAULT_DURATION
            yield TimedFrame(pts, duration, partial(_to_float, pixels))
            pts += duration


def _to_float(pixels: NDArray[np.uint8]) -> tuple[RGB, Alpha | None]:
    return split_alpha(np.divide(pixels, np.float32(255), dtype=np.float32))


def _read_header(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEADER_BYTES)
    except OSError:
        return b""
