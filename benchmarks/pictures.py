"""What the benchmarks dream of: smooth moving color, as a picture and as a clip with sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.types import RGB, Size

_SOUND_RATE = 48000


def picture(size: Size, *, time: float = 0.0) -> RGB:
    """Return drifting waves of color with some grain, ``[H, W, 3]`` in [0, 1], always the same."""
    rows, columns = np.mgrid[0 : size.height, 0 : size.width].astype(np.float32) / max(size)
    waves = [
        np.sin(np.float32(11 + 7 * k) * columns + np.float32(2.3 * time) + k)
        * np.cos(np.float32(9 + 5 * k) * rows - np.float32(1.7 * time) + 2 * k)
        for k in range(3)
    ]
    grain = np.random.default_rng(7).random((size.height, size.width, 1), dtype=np.float32)
    result: RGB = (0.5 + 0.3 * np.stack(waves, -1) + 0.1 * (grain - 0.5)).astype(np.float32)
    return result


def write_clip(path: Path, size: Size, *, frames: int, rate: int = 24) -> None:
    """Write such a clip as H.264 with a sine tone in AAC."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=rate)
        video.height, video.width = size
        video.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=_SOUND_RATE, layout="mono")
        for index in range(frames):
            shown = (picture(size, time=index / rate) * 255).astype(np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        samples = np.arange(_SOUND_RATE * frames // rate, dtype=np.float32)
        tone = (0.2 * np.sin(2 * np.pi * 220 / _SOUND_RATE * samples)).astype(np.float32)
        block = av.AudioFrame.from_ndarray(tone[np.newaxis], format="fltp", layout="mono")
        block.sample_rate = _SOUND_RATE
        container.mux(sound.encode(block))
        for stream in (video, sound):
            container.mux(stream.encode())
