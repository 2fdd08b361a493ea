"""Copy subtitle streams, or convert text from one format to another."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av.codec import Codec

from dreamvid.media.containers import suffix_of
from dreamvid.media.streams.trim import LeftOutError, can_copy, copy_tags

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.stream import Stream

    from dreamvid.media.containers import Container
    from dreamvid.media.streams.trim import Trim

_TEXT = {"mov_text", "subrip", "ass", "ssa", "webvtt", "text"}
_TICK = Fraction(1, 1000)

_log = logging.getLogger(__name__)


class CopiedSubtitles:
    """Copy packets; those that cross an edge of the trim are shortened."""

    def __init__(self, name: str, output: Any, trim: Trim) -> None:
        self.name = name
        self.last_seen = Fraction(-1)
        self.stream = output
        self._trim = trim
        self._last = -1
        output.time_base = _TICK

    def feed(self, packet: Packet[Any]) -> list[Packet[Any]]:
        """Return the packet on the output's clock, or nothing outside of the cut."""
        times = self._times(packet)
        if times is None:
            return []
        return [self._stamp(packet, *times)]

    def flush(self) -> list[Packet[Any]]:
        """Return nothing: no packet waits."""
        return []

    def _times(self, packet: Packet[Any]) -> tuple[int, int] | None:
        """Return begin and duration in ticks, None for what is not to be seen."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        base = packet.time_base
        if stamp is None or base is None or not packet.size:
            return None
        begin = stamp * base - self._trim.origin
        end = begin + (packet.duration or 0) * base
        self.last_seen = begin
        if end <= 0 or (self._trim.duration is not None and begin >= self._trim.duration):
            return None
        if self._trim.duration is not None:
            end = min(end, self._trim.duration)
        first = max(round(max(begin, Fraction(0)) / _TICK), self._last + 1)
        return first, max(1, round(end / _TICK) - first)

    def _stamp(self, packet: Packet[Any], begin: int, duration: int) -> Packet[Any]:
        packet.stream = self.stream
        packet.time_base = _TICK
        packet.pts = packet.dts = begin
        packet.duration = duration
        self._last = begin
        return packet


class ConvertedSubtitles(CopiedSubtitles):
    """Decode text to ASS lines and encode it for the container."""

    def __init__(self, name: str, output: Any, decoder: Any, trim: Trim) -> None:
        super().__init__(name, output, trim)
        self._decoder = decoder
        self._sequence = 0

    def feed(self, packet: Packet[Any]) -> list[Packet[Any]]:
        """Return the converted packet, or nothing where there is no text."""
        times = self._times(packet)
        subtitle = None if times is None else self._decoder.decode2(packet)
        if times is None or subtitle is None or not len(subtitle):
            return []
        subtitle.pts = 0
        subtitle.start_display_time, subtitle.end_display_time = 0, times[1]
        packed: Packet[Any] = self.stream.codec_context.encode_subtitle(subtitle)
        return [self._stamp(packed, *times)] if packed.size else []


def plan_subtitles(
    stream: Stream, output: OutputContainer, container: Container, trim: Trim
) -> CopiedSubtitles:
    """Add a subtitle stream, copied or converted; raise ``LeftOutError`` where neither is possible."""
    context: Any = stream.codec_context
    name = f"subtitle track {stream.index}"
    if context is None:
        raise LeftOutError("unknown codec")
    codec = context.codec.canonical_name
    wanted = container.subtitle_codec
    if (wanted is None and codec != "mov_text" and can_copy(stream, container.muxer)) or codec == wanted:
        track = CopiedSubtitles(name, output.add_stream_from_template(stream), trim)
    else:
        target = wanted or "subrip"
        converted = _convert(name, stream, output, target, trim)
        if converted is None:
            raise LeftOutError(f"{suffix_of(container.muxer)} cannot hold {codec} pictures")
        track = converted
        _log.warning("%s: converted from %s to %s", name, codec, target)
    copy_tags(stream, track.stream)
    return track


def _convert(
    name: str, stream: Stream, output: OutputContainer, codec: str, trim: Trim
) -> ConvertedSubtitles | None:
    """Add a converted stream to the output; None for subtitles that are pictures."""
    context: Any = stream.codec_context
    if context.codec.canonical_name not in _TEXT:
        return None
    decoder: Any = av.CodecContext.create(context.codec.name, "r")
    decoder.extradata = context.extradata
    decoder.open()
    encoded: Any = output.add_stream(Codec(codec, "w").name)
    encoded.codec_context.subtitle_header = decoder.subtitle_header
    encoded.codec_context.time_base = _TICK
    return ConvertedSubtitles(name, encoded, decoder, trim)
