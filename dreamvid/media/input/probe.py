"""Probe an input: its kind, video stream, size, rate, colors, and its other streams."""

from __future__ import annotations

import re
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING

from av.error import FFmpegError
from av.stream import Disposition

from dreamvid.errors import ReadError
from dreamvid.media.color.orientation import frame_orientation
from dreamvid.media.color.pixel_formats import depth, has_alpha, is_hdr
from dreamvid.media.input.animated_webp import is_webp, probe_webp
from dreamvid.media.input.container import can_decode, check_file, input_path, open_input
from dreamvid.media.input.image_sequence import probe_folder
from dreamvid.media.input.info import Chapter, ColorTags, MediaInfo, StreamInfo
from dreamvid.media.input.stream_timing import StreamTiming, read_stream_timing
from dreamvid.media.limits import MAX_FRAMES, check_frames, check_picture, check_rate
from dreamvid.text import printable
from dreamvid.types import Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import av
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_CODECS_WITH_HIDDEN_FRAMES = {"vp8", "vp9", "libvpx", "libvpx-vp9", "av1", "libdav1d"}
"""Codecs with pictures that are never seen."""
_ALPHA_IN_ALL_FRAMES = {"gif", "apng"}
_FRAMES_SEARCHED = 300
_OPAQUE = 255
_FALLBACK_RATE = Fraction(25)


def probe(path: str | Path, *, fps: Fraction | None = None) -> MediaInfo:
    """Probe a video, an animation or a folder of PNGs.

    Parameters
    ----------
    path
        Any name, whatever characters it holds; never a URL.
    fps
        The rate of a folder of PNGs; None is its own ``frames.json``, or 24. Other inputs have their own rate.

    Raises
    ------
    ReadError
        In one line, for what is missing, unreadable, no video or beyond the limits.
    """
    media = _probe(path, fps)
    check_picture(printable(media.path), media.video.size)
    if media.path.is_dir() or media.video.frames != 1:  # a container may say any rate of a single one
        check_rate(printable(media.path), media.video.rate)
    return media


def _probe(path: str | Path, fps: Fraction | None) -> MediaInfo:
    found = input_path(path)
    if found.is_dir():
        return probe_folder(found, fps=fps)
    check_file(found)  # a pipe would block whoever opens it
    if is_webp(found):
        return probe_webp(found)
    with open_input(found) as container:
        stream = video_stream(container, found)
        check_picture(
            printable(found), Size(stream.codec_context.height or 0, stream.codec_context.width or 0)
        )
        check_frames(printable(found), stream.frames or len(stream.index_entries))
        counted = read_stream_timing(container, stream, most=MAX_FRAMES)
    check_frames(printable(found), counted.frames or 0)
    with open_input(found) as container:
        return _probe_container(container, found, counted)


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the container's best video stream; cover art is none.

    Raises
    ------
    ReadError
        Where there is no video, or none that can be decoded.
    """
    best = container.streams.best("video")
    cover = Disposition.attached_pic | Disposition.timed_thumbnails
    if best is None or best.disposition & cover:
        undecodable = [s for s in container.streams.video if not s.disposition & cover]
        if undecodable:
            raise ReadError(f"{printable(path)}: its video is in a format that cannot be decoded here")
        if container.streams.audio:
            raise ReadError(f"{printable(path)} holds sound but no video")
        raise ReadError(f"{printable(path)} holds no video")
    for stream in container.streams.video:
        if stream.index == best.index and can_decode(stream):
            return stream
    if container.streams.video:
        raise ReadError(f"{printable(path)}: its video is in a format that cannot be decoded here")
    raise ReadError(f"{printable(path)} holds no video")


def _probe_container(container: InputContainer, path: Path, found: StreamTiming) -> MediaInfo:
    stream = video_stream(container, path)
    first = _first_frame(container, stream, path)
    tick = first.time_base or stream.time_base or Fraction(1, 1000)
    start = (first.pts or 0) * tick
    decoder = _alpha_decoder(stream)
    orientation = frame_orientation(first)
    transparent = decoder is not None or has_alpha(first.format.name)
    if transparent and stream.codec_context.name in _ALPHA_IN_ALL_FRAMES:
        transparent = _any_transparency(path, stream.index)
    sar = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or Fraction(1)
    announced = _announced_duration(container, stream, start)
    video = VideoInfo(
        size=orientation.size(Size(first.height, first.width)),
        rate=_rate(stream, found),
        frames=found.frames,
        duration=found.duration or announced,
        sar=orientation.sar(sar),
        depth=depth(first.format.name),
        has_alpha=transparent,
        hdr=is_hdr(first.color_trc),
        variable_rate=found.variable_rate,
    )
    return MediaInfo(
        path=path,
        kind="video",
        video=video,
        start=start,
        stream_index=stream.index,
        streams=tuple(_stream_info(s) for s in container.streams),
        metadata=dict(container.metadata),
        chapters=tuple(_chapters(container)),
        color=ColorTags(
            matrix=first.colorspace,
            full_range=first.color_range == 2 or first.format.name.startswith("yuvj"),  # noqa: PLR2004  AVCOL_RANGE_JPEG
            transfer=first.color_trc,
            primaries=first.color_primaries,
        ),
        orientation=orientation,
        interlaced=first.interlaced_frame,
        announced=announced,
        gap=None if stream.codec_context.name in _ALPHA_IN_ALL_FRAMES else found.gap,
        packets=None if stream.codec_context.name in _CODECS_WITH_HIDDEN_FRAMES else found.frames,
        decoder=decoder,
        format_name=container.format.name,
    )


def _first_frame(container: InputContainer, stream: VideoStream, path: Path) -> av.VideoFrame:
    reason = f"{printable(path)} holds a video stream without a single frame"
    try:
        for frame in container.decode(stream):
            return frame
    except FFmpegError as error:
        reason = f"{printable(path)} is damaged: not even its first frame can be decoded ({error.strerror})"
    raise ReadError(reason)


def _any_transparency(path: Path, index: int) -> bool:
    """Return whether a GIF or APNG, whose frames always have alpha, uses it; long ones are not read to the end."""
    with (
        open_input(path) as container,
        suppress(FFmpegError),
    ):  # damage: whoever decodes all says where
        for count, frame in enumerate(container.decode(video=index)):
            alpha = frame.reformat(format="rgba").to_ndarray()[..., 3]
            if count >= _FRAMES_SEARCHED or alpha.min() < _OPAQUE:
                return True
    return False


def _alpha_decoder(stream: VideoStream) -> str | None:
    """Return the decoder that VP8 and VP9 with alpha need; FFmpeg's own ones drop it."""
    marked = {key.lower(): value for key, value in stream.metadata.items()}.get("alpha_mode") == "1"
    return _ALPHA_DECODERS.get(stream.codec_context.name) if marked else None


def _rate(stream: VideoStream, found: StreamTiming) -> Fraction:
    if found.variable_rate and found.frames and found.duration:
        return found.frames / found.duration
    named = [rate for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate) if rate]
    if found.rate is None:
        return next(iter(named), _FALLBACK_RATE)
    exact = [rate for rate in named if abs(rate / found.rate - 1) <= found.rate_error]
    return next(iter(exact), found.rate)


def _announced_duration(container: InputContainer, stream: VideoStream, start: Fraction) -> Fraction | None:
    """Return how long the video lasts by the container's header: the stream's own word, else the whole file's."""
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    tags = {key.upper(): value for key, value in stream.metadata.items()}
    end = _clock(
        tags.get("DURATION", "")
    )  # Matroska, as FFmpeg and mkvmerge write it: the end, not the length
    if end is not None:
        return end - start
    if container.duration and not (container.streams.audio or container.streams.subtitles):
        begin = Fraction(container.start_time or 0, 1_000_000)
        return Fraction(container.duration, 1_000_000) + begin - start
    return None


def _clock(text: str) -> Fraction | None:
    """Read ``HH:MM:SS.fraction`` as seconds."""
    found = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", text)
    if found is None:
        return None
    hours, minutes, seconds = found.groups()
    return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)


def _stream_info(stream: Stream) -> StreamInfo:
    tick = stream.time_base
    start, duration = stream.start_time, stream.duration
    return StreamInfo(
        index=stream.index,
        kind=stream.type,
        codec=stream.codec_context.name if stream.codec_context else None,
        start=None if start is None or tick is None else start * tick,
        duration=None if duration is None or tick is None else duration * tick,
        language=stream.language,
        disposition=int(stream.disposition),
        metadata=dict(stream.metadata),
    )


def _chapters(container: InputContainer) -> Iterator[Chapter]:
    for chapter in container.chapters():
        tick = chapter["time_base"] or Fraction(1)
        yield Chapter(chapter["start"] * tick, chapter["end"] * tick, dict(chapter["metadata"]))
