"""Sound that a container cannot hold as it is: decoded, cut to the sample, and encoded as AAC or Opus."""

from __future__ import annotations

import contextlib
import itertools
import logging
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av.audio.layout import AudioLayout
from av.filter import Graph

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet

    from dreamvid.media.streams.output_spec import Window

_log = logging.getLogger(__name__)

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


class EncodedSound:
    """One stream of sound, encoded anew; a :class:`dreamvid.media.streams.audio.Track`.

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
        window: Window,
    ) -> None:
        self.name = name
        self.last_seen = Fraction(-1)
        self._window = window
        self._tick = stream.time_base or Fraction(1, _USUAL_RATE)
        source: Any = stream.codec_context
        rate = source.sample_rate if source.sample_rate in _RATES[codec] else _USUAL_RATE
        channels = source.layout.nb_channels or 2
        layouts = _AAC_LAYOUTS if codec == "aac" else _LAYOUTS
        layout = layouts.get(channels, layouts[_MOST_CHANNELS])
        self.made: Any = output.add_stream(_ENCODERS[codec], rate=rate, layout=layout)
        self.made.codec_context.bit_rate = _BITS_PER_CHANNEL[codec] * AudioLayout(layout).nb_channels
        self.made.codec_context.time_base = Fraction(1, rate)
        self._rate, self._layout = rate, layout
        self._graph: Graph | None = None
        self._damaged = False

    def feed(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        """Decode a packet and yield what the encoder has ready."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None:
            self.last_seen = stamp * self._tick - self._window.origin
        yield from self._encode(self._decode(packet))

    def flush(self) -> Iterator[Packet[Any]]:
        """Yield the rest."""
        if self._graph is None:
            return
        self._push(None)
        yield from self._encode(self._pull(self._graph))
        yield from self.made.encode(None)

    def _decode(self, packet: Packet[Any]) -> Iterator[AudioFrame]:
        try:
            frames: Any = packet.decode()
        except av.FFmpegError:
            if not self._damaged:
                self._damaged = True
                _log.warning(f"{self.name}: damaged at {float(self.last_seen):.2f} s; silence in its place")
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
            yield from self.made.encode(frame)

    def _make_graph(self, frame: AudioFrame) -> Graph:
        """Resample, fill gaps, cut, and count from the output's zero; all in whole samples."""
        graph = Graph()
        base = frame.time_base or self._tick
        known = frame.layout.name if frame.layout.name in _NAMED else f"{frame.layout.nb_channels}c"
        source = graph.add(
            "abuffer",
            f"time_base={base.numerator}/{base.denominator}:sample_rate={frame.sample_rate}"
            f":sample_fmt={frame.format.name}:channel_layout={known}",
        )
        first = round(self._window.origin * self._rate)
        last = (
            ""
            if self._window.duration is None
            else f":end_pts={first + round(self._window.duration * self._rate)}"
        )
        nodes = [
            source,
            graph.add("aresample", f"{self._rate}:async=1:min_hard_comp={_GAP}"),
            graph.add("atrim", f"start_pts={first}{last}"),
            graph.add("asetpts", f"PTS-{first}" if first >= 0 else f"PTS+{-first}"),
            graph.add("aformat", f"sample_fmts={self.made.format.name}:channel_layouts={self._layout}"),
            graph.add("abuffersink"),
        ]
        for left, right in itertools.pairwise(nodes):
            left.link_to(right)
        graph.configure()
        return graph

    def _pull(self, graph: Graph) -> Iterator[AudioFrame]:
        while True:
            try:
                frame: Any = graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            frame.time_base = Fraction(1, self._rate)
            yield frame


_NAMED = {
    *_LAYOUTS.values(),
    *_AAC_LAYOUTS.values(),
    "2.1",
    "5.0(side)",
    "5.1(side)",
    "6.1(back)",
    "7.1(wide-side)",
}
