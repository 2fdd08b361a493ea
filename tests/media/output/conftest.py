"""A writer with few words, and ears and eyes for what it wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from dreamvid.config.settings import OutputSettings
from dreamvid.media.output.writer import open_writer
from dreamvid.types import RGB, Alpha, Frame, Size, VideoInfo

if TYPE_CHECKING:
    from pathlib import Path

RATE = Fraction(24)
SIZE = Size(48, 64)
SOUND_RATE = 48000

Write = Callable[..., "Written"]


@dataclass
class Written:
    """An output, what its writer said, and the pictures that went in."""

    path: Path
    notes: list[str] = field(default_factory=list)

    def said(self, *words: str) -> bool:
        """Whether one notice has all these words."""
        return any(all(word in note for word in words) for note in self.notes)

    def packets(self) -> list[tuple[Fraction, Fraction]]:
        """Time and duration (seconds) of each frame, in order of appearance, as the container has them."""
        with av.open(str(self.path)) as container:
            stream = container.streams.video[0]
            base = stream.time_base or Fraction(1)
            return sorted(
                (p.pts * base, (p.duration or 0) * base) for p in container.demux(stream) if p.pts is not None
            )

    def times(self) -> list[Fraction]:
        """Time (seconds) of each frame."""
        return [time for time, _ in self.packets()]


@pytest.fixture
def write(tmp_path: Path, draw: Callable[..., RGB], caplog: pytest.LogCaptureFixture) -> Write:
    """Write frames and return what came of it: ``write("a.mp4", frames=5, codec="h264")``."""

    def run(
        name: str = "out.mp4",
        *,
        frames: int = 5,
        size: Size = SIZE,
        rate: Fraction = RATE,
        times: Sequence[Fraction] | None = None,
        last: Fraction | None = None,
        alpha: Alpha | None = None,
        pictures: Sequence[RGB] | None = None,
        sar: Fraction = Fraction(1),
        variable: bool = False,
        streams_from: Path | None = None,
        streams_are_generated: bool = False,
        cut: tuple[Fraction, Fraction | None] = (Fraction(0), None),
        metadata: dict[str, str] | None = None,
        overwrite: bool = False,
        **settings: Any,
    ) -> Written:
        caplog.clear()
        written = Written(tmp_path / name)
        times = times or [index / rate for index in range(frames)]
        writer = open_writer(
            written.path,
            info=VideoInfo(size, rate, sar=sar, has_alpha=alpha is not None, variable_rate=variable),
            output=OutputSettings(**{"speed": "fast", **settings}),
            streams_from=streams_from,
            streams_are_generated=streams_are_generated,
            start=cut[0],
            duration=cut[1],
            metadata=metadata,
            overwrite=overwrite,
        )
        with writer:
            for index, time in enumerate(times):
                rgb = pictures[index] if pictures else draw(index, size)
                stay = last if index == len(times) - 1 else None
                writer.write(Frame(index, time, rgb, alpha, stay))
        written.notes = caplog.messages
        return written

    return run


def _click(samples: int, at: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Silence with one short tone burst."""
    tone = np.zeros(samples, np.float32)
    first = round(at * SOUND_RATE)
    tone[first : first + 480] = np.sin(np.arange(480) * 2 * np.pi * 1000 / SOUND_RATE)
    return tone


@pytest.fixture
def clicking(tmp_path: Path, draw: Callable[..., RGB]) -> Callable[..., Path]:
    """Make a source of ``seconds`` of video whose sound clicks at ``click`` seconds of the video's clock.

    ``video_start`` is where the video begins in the container; the sound begins at 0 of the container.
    """

    def make(
        name: str = "source.mp4",
        *,
        codec: str = "aac",
        layout: str = "stereo",
        seconds: float = 1.5,
        click: float = 0.7,
        video_start: Fraction = Fraction(0),
        subtitles: Sequence[tuple[float, float, str]] = (),
        chapters: Sequence[tuple[int, int, str]] = (),
        metadata: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            container.metadata.update(metadata or {})
            video: Any = container.add_stream("libx264", rate=RATE)
            video.width, video.height, video.pix_fmt = SIZE.width, SIZE.height, "yuv420p"
            video.codec_context.time_base = video.time_base = Fraction(1, 12000)
            sound: Any = container.add_stream(codec, rate=SOUND_RATE, layout=layout)
            sound.metadata["language"] = "fra"
            text: Any = None
            if subtitles:
                text = container.add_stream("mov_text" if path.suffix == ".mp4" else "subrip")
                text.codec_context.subtitle_header = _ASS
                text.time_base = text.codec_context.time_base = Fraction(1, 1000)
            if chapters:
                container.set_chapters([_chapter(index, *each) for index, each in enumerate(chapters)])
            _add_video(container, video, round(seconds * RATE), video_start, draw)
            _add_sound(container, sound, layout, seconds + float(video_start), click + float(video_start))
            for begin, end, words in subtitles:
                container.mux(_subtitle(text, begin, end, words))
        return path

    return make


def _add_video(container: Any, video: Any, frames: int, start: Fraction, draw: Callable[..., RGB]) -> None:
    for index in range(frames):
        array = np.rint(draw(index, SIZE) * 255).astype(np.uint8)
        frame = av.VideoFrame.from_ndarray(array, format="rgb24")
        frame.pts = round((index / RATE + start) * 12000)
        frame.time_base = Fraction(1, 12000)
        container.mux(video.encode(frame))
    container.mux(video.encode(None))


def _add_sound(container: Any, stream: Any, layout: str, seconds: float, click: float) -> None:
    channels = av.AudioLayout(layout).nb_channels
    samples = _click(round(seconds * SOUND_RATE), click)
    for start in range(0, len(samples), 960):
        part = np.ascontiguousarray(np.stack([samples[start : start + 960]] * channels))
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


_ASS = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\n"
    b"Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, "
    b"Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, "
    b"MarginR, MarginV, Encoding\r\n"
    b"Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0\r\n\r\n"
    b"[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)


def _subtitle(stream: Any, begin: float, end: float, words: str) -> Any:
    duration = round((end - begin) * 1000)
    line = f"0,0,Default,,0,0,0,,{words}".encode()
    packet = stream.codec_context.encode_subtitle(av.subtitles.subtitle.SubtitleSet.create(line, 0, duration))
    packet.stream = stream
    packet.time_base = Fraction(1, 1000)
    packet.pts = packet.dts = round(begin * 1000)
    packet.duration = duration
    return packet


def _chapter(index: int, begin: int, end: int, title: str) -> Any:
    return {
        "id": index,
        "start": begin,
        "end": end,
        "time_base": Fraction(1, 1000),
        "metadata": {"title": title},
    }


@dataclass(frozen=True)
class Heard:
    """A sound stream as a player plays it; times are seconds after the first picture."""

    codec: str
    rate: int
    layout: str
    language: str | None
    begin: float
    end: float
    click: float


@pytest.fixture
def listen() -> Callable[[Path], list[Heard]]:
    """Decode all sound of a file."""

    def hear(path: Path) -> list[Heard]:
        with av.open(str(path)) as container:
            first = next(container.decode(container.streams.video[0]))
            zero = float((first.pts or 0) * (first.time_base or 0))
            count = len(container.streams.audio)
        return [_hear(path, index, zero) for index in range(count)]

    return hear


def _hear(path: Path, index: int, zero: float) -> Heard:
    with av.open(str(path)) as container:
        stream = container.streams.audio[index]
        click: float | None = None
        begin: float | None = None
        end = 0.0
        for frame in container.decode(stream):
            array = frame.to_ndarray().astype(np.float64)
            loud = np.abs(array if frame.format.is_planar else array.reshape(-1, frame.layout.nb_channels).T)
            over = np.flatnonzero(loud.max(axis=0) > 0.5 * _full(frame.format.name))
            time = float(frame.time or 0)
            begin = time if begin is None else begin
            end = time + frame.samples / frame.sample_rate
            if len(over) and click is None:
                click = time + float(over[0]) / frame.sample_rate
        return Heard(
            stream.codec_context.codec.canonical_name,
            stream.codec_context.sample_rate,
            stream.codec_context.layout.name,
            stream.language,
            (begin or 0.0) - zero,
            end - zero,
            (-1.0 if click is None else click) - zero,
        )


def _full(sample_format: str) -> float:
    return {"s16": 32768.0, "s32": 2.0**31}.get(sample_format.removesuffix("p"), 1.0)
