"""Zoom trips as files: sizes, times, audio, embedded settings, and nothing half-written."""

from __future__ import annotations

import json
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import av
import numpy as np
import pytest

from dreamvid.config.preset import parse_value
from dreamvid.config.settings import OutputSettings
from dreamvid.errors import DreamvidError, ReadError, SettingsError, WriteError
from dreamvid.media.input.source import open_source
from dreamvid.pipelines.generated_film import film_size
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.provenance import read_settings
from dreamvid.pipelines.registry import PIPELINES
from dreamvid.pipelines.render import render
from dreamvid.pipelines.render_jobs import plan_jobs
from dreamvid.pipelines.replay import replay
from dreamvid.pipelines.zoom.run import default_output, fill_defaults, plan_zoom, run_zoom
from dreamvid.pipelines.zoom.start_image import parse_start_image
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.options import StopRequested
    from dreamvid.pipelines.result import RunResult
    from dreamvid.pipelines.scenes import BuildDreamer
    from dreamvid.types import RGB

Make = Any
"""``make(name, **changes)``, which writes a trip and returns its path."""


@pytest.fixture
def make(
    tmp_path: Path,
    build_stub: BuildDreamer,
    build_preset: Callable[..., Preset],
    monkeypatch: pytest.MonkeyPatch,
) -> Make:
    monkeypatch.chdir(tmp_path)

    def run_stub(_: Path | None, output: Path | None, preset: Preset, options: RunOptions) -> RunResult:
        return run_zoom(output, preset, options, build=build_stub)

    monkeypatch.setitem(PIPELINES, "zoom", PIPELINES["zoom"]._replace(run=run_stub))  # for replays

    def run(name: str | Path = "trip.mkv", options: RunOptions = RunOptions(), **changes: object) -> Path:
        return run_zoom(Path(name), build_preset(**changes), options, build=build_stub).output

    return run


def frames(path: Path) -> list[RGB]:
    return [frame.rgb for frame in open_source(path)]


def same(one: list[RGB], two: list[RGB]) -> bool:
    return len(one) == len(two) and all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


# The plan


@pytest.mark.parametrize(
    ("duration", "fps", "count"),
    [
        ("0.5", "24", 12),
        ("0.25", "24000/1001", 6),
        ("0.3", "10", 3),
        ("0.001", "24", 1),
        ("1", "2.5", 2),
        ("2", "0.5", 1),
    ],
)
def test_frames_are_duration_times_rate(
    build_preset: Callable[..., Preset], duration: str, fps: str, count: int
) -> None:
    plan = plan_zoom(build_preset(trip__duration=duration, output__fps=fps))
    assert plan.info.frames == plan.clock.frames == count
    assert plan.info.rate == Fraction(fps)
    assert plan.duration == count / Fraction(fps)


@pytest.mark.parametrize(
    ("picture", "output", "size"),
    [
        (None, {}, Size(360, 640)),
        (Size(1200, 800), {}, Size(640, 426)),
        (Size(801, 1201), {}, Size(426, 640)),
        (Size(20, 20), {}, Size(640, 640)),
        (Size(20, 4000), {}, Size(16, 640)),
        (Size(1200, 800), {"width": 100}, Size(150, 100)),
        (Size(1200, 800), {"height": 99}, Size(100, 66)),
        (None, {"width": 320}, Size(180, 320)),
        (Size(1200, 800), {"width": 101, "height": 55}, Size(56, 102)),
    ],
)
def test_sizes_are_even_and_640_on_their_longer_side(
    picture: Size | None, output: dict[str, Any], size: Size
) -> None:
    assert film_size(OutputSettings.model_validate(output), picture) == size


def test_a_zoom_has_the_shape_of_its_picture(build_preset: Callable[..., Preset], photo: Path) -> None:
    plan = plan_zoom(build_preset(trip__start=str(photo), output={"width": 32}))
    assert plan.info.size == Size(*plan.start.shape[:2]) == Size(22, 32)


@pytest.mark.parametrize("changes", [{"output__dream_width": 32}, {"octaves": {"count": 4, "largest": 32}}])
def test_a_zoom_is_dreamed_small_and_written_at_its_full_size(
    make: Make, build_preset: Callable[..., Preset], changes: dict[str, object]
) -> None:
    assert Size(*plan_zoom(build_preset(**changes)).start.shape[:2]) == Size(18, 32)
    path = make(**changes)
    assert open_source(path).info.size == Size(36, 64)
    assert same(frames(path), frames(replay(path, None, None, {}).output))


def test_a_loop_keeps_no_more_of_its_preroll_as_it_gets_longer(build_preset: Callable[..., Preset]) -> None:
    def preroll(duration: str, **changes: object) -> int:
        return plan_zoom(build_preset(trip__duration=duration, **changes)).clock.preroll

    assert [preroll(duration, trip__loop=True) for duration in ("3", "6", "60", "600")] == [12, 24, 24, 24]
    assert preroll("60") == 0
    assert preroll("60", trip__loop=True, trip__keyframe="1") == 0


def test_limits_hold_for_zooms(build_preset: Callable[..., Preset]) -> None:
    with pytest.raises(DreamvidError, match="frames; at most"):
        plan_zoom(build_preset(output__fps="1000", trip__duration="86400"))
    with pytest.raises(SettingsError, match="a loop needs 3 frames at least, not 2"):
        plan_zoom(build_preset(trip__loop=True, trip__duration="1/6"))


def test_what_needs_a_source_is_left_out_with_a_warning(
    build_preset: Callable[..., Preset], caplog: pytest.LogCaptureFixture
) -> None:
    plan_zoom(build_preset(look__blend="screen"))
    assert caplog.messages == ["look.blend: a trip has no source to go by; left out"]


@pytest.mark.parametrize(("start", "name"), [("photo.png", "photo.dream.mp4"), ("noise", "trip.dream.mp4")])
def test_the_default_output_is_beside_the_picture(start: str, name: str) -> None:
    start_image = parse_start_image(start if start == "noise" else f"/pictures/{start}")
    folder = Path() if start == "noise" else Path("/pictures")
    assert default_output(start_image, OutputSettings()) == folder / name


def test_music_pulses_unless_an_expression_uses_it(build_preset: Callable[..., Preset]) -> None:
    music = {"trip__music": "song.wav"}
    assert fill_defaults(build_preset(), Fraction(1)).trip.pulse is None
    assert fill_defaults(build_preset(**music), Fraction(1)).trip.pulse == 1.0
    assert fill_defaults(build_preset(**music, trip__pulse=0), Fraction(1)).trip.pulse == 0.0
    assert fill_defaults(build_preset(**music, camera__zoom="1 + beat"), Fraction(1)).trip.pulse is None


@pytest.mark.parametrize("expression", ["1 + 0.1*bass", "{0s: 1, 1s: 1 + onset}"])
def test_a_signal_without_music_is_one_line(make: Make, tmp_path: Path, expression: str) -> None:
    with pytest.raises(DreamvidError, match=r"camera\.zoom") as caught:
        make(camera__zoom=parse_value("camera.zoom", expression))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


# Files


def test_the_rate_is_exact_and_the_music_as_long_as_the_trip(
    make: Make, write_wav: Callable[..., Path]
) -> None:
    music = write_wav(0.6 * np.sin(np.arange(22050) * 0.1))
    fps = Fraction(24000, 1001)
    path = make("trip.mp4", trip__music=str(music), output__fps=fps, output__codec="auto", trip__rate=0)
    source = open_source(path)
    assert source.info.rate == fps
    assert [frame.pts for frame in source] == [index / fps for index in range(24)]
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(stream)])
    assert len(samples) / stream.rate == pytest.approx(float(24 / fps), abs=0.06)
    assert np.abs(samples).max() > 0.1


def test_the_signals_of_the_music_move_the_camera(
    make: Make, photo: Path, write_wav: Callable[..., Path]
) -> None:
    music = write_wav(0.6 * np.sin(np.arange(22050) * 0.1))
    still = {"trip__start": str(photo), "trip__rate": 0, "trip__music": str(music)}
    first, *_, last = frames(make("still.mkv", **still, camera__zoom="1 + 0*rms"))
    assert np.abs(last - first).max() < 0.01
    first, *_, last = frames(make("moved.mkv", **still, camera__zoom="1 + rms"))
    assert np.abs(last - first).mean() > 0.05


@pytest.mark.parametrize("role", ["start", "music", "palette"])
def test_an_input_that_cannot_be_read_is_one_line(make: Make, tmp_path: Path, role: str) -> None:
    with pytest.raises(ReadError, match=r"missing\.png") as caught:
        make(**{f"trip__{role}": "missing.png"})
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", [{"trip__loop": True}, {"trip__keyframe": "0.4"}], ids=["loop", "keyframes"])
def test_a_run_that_is_cut_off_resumes_to_the_same_file(
    make: Make, tmp_path: Path, mode: dict[str, Any]
) -> None:
    @contextmanager
    def interruptible() -> Iterator[StopRequested]:
        answers = iter([False] * 7)
        yield lambda: next(answers, True)

    whole = make("whole.mkv", **mode)
    cut_off = RunOptions(interruptible=interruptible, chunk=Fraction(1, 6))
    with pytest.raises(KeyboardInterrupt):
        make("cut.mkv", cut_off, **mode)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.mkv.work", "whole.mkv"]
    (tmp_path / "cut.mkv").write_text("precious", encoding="utf-8")
    with pytest.raises(WriteError, match="--yes"):
        make("cut.mkv", **mode)
    (tmp_path / "cut.mkv").unlink()
    assert same(frames(make("cut.mkv", **mode)), frames(whole))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.mkv", "whole.mkv"]


# Embedded settings


def again(path: Path, source: Path | None = None) -> Path:
    return replay(path, source, None, {}, RunOptions(device="cpu")).output


@pytest.mark.parametrize(
    ("name", "start"), [("a.mp4", "noise"), ("a.webp", "photo.png"), ("folder", "#204060-#f80")]
)
def test_an_output_holds_what_makes_it_again(make: Make, photo: Path, name: str, start: str) -> None:
    assert photo.exists()
    made = make(name, trip__start=start, trip__duration="0.5", output__codec="auto", output__fps="10")
    assert len(frames(made)) == 5
    assert same(frames(again(made)), frames(made))


def test_a_trip_with_everything_is_made_again(
    make: Make, photo: Path, clip: Path, write_wav: Callable[..., Path]
) -> None:
    music = write_wav(np.random.default_rng(0).uniform(-0.5, 0.5, 22050))
    changes = {"trip__palette": str(photo), "trip__music": str(music), "trip__duration": "0.5"}
    made = make("a.mkv", trip__start=f"{clip}@0.3s", **changes, camera__rotation="30*t")
    with av.open(str(made)) as container:
        assert str(photo.parent) not in str(container.metadata)
        assert "photo.png" in str(container.metadata)
    assert same(frames(again(made)), frames(made))
    (photo.parent / "elsewhere").mkdir()
    moved = clip.rename(photo.parent / "elsewhere" / "renamed.mp4")
    again(made.rename("b.mkv"), moved)


def test_a_trip_from_nothing_has_no_source_to_give(make: Make, photo: Path) -> None:
    made = make("a.mkv", trip__duration="0.1")
    with pytest.raises(SettingsError, match="started from no file"):
        again(made, photo)


# What is there stays there


@pytest.mark.parametrize("role", ["start", "music", "palette"])
def test_an_input_is_never_the_output(make: Make, clip: Path, role: str) -> None:
    before = clip.read_bytes()
    with pytest.raises(WriteError, match="the same"):
        make(
            clip,
            RunOptions(confirm_overwrite=lambda _: True),
            output__codec="auto",
            **{f"trip__{role}": str(clip)},
        )
    assert clip.read_bytes() == before


def test_whether_to_replace_an_output_is_asked_once(make: Make, photo: Path) -> None:
    inputs = {"trip__start": str(photo), "trip__palette": str(photo), "trip__duration": "0.1"}
    Path("trip.mkv").write_text("precious", encoding="utf-8")
    with pytest.raises(WriteError, match="--yes"):
        make(**inputs)
    assert Path("trip.mkv").read_text(encoding="utf-8") == "precious"
    confirm = Mock(return_value=True)
    make(options=RunOptions(confirm_overwrite=confirm), **inputs)
    confirm.assert_called_once_with(Path("trip.mkv"))


@pytest.mark.parametrize(("bpm", "count"), [("120", 24), ("110", 26)])
def test_a_trip_in_bars_is_a_loop_of_so_many_frames(make: Make, bpm: str, count: int) -> None:
    changes = {"tempo.bpm": bpm, "tempo.bars": 1, "camera.zoom": 1.0}
    trip = make(**{name.replace(".", "__"): value for name, value in changes.items()})
    settings = replay_settings(trip)
    assert len(frames(trip)) == count
    assert settings["trip"]["loop"] is True
    assert settings["trip"]["duration"] == str(Fraction(count, 12))


def replay_settings(trip: Path) -> dict[str, Any]:
    text = read_settings(trip)
    assert text is not None
    settings: dict[str, Any] = json.loads(text)["settings"]
    return settings


def test_signals_move_the_camera_and_come_back_in_a_replay(make: Make, tmp_path: Path) -> None:
    (tmp_path / "heart.csv").write_text("t,x\n0,0\n1,1\n")
    changes = {"signals__heart": str(tmp_path / "heart.csv"), "camera__rotation": "200*heart"}
    moved, still = make("moved.mkv", **changes), make("still.mkv")
    assert not np.array_equal(frames(moved)[-1], frames(still)[-1])
    assert np.array_equal(frames(moved)[0], frames(still)[0])
    assert replay_settings(moved)["signals"]["heart"]["source"] == "heart.csv"
    assert same(frames(replay(moved, None, tmp_path / "again.mkv", {}).output), frames(moved))


def test_a_trip_with_signals_that_is_cut_off_resumes_to_the_same_frames(make: Make, tmp_path: Path) -> None:
    (tmp_path / "heart.csv").write_text("t,x\n0,0\n0.5,1\n1,0\n")
    changes = {
        "signals__heart": {"source": str(tmp_path / "heart.csv"), "smoothing": 0.1},
        "camera__rotation": "90*heart",
        "tempo__bpm": 120,
        "tempo__bars": 1,
    }
    whole = frames(make("whole.mkv", **changes))

    @contextmanager
    def interruptible() -> Iterator[StopRequested]:
        answers = iter([False] * 18)
        yield lambda: next(answers, True)

    options = RunOptions(chunk=Fraction(1, 6), interruptible=interruptible)
    with pytest.raises(KeyboardInterrupt):
        make("cut.mkv", options, **changes)
    assert (tmp_path / "cut.mkv.work").exists()
    assert same(frames(make("cut.mkv", **changes)), whole)


def test_a_trip_in_bars_is_not_rendered_again(make: Make, build_preset: Callable[..., Preset]) -> None:
    make("other.mkv")  # so that trips are those of stubs
    preset = build_preset(tempo__bpm=110, tempo__bars=1)

    def run(preset: Preset) -> Any:
        (result,) = render(plan_jobs([("p", preset)], [], None), RunOptions())
        return result

    assert run(preset).result is not None
    again = run(preset)
    assert (again.result, again.error) == (None, None)
    assert isinstance(run(preset.override({"tempo.bpm": 120})).error, WriteError)
