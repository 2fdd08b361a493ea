"""What the benchmarks dream of: smooth moving color, as a picture and as a clip with sound; a walk with a camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np

from dreamvid.image.transform import Velocity, warp
from dreamvid.pipelines.landscape import Landscape
from dreamvid.types import Size

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.types import RGB

_SOUND_RATE = 48000
_CAMERA = Velocity(zoom=1.08, rotation=2.5, pan=(0.08, 0.03))
_PACE = 2.0


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


def moving_pictures(size: Size, *, frames: int, rate: int = 24) -> list[RGB]:
    """Return a landscape under a camera that moves, turns and zooms, with a textured disk that crosses it."""
    margin = Size(size.height // 4, size.width // 4)
    ground = Landscape(Size(size.height + 2 * margin.height, size.width + 2 * margin.width))
    inner = tuple(slice(side, -side) for side in margin)
    texture = picture(Size(size.height // 3, size.height // 3))
    rows, columns = np.mgrid[: texture.shape[0], : texture.shape[0]] / texture.shape[0] - 0.5
    disk = np.clip((0.48 - np.hypot(rows, columns)) * texture.shape[0], 0.0, 1.0)[..., None]
    shown = []
    for index in range(frames):
        seconds = index / rate
        frame = warp(ground.frame(_PACE * seconds), _CAMERA.over(seconds, size.width / size.height))[inner]
        frame = np.clip(frame, 0.0, 1.0)
        top, left = size.height // 3, int(size.width * min(0.1 + 0.2 * seconds, 0.7))
        place = frame[top : top + texture.shape[0], left : left + texture.shape[0]]
        place += disk * (texture - place)
        shown.append(frame.astype(np.float32))
    return shown
