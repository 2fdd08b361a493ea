"""Copy audio streams, or encode those whose codec the container cannot hold."""

from __future__ import annotations

import contextlib
import logging
import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import av
from av.audio.layout import AudioLayout
from av.filter import Graph

from dreamvid.media.containers import suffix_of
from dreamvid.media.streams.trim import LeftOutError, can_copy, copy_tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet

    from dreamvid.media.containers import Container
    from dreamvid.media.streams.trim import OutputTrack, Trim

_log = logging.getLogger(__name__)

_JITTER = 2
"""Ticks of the source by which packets may miss one another and still be taken for seamless."""

_ENCODERS = {"aac": "aac", "opus": "libopus"}
_BITS_PER_CHANNEL = {"aac": 112_000, "opus": 80_000}
_RATES = {
    "aac": (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000),
    "opus": (48000, 24000, 16000, 12000, 8000),
}
_USUAL_RATE = 48000
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_AAC_LAYOUTS = {**_LAYOUTS, 4: "4.0", 7: "7.1", 8: "7.1(wide)"}
_MOST_CHANNELS = 8
_GAP = 0.05
"""Seconds; longer gaps become silence."""
_NAMED_LAYOUTS = {
    *_LAYOUTS.values(),
    *_AAC_LAYOUTS.values(),
    "2.1",
    "5.0(side)",
    "5.1(side)",
    "6.1(back)",
    "7.1(wide-side)",
}


def plan_audio(stream: AudioStream, output: OutputContainer, container: Container, trim: Trim) -> OutputTrack:
    """Add an audio stream to the output: copied where the container holds its codec, else encoded as AAC or Opus.

    Raise ``LeftOutError`` for a codec that FFmpeg does not know.
    """
    context: Any = stream.codec_context
    name = f"sound track {stream.index}"
    if context is None:
        raise LeftOutError("unknown codec")
    codec = context.codec.canonical_name
    track: CopiedAudio | EncodedAudio
    if container.plays(codec) and can_copy(stream, container.muxer):
        template: Any = output.add_stream_from_template(stream)
        track = CopiedAudio(name, stream, template, trim, has_edit_list=container.has_edit_list)
    else:
        target = container.encoded_audio
        _log.log(
            logging.INFO if trim.is_generated else logging.WARNING,
            "%s: %s cannot hold %s; re-encoded as %s",
            name,
            suffix_of(container.muxer),
            codec,
            target.upper(),
        )
        track = EncodedAudio(name, stream, output, target, trim=trim)
    copy_tags(stream, track.stream)
    return track


class CopiedAudio:
    """Copy packets of one stream to the output's clock.

    Times are kept in samples. Where the source counts in coarser ticks (Matroska), packets follow each other
    seamlessly as long as the time base explains the difference. Containers with edit
    lists keep what the decoder needs before time zero; others begin with the first packet from zero on, or from the
    encoder delay that the container announces.
    """

    def __init__(
        self, name: str, stream: AudioStream, output: Any, trim: Trim, *, has_edit_list: bool
    ) -> None:
        self.name = name
        self.last_seen = Fraction(-1)
        self.stream = output
        self._trim = trim
        context: Any = stream.codec_context
        self._rate = context.sample_rate or 48000
        self._samples = context.frame_size or 0
        self._time_base = stream.time_base or Fraction(1, self._rate)
        output.time_base = Fraction(1, self._rate)
        self._expected: int | None = None
        self._last: int | None = None
        self._first: Fraction | None = None
        if not has_edit_list:
            self._first = -trim.delays.get(stream.index, Fraction(0))
        elif trim.origin > 0:
            self._first = -Fraction(2 * self._samples or self._rate // 20, self._rate)

    def feed(self, packet: Packet[Any]) -> list[Packet[Any]]:
        """Return the packet on the output's clock, or nothing outside of the cut."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None:
            return []
        time = stamp * self._time_base - self._trim.origin
        self.last_seen = time
        if self._trim.duration is not None and time >= self._trim.duration:
            return []
        at = self._seamless_start(time)
        length = self._length(packet)
        self._expected = at + length
        if self._first is not None and Fraction(at, self._rate) < self._first:
            return []
        self._last = at
        packet.stream = self.stream
        packet.time_base = Fraction(1, self._rate)
        packet.pts = packet.dts = at
        packet.duration = length
        return [packet]

    def flush(self) -> list[Packet[Any]]:
        """Return nothing: no packet waits."""
        return []

    def _length(self, packet: Packet[Any]) -> int:
        stated = round((packet.duration or 0) * self._time_base * self._rate)
        # A shorter last packet is meant; a difference that the time base explains is not.
        rounded = abs(stated - self._samples) <= _JITTER * self._time_base * self._rate
        return self._samples if self._samples and (rounded or not stated) else stated

    def _seamless_start(self, time: Fraction) -> int:
        at = round(time * self._rate)
        if self._expected is not None and abs(at - self._expected) <= _JITTER * self._time_base * self._rate:
            at = self._expected
        return at if self._last is None else max(at, self._last + 1)


class EncodedAudio:
    """Decode one stream, trim it to the sample, and encode it.

    Channels and sample rate stay where the codec has them. Gaps in the source longer than 50 ms become
    silence, so that what follows stays in sync.
    """

    def __init__(
        self,
        name: str,
        stream: AudioStream,
        output: OutputContainer,
        codec: str,
        *,
        trim: Trim,
    ) -> None:
        self.name = name
        self.last_seen = Fraction(-1)
        self._trim = trim
        self._time_base = stream.time_base or Fraction(1, _USUAL_RATE)
        source: Any = stream.codec_context
        rate = source.sample_rate if source.sample_rate in _RATES[codec] else _USUAL_RATE
        channels = source.layout.nb_channels or 2
        layouts = _AAC_LAYOUTS if codec == "aac" else _LAYOUTS
        layout = layouts.get(channels, layouts[_MOST_CHANNELS])
        self.stream: Any = output.add_stream(_ENCODERS[codec], rate=rate, layout=layout)
        self.stream.codec_context.bit_rate = _BITS_PER_CHANNEL[codec] * AudioLayout(layout).nb_channels
        self.stream.codec_context.time_base = Fraction(1, rate)
        self._rate, self._layout = rate, layout
        self._graph: Graph | None = None
        self._damaged = False

    def feed(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        """Decode a packet and yield what the encoder has ready."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None:
            self.last_seen = stamp * self._time_base - self._trim.origin
        yield from self._encode(self._decode(packet))

    def flush(self) -> Iterator[Packet[Any]]:
        """Yield the rest."""
        if self._graph is None:
            return
        self._push(None)
        yield from self._encode(self._pull(self._graph))
        yield from self.stream.encode(None)

    def _decode(self, packet: Packet[Any]) -> Iterator[AudioFrame]:
        try:
            frames: Any = packet.decode()
        except av.FFmpegError:
            if not self._damaged:
                self._damaged = True
                _log.warning("%s: damaged at %.2f s; silence in its place", self.name, float(self.last_seen))
            return
        for frame in frames:
            if frame.pts is None:
                continue
            if self._graph is None:
                self._graph = self._make_graph(frame)
            self._push(frame)
            yield from self._pull(self._graph)

    def _push(self, frame: AudioFrame | None) -> None:
        assert self._graph is not None
        with contextlib.suppress(av.EOFError):  # the cut is over
            self._graph.push(frame)

    def _encode(self, frames: Iterable[AudioFrame]) -> Iterator[Packet[Any]]:
        for frame in frames:
            yield from self.stream.encode(frame)

    def _make_graph(self, frame: AudioFrame) -> Graph:
        """Resample, fill gaps, cut, and count from the output's zero; all in whole samples."""
        graph = Graph()
        base = frame.time_base or self._time_base
        layout = frame.layout.name if frame.layout.name in _NAMED_LAYOUTS else f"{frame.layout.nb_channels}c"
        source = graph.add(
            "abuffer",
            f"time_base={base.numerator}/{base.denominator}:sample_rate={frame.sample_rate}"
            f":sample_fmt={frame.format.name}:channel_layout={layout}",
        )
        first = round(self._trim.origin * self._rate)
        last = (
            ""
            if self._trim.duration is None
            else f":end_pts={first + round(self._trim.duration * self._rate)}"
        )
        nodes = [
            graph.add("aresample", f"{self._rate}:async=1:min_hard_comp={_GAP}"),
            graph.add("atrim", f"start_pts={first}{last}"),
            graph.add("asetpts", f"PTS-{first}" if first >= 0 else f"PTS+{-first}"),
            graph.add("aformat", f"sample_fmts={self.stream.format.name}:channel_layouts={self._layout}"),
            graph.add("abuffersink"),
        ]
        graph.link_nodes(source, *nodes).configure()
        return graph

    def _pull(self, graph: Graph) -> Iterator[AudioFrame]:
        while True:
            try:
                frame: Any = graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            frame.time_base = Fraction(1, self._rate)
            yield frame


def announced_delay(stream: AudioStream, first: Packet[Any] | None) -> Fraction:
    """Return the encoder's delay (seconds) that a copy of this stream announces in Matroska and WebM.

    ``first`` is the stream's first packet.
    FFmpeg knows it from Opus headers (RFC 7845, section 5.1: pre-skip, at 48 kHz), and of other codecs only where the
    source is Matroska, whose first packet then says how many samples to skip.
    """
    context: Any = stream.codec_context
    header = getattr(context, "extradata", None) or b""
    if header.startswith(b"OpusHead"):
        return Fraction(struct.unpack_from("<H", header, 10)[0], 48000)
    source = cast("InputContainer", stream.container)
    if "matroska" not in source.format.name:
        return Fraction(0)
    return _skipped_time(stream, first)


def first_heard(stream: AudioStream, first: Packet[Any] | None) -> Fraction | None:
    """Return when (seconds) a stream is heard first: from its first packet on, after the encoder's delay and zero."""
    if first is None or first.pts is None:
        return None
    return max(first.pts * (first.time_base or Fraction(1)) + _skipped_time(stream, first), Fraction(0))


def _skipped_time(stream: AudioStream, first: Packet[Any] | None) -> Fraction:
    """Return the seconds at the beginning of a stream that decoders leave out."""
    context: Any = stream.codec_context
    skipped = 0
    for side in first.iter_sidedata() if first is not None else ():
        if side.data_type == "skip_samples":
            (skipped,) = struct.unpack_from("<I", bytes(side))
    return Fraction(skipped, getattr(context, "sample_rate", None) or _USUAL_RATE)
