"""Subtitles: copied onto the output's clock, or converted from one text format to another."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av.codec import Codec

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.stream import Stream

    from dreamvid.media.streams.output_spec import Window

_TEXT = {"mov_text", "subrip", "ass", "ssa", "webvtt", "text"}
_TICK = Fraction(1, 1000)


class CopiedSubtitles:
    """Packets as they are; those that the cut's edges cross are shortened."""

    def __init__(self, name: str, made: Any, window: Window) -> None:
        self.name = name
        self.last_seen = Fraction(-1)
        self.made = made
        self._window = window
        self._last = -1
        made.time_base = _TICK

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
        begin = stamp * base - self._window.origin
        end = begin + (packet.duration or 0) * base
        self.last_seen = begin
        if end <= 0 or (self._window.duration is not None and begin >= self._window.duration):
            return None
        if self._window.duration is not None:
            end = min(end, self._window.duration)
        first = max(round(max(begin, Fraction(0)) / _TICK), self._last + 1)
        return first, max(1, round(end / _TICK) - first)

    def _stamp(self, packet: Packet[Any], begin: int, duration: int) -> Packet[Any]:
        packet.stream = self.made
        packet.time_base = _TICK
        packet.pts = packet.dts = begin
        packet.duration = duration
        self._last = begin
        return packet


class ConvertedSubtitles(CopiedSubtitles):
    """Text decoded to ASS lines and encoded for the container."""

    def __init__(self, name: str, made: Any, decoder: Any, window: Window) -> None:
        super().__init__(name, made, window)
        self._decoder = decoder
        self._sequence = 0

    def feed(self, packet: Packet[Any]) -> list[Packet[Any]]:
        """Return the converted packet, or nothing where there is no text."""
        times = self._times(packet)
        shown = None if times is None else self._decoder.decode2(packet)
        if times is None or shown is None or not len(shown):
            return []
        shown.pts = 0
        shown.start_display_time, shown.end_display_time = 0, times[1]
        made: Packet[Any] = self.made.codec_context.encode_subtitle(shown)
        return [self._stamp(made, *times)] if made.size else []


def convert_subtitles(
    name: str, stream: Stream, output: OutputContainer, codec: str, window: Window
) -> ConvertedSubtitles | None:
    """Add a converted stream to the output; None for subtitles that are pictures."""
    context: Any = stream.codec_context
    if context.codec.canonical_name not in _TEXT:
        return None
    decoder: Any = av.CodecContext.create(context.codec.name, "r")
    decoder.extradata = context.extradata
    decoder.open()
    made: Any = output.add_stream(Codec(codec, "w").name)
    made.codec_context.subtitle_header = decoder.subtitle_header
    made.codec_context.time_base = _TICK
    return ConvertedSubtitles(name, made, decoder, window)
