"""Verify a finished file by demuxing it and decoding its first and last frame."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO

import av
from PIL import Image

from dreamvid.errors import WriteError

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.media.containers import Container

_SLACK = Fraction(1, 500)
_APNG_ROUNDING = Fraction(1, 100000)
"""FFmpeg's reader rounds each delay of an APNG to this, and adds them up."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What was written: how many frames, when the last one appears, and the container's time base (seconds)."""

    frames: int
    last: Fraction
    time_base: Fraction


def verify(part: Path, target: str, container: Container, expected: Expected) -> None:
    """Count the frames, compare the time of the last, and decode the first and the last.

    Raises
    ------
    WriteError
        Where anything differs from what was written.
    """
    try:
        with part.open("rb") as file:
            if container.muxer == "webp":  # FFmpeg decodes no animated WebP
                _check_webp(file, target, expected)
                return
            with av.open(file, "r", format=container.demuxer or container.muxer) as container_file:
                _check(container_file, target, expected, seekable=container.is_seekable)
    except (av.FFmpegError, OSError, ValueError, SyntaxError) as error:
        raise _failed(target, f"cannot be read back ({error})") from None


def _check(
    container: av.container.InputContainer, target: str, expected: Expected, *, seekable: bool
) -> None:
    stream = container.streams.video[0]
    base = stream.time_base or expected.time_base
    stream.codec_context.thread_count = 1
    first = _first_frame(container, stream)
    count, begin, last = 0, None, None
    container.seek(0, stream=stream)
    for packet in container.demux(stream):
        if packet.pts is None:
            continue
        count += 1
        last = packet.pts if last is None else max(last, packet.pts)
        begin = packet.pts if begin is None else min(begin, packet.pts)
    if count != expected.frames:
        raise _failed(target, f"{count} of {expected.frames} frames")
    if begin is None or last is None or first is None:
        raise _failed(target, "no frame can be decoded")
    video_length = (last - begin) * base
    slack = _SLACK + expected.time_base + (0 if seekable else count * _APNG_ROUNDING)
    if count > 1 and abs(video_length - expected.last) > slack:
        raise _failed(
            target, f"the last frame is at {float(video_length):.4f} s, not {float(expected.last):.4f} s"
        )
    if seekable and not _decodes_at(container, stream, last):
        raise _failed(target, "the last frame cannot be decoded")


def _check_webp(file: BinaryIO, target: str, expected: Expected) -> None:
    with Image.open(file, formats=["WEBP"]) as image:
        image.load()
        count = getattr(image, "n_frames", 1)
    if count != expected.frames:
        raise _failed(target, f"{count} of {expected.frames} frames")


def _first_frame(container: av.container.InputContainer, stream: av.VideoStream) -> av.VideoFrame | None:
    return next(iter(container.decode(stream)), None)


def _decodes_at(container: av.container.InputContainer, stream: av.VideoStream, pts: int) -> bool:
    container.seek(pts, stream=stream)
    return any(frame.pts == pts for frame in container.decode(stream))


def _failed(target: str, what: str) -> WriteError:
    return WriteError(f"{target}: the written file did not verify: {what}; nothing was kept")
