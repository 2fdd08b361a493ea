"""A maker of small real clips, with everything in them that goes wrong in the wild."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from PIL import Image

from dreamvid.media.color.pixel_formats import has_alpha
from dreamvid.media.color.rgb import from_rgb
from dreamvid.media.output.thread_priority import ordinary_threads
from dreamvid.types import Size

if TYPE_CHECKING:
    from dreamvid.types import RGB, Alpha

HARD = Path(__file__).parents[2] / ".." / "shared" / "clips" / "hard"
SIZE = Size(48, 64)


def picture(index: int, size: Size = SIZE) -> RGB:
    """A smooth colored gradient, different in each corner, whose blue tells the frame's index."""
    rows, columns = np.mgrid[0 : size.height, 0 : size.width]
    red, green = columns / (size.width - 1), rows / (size.height - 1)
    blue = np.full(size, (index % 16) / 16)
    return (np.stack([red, green, blue], axis=-1) * 0.8 + 0.1).astype(np.float32)


def opacity(size: Size = SIZE) -> Alpha:
    """Transparent at the left, opaque at the right."""
    return np.tile(np.linspace(0, 1, size.width, dtype=np.float32), (size.height, 1))


def index_of(rgb: RGB) -> int:
    """Read the index back from a picture made by :func:`picture`."""
    return round(float(rgb[..., 2].mean() - 0.1) / 0.8 * 16)


@dataclass(frozen=True)
class Clip:
    """What to put into a clip; the defaults make 12 frames of H.264 at 24 fps."""

    name: str = "clip.mp4"
    frames: int = 12
    rate: Fraction = Fraction(24)
    size: Size = SIZE
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    ticks: Sequence[int] | None = None
    """Times of the frames in ticks; None is evenly spaced."""
    time_base: Fraction | None = None
    matrix: str | None = "bt709"
    """None leaves all color tags away; the pixels are BT.601 then."""
    full_range: bool = False
    transfer: int | None = None
    primaries: int | None = None
    display_matrix: Sequence[int] | None = None
    sar: Fraction | None = None
    sound: float | None = None
    """Seconds of a sine tone."""
    sound_codec: str = "aac"
    metadata: Mapping[str, str] = field(default_factory=dict)
    chapters: Sequence[tuple[int, int, str]] = ()
    """Milliseconds from and to, and the title."""
    cover: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)
    muxer: str | None = None
    """FFmpeg's name; None is by the suffix."""
    make: Callable[[int, Size], RGB] = picture
    reshape: Callable[[av.VideoFrame], None] | None = None
    """Changes each frame before it is encoded."""


MakeClip = Callable[..., Path]


@pytest.fixture
def make_clip(tmp_path: Path) -> MakeClip:
    """Write a clip described by the fields of :class:`Clip` and return its path."""

    def make(**settings: Any) -> Path:
        clip = Clip(**settings)
        path = tmp_path / clip.name
        write_clip(path, clip)
        return path

    return make


@pytest.fixture(scope="session")
def write_clip_to() -> MakeClip:
    """Write a clip described by the fields of :class:`Clip` to a path, and return that."""

    def write(path: Path, **settings: Any) -> Path:
        write_clip(path, Clip(name=path.name, **settings))
        return path

    return write


def write_clip(path: Path, clip: Clip) -> None:
    time_base = clip.time_base or 1 / clip.rate
    with (
        path.open("wb") as file,
        av.open(file, "w", clip.muxer or _format(path), dict(clip.container_options)) as container,
    ):
        container.metadata.update(clip.metadata)
        stream: Any = container.add_stream(clip.codec, rate=clip.rate, options=dict(clip.options))
        stream.width, stream.height, stream.pix_fmt = clip.size.width, clip.size.height, clip.pix_fmt
        stream.time_base = stream.codec_context.time_base = time_base
        if clip.sar is not None:
            stream.codec_context.sample_aspect_ratio = clip.sar
        if clip.display_matrix is not None:
            stream.set_display_matrix(clip.display_matrix)
        if has_alpha(clip.pix_fmt) and "vp" in clip.codec:
            stream.metadata["alpha_mode"] = "1"
        if clip.chapters:
            container.set_chapters(
                [
                    {
                        "id": i,
                        "start": a,
                        "end": b,
                        "time_base": Fraction(1, 1000),
                        "metadata": {"title": title},
                    }
                    for i, (a, b, title) in enumerate(clip.chapters)
                ]
            )
        sound: Any = (
            container.add_stream(clip.sound_codec, rate=48000, layout="stereo") if clip.sound else None
        )
        cover: Any = None
        if clip.cover:
            cover = container.add_stream("png", rate=1)
            cover.width, cover.height, cover.pix_fmt = 16, 16, "rgb24"
            cover.disposition = av.stream.Disposition.attached_pic
        frames = [_frame(clip, index, stream, time_base) for index in range(clip.frames)]
        with ordinary_threads():
            for frame in frames:
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            _add_tone(container, sound, clip.sound or 0.0)
        if cover is not None:
            container.mux(cover.encode(from_rgb(np.zeros((16, 16, 3), np.float32), pix_fmt="rgb24")))
            container.mux(cover.encode(None))


def _format(path: Path) -> str:
    names = {".mkv": "matroska", ".ts": "mpegts", ".m4v": "mp4"}
    return names.get(path.suffix, path.suffix[1:])


def _frame(clip: Clip, index: int, stream: Any, time_base: Fraction) -> av.VideoFrame:
    alpha = opacity(clip.size) if has_alpha(clip.pix_fmt) else None
    matrix = "bt601" if clip.matrix is None else clip.matrix
    made: Any = from_rgb(
        clip.make(index, clip.size),
        alpha,
        pix_fmt=clip.pix_fmt,
        matrix=matrix,  # type: ignore[arg-type]  # the tests name known ones
        full_range=clip.full_range,
    )
    if clip.matrix is None:
        made.colorspace = made.color_trc = made.color_primaries = 2
        made.color_range = 0
    made.color_trc = clip.transfer or made.color_trc
    made.color_primaries = clip.primaries or made.color_primaries
    if not index:
        context = stream.codec_context
        context.colorspace, context.color_range = made.colorspace, made.color_range
        context.color_trc, context.color_primaries = made.color_trc, made.color_primaries
    if clip.reshape is not None:
        clip.reshape(made)
    made.pts = index if clip.ticks is None else clip.ticks[index]
    made.time_base = time_base
    return made  # type: ignore[no-any-return]  # a VideoFrame


def _add_tone(container: Any, stream: Any, seconds: float) -> None:
    total = round(48000 * seconds)
    tone = (0.3 * np.sin(np.arange(total) * 2 * np.pi * 440 / 48000)).astype(np.float32)
    for start in range(0, total, 1024):
        part = np.ascontiguousarray(np.stack([tone[start : start + 1024]] * 2))
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """Write a folder of 8-bit PNGs with given names, each showing its place in the list."""

    def make(names: Sequence[str], *, alpha: bool = False, size: Size = SIZE) -> Path:
        folder = tmp_path / "frames"
        folder.mkdir()
        for index, name in enumerate(names):
            rgb = np.rint(picture(index, size) * 255).astype(np.uint8)
            if alpha:
                rgb = np.dstack([rgb, np.rint(opacity(size) * 255).astype(np.uint8)])
            Image.fromarray(rgb).save(folder / name)
        return folder

    return make


@pytest.fixture(scope="session")
def draw() -> Callable[..., RGB]:
    """The pictures that clips are made of: ``draw(index, size=...)``."""
    return picture


@pytest.fixture(scope="session")
def read_index() -> Callable[[RGB], int]:
    """Tell which picture (modulo 16) a frame shows."""
    return index_of


@pytest.fixture(scope="session")
def hard_clips() -> Path:
    """The folder of difficult clips, which is no part of the project."""
    if not HARD.is_dir():
        pytest.skip("the folder of difficult clips is not on this machine")
    return HARD
