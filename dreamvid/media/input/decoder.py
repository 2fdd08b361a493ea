"""Decode a container's video stream frame by frame, and detect damage.

FFmpeg conceals damage where it can. Here it counts: a packet or frame marked as corrupt, a decoder's error
(``err_detect=explode``), times that do not grow.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import av
from av.error import FFmpegError, PatchWelcomeError

from dreamvid.errors import DamagedError, ReadError
from dreamvid.image.resize import resize
from dreamvid.media.color.filters import Deinterlacer
from dreamvid.media.color.rgb import RgbConverter
from dreamvid.media.containers import CONTAINERS
from dreamvid.media.ffv1 import SliceChecker
from dreamvid.media.input.container import open_input, presentation_timestamp
from dreamvid.media.input.timing import TimedFrame
from dreamvid.media.limits import MAX_DECODED_PIXELS
from dreamvid.text import printable
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

    from dreamvid.media.input.info import MediaInfo
    from dreamvid.types import RGB, Alpha

# In MPEG program streams not every frame has a time; after seeking, those between get wrong ones.
_UNSEEKABLE = {"mpeg", *(container.muxer for container in CONTAINERS.values() if not container.is_seekable)}
_LEAD_IN_FRAMES = 4
"""Frames decoded before the first one wanted: the deinterlacer looks at neighbors."""


class ErrorConcealment(Enum):
    """How damage is treated."""

    STRICT = auto()
    """Damage is an error; frames are decoded by several threads."""

    FRAME_BY_FRAME = auto()
    """Damage is an error after the last whole frame; frames are decoded one after the other."""

    CONCEAL = auto()
    """The decoder conceals damage; only times that go backward are an error."""


def read_container(
    media: MediaInfo,
    *,
    after: Fraction = Fraction(0),
    concealment: ErrorConcealment = ErrorConcealment.STRICT,
) -> Iterator[TimedFrame]:
    """Yield frames in presentation order, times in seconds from the video's first frame.

    ``after`` (seconds) says from when on frames are wanted: decoding begins at a keyframe before it where the
    container can seek, so that some or all frames before the one shown at that time are left out. Pictures beyond
    ``MAX_DECODED_PIXELS`` count as damage.

    Raises
    ------
    DamagedError
        Naming the time, at the first sign of damage.
    """
    seek_to = after - _LEAD_IN_FRAMES / media.video.rate
    if seek_to > 0 and media.format_name not in _UNSEEKABLE:
        in_time = False
        try:
            for timed in _Decoder(media, concealment).run(seek_to):
                if not in_time and timed.pts > seek_to:
                    break  # a keyframe that is too late: the index is wrong
                in_time = True
                yield timed
            else:
                if in_time:
                    return
        except DamagedError:
            if in_time:
                raise
    yield from _Decoder(media, concealment).run(None)


class _Decoder:
    """Decode a stream once."""

    def __init__(self, media: MediaInfo, concealment: ErrorConcealment) -> None:
        self._media = media
        self._concealment = concealment
        self._converter = RgbConverter()
        self._slices = SliceChecker()
        self._time_base = Fraction(1, 1000)
        self._last_time: Fraction | None = None
        self._sought = False
        # Times and durations, as the deinterlacer does not pass on the latter.
        self._times: deque[tuple[Fraction, Fraction | None]] = deque()

    def run(self, seek_to: Fraction | None) -> Iterator[TimedFrame]:
        """Decode from the keyframe before a time, or from the start."""
        with open_input(self._media.path) as container:
            stream = next(s for s in container.streams.video if s.index == self._media.stream_index)
            context = self._open_decoder(stream)
            self._time_base = stream.time_base or self._time_base
            self._sought = seek_to is not None
            if seek_to is not None:
                try:
                    container.seek(int((seek_to + self._media.start) / self._time_base), stream=stream)
                except FFmpegError as error:
                    raise self._damage(None, "cannot seek") from error
            for frame in self._checked_frames(self._decoded(container, stream, context)):
                time, duration = self._times.popleft()
                yield TimedFrame(time, duration, partial(self._load, frame))

    def _open_decoder(self, stream: VideoStream) -> VideoCodecContext:
        context = stream.codec_context
        if self._media.decoder:
            created = av.CodecContext.create(self._media.decoder, "r")
            assert isinstance(created, av.VideoCodecContext)
            created.extradata = context.extradata
            context = created
        options = {"max_pixels": str(MAX_DECODED_PIXELS)}
        if self._concealment != ErrorConcealment.CONCEAL:
            options["err_detect"] = "crccheck+explode"
        context.options = options
        context.thread_type = "SLICE" if self._concealment == ErrorConcealment.FRAME_BY_FRAME else "AUTO"
        return context

    def _decoded(
        self, container: InputContainer, stream: VideoStream, context: VideoCodecContext
    ) -> Iterator[av.VideoFrame]:
        conceal = self._concealment == ErrorConcealment.CONCEAL
        undecoded: Packet[VideoStream] | None = None
        try:
            for packet in self._packets(container, stream):
                undecoded = packet
                try:
                    if packet is not None and not conceal:
                        self._check_packet(packet, context)
                    yield from context.decode(packet)
                except FFmpegError as error:
                    if context.name == "apng" and isinstance(error, PatchWelcomeError):
                        name = printable(self._media.path)
                        raise ReadError(
                            f"{name} blends transparent frames of 16 bits, which cannot be decoded; "
                            "save it as APNG with 8 bits per channel"
                        ) from error
                    if packet is None or not conceal:
                        raise self._damage(packet, error.strerror or "unreadable") from error
                undecoded = None  # from here on an error is the demuxer's
        except DamagedError:
            if self._concealment == ErrorConcealment.FRAME_BY_FRAME:
                yield from self._drain(context, undecoded)
            raise

    def _check_packet(self, packet: Packet[VideoStream], context: VideoCodecContext) -> None:
        if packet.is_corrupt:
            raise self._damage(packet, "data is missing")
        if context.name == "ffv1" and not self._slices.intact(bytes(packet)):
            raise self._damage(packet, "a checksum is wrong")

    def _packets(
        self, container: InputContainer, stream: VideoStream
    ) -> Iterator[Packet[VideoStream] | None]:
        """Yield packets, and None at the end."""
        try:
            for packet in container.demux(stream):
                if packet.size:
                    yield packet
                elif packet.pts is None and packet.dts is None:
                    yield None
        except FFmpegError as error:
            raise self._damage(None, error.strerror or "unreadable") from error

    def _drain(self, context: VideoCodecContext, damaged: Packet[VideoStream] | None) -> list[av.VideoFrame]:
        """Return what the decoder still holds back for reordering and is shown before the damage."""
        try:
            frames = context.decode(None)
        except FFmpegError:
            return []
        end = None if damaged is None else damaged.pts
        return [frame for frame in frames if end is None or (frame.pts is not None and frame.pts < end)]

    def _checked_frames(self, frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """Deinterlace from the first interlaced frame on, and check times and marks of damage."""
        deinterlacer = Deinterlacer() if self._media.interlaced else None
        previous: av.VideoFrame | None = None
        try:
            for frame in frames:
                self._check(frame)
                if deinterlacer is None and frame.interlaced_frame:
                    deinterlacer = Deinterlacer(previous)
                previous = frame
                if deinterlacer is None:
                    yield frame
                else:
                    yield from deinterlacer.push(frame)
        except DamagedError:
            if deinterlacer is not None and self._concealment == ErrorConcealment.FRAME_BY_FRAME:
                yield from deinterlacer.flush()
            raise
        if deinterlacer is not None:
            yield from deinterlacer.flush()

    def _check(self, frame: av.VideoFrame) -> None:
        time = self._time(frame)
        if frame.is_corrupt and self._concealment != ErrorConcealment.CONCEAL:
            raise self._damage_at(time, "the picture is corrupt")
        if self._last_time is not None and time <= self._last_time:
            raise self._damage_at(time, "time goes backward")
        self._last_time = time
        self._times.append((time, frame.duration * self._time_base or None))

    def _time(self, frame: av.VideoFrame) -> Fraction:
        timestamp = presentation_timestamp(frame, self._media.format_name)
        if timestamp is None:  # raw streams, and the last frames of AVI: evenly spaced
            step = frame.duration * self._time_base or 1 / self._media.video.rate
            if self._last_time is None and self._sought:
                raise self._damage(None, "times are missing")
            return Fraction(0) if self._last_time is None else self._last_time + step
        return timestamp * self._time_base - self._media.start

    def _load(self, frame: av.VideoFrame) -> tuple[RGB, Alpha | None]:
        try:
            rgb, alpha = self._converter.convert(frame)
        except (FFmpegError, ValueError) as error:
            name = printable(self._media.path)
            raise ReadError(f"{name}: its pixel format {frame.format.name} cannot be converted") from error
        orientation, size = self._media.orientation, self._media.video.size
        rgb, alpha = orientation.apply(rgb), None if alpha is None else orientation.apply(alpha)
        if Size(*rgb.shape[:2]) != size:  # the stream's size has changed
            rgb = resize(rgb, size).clip(0.0, 1.0)
            alpha = None if alpha is None else resize(alpha, size).clip(0.0, 1.0)
        return rgb, alpha

    def _damage(self, packet: Packet[VideoStream] | None, reason: str) -> DamagedError:
        if packet is not None and packet.pts is not None:
            return self._damage_at(packet.pts * self._time_base - self._media.start, reason)
        return self._damage_at(self._last_time or Fraction(0), reason)

    def _damage_at(self, time: Fraction, reason: str) -> DamagedError:
        return DamagedError(
            f"{printable(self._media.path)} is damaged at {float(time):.3f} s ({reason.lower()}); "
            "--keep-going keeps what comes before"
        )
