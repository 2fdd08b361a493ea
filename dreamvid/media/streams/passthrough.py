"""Pass the source's audio, subtitles, chapters and metadata through to the output.

The source is read a second time beside the frames, and its packets are muxed up to the time that the video has
reached. Its clock starts where the video starts (plus the trim), so that offsets stay what they were.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.audio.stream import AudioStream
from av.stream import Discard

from dreamvid.errors import DreamvidError, ReadError
from dreamvid.media.input.container import open_audio
from dreamvid.media.input.probe import video_stream
from dreamvid.media.streams.audio import announced_delay, plan_audio
from dreamvid.media.streams.subtitles import plan_subtitles
from dreamvid.media.streams.trim import Trim
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream

    from dreamvid.media.containers import Container
    from dreamvid.media.streams.trim import OutputTrack

_log = logging.getLogger(__name__)


_LEAD = Fraction(1, 2)
_SEEK_BEFORE = Fraction(5)
_CHAPTER_TICK = Fraction(1, 90000)
_CONTAINER_OWN = {
    "major_brand",
    "minor_version",
    "compatible_brands",
    "encoder",
    "duration",
    "creation_time",
    "rotate",
    "vendor_id",
}


@dataclass(frozen=True, slots=True)
class StreamSelection:
    """What is passed through.

    ``start`` counts from the source's first picture, or from its zero where it has none; ``duration`` (both seconds)
    is None for all the rest. ``is_generated`` says that no user made the source.
    """

    start: Fraction = Fraction(0)
    duration: Fraction | None = None
    sound: bool = True
    is_generated: bool = False


class SourceStreams:
    """The open source; its packets are muxed as the video moves on."""

    def __init__(self, path: Path, selection: StreamSelection) -> None:
        self._path = path
        self._selection = selection
        self._tracks: dict[int, OutputTrack] = {}
        self._packets: Iterator[Packet[Any]] = iter(())
        self._next: Packet[Any] | None = None
        self._open_files = contextlib.ExitStack()
        with open_audio(path) as container:
            facts = _read_facts(container, path)
        self.video_time_base, self.has_sound = facts.time_base, facts.has_sound
        self._delays = facts.delays
        self._origin = facts.first_picture + selection.start

    def attach(self, output: OutputContainer, container: Container) -> None:
        """Add the streams, chapters and metadata to a container that has its video stream already."""
        selection = self._selection
        trim = Trim(self._origin, selection.duration, self._delays, selection.is_generated)
        source = self._open_files.enter_context(open_audio(self._path))
        for stream in source.streams:
            if stream.type == "audio" and not self._selection.sound:
                continue
            track = _plan_track(stream, output, container, trim)
            if track is not None:
                self._tracks[stream.index] = track
        output.metadata.update(_work_metadata(source.metadata))
        chapters = list(self._chapters(source))
        if chapters:
            output.set_chapters(chapters)
        self._start_reading(source)

    def advance(self, output: OutputContainer, time: Fraction) -> None:
        """Mux what belongs before ``time`` (seconds of the output), and a little more."""
        self._run(output, time + _LEAD)

    def finish(self, output: OutputContainer) -> None:
        """Mux all the rest: sound longer than the video is kept whole."""
        self._run(output, None)
        for index, track in list(self._tracks.items()):
            with self._drop_track_on_error(index):
                for packet in track.flush():
                    output.mux(packet)

    def close(self) -> None:
        """Close the file."""
        self._packets = iter(())
        self._next = None
        self._open_files.close()

    def _start_reading(self, source: InputContainer) -> None:
        streams = [source.streams[index] for index in self._tracks]
        if not streams:
            return
        for stream in source.streams:
            if stream.index not in self._tracks:
                stream.discard = Discard.all
        if self._origin > _SEEK_BEFORE:
            with contextlib.suppress(av.FFmpegError):
                source.seek(int((self._origin - _SEEK_BEFORE) * 1_000_000))
        self._packets = self._demux(source, streams)
        self._next = next(self._packets, None)

    def _demux(self, source: InputContainer, streams: list[Stream]) -> Iterator[Packet[Any]]:
        try:
            for packet in source.demux(streams):
                if packet.dts is not None or packet.pts is not None:
                    yield packet
        except (av.FFmpegError, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            _log.warning("%s: damaged (%s); its sound ends there", printable(Path(self._path.name)), reason)

    def _run(self, output: OutputContainer, until: Fraction | None) -> None:
        while self._next is not None:
            packet = self._next
            time = self._time(packet)
            if until is not None and time > until:
                return
            if self._selection.duration is None or time < self._selection.duration + _LEAD:
                index = packet.stream.index
                with self._drop_track_on_error(index):
                    for output_packet in self._tracks[index].feed(packet) if index in self._tracks else ():
                        output.mux(output_packet)
            elif self._all_past(packet, time):
                self._next = None
                return
            self._next = next(self._packets, None)

    def _all_past(self, packet: Packet[Any], time: Fraction) -> bool:
        """Return whether every track has run past the end of the cut."""
        track = self._tracks.get(packet.stream.index)
        if track is not None:
            track.last_seen = time
        end = self._selection.duration
        return end is not None and all(track.last_seen >= end for track in self._tracks.values())

    def _time(self, packet: Packet[Any]) -> Fraction:
        stamp = packet.dts if packet.dts is not None else packet.pts
        return Fraction(stamp or 0) * (packet.time_base or Fraction(1)) - self._origin

    @contextlib.contextmanager
    def _drop_track_on_error(self, index: int) -> Iterator[None]:
        """Leave out one track, with a warning, rather than fail the video."""
        try:
            yield
        except (av.FFmpegError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            name = self._tracks.pop(index).name if index in self._tracks else "a stream"
            _log.warning(
                "%s: %s cannot be carried further (%s)", printable(Path(self._path.name)), name, reason
            )

    def _chapters(self, source: InputContainer) -> Iterator[Any]:
        end = self._selection.duration
        for chapter in source.chapters():
            base = chapter["time_base"] or Fraction(1, 1000)
            first = chapter["start"] * base - self._origin
            last = chapter["end"] * base - self._origin
            if last <= 0 or (end is not None and first >= end):
                continue
            last = last if end is None else min(last, end)
            yield {
                "id": chapter["id"],
                "start": round(max(first, Fraction(0)) / _CHAPTER_TICK),
                "end": round(last / _CHAPTER_TICK),
                "time_base": _CHAPTER_TICK,
                "metadata": chapter["metadata"],
            }


def open_source_streams(path: Path, selection: StreamSelection) -> SourceStreams | None:
    """Return the streams of a source, or None, with a warning, for a file that no sound can be read from."""
    try:
        return SourceStreams(path, selection)
    except (DreamvidError, av.FFmpegError, OSError) as error:
        _log.warning("%s: no sound can be read from it (%s)", printable(Path(path.name)), error)
        return None


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """What must be known before anything is copied; ``first_picture`` (seconds) is 0 without a picture."""

    first_picture: Fraction
    time_base: Fraction | None
    delays: Mapping[int, Fraction]

    @property
    def has_sound(self) -> bool:
        """Whether there is any sound."""
        return bool(self.delays)


def _read_facts(container: InputContainer, path: Path) -> AudioFacts:
    """Find the first picture and the delays of the sound; the container is left anywhere."""
    delays = {}
    for stream in container.streams.audio:
        delays[stream.index] = announced_delay(stream)
        with contextlib.suppress(av.FFmpegError):
            container.seek(0)
    try:
        video = video_stream(container, path)
    except ReadError:
        return AudioFacts(Fraction(0), None, delays)
    time_base = video.time_base or Fraction(1)
    first = Fraction(video.start_time or 0) * time_base
    with contextlib.suppress(av.FFmpegError):  # damaged pictures; the sound may be whole
        for frame in container.decode(video):
            first = (frame.pts or 0) * (frame.time_base or time_base)
            break
    return AudioFacts(first, video.time_base, delays)


def _plan_track(
    stream: Stream, output: OutputContainer, container: Container, trim: Trim
) -> OutputTrack | None:
    """Add a stream to the output for this one, or return None where it is left out."""
    if isinstance(stream, AudioStream):
        return plan_audio(stream, output, container, trim)
    if stream.type == "subtitle":
        return plan_subtitles(stream, output, container, trim)
    if stream.type == "attachment" and container.holds_attachments:
        output.add_stream_from_template(stream)
    return None


def _work_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return metadata of the work, without what a container says about itself."""
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _CONTAINER_OWN and not key.startswith(("_STATISTICS", "NUMBER_OF_", "BPS"))
    }
