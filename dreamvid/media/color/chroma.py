"""Chroma of half resolution, where players expect it: beside the left pixel of each pair.

H.264, H.265 and ProRes mean that position where they say nothing. libswscale by itself puts chroma between the
pixels, half a pixel to the right.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from av.filter import Graph

if TYPE_CHECKING:
    import av

_FLAGS = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"

SITING = {"chroma_sample_location": "left"}
"""The option that lets an encoder say so in the file, where the format can."""


def full_chroma(pix_fmt: str) -> str | None:
    """Return the 4:4:4 format of the same depth and alpha; None for a format without subsampled chroma."""
    for sampling in ("420p", "422p"):
        letters, found, depth = pix_fmt.partition(sampling)
        if found and letters in {"yuv", "yuva"}:
            return f"{letters}444p{depth}"
    return None


class ChromaSampler:
    """Turns 4:4:4 frames, BT.709 of limited range, into frames of fewer chroma samples."""

    def __init__(self, pix_fmt: str) -> None:
        self._pix_fmt = pix_fmt
        self._graph: Graph | None = None

    def convert(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return the frame in the target format; times are not kept. All frames must have one size."""
        if self._graph is None:
            self._graph = self._make_graph(frame)
        frame.pts = 0
        self._graph.vpush(frame)
        return self._graph.vpull()

    def _make_graph(self, frame: av.VideoFrame) -> Graph:
        graph = Graph()
        nodes = [
            graph.add(
                "buffer",
                f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000"
                ":colorspace=bt709:range=tv",
            ),
            graph.add("scale", f"in_chroma_loc=left:out_chroma_loc=left:flags={_FLAGS}"),
            graph.add("format", self._pix_fmt),
            graph.add("buffersink"),
        ]
        for left, right in itertools.pairwise(nodes):
            left.link_to(right)
        graph.configure()
        return graph
