"""Probe an input: its kind, video stream, size, rate, colors, and its other streams."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING

from av.error import FFmpegError

from dreamvid.errors import ReadError
from dreamvid.media.color.orientation import frame_orientation
from dreamvid.media.color.pixel_formats import depth, has_alpha, is_hdr, is_tagged_full_range
from dreamvid.media.input.animated_avif import check_no_heic, is_avif_file, probe_avif
from dreamvid.media.input.animated_webp import is_webp, probe_webp
from dreamvid.media.input.container import (
    can_decode,
    check_file,
    input_path,
    open_input,
    presentation_timestamp,
)
from dreamvid.media.input.image_sequence import probe_folder
from dreamvid.media.input.info import AUXILIARY, Chapter, ColorTags, MediaInfo, StreamInfo
from dreamvid.media.input.mp4_tracks import auxiliary_tracks
from dreamvid.media.input.spherical import frame_spherical
from dreamvid.media.input.stream_timing import announced_duration, frame_rate, read_stream_timing
from dreamvid.media.limits import check_frames, check_picture, check_rate
from dreamvid.text import printable
from dreamvid.types import Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import av
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

    from dreamvid.media.input.stream_timing import StreamTiming

_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_CODECS_WITH_HIDDEN_FRAMES = {"vp8", "vp9", "libvpx", "libvpx-vp9", "av1", "libdav1d"}
_CODECS_ALWAYS_WITH_ALPHA = {"gif", "apng"}
_MAX_SEARCHED_FRAMES = 300
_OPAQUE = 255


def probe(path: str | Path, *, fps: Fraction | None = None) -> MediaInfo:
    """Probe a video, an animation or a folder of pictures.

    Parameters
    ----------
    path
        Any name, whatever characters it holds; never a URL.
    fps
        The rate of a folder of pictures; None is its own ``frames.json``, or 24. Other inputs have their own rate.

    Raises
    ------
    ReadError
        In one line, for what is missing, unreadable, no video or beyond the limits.
    """
    path = input_path(path)
    if path.is_dir():
        media = probe_folder(path, fps=fps)
    else:
        check_file(path)  # a pipe would block whoever opens it
        check_no_heic(path)
        if is_webp(path):
            media = probe_webp(path)
        elif is_avif_file(path):
            media = probe_avif(path)
        else:
            media = _probe_container(path)
    check_picture(printable(path), media.video.size)
    if path.is_dir() or media.video.frames != 1:  # a container may name any rate for a single frame
        check_rate(printable(path), media.video.rate)
    return media


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the container's best video stream; cover art, thumbnails, alpha planes and depth maps are none.

    Raises
    ------
    ReadError
        Where there is no video, or none that can be decoded.
    """
    streams = [stream for stream in container.streams.video if not stream.disposition & AUXILIARY]
    if len(streams) > 1 and "mp4" in container.format.name:
        auxiliary = auxiliary_tracks(path)
        streams = [stream for stream in streams if stream.id not in auxiliary] or streams
    decodable = [stream for stream in streams if can_decode(stream)]
    if decodable:
        best = container.streams.best("video")
        colored = {(stream.width, stream.height) for stream in decodable if not _is_gray(stream)}
        # FFmpeg's best one has the most bits, which may be a gray plane that belongs to a stream of colors.
        return max(
            decodable,
            key=lambda stream: (
                not _is_gray(stream) or (stream.width, stream.height) not in colored,
                best is not None and stream.index == best.index,
                stream.frames > 1,
                stream.width * stream.height,
            ),
        )
    if streams:
        raise ReadError(f"{printable(path)}: its video is in a format that cannot be decoded here")
    raise ReadError(f"{printable(path)} holds {'sound but ' if container.streams.audio else ''}no video")


def _is_gray(stream: VideoStream) -> bool:
    return (stream.codec_context.pix_fmt or "").startswith("gray")


def _probe_container(path: Path) -> MediaInfo:
    name = printable(path)
    with open_input(path) as container:
        stream = video_stream(container, path)
        check_picture(name, Size(stream.codec_context.height or 0, stream.codec_context.width or 0))
        check_frames(name, stream.frames or len(stream.index_entries))
        timing = read_stream_timing(container, stream)
    check_frames(name, timing.frames or 0)
    with open_input(path) as container:  # again, as counting may have read it to its end
        return _media_info(container, path, timing)


def _media_info(container: InputContainer, path: Path, timing: StreamTiming) -> MediaInfo:
    stream = video_stream(container, path)
    first = _first_frame(container, stream, path)
    time_base = first.time_base or stream.time_base or Fraction(1, 1000)
    start = (presentation_timestamp(first, container.format.name) or 0) * time_base
    codec, decoder = stream.codec_context.name, _alpha_decoder(stream)
    orientation = frame_orientation(first)
    transparent = decoder is not None or has_alpha(first.format.name)
    if transparent and codec in _CODECS_ALWAYS_WITH_ALPHA:
        transparent = _uses_alpha(path, stream.index)
    sar = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or Fraction(1)
    announced = announced_duration(container, stream, start)
    video = VideoInfo(
        size=orientation.size(Size(first.height, first.width)),
        rate=frame_rate(stream, timing),
        frames=timing.frames,
        duration=timing.duration or announced,
        sar=orientation.sar(sar),
        depth=depth(first.format.name),
        has_alpha=transparent,
        hdr=is_hdr(first.color_trc),
        variable_rate=timing.variable_rate,
        spherical=frame_spherical(first),
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
            full_range=is_tagged_full_range(first),
            transfer=first.color_trc,
            primaries=first.color_primaries,
        ),
        orientation=orientation,
        interlaced=first.interlaced_frame,
        announced=announced,
        gap=None if codec in _CODECS_ALWAYS_WITH_ALPHA else timing.gap,
        packets=None if codec in _CODECS_WITH_HIDDEN_FRAMES else timing.frames,
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


def _uses_alpha(path: Path, index: int) -> bool:
    """Return whether a GIF or APNG, whose frames always have alpha, uses it; long ones are not read to the end."""
    # Damage is passed over here: whoever decodes all frames says where it is.
    with open_input(path) as container, suppress(FFmpegError):
        for count, frame in enumerate(container.decode(video=index)):
            alpha = frame.reformat(format="rgba").to_ndarray()[..., 3]
            if count >= _MAX_SEARCHED_FRAMES or alpha.min() < _OPAQUE:
                return True
    return False


def _alpha_decoder(stream: VideoStream) -> str | None:
    """Return the decoder that VP8 and VP9 with alpha need; FFmpeg's own ones drop it."""
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    return _ALPHA_DECODERS.get(stream.codec_context.name) if tags.get("alpha_mode") == "1" else None


def _stream_info(stream: Stream) -> StreamInfo:
    time_base = stream.time_base
    start, duration = stream.start_time, stream.duration
    return StreamInfo(
        index=stream.index,
        kind=stream.type,
        codec=stream.codec_context.name if stream.codec_context else None,
        start=None if start is None or time_base is None else start * time_base,
        duration=None if duration is None or time_base is None else duration * time_base,
        language=stream.language,
        disposition=int(stream.disposition),
        metadata=dict(stream.metadata),
    )


def _chapters(container: InputContainer) -> Iterator[Chapter]:
    for chapter in container.chapters():
        time_base = chapter["time_base"] or Fraction(1)
        yield Chapter(chapter["start"] * time_base, chapter["end"] * time_base, dict(chapter["metadata"]))
