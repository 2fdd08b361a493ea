"""One stream of the companion each: copied where the container holds it, converted where it does not."""

from __future__ import annotations

import io
import logging
import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol, cast

import av
from av.audio.stream import AudioStream

from dreamvid.media.streams.sound import EncodedSound
from dreamvid.media.streams.subtitles import CopiedSubtitles, convert_subtitles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream

    from dreamvid.media.streams.output_spec import Window

_log = logging.getLogger(__name__)

_SOUND: Mapping[str, frozenset[str]] = {
    "mp4": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"}),
    "mov": frozenset({"aac", "mp3", "ac3", "eac3", "alac"}),
    "webm": frozenset({"opus", "vorbis"}),
}
"""Sound that players expect in a container; Matroska holds whatever its muxer takes."""

_KEPT_TAGS = ("language", "title", "handler_name")
_JITTER = 2


class Track(Protocol):
    """Makes output packets of one stream's packets; ``last_seen`` is the output time that reading has reached."""

    name: str
    last_seen: Fraction

    def feed(self, packet: Packet[Any]) -> Iterable[Packet[Any]]:
        """Return what a packet becomes."""
        ...

    def flush(self) -> Iterable[Packet[Any]]:
        """Return what is left at the end."""
        ...


def plan_track(stream: Stream, output: OutputContainer, muxer: str, window: Window) -> Track | None:
    """Add a stream to the output for this one, or return None where it is left out."""
    if isinstance(stream, AudioStream):
        return _plan_sound(stream, output, muxer, window)
    if stream.type == "subtitle":
        return _plan_subtitles(stream, output, muxer, window)
    if stream.type == "attachment" and muxer == "matroska":
        output.add_stream_from_template(stream)
    return None


def _plan_sound(stream: AudioStream, output: OutputContainer, muxer: str, window: Window) -> Track | None:
    context: Any = stream.codec_context
    name = f"sound track {stream.index}"
    if context is None:
        _log.warning(f"{name} has a codec that is not known here; it is left out")
        return None
    codec = context.codec.canonical_name
    held = (
        codec in _SOUND[muxer] or (muxer == "mov" and codec.startswith("pcm_")) if muxer in _SOUND else True
    )
    if held and accepts(muxer, stream):
        made: Any = output.add_stream_from_template(stream)
        track: Track = CopiedSound(
            name,
            stream,
            made,
            window,
            early=muxer in {"mp4", "mov"},
        )
    else:
        wanted = "opus" if muxer == "webm" else "aac"
        _log.warning(f"{name}: {_place(muxer)} cannot hold {codec}; encoded anew as {wanted.upper()}")
        sound = EncodedSound(name, stream, output, wanted, window=window)
        made, track = sound.made, sound
    _carry_facts(stream, made)
    return track


def _plan_subtitles(stream: Stream, output: OutputContainer, muxer: str, window: Window) -> Track | None:
    context: Any = stream.codec_context
    name = f"subtitle track {stream.index}"
    codec = context.codec.canonical_name if context is not None else "unknown"
    wanted = {"mp4": "mov_text", "mov": "mov_text", "webm": "webvtt"}.get(muxer)
    if context is None:
        _log.warning(f"{name} has a codec that is not known here; it is left out")
        return None
    if (wanted is None and codec != "mov_text" and accepts(muxer, stream)) or codec == wanted:
        made: Any = output.add_stream_from_template(stream)
        track = CopiedSubtitles(name, made, window)
    else:
        text = wanted or "subrip"
        converted = convert_subtitles(name, stream, output, text, window)
        if converted is None:
            _log.warning(f"{name}: {_place(muxer)} cannot hold {codec} pictures; it is left out")
            return None
        track, made = converted, converted.made
        _log.warning(f"{name}: converted from {codec} to {text}")
    _carry_facts(stream, made)
    return track


def accepts(muxer: str, stream: Stream) -> bool:
    """Return whether a muxer writes a header for a copy of this stream."""
    trial = av.open(io.BytesIO(), "w", format=muxer)
    try:
        trial.add_stream_from_template(stream)
        trial.start_encoding()
        trial.close()
    except (av.FFmpegError, ValueError):
        return False
    return True


class CopiedSound:
    """Packets as they are, on the output's clock.

    Times are kept in samples. Where the source counts in coarser ticks (Matroska), packets follow each other
    seamlessly as long as the tick explains the difference. ``early`` keeps what the decoder needs before time
    zero, for containers that say where to begin (edit lists); others begin with the first packet from zero
    on, or from the delay of the encoder that the container announces.
    """

    def __init__(self, name: str, stream: AudioStream, made: Any, window: Window, *, early: bool) -> None:
        self.name = name
        self.last_seen = Fraction(-1)
        self._made = made
        self._window = window
        context: Any = stream.codec_context
        self._rate = context.sample_rate or 48000
        self._samples = context.frame_size or 0
        self._tick = stream.time_base or Fraction(1, self._rate)
        made.time_base = Fraction(1, self._rate)
        self._expected: int | None = None
        self._last: int | None = None
        self._first: Fraction | None = None
        if not early:
            self._first = -window.delays.get(stream.index, Fraction(0))
        elif window.origin > 0:
            self._first = -Fraction(2 * self._samples or self._rate // 20, self._rate)

    def feed(self, packet: Packet[Any]) -> list[Packet[Any]]:
        """Return the packet on the output's clock, or nothing outside of the cut."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None:
            return []
        time = stamp * self._tick - self._window.origin
        self.last_seen = time
        if self._window.duration is not None and time >= self._window.duration:
            return []
        at = self._seamless(time)
        length = self._length(packet)
        self._expected = at + length
        if self._first is not None and Fraction(at, self._rate) < self._first:
            return []
        self._last = at
        packet.stream = self._made
        packet.time_base = Fraction(1, self._rate)
        packet.pts = packet.dts = at
        packet.duration = length
        return [packet]

    def flush(self) -> list[Packet[Any]]:
        """Return nothing: no packet waits."""
        return []

    def _length(self, packet: Packet[Any]) -> int:
        told = round((packet.duration or 0) * self._tick * self._rate)
        # A shorter last packet is meant; a difference that the tick explains is not.
        rounded = abs(told - self._samples) <= _JITTER * self._tick * self._rate
        return self._samples if self._samples and (rounded or not told) else told

    def _seamless(self, time: Fraction) -> int:
        at = round(time * self._rate)
        if self._expected is not None and abs(at - self._expected) <= _JITTER * self._tick * self._rate:
            at = self._expected
        return at if self._last is None else max(at, self._last + 1)


def announced_delay(stream: AudioStream) -> Fraction:
    """Return the encoder's delay (seconds) that a copy of this stream announces in Matroska and WebM.

    FFmpeg knows it from Opus headers (RFC 7845, section 5.1: pre-skip, at 48 kHz), and of other codecs only where the
    source is Matroska, whose first packet then says how many samples to skip.
    """
    context: Any = stream.codec_context
    header = context.extradata or b""
    if header.startswith(b"OpusHead"):
        return Fraction(struct.unpack_from("<H", header, 10)[0], 48000)
    source = cast("InputContainer", stream.container)
    if "matroska" not in source.format.name:
        return Fraction(0)
    first = next(iter(source.demux(stream)), None)  # the caller seeks back
    skipped = 0
    for side in first.iter_sidedata() if first is not None else ():
        if side.data_type == "skip_samples":
            (skipped,) = struct.unpack_from("<I", bytes(side))
    return Fraction(skipped, context.sample_rate or 48000)


def _carry_facts(stream: Stream, made: Any) -> None:
    made.metadata.update({k: v for k, v in stream.metadata.items() if k in _KEPT_TAGS})
    made.disposition = stream.disposition


def _place(muxer: str) -> str:
    return {"matroska": "mkv"}.get(muxer, muxer)
