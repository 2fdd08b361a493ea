"""Frames and the companion's streams, encoded and muxed into one file in one pass."""

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
from dreamvid.media.output.verify import Expected, verify

if TYPE_CHECKING:
    from collections.abc import Iterable
    from fractions import Fraction
    from types import TracebackType

    from av.container import OutputContainer
    from av.packet import Packet

    from dreamvid.media.input.timestamps import TickCounter
    from dreamvid.media.streams.output_spec import Job
    from dreamvid.types import Frame

_log = logging.getLogger(__name__)

_BUFFER = 1 << 18


@dataclass(slots=True)
class _Waiting:
    """A frame whose duration the next one tells."""

    picture: av.VideoFrame
    tick: int
    time: Fraction
    duration: Fraction | None


@dataclass(slots=True)
class _Run:
    """What is open between the first frame and the last."""

    part: DeferredErrorFile
    container: OutputContainer
    stream: av.VideoStream
    counter: TickCounter
    waiting: _Waiting | None = None
    frames: int = 0
    durations: dict[int, int] = field(default_factory=dict)
    held: Packet[Any] | None = None
    first_dts: int | None = None


class ContainerWriter:
    """A :class:`dreamvid.types.FrameWriter` for every file that PyAV muxes.

    Frames are encoded one behind, because only the next frame says how long one stays. The companion's packets
    follow the video's decode times, so that neither is held in memory for long.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._easel = FrameConverter(job.info.size, job.choice)
        self._indexed = job.choice.codec == "gif"
        self._run: _Run | None = None

    def __enter__(self) -> Self:
        """Open the part file and the encoder.

        Raises
        ------
        WriteError
            Where the file cannot be made or the encoder refuses its settings.
        """
        part = self._job.target.open_file()
        try:
            self._run = self._open(part)
        except BaseException:
            part.close()
            self._job.target.discard()
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
        tick = run.counter.at(frame.pts)
        picture = self._easel.frame(frame)
        if self._indexed:
            picture = with_palette(picture)
        if run.waiting is not None:
            self._encode(run, run.waiting, tick)
        run.waiting = _Waiting(picture, tick, frame.pts, frame.duration)
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
            if self._job.companion is not None:
                self._job.companion.close()
            self._job.target.discard()

    def _open(self, part: DeferredErrorFile) -> _Run:
        job = self._job
        os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 prints its settings on stderr otherwise
        container = av.open(
            part,
            "w",
            format=job.choice.muxer,
            buffer_size=_BUFFER,
            container_options=_muxer_options(job.choice.muxer),
            io_open=lambda _url, _flags, _options: job.target.part.open("rb"),
        )
        try:
            stream = add_video(container, job, self._easel.size)
            if job.companion is not None:
                job.companion.attach(container, job.choice.muxer)
            container.metadata.update(job.metadata)
            container.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            raise self._refused(error) from None
        part.check()
        return _Run(part, container, stream, job.counter())

    def _encode(self, run: _Run, waiting: _Waiting, end: int) -> None:
        picture = waiting.picture
        picture.time_base = self._job.tick
        picture.pts, picture.duration = waiting.tick, end - waiting.tick
        run.durations[waiting.tick] = end - waiting.tick
        try:
            self._take(run, run.stream.encode(picture))
        except av.FFmpegError as error:
            run.part.check()
            raise self._refused(error) from None

    def _take(self, run: _Run, packets: Iterable[Packet[Any]]) -> None:
        """Mux packets one behind, because the last one's duration is special."""
        for packet in packets:
            if packet.pts is not None:
                packet.duration = run.durations.pop(packet.pts, packet.duration)
            if run.first_dts is None:
                run.first_dts = packet.dts
            if run.held is not None:
                self._mux(run, run.held)
            run.held = packet

    def _mux_last(self, run: _Run, end: int) -> None:
        """Mux the last packet, so long that all decode times together last as long as the video.

        With reordered frames it is not the last one shown, and that sum is what mp4 says of duration and rate.
        """
        packet = run.held
        if packet is None:
            return
        if self._job.choice.tick is None and packet.dts is not None and run.first_dts is not None:
            packet.duration = max(1, end + run.first_dts - packet.dts)
        self._mux(run, packet)

    def _mux(self, run: _Run, packet: Packet[Any]) -> None:
        time = (packet.dts or 0) * self._job.tick
        run.container.mux(packet)
        run.part.check()
        if self._job.companion is not None:
            self._job.companion.advance(run.container, time)
            run.part.check()

    def _finish(self, run: _Run) -> None:
        job = self._job
        if run.waiting is None:
            raise WriteError(f"{job.target.name}: there was no frame to write")
        waiting = run.waiting
        duration = waiting.duration or 1 / job.info.rate
        end = run.counter.end(duration)
        self._encode(run, waiting, end)
        try:
            rest = run.stream.encode(None)
            if run.first_dts is None:
                order_decoding(rest)
            self._take(run, rest)
            self._mux_last(run, end)
            if job.companion is not None:
                job.companion.finish(run.container)
            run.container.close()
        except av.FFmpegError as error:
            run.part.check()
            raise self._refused(error) from None
        run.part.close()
        run.part.check()
        part, muxer = job.target.part, job.choice.muxer
        try:
            finish_animation(part, muxer, end=(end - waiting.tick) * job.tick, metadata=job.metadata)
            if muxer in {"matroska", "webm"}:
                set_display_size(part, self._easel.size, job.info.sar)
        except OSError as error:
            raise write_error(job.target.path, error) from None
        expected = Expected(run.frames, waiting.tick * job.tick, job.tick)
        verify(part, job.target.name, muxer, expected)
        if job.expected_frames is not None and run.frames != job.expected_frames:
            _log.warning(f"{job.target.name} has {run.frames} frames; {job.expected_frames} were expected")
        job.target.commit()

    def _opened(self) -> _Run:
        if self._run is None:
            raise WriteError(f"{self._job.target.name}: is not open for writing")
        return self._run

    def _refused(self, error: Exception) -> WriteError:
        choice = self._job.choice
        reason = getattr(error, "strerror", None) or str(error)
        return WriteError(
            f"{self._job.target.name}: the encoder {choice.encoder} failed at "
            f"{self._easel.size} ({reason}); try another output.codec or size"
        )


def _muxer_options(muxer: str) -> dict[str, str]:
    if muxer in {"mp4", "mov"}:
        return {"movflags": "faststart+use_metadata_tags"}
    if muxer in {"matroska", "webm"}:
        return {"write_crc32": "0"}
    return {"gif": {"loop": "0"}, "apng": {"plays": "0"}}.get(muxer, {})
