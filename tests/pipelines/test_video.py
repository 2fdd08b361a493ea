"""A whole video: frames, times, sound, sizes, settings, and nothing lost or left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from dreamvid.errors import DreamvidError, ReadError, SettingsError, WriteError
from dreamvid.media.input.source import open_source
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.video import dream_file, prepare
from dreamvid.types import Size

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.result import RunResult

pytestmark = pytest.mark.e2e

RATE = Fraction(12000, 1001)


def dream(clip: Path, preset: Preset, output: Path | None = None, **machine: Any) -> RunResult:
    return dream_file(clip, output, preset, RunOptions(device="cpu", **machine))


def times(path: Path) -> list[Fraction]:
    return [frame.pts for frame in open_source(path)]


def sound_packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_the_same_frames_the_same_times_the_same_sound(clip: Path, quick: Preset) -> None:
    outcome = dream(clip, quick, measure=True)
    assert outcome.output == clip.with_name("clip.dream.mp4")
    assert outcome.frames == 10
    assert times(outcome.output) == times(clip) == [i / RATE for i in range(10)]
    assert sound_packets(outcome.output) == sound_packets(clip)
    assert outcome.dream_rms > 0.003
    assert outcome.objective_gain is not None
    assert outcome.objective_gain > 1.0


def test_the_settings_are_embedded_without_paths(clip: Path, quick: Preset) -> None:
    output = dream(clip, quick).output
    with av.open(str(output)) as container:
        metadata = dict(container.metadata)
    embedded = json.loads(metadata["dreamvid"])
    assert embedded["settings"]["octaves"]["count"] == 2
    assert embedded["resolved"]["precision"] == "float32"
    assert embedded["source"]["name"] == "clip.mp4"
    assert str(clip.parent) not in metadata["dreamvid"]
    assert metadata["title"] == "A landscape"


def test_strength_zero_gives_the_source_back_exactly(clip: Path, quick: Preset) -> None:
    lossless = clip.with_name("same.mkv")
    dream(clip, quick.override({"look.strength": 0, "output.codec": "ffv1"}), lossless)
    frames = zip(open_source(clip), open_source(lossless), strict=True)
    for source, same in frames:
        assert np.array_equal(source.rgb, same.rgb)


def test_what_only_trips_have_is_told_to_do_nothing(
    clip: Path, quick: Preset, caplog: pytest.LogCaptureFixture
) -> None:
    for settings in ({"trip.color_lock": 0.2}, {"camera.zoom": 1.3}, {}):
        prepare(clip, None, quick.override(settings), RunOptions())
    assert ["dreamvid zoom" in text for text in caplog.messages] == [True, True]


def test_the_same_seed_is_the_same_video_bit_for_bit(clip: Path, quick: Preset) -> None:
    lossless = quick.override({"output.codec": "ffv1"})
    one, two = (dream(clip, lossless, clip.with_name(name)).output for name in ("one.mkv", "two.mkv"))
    for first, second in zip(open_source(one), open_source(two), strict=True):
        assert np.array_equal(first.rgb, second.rgb)


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({"output.width": 40}, Size(24, 40)),
        ({"output.width": 40, "output.height": 40}, Size(40, 40)),
        ({"output.dream_width": 40}, Size(48, 80)),
        ({"octaves.largest": 60}, Size(48, 80)),
    ],
    ids=["width", "cover-and-crop", "dream-width", "largest-octave"],
)
def test_sizes(clip: Path, quick: Preset, settings: dict[str, object], size: Size) -> None:
    outcome = dream(clip, quick.override(settings))
    assert outcome.size == open_source(outcome.output).info.size == size
    assert outcome.frames == 10


def test_a_part_is_cut_in_sync(clip: Path, quick: Preset) -> None:
    part = quick.override({"input.start": "0.4", "input.duration": "0.3"})
    outcome = dream(clip, part)
    assert outcome.frames == 5  # those that are shown in 0.4..0.7 s, the first from 0.4 s on
    assert times(outcome.output) == [Fraction(0), *(i / RATE - Fraction("0.4") for i in range(5, 9))]
    with av.open(str(outcome.output)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.duration]
    assert float(sum(p.duration * p.time_base for p in packets if p.duration)) == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("rate", ["24", "24000/1001", "6"])
def test_another_rate_is_exact(clip: Path, quick: Preset, rate: str) -> None:
    outcome = dream(clip, quick.override({"output.fps": rate}))
    assert outcome.frames == round(10 / RATE * Fraction(rate))
    assert times(outcome.output) == [i / Fraction(rate) for i in range(outcome.frames)]


def test_an_animation_and_a_folder_come_out_as_they_went_in(clip: Path, quick: Preset) -> None:
    gif = dream(clip, quick, clip.with_name("a.gif")).output
    assert dream(gif, quick).output == gif.with_name("a.dream.gif")
    folder = dream(clip, quick, clip.with_name("stills")).output
    assert len(list(folder.glob("*.png"))) == 10
    again = dream(folder, quick).output
    assert again == folder.with_name("stills.dream")
    assert times(again) == times(clip)


def test_an_existing_output_is_kept(clip: Path, quick: Preset) -> None:
    output = clip.with_name("clip.dream.mp4")
    output.write_bytes(b"precious")
    with pytest.raises(WriteError, match="--yes"):
        dream(clip, quick)
    assert output.read_bytes() == b"precious"
    replaced = dream_file(clip, output, quick, RunOptions(device="cpu", confirm_overwrite=lambda _: True))
    assert replaced.frames == 10


def test_the_input_is_never_the_output(clip: Path, quick: Preset) -> None:
    before = clip.read_bytes()
    link = clip.with_name("link.mp4")
    link.hardlink_to(clip)
    for output in (clip, link):
        with pytest.raises(WriteError, match="the same"):
            dream_file(clip, output, quick, RunOptions(confirm_overwrite=lambda _: True))
    assert clip.read_bytes() == before


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"objective": "mixed99"}, SettingsError),
        ({"objective": "mixed4#100000"}, SettingsError),
        ({"objective": "class:unicorn"}, SettingsError),
        ({"objective": "guide:nowhere.jpg@mixed3"}, SettingsError),
        ({"model.name": "dreamnett"}, DreamvidError),
        ({"model.name": "nowhere.keras"}, DreamvidError),
        ({"model.weights": "nowhere.h5"}, DreamvidError),
        ({"output.codec": "h264", "output.crf": 63}, DreamvidError),
        ({"input.start": "100"}, DreamvidError),
    ],
)
def test_bad_settings_leave_nothing_behind(
    clip: Path, quick: Preset, settings: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        dream(clip, quick.override(settings))
    assert "\n" not in str(caught.value)
    assert [path.name for path in clip.parent.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize("name", ["missing.mp4", "http://127.0.0.1/x.mp4", "."])
def test_bad_inputs_are_one_line(tmp_path: Path, quick: Preset, name: str) -> None:
    with pytest.raises(ReadError) as caught:
        dream(tmp_path / name if "://" not in name else type(tmp_path)(name), quick)
    assert "\n" not in str(caught.value)


def started(clip: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "dreamvid", "video", str(clip), "--progress", "json", *options]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)


def wait_for(run: subprocess.Popen[str], event: str) -> dict[str, Any]:
    assert run.stderr is not None
    while (found := json.loads(line := run.stderr.readline() or "{}")).get("event") != event:
        assert line != "{}", "ended before that"
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_goes_on_where_it_was(clip: Path, quick: Preset, number: signal.Signals) -> None:
    settings = "--octaves 2 --steps 12 --steadiness 0 --precision float32 --device cpu --codec ffv1"
    options = settings.split()
    name = clip.with_name("clip.dream.mkv")
    uncut = dream(
        clip,
        quick.override({"output.codec": "ffv1", "ascent.steps": 12, "stability": 0.0}),
        clip.with_name("uncut.mkv"),
    ).output
    with started(clip, *options) as run:
        wait_for(run, "frame")
        run.send_signal(number)
        rest = run.stderr.read() if run.stderr else ""
    assert run.returncode == 130
    said = rest.splitlines()[-1]
    assert said.startswith("dreamvid: interrupted; ")
    assert f"of 10 frames are kept in {name}.work; go on with: dreamvid video {clip}" in said
    assert {path.name for path in clip.parent.iterdir()} == {clip.name, uncut.name, f"{name.name}.work"}
    with started(clip, *options) as run:
        begun = wait_for(run, "start")
        wait_for(run, "done")
    assert 0 < begun["resumed_at"] < 10
    assert {path.name for path in clip.parent.iterdir()} == {clip.name, uncut.name, name.name}
    for first, second in zip(open_source(uncut), open_source(name), strict=True):
        assert np.array_equal(first.rgb, second.rgb)


def test_a_run_that_is_interrupted_while_it_loads_leaves_nothing_behind(clip: Path) -> None:
    command = [sys.executable, "-m", "dreamvid", "video", str(clip), "--log-file", str(clip) + ".log"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        time.sleep(1.5)
        run.send_signal(signal.SIGINT)
        rest = run.stderr.read() if run.stderr else ""
    assert run.returncode in {130, -signal.SIGINT}
    assert "Traceback" not in rest
    assert not list(clip.parent.glob("*.work"))
