"""Filter decoded and encoded frames with libavfilter: tone mapping, chroma sampling, deinterlacing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
from av.filter import Graph

from dreamvid.media.color.pixel_formats import RGB_CODE, frame_range, matrix_code

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCALE_FLAGS = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"

SITING = {"chroma_sample_location": "left"}
"""Encoder option that stores the position of chroma samples in the file, where the format can."""


def _filter_graph(
    frame: av.VideoFrame, colorspace: int | str, color_range: int | str, *filters: str
) -> Graph:
    """Return a graph for frames like this one; each filter is its name and, after a space, its options."""
    graph = Graph()
    source = graph.add(
        "buffer",
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000"
        f":colorspace={colorspace}:range={color_range}",
    )
    nodes = [
        graph.add(name, options or None) for name, _, options in (text.partition(" ") for text in filters)
    ]
    graph.link_nodes(source, *nodes, graph.add("buffersink")).configure()
    return graph


class Bt709Mapper:
    """Map HDR and wide colors (PQ, HLG, BT.2020, P3) to BT.709 SDR.

    Diffuse white (203 cd/m2, ITU-R BT.2408) becomes white; what is brighter is clipped. The graph is reused for
    frames of the same kind, because FFmpeg computes its tables for about a second.
    """

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._key: tuple[object, ...] = ()

    def map(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return the frame as 10-bit 4:4:4 BT.709 of limited range."""
        matrix = RGB_CODE if frame.format.is_rgb else matrix_code(frame)
        span = int(frame_range(frame))
        size = (frame.width, frame.height)
        key = (frame.format.name, *size, frame.color_trc, frame.color_primaries, matrix, span)
        if self._graph is None or key != self._key:
            target = "out_transfer=bt709:out_primaries=bt709:out_color_matrix=bt709:out_range=tv"
            scale = f"scale {target}:{_SCALE_FLAGS}"
            self._graph, self._key = _filter_graph(frame, matrix, span, scale, "format yuv444p10le"), key
        self._graph.vpush(frame)
        return self._graph.vpull()


def full_chroma(pix_fmt: str) -> str | None:
    """Return the 4:4:4 format of the same depth and alpha, or None for a format without subsampled chroma."""
    for sampling in ("420p", "422p"):
        letters, separator, depth = pix_fmt.partition(sampling)
        if separator and letters in {"yuv", "yuva"}:
            return f"{letters}444p{depth}"
    return None


class ChromaSubsampler:
    """Convert 4:4:4 frames, BT.709 of limited range, to a format with fewer chroma samples.

    Chroma samples lie beside the left pixel of each pair, as H.264, H.265 and ProRes mean where a file does not say;
    libswscale by itself puts them half a pixel further right.
    """

    def __init__(self, pix_fmt: str) -> None:
        self._pix_fmt = pix_fmt
        self._graph: Graph | None = None

    def convert(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return the frame in the target format, without its time; all frames must have one size."""
        if self._graph is None:
            scale = f"scale in_chroma_loc=left:out_chroma_loc=left:{_SCALE_FLAGS}"
            self._graph = _filter_graph(frame, "bt709", "tv", scale, f"format {self._pix_fmt}")
        frame.pts = 0
        self._graph.vpush(frame)
        return self._graph.vpull()


class Deinterlacer:
    """Deinterlace with bwdif: one frame out for each in, progressive ones unchanged.

    One frame is held back, because bwdif looks at the next. The graph is rebuilt where size or format change.
    ``previous`` is the progressive frame before the first one, which bwdif looks at, too; it is not given out.
    """

    def __init__(self, previous: av.VideoFrame | None = None) -> None:
        self._graph: Graph | None = None
        self._key: tuple[object, ...] = ()
        self._previous = previous
        self._dropped = 0

    def push(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Give one frame, and yield those that are ready."""
        key = _format_key(frame)
        if self._graph is None or key != self._key:
            yield from self.flush()
            self._key = key
            self._graph = _filter_graph(
                frame, frame.colorspace, frame.color_range, "bwdif mode=send_frame:deint=interlaced"
            )
            previous, self._previous = self._previous, None
            if previous is not None and _format_key(previous) == key:
                self._graph.vpush(previous)
                self._dropped = 1
        self._graph.vpush(frame)
        yield from self._ready(self._graph)

    def flush(self) -> Iterator[av.VideoFrame]:
        """Yield the last frame; afterwards another stretch may begin."""
        if self._graph is not None:
            graph, self._graph = self._graph, None
            graph.vpush(None)
            yield from self._ready(graph)

    def _ready(self, graph: Graph) -> Iterator[av.VideoFrame]:
        while True:
            try:
                frame = graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            if self._dropped:
                self._dropped -= 1
            else:
                yield frame


def _format_key(frame: av.VideoFrame) -> tuple[object, ...]:
    return frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range
