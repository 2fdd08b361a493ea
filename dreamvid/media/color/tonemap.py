"""HDR and wide colors to BT.709 SDR, by libavfilter's ``scale``: PQ, HLG, BT.2020 and P3.

Diffuse white (203 cd/m2, ITU-R BT.2408) becomes white; what is brighter is clipped.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from av.filter import Graph

from dreamvid.media.color.pixels import frame_range
from dreamvid.media.color.ycbcr import RGB_CODE, matrix_code

if TYPE_CHECKING:
    import av

_FLAGS = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"


class Bt709Mapper:
    """Maps frames; the tables that FFmpeg computes for it (a second's work) are kept from frame to frame."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._key: tuple[object, ...] = ()

    def map(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return the frame as 10-bit 4:4:4 BT.709 of limited range."""
        code = RGB_CODE if frame.format.is_rgb else matrix_code(frame)
        span = int(frame_range(frame))
        key = (
            frame.format.name,
            frame.width,
            frame.height,
            frame.color_trc,
            frame.color_primaries,
            code,
            span,
        )
        if self._graph is None or key != self._key:
            self._graph, self._key = _graph(frame, code, span), key
        self._graph.vpush(frame)
        return self._graph.vpull()


def _graph(frame: av.VideoFrame, code: int, span: int) -> Graph:
    graph = Graph()
    source = graph.add(
        "buffer",
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000"
        f":colorspace={code}:range={span}",
    )
    target = "out_transfer=bt709:out_primaries=bt709:out_color_matrix=bt709:out_range=tv"
    scale = graph.add("scale", f"{target}:flags={_FLAGS}")
    nodes = [source, scale, graph.add("format", "yuv444p10le"), graph.add("buffersink")]
    for left, right in itertools.pairwise(nodes):
        left.link_to(right)
    graph.configure()
    return graph
