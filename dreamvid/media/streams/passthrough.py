"""Pass the source's audio, subtitles, chapters and metadata through to the output.

The source is read a second time beside the frames, and its packets are muxed up to the time that the video has
reached. Its clock starts where the video starts (plus the trim), so that offsets stay what they were; where sound
starts before the video and nothing is trimmed, it starts with the sound, and the pictures come later in the output.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.audio.stream import AudioStream
from av.stream import Discard

from dreamvid.errors import DreamvidError, ReadError
from dreamvid.media.input.container import can_decode, open_audio, presentation_timestamp
from dreamvid.media.input.probe import video_stream
from dreamvid.media.streams.audio import announced_delay, first_heard, plan_audio
from dreamvid.media.streams.subtitles import plan_subtitles
from dreamvid.media.streams.trim import LeftOutError, Trim
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
_ROUNDING = Fraction(1, 200)
"""Seconds that containers may round times by; sound is taken to start with the pictures."""

_CHAPTER_TICK = Fraction(1, 90000)
_SEARCHED_PACKETS = 5000
"""Packets in which the first one of each sound track is looked for; some tracks begin late, or are empty."""

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
        is_whole = selection.sound and selection.start == 0
        self.lead = facts.lead if is_whole else Fraction(0)
        """Seconds of sound before the first picture."""
        self._origin = facts.first_picture + selection.start - self.lead
        self._duration = None if selection.duration is None else selection.duration + self.lead

    def attach(self, output: OutputContainer, container: Container) -> None:
        """Add the streams, chapters and metadata to a container that has its video stream already."""
        trim = Trim(self._origin, self._duration, self._delays, self._selection.is_generated)
        source = self._open_files.enter_context(open_audio(self._path))
        left_out = []
        for stream in source.streams:
            if stream.type == "video" or stream.discard == Discard.all:  # the latter are texts of chapters
                continue
            if stream.type == "audio" and not self._selection.sound:
                continue
            try:
                track = _plan_track(stream, output, container, trim)
            except LeftOutError as error:
                reason = f" ({error})" if str(error) else ""
                left_out.append(f"{_kind(stream)} track {stream.index}{reason}")
            else:
                if track is not None:
                    self._tracks[stream.index] = track
        if left_out:
            _log.warning("%s: left out: %s", printable(Path(self._path.name)), ", ".join(left_out))
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
            if self._duration is None or time < self._duration + _LEAD:
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
        end = self._duration
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
        end = self._duration
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
    """What must be known before anything is copied.

    ``first_picture`` (seconds) is 0 without a picture; ``lead`` are the seconds of sound before it, in whole ticks of
    the video's ``time_base``; ``delays`` are those of encoders, by stream.
    """

    first_picture: Fraction
    lead: Fraction
    time_base: Fraction | None
    delays: Mapping[int, Fraction]

    @property
    def has_sound(self) -> bool:
        """Whether there is any sound."""
        return bool(self.delays)


def _read_facts(container: InputContainer, path: Path) -> AudioFacts:
    """Find the first picture and the delays of the sound; the container is left anywhere."""
    packets = _first_packets(container)
    delays = {s.index: announced_delay(s, packets.get(s.index)) for s in container.streams.audio}
    sounds = [first_heard(s, packets.get(s.index)) for s in container.streams.audio if can_decode(s)]
    with contextlib.suppress(av.FFmpegError):
        container.seek(0)
    try:
        video = video_stream(container, path)
    except ReadError:
        return AudioFacts(Fraction(0), Fraction(0), None, delays)
    time_base = video.time_base or Fraction(1)
    first = Fraction(video.start_time or 0) * time_base
    with contextlib.suppress(av.FFmpegError):  # damaged pictures; the sound may be whole
        for frame in container.decode(video):
            stamp = presentation_timestamp(frame, container.format.name)
            first = (stamp or 0) * (frame.time_base or time_base)
            break
    lead = max((first - sound for sound in sounds if sound is not None), default=Fraction(0))
    ticks = math.ceil(lead / time_base) if lead > _ROUNDING else 0
    return AudioFacts(first, ticks * time_base, video.time_base, delays)


def _first_packets(container: InputContainer) -> dict[int, Packet[Any]]:
    """Return the first packet of each sound track that is played, by stream."""
    streams = [stream for stream in container.streams.audio if can_decode(stream)]
    packets: dict[int, Packet[Any]] = {}
    with contextlib.suppress(av.FFmpegError):
        for packet in itertools.islice(container.demux(streams), _SEARCHED_PACKETS) if streams else ():
            if packet.size and not packet.is_discard:
                packets.setdefault(packet.stream.index, packet)
            if len(packets) == len(streams):
                break
    return packets


def _plan_track(
    stream: Stream, output: OutputContainer, container: Container, trim: Trim
) -> OutputTrack | None:
    """Add a stream to the output for this one; raise ``LeftOutError`` where there is none.

    Return None for one without packets.
    """
    if isinstance(stream, AudioStream):
        return plan_audio(stream, output, container, trim)
    if stream.type == "subtitle":
        return plan_subtitles(stream, output, container, trim)
    if stream.type == "attachment" and container.holds_attachments:
        output.add_stream_from_template(stream)
        return None
    raise LeftOutError(stream.metadata.get("handler_name", ""))


def _kind(stream: Stream) -> str:
    return "sound" if stream.type == "audio" else stream.type


def _work_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return metadata of the work, without what a container says about itself."""
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _CONTAINER_OWN and not key.startswith(("_STATISTICS", "NUMBER_OF_", "BPS"))
    }
