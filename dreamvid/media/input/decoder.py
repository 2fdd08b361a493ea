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
from av.error import FFmpegError

from dreamvid.errors import DamagedError, ReadError
from dreamvid.image.resize import resize
from dreamvid.media.color.filters import Deinterlacer
from dreamvid.media.color.rgb import RgbConverter
from dreamvid.media.ffv1 import SliceChecker
from dreamvid.media.input.container import open_input
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

_UNSEEKABLE = {"gif", "apng"}
_LEAD_IN = 4
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
    seek_to = after - _LEAD_IN / media.video.rate
    if seek_to > 0 and media.format_name not in _UNSEEKABLE:
        reached = False
        try:
            for timed in _Decoder(media, concealment).run(seek_to):
                if not reached and timed.pts > seek_to:
                    break  # a keyframe that is too late: the index is wrong
                reached = True
                yield timed
            else:
                return
        except DamagedError:
            if reached:
                raise
    yield from _Decoder(media, concealment).run(None)


class _Decoder:
    """Decode a stream once."""

    def __init__(self, media: MediaInfo, concealment: ErrorConcealment) -> None:
        self._media = media
        self._care = concealment
        self._converter = RgbConverter()
        self._slices = SliceChecker()
        self._tick = Fraction(1, 1000)
        self._last: Fraction | None = None
        self._stamps: deque[tuple[Fraction, Fraction | None]] = deque()

    def run(self, seek_to: Fraction | None) -> Iterator[TimedFrame]:
        """Decode from the keyframe before a time, or from the start."""
        with open_input(self._media.path) as container:
            stream = next(s for s in container.streams.video if s.index == self._media.stream_index)
            context = self._open_decoder(stream)
            self._tick = stream.time_base or self._tick
            if seek_to is not None:
                try:
                    container.seek(int((seek_to + self._media.start) / self._tick), stream=stream)
                except FFmpegError as error:
                    raise self._damage(None, "cannot seek") from error
            for frame in self._checked_frames(self._decoded(container, stream, context)):
                time, duration = self._stamps.popleft()
                yield TimedFrame(time, duration, partial(self._load, frame))

    def _open_decoder(self, stream: VideoStream) -> VideoCodecContext:
        context = stream.codec_context
        if self._media.decoder:
            created = av.CodecContext.create(self._media.decoder, "r")
            assert isinstance(created, av.VideoCodecContext)
            created.extradata = context.extradata
            context = created
        options = {"max_pixels": str(MAX_DECODED_PIXELS)}
        context.options = (
            options
            if self._care == ErrorConcealment.CONCEAL
            else options | {"err_detect": "crccheck+explode"}
        )
        context.thread_type = "SLICE" if self._care == ErrorConcealment.FRAME_BY_FRAME else "AUTO"
        return context

    def _decoded(
        self, container: InputContainer, stream: VideoStream, context: VideoCodecContext
    ) -> Iterator[av.VideoFrame]:
        for packet, error in self._packets(container, stream):
            flush = packet is None
            if error is None and packet is not None and self._care != ErrorConcealment.CONCEAL:
                error = self._packet_error(packet, context)  # noqa: PLW2901  found here instead of by the demuxer
            if error is None:
                try:
                    yield from context.decode(packet)
                    continue
                except FFmpegError as failure:
                    error = self._damage(packet, failure.strerror or "unreadable")  # noqa: PLW2901  the same
            if self._care == ErrorConcealment.CONCEAL and not flush:
                continue
            if self._care == ErrorConcealment.FRAME_BY_FRAME:
                yield from self._drain(context, packet)
            raise error

    def _packet_error(self, packet: Packet[VideoStream], context: VideoCodecContext) -> DamagedError | None:
        """Return what is wrong with a packet before it is decoded."""
        if packet.is_corrupt:
            return self._damage(packet, "data is missing")
        if context.name == "ffv1" and not self._slices.intact(bytes(packet)):
            return self._damage(packet, "a checksum is wrong")
        return None

    def _packets(
        self, container: InputContainer, stream: VideoStream
    ) -> Iterator[tuple[Packet[VideoStream] | None, DamagedError | None]]:
        """Yield packets, None at the end; or the error that ends them."""
        try:
            for packet in container.demux(stream):
                if packet.size:
                    yield packet, None
                elif packet.pts is None and packet.dts is None:
                    yield None, None
        except FFmpegError as error:
            yield None, self._damage(None, error.strerror or "unreadable")

    def _drain(self, context: VideoCodecContext, damaged: Packet[VideoStream] | None) -> list[av.VideoFrame]:
        """Return what the decoder still holds back for reordering and is shown before the damage."""
        try:
            held = context.decode(None)
        except FFmpegError:
            return []
        end = None if damaged is None else damaged.pts
        return [frame for frame in held if end is None or (frame.pts is not None and frame.pts < end)]

    def _checked_frames(self, frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """Deinterlace from the first interlaced frame on, and check times and marks of damage."""
        deinterlacer = Deinterlacer() if self._media.interlaced else None
        try:
            for frame in frames:
                self._check(frame)
                if deinterlacer is None and frame.interlaced_frame:
                    deinterlacer = Deinterlacer()
                if deinterlacer is None:
                    yield frame
                else:
                    yield from deinterlacer.push(frame)
        except DamagedError:
            if deinterlacer is not None and self._care == ErrorConcealment.FRAME_BY_FRAME:
                yield from deinterlacer.flush()
            raise
        if deinterlacer is not None:
            yield from deinterlacer.flush()

    def _check(self, frame: av.VideoFrame) -> None:
        time = self._time(frame)
        if frame.is_corrupt and self._care != ErrorConcealment.CONCEAL:
            raise self._damage_at(time, "the picture is corrupt")
        if self._last is not None and time <= self._last:
            raise self._damage_at(time, "time goes backward")
        self._last = time
        self._stamps.append((time, frame.duration * self._tick or None))

    def _time(self, frame: av.VideoFrame) -> Fraction:
        stamp = frame.pts if frame.pts is not None else frame.dts
        if stamp is None:  # raw streams: evenly spaced
            return Fraction(0) if self._last is None else self._last + 1 / self._media.video.rate
        return stamp * self._tick - self._media.start

    def _load(self, frame: av.VideoFrame) -> tuple[RGB, Alpha | None]:
        try:
            rgb, alpha = self._converter.convert(frame)
        except (FFmpegError, ValueError) as error:
            name = printable(self._media.path)
            raise ReadError(f"{name}: its pixel format {frame.format.name} cannot be converted") from error
        turn, size = self._media.orientation, self._media.video.size
        rgb, alpha = turn.apply(rgb), None if alpha is None else turn.apply(alpha)
        if Size(*rgb.shape[:2]) != size:  # the stream's size has changed
            rgb = resize(rgb, size).clip(0.0, 1.0)
            alpha = None if alpha is None else resize(alpha, size).clip(0.0, 1.0)
        return rgb, alpha

    def _damage(self, packet: Packet[VideoStream] | None, what: str) -> DamagedError:
        if packet is not None and packet.pts is not None:
            return self._damage_at(packet.pts * self._tick - self._media.start, what)
        return self._damage_at(self._last or Fraction(0), what)

    def _damage_at(self, time: Fraction, what: str) -> DamagedError:
        return DamagedError(
            f"{printable(self._media.path)} is damaged at {float(time):.3f} s ({what.lower()}); "
            "--keep-going keeps what comes before"
        )
