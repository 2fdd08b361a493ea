"""Read animated AVIF with imageio, as FFmpeg keeps its alpha in another stream: sRGB frames of 8 bits."""

from __future__ import annotations

import itertools
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.errors import DamagedError, ReadError
from dreamvid.media.color.rgb import split_alpha
from dreamvid.media.input.container import open_input
from dreamvid.media.input.info import MediaInfo
from dreamvid.media.input.timing import TimedFrame
from dreamvid.media.limits import check_frames
from dreamvid.media.still.icc import primaries_to_srgb
from dreamvid.media.still.reader import apply_profile, open_image
from dreamvid.media.still.signatures import HEADER_BYTES, avif_primaries, is_avif, is_heic, why_not_a_picture
from dreamvid.text import printable
from dreamvid.types import Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from dreamvid.types import RGB, Alpha


def is_avif_file(path: Path) -> bool:
    """Return whether a file begins as AVIF does, whatever its name says."""
    return is_avif(_read_header(path))


def check_no_heic(path: Path) -> None:
    """Raise a ``ReadError`` for a still HEIC, of which FFmpeg decodes tiles and thumbnails as videos."""
    header = _read_header(path)
    if is_heic(header):
        raise ReadError(f"{printable(path)} {why_not_a_picture(header)}")


def probe_avif(path: Path) -> MediaInfo:
    """Probe an animated AVIF.

    Raises
    ------
    ReadError
        For a still AVIF, or one that cannot be read at all.
    """
    name = printable(path)
    with open_image(path, ["AVIF"]) as image:
        if image.frames == 1:
            raise ReadError(f"{name} is a still image; use `dreamvid image` for it")
        check_frames(name, image.frames)
        height, width, channels = image.reader.properties(index=0).shape
    times = _read_times(path, image.frames)
    durations = [end - start for start, end in itertools.pairwise(times)]
    video = VideoInfo(
        size=Size(height, width),
        rate=image.frames / times[-1],
        frames=image.frames,
        duration=times[-1],
        has_alpha=channels == 4,  # noqa: PLR2004  red, green, blue, alpha
        variable_rate=len(set(durations[:-1])) > 1,
    )
    return MediaInfo(path=path, kind="animation", video=video, start=Fraction(0), format_name="avif")


def read_avif(path: Path) -> Iterator[TimedFrame]:
    """Yield an animation's pictures with their times, decoded in order.

    Raises
    ------
    DamagedError
        Where a picture cannot be decoded.
    """
    with open_image(path, ["AVIF"]) as image:
        times = _read_times(path, image.frames)
        profile = image.reader.metadata(index=0).get("icc_profile")
        primaries = avif_primaries(_read_header(path))
        for index, (start, end) in enumerate(itertools.pairwise(times)):
            try:
                codes = image.reader.read(index=index, writeable_output=False)
            except (OSError, EOFError, ValueError, RuntimeError, SyntaxError) as error:
                raise DamagedError(
                    f"{printable(path)} is damaged at {float(start):.3f} s: its frames stop there; "
                    "--keep-going keeps what comes before"
                ) from error
            yield TimedFrame(start, end - start, partial(_load, codes, profile, primaries))


def _read_times(path: Path, frames: int) -> list[Fraction]:
    """Return the seconds at which frames start, and the end; Pillow rounds them to milliseconds.

    Raises
    ------
    ReadError
        Where no video stream has such a number of frames.
    """
    with open_input(path) as container:
        for stream in container.streams.video:
            ticks = [entry.timestamp for entry in stream.index_entries]
            if len(ticks) != frames or not stream.duration or stream.time_base is None:
                continue
            ticks.append(ticks[0] + stream.duration)
            if all(start < end for start, end in itertools.pairwise(ticks)):
                return [(tick - ticks[0]) * stream.time_base for tick in ticks]
    raise ReadError(f"{printable(path)} is damaged: its index does not fit its {frames} frames")


def _load(codes: NDArray[np.uint8], profile: object, primaries: int) -> tuple[RGB, Alpha | None]:
    rgb, alpha = split_alpha(np.divide(codes, np.float32(255), dtype=np.float32))
    if isinstance(profile, bytes):
        return apply_profile(rgb, profile), alpha
    return primaries_to_srgb(rgb, primaries), alpha


def _read_header(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEADER_BYTES)
    except OSError:
        return b""
