"""A source and its dream as files: paired frame by frame, charted, and shown side by side."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import pytest

from dreamvid.config.settings import OutputSettings
from dreamvid.errors import DreamvidError, ReadError, WriteError
from dreamvid.media.input.source import open_source
from dreamvid.media.output.writer import open_writer
from dreamvid.pipelines.measure import DreamedPart, _side_by_side, measure_files
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.progress import NullProgress
from dreamvid.pipelines.provenance import KEY
from dreamvid.types import Frame, FrameSource, Size, VideoInfo

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.flow.stability_report import Report

RATE = Fraction(12000, 1001)
GRAY = np.float32(0.1)


class Told(NullProgress):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.frames: list[int] = []

    def frame(self, index: int) -> None:
        self.frames.append(index)


def frames_of(path: Path, **options: Any) -> FrameSource:
    return open_source(path, **options)


def brighter(source: FrameSource, path: Path, *, metadata: str | None = None, **output: Any) -> Path:
    """Write a source made brighter by a tenth: a dream that is easily told."""
    writer = open_writer(
        path,
        info=replace(source.info, frames=None),
        output=OutputSettings(**{"codec": "ffv1", **output}),
        metadata={} if metadata is None else {KEY: metadata},
    )
    with writer:
        for frame in source:
            writer.write(replace(frame, rgb=np.clip(frame.rgb + GRAY, 0, 1)))
    return path


def measured(source: Path, dreamed: Path, options: RunOptions | None = None, /, **outputs: Any) -> Report:
    return measure_files(source, dreamed, options or RunOptions(), **outputs)


@pytest.fixture
def dream(clip: Path) -> Path:
    return brighter(frames_of(clip), clip.with_name("dream.mkv"))


def test_frames_are_paired_and_told(clip: Path, dream: Path) -> None:
    told = Told()
    report = measured(clip, dream, RunOptions(progress=told))
    assert report.frames == 10
    assert told.frames == list(range(10))
    assert report.dream_rms == pytest.approx(0.1, rel=0.1)
    flicker = report.lags[0].flicker
    assert flicker is not None
    assert abs(flicker) < 0.05


def test_the_source_is_brought_to_the_dreams_size(clip: Path) -> None:
    small = brighter(frames_of(clip, size=Size(30, 40)), clip.with_name("small.mkv"))
    report = measured(clip, small)
    assert report.size == Size(30, 40)
    assert report.dream_rms == pytest.approx(0.1, rel=0.1)  # cropped alike, or it would be far more


def test_padding_of_odd_sizes_is_not_measured(clip: Path) -> None:
    odd = brighter(frames_of(clip, size=Size(33, 45)), clip.with_name("odd.mkv"))
    padded = brighter(frames_of(odd), clip.with_name("padded.mp4"), codec="h264", crf=1)
    assert frames_of(padded).info.size == Size(34, 46)
    assert measured(odd, padded).size == Size(33, 45)


def test_the_part_that_was_dreamed_is_read_from_the_dream_or_given(clip: Path) -> None:
    part = {"start": Fraction(1, 2), "duration": Fraction(1, 4)}
    said = {"settings": {"input": {"start": "0.5", "duration": "0.25"}, "model": {"name": "unknown"}}}
    telling = brighter(frames_of(clip, **part), clip.with_name("a.mkv"), metadata=json.dumps(said))
    silent = brighter(frames_of(clip, **part), clip.with_name("b.mkv"))
    assert 1 < measured(clip, telling).frames < 6
    assert measured(clip, silent, part=DreamedPart(**part)).dream_rms == pytest.approx(0.1, rel=0.1)
    with pytest.raises(ReadError, match="--start"):
        measured(clip, silent)


@pytest.mark.parametrize(
    "text", ["nonsense", "[]", '{"settings": {"input": 3}}', '{"settings": {"input": {"start": "x"}}}']
)
def test_settings_that_cannot_be_read_are_passed_over(clip: Path, text: str) -> None:
    assert measured(clip, brighter(frames_of(clip), clip.with_name("odd.mkv"), metadata=text)).frames == 10


def test_another_count_or_other_times_are_errors(clip: Path) -> None:
    shorter = brighter(frames_of(clip, duration=Fraction(7, 12)), clip.with_name("short.mkv"))
    slower = clip.with_name("slow.mkv")
    info = replace(frames_of(clip).info, rate=Fraction(6), frames=None)
    with open_writer(slower, info=info, output=OutputSettings(codec="ffv1")) as writer:
        for frame in frames_of(clip):
            writer.write(replace(frame, pts=Fraction(frame.index, 6), duration=None))
    fewer = brighter(frames_of(clip, duration=Fraction(9, 12)), clip.with_name("fewer.mkv"))
    for dreamed, says in ((shorter, "10 frames"), (slower, "appears at"), (fewer, "ends after 9 frames")):
        with pytest.raises(ReadError, match=says) as caught:
            measured(clip, dreamed)
        assert "\n" not in str(caught.value)


def test_rounded_times_are_the_same_times(clip: Path) -> None:
    gif = brighter(frames_of(clip), clip.with_name("dream.gif"), codec="auto")
    assert measured(clip, gif).frames == 10


def test_a_dream_that_is_hardly_there_is_told(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    report = measured(clip, clip)
    assert report.lags[0].flicker is None
    assert any("hardly a dream" in note for note in caplog.messages)


@pytest.mark.parametrize(("suffix", "head"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_a_chart_is_drawn(clip: Path, dream: Path, suffix: str, head: bytes) -> None:
    chart = clip.with_name(f"chart{suffix}")
    measured(clip, dream, plot=chart)
    assert chart.read_bytes().startswith(head)


def test_a_chart_of_one_frame_is_drawn_and_shows_something(clip: Path) -> None:
    one = brighter(frames_of(clip, duration=Fraction(1, 100)), clip.with_name("one.mkv"))
    chart = clip.with_name("chart.png")
    assert measured(one, one, plot=chart).frames == 1
    drawn = cv2.imread(str(chart))
    assert drawn is not None
    assert drawn.std() > 5


def test_both_are_shown_side_by_side_with_sound_and_exact_times(clip: Path, dream: Path) -> None:
    both = clip.with_name("both.mp4")
    measured(clip, dream, compare=both)
    shown = frames_of(both)
    assert shown.info.size == Size(48, 160)
    assert [frame.pts for frame in shown] == [index / RATE for index in range(10)]
    for frame, source in zip(shown, frames_of(clip), strict=True):
        assert np.abs(frame.rgb[:, :76] - source.rgb[:, :76]).mean() < 0.02
        assert np.mean(frame.rgb[:, 84:] - source.rgb[:, 4:]) == pytest.approx(0.1, abs=0.02)
    with av.open(str(both)) as one, av.open(str(clip)) as other:
        assert [bytes(p) for p in one.demux(audio=0)] == [bytes(p) for p in other.demux(audio=0)]


def test_composing_reads_no_env_file_and_leaves_the_environment_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("DREAMVID_TRAP=1\nFFMPEG_BINARY=/no/such/program\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] in {"moviepy", "dotenv"}]:
        monkeypatch.delitem(sys.modules, name)
    before = dict(os.environ)
    pictures = np.zeros((4, 6, 3), np.uint8), np.full((4, 6, 3), 200, np.uint8)
    scene = _side_by_side(pictures)
    assert dict(os.environ) == before
    pictures[0][:] = 50  # the scene shows what is there at that moment
    composed = scene.get_frame(1000.0)
    assert composed.shape == (4, 12, 3)
    assert (composed[:, :6] == 50).all()
    assert (composed[:, 6:] == 200).all()


@pytest.mark.parametrize("option", ["plot", "compare"])
def test_outputs_never_go_over_inputs_or_unasked_over_anything(clip: Path, dream: Path, option: str) -> None:
    suffix = ".png" if option == "plot" else ".mp4"
    before = {path: path.read_bytes() for path in (clip, dream)}
    for path in (clip, dream):
        link = clip.with_name(f"{path.stem}-link{suffix}")
        link.symlink_to(path)
        with pytest.raises(WriteError, match="the same"):
            measured(clip, dream, RunOptions(confirm_overwrite=lambda _: True), **{option: link})
    existing = clip.with_name(f"there{suffix}")
    existing.write_bytes(b"precious")
    with pytest.raises(WriteError, match="--yes"):
        measured(clip, dream, **{option: existing})
    assert existing.read_bytes() == b"precious"
    measured(clip, dream, RunOptions(confirm_overwrite=lambda _: True), **{option: existing})
    assert existing.stat().st_size > 1000
    assert {path: path.read_bytes() for path in before} == before


def test_a_failure_leaves_nothing_behind(clip: Path) -> None:
    fewer = brighter(frames_of(clip, duration=Fraction(9, 12)), clip.with_name("fewer.mkv"))
    with pytest.raises(ReadError):
        measured(clip, fewer, compare=clip.with_name("both.mp4"), plot=clip.with_name("chart.png"))
    assert sorted(path.name for path in clip.parent.iterdir()) == ["clip.mp4", "fewer.mkv"]


@pytest.mark.parametrize(
    "options", [{"plot": "chart.jpg"}, {"plot": "nowhere/chart.png"}, {"compare": "both.xyz"}], ids=str
)
def test_outputs_that_cannot_be_are_errors_before_the_work(
    clip: Path, dream: Path, options: dict[str, str]
) -> None:
    told = Told()
    with pytest.raises(DreamvidError) as caught:
        measured(
            clip,
            dream,
            RunOptions(progress=told),
            **{name: clip.parent / path for name, path in options.items()},
        )
    assert "\n" not in str(caught.value)
    assert told.frames == []


def test_alpha_that_the_dream_lost_counts_as_black(tmp_path: Path) -> None:
    clear, flat = tmp_path / "clear.mkv", tmp_path / "flat.mkv"
    rgb, alpha = np.full((32, 48, 3), 0.8, np.float32), np.full((32, 48), 0.5, np.float32)
    for path, opaque in ((clear, None), (flat, rgb * 0.5)):
        info = VideoInfo(Size(32, 48), Fraction(10), has_alpha=opaque is None)
        with open_writer(path, info=info, output=OutputSettings(codec="ffv1")) as writer:
            for index in range(3):
                frame = Frame(index, Fraction(index, 10), rgb if opaque is None else opaque)
                writer.write(replace(frame, alpha=alpha) if opaque is None else frame)
    assert measured(clear, flat).dream_rms < 0.01
