"""The source file once more: its sound, subtitles, chapters and metadata on their way into the output.

It is read a second time beside the frames, and its packets are muxed up to the time that the video has
reached. Its clock starts where the video starts (plus the cut), so that offsets stay what they were.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.stream import Discard

from dreamvid.errors import DreamvidError
from dreamvid.media.input.container import check_file
from dreamvid.media.streams.audio import Track, plan_track
from dreamvid.media.streams.companion_file import look, open_companion_file
from dreamvid.media.streams.output_spec import Window
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream

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
class FrameSink:
    """What is taken of a companion.

    ``start`` is counted from the companion's first picture, or from its zero where it has none; ``duration`` ends
    the cut (None: all the rest). All in seconds.
    """

    start: Fraction = Fraction(0)
    duration: Fraction | None = None
    sound: bool = True


class SourceStreams:
    """The open source file; packets come out as the video moves on."""

    def __init__(self, path: Path, take: FrameSink) -> None:
        self._path = path
        self._take = take
        self._tracks: dict[int, Track] = {}
        self._packets: Iterator[Packet[Any]] = iter(())
        self._next: Packet[Any] | None = None
        self._open_files = contextlib.ExitStack()
        with open_companion_file(check_file(path)) as container:
            facts = look(container, path)
        self.video_time_base, self.has_sound = facts.time_base, facts.has_sound
        self._delays = facts.delays
        self._origin = facts.first_picture + take.start

    def attach(self, output: OutputContainer, muxer: str) -> None:
        """Add the streams, chapters and metadata to a container that has its video stream already."""
        window = Window(self._origin, self._take.duration, self._delays)
        source = self._open_files.enter_context(open_companion_file(self._path))
        for stream in source.streams:
            if stream.type == "audio" and not self._take.sound:
                continue
            track = plan_track(stream, output, muxer, window)
            if track is not None:
                self._tracks[stream.index] = track
        output.metadata.update(clean(source.metadata))
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
            with self._track_trouble(index):
                for packet in track.flush():
                    output.mux(packet)

    def close(self) -> None:
        """Close the file."""
        self._packets = iter(())
        self._next = None
        self._open_files.close()

    def _start_reading(self, source: InputContainer) -> None:
        wanted = [source.streams[index] for index in self._tracks]
        if not wanted:
            return
        for stream in source.streams:
            if stream.index not in self._tracks:
                stream.discard = Discard.all
        if self._origin > _SEEK_BEFORE:
            with contextlib.suppress(av.FFmpegError):
                source.seek(int((self._origin - _SEEK_BEFORE) * 1_000_000))
        self._packets = self._demux(source, wanted)
        self._next = next(self._packets, None)

    def _demux(self, source: InputContainer, wanted: list[Stream]) -> Iterator[Packet[Any]]:
        try:
            for packet in source.demux(wanted):
                if packet.dts is not None or packet.pts is not None:
                    yield packet
        except (av.FFmpegError, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            _log.warning(f"{printable(Path(self._path.name))}: damaged ({reason}); its sound ends there")

    def _run(self, output: OutputContainer, until: Fraction | None) -> None:
        while self._next is not None:
            packet = self._next
            time = self._time(packet)
            if until is not None and time > until:
                return
            if self._take.duration is None or time < self._take.duration + _LEAD:
                index = packet.stream.index
                with self._track_trouble(index):
                    for made in self._tracks[index].feed(packet) if index in self._tracks else ():
                        output.mux(made)
            elif self._all_past(packet, time):
                self._next = None
                return
            self._next = next(self._packets, None)

    def _all_past(self, packet: Packet[Any], time: Fraction) -> bool:
        """Return whether every track has run past the end of the cut."""
        track = self._tracks.get(packet.stream.index)
        if track is not None:
            track.last_seen = time
        end = self._take.duration
        return end is not None and all(track.last_seen >= end for track in self._tracks.values())

    def _time(self, packet: Packet[Any]) -> Fraction:
        stamp = packet.dts if packet.dts is not None else packet.pts
        return Fraction(stamp or 0) * (packet.time_base or Fraction(1)) - self._origin

    @contextlib.contextmanager
    def _track_trouble(self, index: int) -> Iterator[None]:
        """Give up on one track, and say so, rather than on the video."""
        try:
            yield
        except (av.FFmpegError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            name = self._tracks.pop(index).name if index in self._tracks else "a stream"
            _log.warning(f"{printable(Path(self._path.name))}: {name} cannot be carried further ({reason})")

    def _chapters(self, source: InputContainer) -> Iterator[Any]:
        end = self._take.duration
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


def open_companion(path: Path, take: FrameSink) -> SourceStreams | None:
    """Return the companion, or None, with a notice, where it is no file that sound can be read from."""
    try:
        return SourceStreams(path, take)
    except (DreamvidError, av.FFmpegError, OSError) as error:
        _log.warning(f"{printable(Path(path.name))}: no sound can be read from it ({error})")
        return None


def clean(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return what is said about the work, without what a container says about itself."""
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _CONTAINER_OWN and not key.startswith(("_STATISTICS", "NUMBER_OF_", "BPS"))
    }
