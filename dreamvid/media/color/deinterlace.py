"""Deinterlacing with FFmpeg's bwdif: one frame out for each in, progressive ones unchanged."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import av
from av.filter import Graph

if TYPE_CHECKING:
    from collections.abc import Iterator


class Deinterlacer:
    """Holds one frame back, as bwdif looks at the next; set up anew where the frames' size or format changes."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._key: tuple[object, ...] = ()

    def push(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Give one frame, get those that are ready."""
        key = (
            frame.width,
            frame.height,
            frame.format.name,
            frame.colorspace,
            frame.color_range,
        )
        if self._graph is None or key != self._key:
            yield from self.flush()
            self._graph, self._key = _build(frame), key
        self._graph.vpush(frame)
        yield from self._ready(self._graph)

    def flush(self) -> Iterator[av.VideoFrame]:
        """Get the last frame; afterwards it starts anew."""
        if self._graph is not None:
            graph, self._graph = self._graph, None
            graph.vpush(None)
            yield from self._ready(graph)

    @staticmethod
    def _ready(graph: Graph) -> Iterator[av.VideoFrame]:
        while True:
            try:
                yield graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return


def _build(frame: av.VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add(
        "buffer",
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000"
        f":colorspace={frame.colorspace}:range={frame.color_range}",
    )
    nodes = [source, graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink")]
    for left, right in itertools.pairwise(nodes):
        left.link_to(right)
    graph.configure()
    return graph
