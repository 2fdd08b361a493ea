"""Convert dreamed frames for an encoder: flatten alpha, pad odd sizes, change the pixel format."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
from av.video.reformatter import ColorTrc

from dreamvid.errors import WriteError
from dreamvid.media.color.filters import ChromaSubsampler, full_chroma
from dreamvid.media.color.rgb import from_rgb
from dreamvid.types import Size

if TYPE_CHECKING:
    import av

    from dreamvid.media.output.codecs import CodecChoice
    from dreamvid.types import RGB, Alpha, Frame

_log = logging.getLogger(__name__)

_EVEN = 2


class FrameConverter:
    """Turns frames into encoder frames of one size and format.

    Alpha is flattened onto black where the format holds none. Sizes that the codec cannot have are padded, the edge
    repeated.
    """

    def __init__(self, size: Size, choice: CodecChoice) -> None:
        self.source_size = size
        self._choice = choice
        self._full_chroma = full_chroma(choice.pix_fmt)
        self._sampler = ChromaSubsampler(choice.pix_fmt)
        self._grow = (
            -size.height % choice.multiples[1],
            -size.width % choice.multiples[0],
        )
        self.size = Size(size.height + self._grow[0], size.width + self._grow[1])
        if any(self._grow):
            kind = (
                "even sizes" if max(choice.multiples) == _EVEN else f"multiples of {max(choice.multiples)} px"
            )
            _log.warning("%s needs %s: %s is padded to %s", choice.codec, kind, size, self.size)

    def frame(self, frame: Frame) -> av.VideoFrame:
        """Return the picture in the encoder's pixel format, tagged with its colors; no times are set.

        Raises
        ------
        WriteError
            For a picture of another size than was announced.
        """
        rgb, alpha = frame.rgb, frame.alpha
        if rgb.shape != (*self.source_size, 3):
            found = Size(*rgb.shape[:2])
            raise WriteError(f"frame {frame.index} is {found}, but the video is {self.source_size}")
        if alpha is not None and not self._choice.alpha:
            rgb, alpha = _flatten(rgb, alpha), None
        if any(self._grow):
            rgb, alpha = self._pad(rgb, alpha)
        picture = from_rgb(rgb, alpha, pix_fmt=self._full_chroma or self._choice.pix_fmt, matrix="bt709")
        if self._full_chroma is not None:
            return self._sampler.convert(picture)
        if picture.format.is_rgb:
            picture.color_trc = ColorTrc.IEC61966_2_1  # sRGB, which PNG says in a chunk of its own
        return picture

    def _pad(self, rgb: RGB, alpha: Alpha | None) -> tuple[RGB, Alpha | None]:
        (down, right) = self._grow
        padded: RGB = np.pad(rgb, ((0, down), (0, right), (0, 0)), mode="edge")
        return padded, None if alpha is None else np.pad(alpha, ((0, down), (0, right)), mode="edge")


def _flatten(rgb: RGB, alpha: Alpha) -> RGB:
    flat: RGB = rgb * alpha[..., None]
    return flat
