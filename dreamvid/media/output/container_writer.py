"""Encode frames, and mux them with the source's streams into one file, in one pass."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import av

from dreamvid.atomic import DeferredErrorFile, write_error
from dreamvid.errors import WriteError
from dreamvid.media.color.palette import with_palette
from dreamvid.media.output.animation import finish_animation
from dreamvid.media.output.display import set_display_size
from dreamvid.media.output.encoder import add_video, order_decoding
from dreamvid.media.output.frame_converter import FrameConverter
from dreamvid.media.output.hap import HAP_FORMATS, set_hap_tag
from dreamvid.media.output.spherical import write_spherical
from dreamvid.media.output.thread_priority import ordinary_threads
from dreamvid.media.output.verify import Expected, verify

if TYPE_CHECKING:
    from collections.abc import Iterable
    from fractions import Fraction
    from types import TracebackType

    from av.container import OutputContainer
    from av.packet import Packet

    from dreamvid.media.output.hap import HapEncoder
    from dreamvid.media.streams.output_spec import OutputSpec
    from dreamvid.media.timestamps import TimestampRounder
    from dreamvid.types import Frame

_log = logging.getLogger(__name__)

_BUFFER = 1 << 18


@dataclass(slots=True)
class _PendingFrame:
    """A frame whose duration the next one tells."""

    picture: av.VideoFrame
    pts: int
    time: Fraction
    duration: Fraction | None


@dataclass(slots=True)
class _OpenFile:
    """What is open between the first frame and the last."""

    part: DeferredErrorFile
    container: OutputContainer
    encoder: av.VideoStream | HapEncoder
    rounder: TimestampRounder
    first_pts: int
    """Timestamp of the first frame: ticks of sound that come before it."""
    pending: _PendingFrame | None = None
    frames: int = 0
    durations: dict[int, int] = field(default_factory=dict)
    last_packet: Packet[Any] | None = None
    first_dts: int | None = None


class ContainerWriter:
    """A :class:`dreamvid.types.FrameWriter` for every file that PyAV muxes.

    Frames are encoded one behind, because only the next frame says how long one stays. The packets of copied streams
    follow the video's decode times, so that neither is held in memory for long.
    """

    def __init__(self, spec: OutputSpec) -> None:
        self._spec = spec
        self._converter = FrameConverter(spec.info.size, spec.choice)
        self._indexed = spec.choice.codec == "gif"
        self._run: _OpenFile | None = None

    def __enter__(self) -> Self:
        """Open the part file and the encoder.

        Raises
        ------
        WriteError
            Where the file cannot be made or the encoder refuses its settings.
        """
        part = self._spec.target.open_file()
        try:
            self._run = self._open(part)
        except BaseException:
            part.close()
            self._spec.target.discard()
            raise
        return self

    def write(self, frame: Frame) -> None:
        """Append one frame.

        Raises
        ------
        WriteError
            For a time that does not grow, another size, a full disk, or an encoder that gives up.
        """
        run = self._opened()
        pts = run.rounder.next(frame.pts)
        picture = self._converter.frame(frame)
        if self._indexed:
            picture = with_palette(picture)
        if run.pending is not None:
            self._encode(run, run.pending, pts)
        run.pending = _PendingFrame(picture, pts, frame.pts, frame.duration)
        run.frames += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish, verify and rename; after an error, remove what was written."""
        if self._run is None:
            return
        run, self._run = self._run, None
        try:
            if kind is None:
                self._finish(run)
        finally:
            run.part.close()
            if self._spec.source_streams is not None:
                self._spec.source_streams.close()
            self._spec.target.discard()

    def _open(self, part: DeferredErrorFile) -> _OpenFile:
        spec = self._spec
        os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 prints its settings on stderr otherwise
        container = av.open(
            part,
            "w",
            format=spec.choice.container.muxer,
            buffer_size=_BUFFER,
            container_options=dict(spec.choice.container.options),
            io_open=lambda _url, _flags, _options: spec.target.part.open("rb"),
        )
        try:
            encoder = add_video(container, spec, self._converter.size)
            if spec.source_streams is not None:
                spec.source_streams.attach(container, spec.choice.container)
            container.metadata.update(spec.metadata)
            with ordinary_threads():
                container.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            raise self._refused(error) from None
        part.check()
        streams = spec.source_streams
        first_pts = 0 if streams is None else round(streams.lead / spec.time_base)
        return _OpenFile(part, container, encoder, spec.timestamp_rounder(), first_pts)

    def _encode(self, run: _OpenFile, pending: _PendingFrame, end: int) -> None:
        picture = pending.picture
        picture.time_base = self._spec.time_base
        picture.pts, picture.duration = pending.pts + run.first_pts, end - pending.pts
        run.durations[picture.pts] = end - pending.pts
        try:
            self._take(run, run.encoder.encode(picture))
        except av.FFmpegError as error:
            run.part.check()
            raise self._refused(error) from None

    def _take(self, run: _OpenFile, packets: Iterable[Packet[Any]]) -> None:
        """Mux packets one behind, because the last one's duration is special."""
        for packet in packets:
            if packet.pts is not None:
                packet.duration = run.durations.pop(packet.pts, packet.duration)
            if run.first_dts is None:
                run.first_dts = packet.dts
            if run.last_packet is not None:
                self._mux(run, run.last_packet)
            run.last_packet = packet

    def _mux_last(self, run: _OpenFile, end: int) -> None:
        """Mux the last packet, so long that all decode times together last as long as the video.

        With reordered frames it is not the last one shown, and that sum is what mp4 says of duration and rate.
        """
        packet = run.last_packet
        if packet is None:
            return
        if (
            self._spec.choice.container.time_base is None
            and packet.dts is not None
            and run.first_dts is not None
        ):
            packet.duration = max(1, end + run.first_dts - packet.dts)
        self._mux(run, packet)

    def _mux(self, run: _OpenFile, packet: Packet[Any]) -> None:
        time = (packet.dts or 0) * self._spec.time_base
        run.container.mux(packet)
        run.part.check()
        if self._spec.source_streams is not None:
            self._spec.source_streams.advance(run.container, time)
            run.part.check()

    def _finish(self, run: _OpenFile) -> None:
        spec = self._spec
        if run.pending is None:
            raise WriteError(f"{spec.target.name}: there was no frame to write")
        pending = run.pending
        duration = pending.duration or 1 / spec.info.rate
        end = run.rounder.end(duration)
        self._encode(run, pending, end)
        try:
            rest = run.encoder.encode(None)
            if run.first_dts is None:
                order_decoding(rest)
            self._take(run, rest)
            self._mux_last(run, end)
            if spec.source_streams is not None:
                spec.source_streams.finish(run.container)
            run.container.close()
        except av.FFmpegError as error:
            run.part.check()
            raise self._refused(error) from None
        run.part.close()
        run.part.check()
        part, kind = spec.target.part, spec.choice.container
        try:
            stay = (end - pending.pts) * spec.time_base
            finish_animation(part, kind.muxer, size=self._converter.size, end=stay, metadata=spec.metadata)
            if kind.stores_display_size:
                set_display_size(part, self._converter.size, spec.info.sar)
            if spec.info.spherical is not None:
                write_spherical(part, kind.muxer, spec.info.spherical)
            if spec.choice.codec in HAP_FORMATS:
                set_hap_tag(part, spec.choice.codec)
        except OSError as error:
            raise write_error(spec.target.path, error) from None
        expected = Expected(run.frames, pending.pts * spec.time_base, spec.time_base)
        verify(part, spec.target.name, kind, expected)
        if spec.expected_frames is not None and run.frames != spec.expected_frames:
            _log.warning(
                "%s has %s frames; %s were expected", spec.target.name, run.frames, spec.expected_frames
            )
        spec.target.commit()

    def _opened(self) -> _OpenFile:
        if self._run is None:
            raise WriteError(f"{self._spec.target.name}: is not open for writing")
        return self._run

    def _refused(self, error: Exception) -> WriteError:
        choice = self._spec.choice
        reason = getattr(error, "strerror", None) or str(error)
        return WriteError(
            f"{self._spec.target.name}: the encoder {choice.encoder} failed at "
            f"{self._converter.size} ({reason}); try another output.codec or size"
        )
