"""Read animated WebP with imageio: whole frames, with alpha and exact delays."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.errors import DamagedError, ReadError
from dreamvid.media.input.info import MediaInfo
from dreamvid.media.input.timing import TimedFrame
from dreamvid.media.limits import check_frames
from dreamvid.media.still.reader import open_image
from dreamvid.text import printable
from dreamvid.types import Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamvid.types import RGB, Alpha

_BROWSER_DELAY = Fraction(1, 10)
"""How long browsers show a frame that claims to last no time."""

_HEADER_BYTES = 21
_ANIMATED = 0x02  # in the flags of the VP8X chunk


def is_webp(path: Path) -> bool:
    """Return whether a file begins as WebP does, whatever its name says."""
    head = _head(path)
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def probe_webp(path: Path) -> MediaInfo:
    """Look at an animated WebP; all its frames are decoded once, as only that tells their times.

    Raises
    ------
    ReadError
        For a still WebP, or one that cannot be read at all.
    """
    head = _head(path)
    if len(head) == _HEADER_BYTES and (head[12:16] != b"VP8X" or not head[20] & _ANIMATED):
        raise ReadError(f"{printable(path)} is a still image; use `dreamvid image` for it")
    times: list[tuple[Fraction, Fraction]] = []
    try:
        for timed in read_webp(path):
            times.append((timed.pts, timed.duration or _BROWSER_DELAY))  # noqa: PERF401  kept where reading fails
    except DamagedError:
        if not times:
            raise
    with open_image(path, ["WEBP"]) as picture:
        (height, width, channels), announced = picture.reader.properties(index=0).shape, picture.frames
    total = times[-1][0] + times[-1][1]
    video = VideoInfo(
        size=Size(height, width),
        rate=len(times) / total,
        frames=announced,
        duration=total,
        has_alpha=channels == 4,  # noqa: PLR2004  red, green, blue, alpha
        variable_rate=len({duration for _, duration in times[:-1]}) > 1,
    )
    return MediaInfo(path=path, kind="animation", video=video, start=Fraction(0), format_name="webp")


def read_webp(path: Path) -> Iterator[TimedFrame]:
    """Yield an animation's pictures with their times, decoded in order.

    Raises
    ------
    DamagedError
        Where decoding stops before the promised number of frames.
    """
    with open_image(path, ["WEBP"]) as picture:
        check_frames(printable(path), picture.frames)
        pts = Fraction(0)
        for index in range(picture.frames):
            try:
                pixels = picture.reader.read(index=index, writeable_output=False)
                delay = picture.reader.metadata(index=index).get("duration", 0)
            except (OSError, EOFError, ValueError, SyntaxError) as error:
                raise DamagedError(
                    f"{printable(path)} is damaged at {float(pts):.3f} s: its frames stop there; "
                    "--keep-going keeps what comes before"
                ) from error
            duration = Fraction(int(delay), 1000) or _BROWSER_DELAY
            yield TimedFrame(pts, duration, lambda pixels=pixels: _to_float(pixels))  # type: ignore[misc]  # bound now
            pts += duration


def _to_float(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> tuple[RGB, Alpha | None]:
    picture = np.divide(pixels, np.float32(255), dtype=np.float32)
    if picture.shape[2] == 3:  # noqa: PLR2004  no alpha
        return picture, None
    return np.ascontiguousarray(picture[..., :3]), np.ascontiguousarray(picture[..., 3])


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEADER_BYTES)
    except OSError:
        return b""
