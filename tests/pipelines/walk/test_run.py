"""Walks as files: sizes, loops, music, embedded settings, and nothing half-written."""

from __future__ import annotations

import re
import wave
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from dreamvid.config.settings import OutputSettings
from dreamvid.errors import DreamvidError, SettingsError, WriteError
from dreamvid.media.input.source import open_source
from dreamvid.media.still.reader import read_still
from dreamvid.pipelines.jobs import unfinished_jobs
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.registry import PIPELINES
from dreamvid.pipelines.render import render
from dreamvid.pipelines.render_jobs import plan_jobs
from dreamvid.pipelines.replay import replay
from dreamvid.pipelines.walk.grid import make_grid
from dreamvid.pipelines.walk.plan import default_output, plan_walk
from dreamvid.pipelines.walk.run import run_walk
from dreamvid.pipelines.walk.source import enlarge
from dreamvid.types import Size

from .conftest import Blobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.options import StopRequested
    from dreamvid.pipelines.result import RunResult
    from dreamvid.pipelines.scenes import BuildDreamer
    from dreamvid.types import RGB

Make = Any
"""``make(name, **changes)``, which writes a walk and returns its path."""

DREAM = {"walk__dream": True}


def load(*_: object) -> Blobs:
    return Blobs()


@pytest.fixture
def make(
    tmp_path: Path,
    build_stub: BuildDreamer,
    build_preset: Callable[..., Preset],
    monkeypatch: pytest.MonkeyPatch,
) -> Make:
    monkeypatch.chdir(tmp_path)

    def run_stub(source: Path | None, output: Path | None, preset: Preset, options: RunOptions) -> RunResult:
        changes = {} if source is None else {"walk.generator": str(source)}
        return run_walk(output, preset.override(changes), options, build=build_stub, load=load)

    monkeypatch.setitem(PIPELINES, "walk", PIPELINES["walk"]._replace(run=run_stub))  # for render and replay

    def run(name: str = "walk.mkv", options: RunOptions = RunOptions(), **changes: object) -> Path:
        return run_walk(Path(name), build_preset(**changes), options, build=build_stub, load=load).output

    return run


def frames(path: Path) -> list[RGB]:
    return [frame.rgb for frame in open_source(path)]


def same(one: list[RGB], two: list[RGB]) -> bool:
    return len(one) == len(two) and all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def steps(pictures: list[RGB]) -> list[float]:
    """Return how far each frame is from the one before it, that of the first from the last at the beginning."""
    return [float(np.sqrt(np.mean(np.square(now - pictures[i - 1])))) for i, now in enumerate(pictures)]


# The plan


@pytest.mark.parametrize(
    ("walk", "seconds"),
    [
        ({"walk__seeds": "1,5,9"}, 9),
        ({"walk__seeds": "1,5,9", "walk__loop": False}, 6),
        ({"walk__seeds": "4", "run__seed": 7}, 12),
        ({"walk__seeds": "5,", "walk__loop": False}, 3),
        ({"walk__path": "noise"}, 20),
    ],
)
def test_a_walk_takes_three_seconds_a_seed(
    build_preset: Callable[..., Preset], walk: dict[str, Any], seconds: int
) -> None:
    assert plan_walk(build_preset(walk__duration=None, **walk), Blobs()).duration == seconds


@pytest.mark.parametrize(
    ("output", "size"),
    [({}, Size(640, 640)), ({"width": 101}, Size(100, 102)), ({"width": 64, "height": 36}, Size(36, 64))],
)
def test_a_walk_is_640_px_wide_unless_it_is_told(
    build_preset: Callable[..., Preset], output: dict[str, int], size: Size
) -> None:
    assert plan_walk(build_preset(output=output), Blobs()).info.size == size


def test_limits_hold_for_walks(build_preset: Callable[..., Preset]) -> None:
    with pytest.raises(DreamvidError, match="frames; at most"):
        plan_walk(build_preset(output__fps="1000", walk__duration="86400"), Blobs())
    with pytest.raises(SettingsError, match="a loop needs 3 frames at least, not 1"):
        plan_walk(build_preset(walk__duration="0.01"), Blobs())


def test_the_default_output_is_beside_the_generator() -> None:
    assert default_output(Path("/nets/clip.gan"), OutputSettings()) == Path("/nets/clip.walk.mp4")
    assert default_output(Path("clip.keras"), OutputSettings(codec="prores")) == Path("clip.walk.mov")


def test_music_quickens_the_walk_unless_an_expression_uses_it(build_preset: Callable[..., Preset]) -> None:
    def speed(**changes: object) -> object:
        return plan_walk(build_preset(**changes), Blobs()).preset.walk.speed

    assert speed() is None
    assert "beat" in str(speed(walk__music="song.wav"))
    assert speed(walk__music="song.wav", walk__speed=1) == 1.0
    assert speed(walk__music="song.wav", walk__truncation="bass") is None


def test_a_preset_without_a_generator_is_one_line(build_preset: Callable[..., Preset]) -> None:
    with pytest.raises(
        SettingsError, match=r"^walk\.generator: names no generator; give a .gan or .keras file$"
    ):
        run_walk(None, build_preset(walk__generator=None), load=load)


# Frames


@pytest.mark.parametrize("changes", [{}, {"walk__path": "noise"}, DREAM, {**DREAM, "walk__path": "noise"}])
def test_a_loop_s_last_step_is_at_most_the_median_one(make: Make, changes: dict[str, Any]) -> None:
    first, *others = steps(frames(make(**changes, walk__duration="4")))
    assert first <= np.median(others)


def test_a_walk_goes_by_the_pictures_of_its_seeds(make: Make, build_preset: Callable[..., Preset]) -> None:
    walked = frames(make(walk__duration="2"))
    plan = plan_walk(build_preset(walk__seeds="9,"), Blobs())
    expected = enlarge(Blobs().picture(plan.path.at(0.0)), plan.info.size)
    assert np.abs(walked[16] - expected).max() < 0.01
    assert np.abs(walked[8] - expected).max() > 0.1


def test_truncation_makes_pictures_more_alike(make: Make) -> None:
    own, truncated = (np.stack(frames(make(f"{t}.mkv", walk__truncation=t))) for t in (1.0, 0.3))
    assert truncated.std(axis=0).mean() < 0.5 * own.std(axis=0).mean()


def test_the_signals_of_the_music_move_the_walk(make: Make, tmp_path: Path) -> None:
    samples = np.zeros(2 * 22050)
    samples[22050:] = 0.6 * np.sin(np.arange(22050) * 0.3)
    with wave.open(str(tmp_path / "music.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(22050)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    walked = make(
        "walk.mkv", walk__music=str(tmp_path / "music.wav"), walk__speed="0.01 + rms", walk__easing="linear"
    )
    moved = steps(frames(walked))[1:]
    assert max(moved[:10]) < 0.2 * np.median(moved[13:])
    with av.open(str(walked)) as container:
        assert container.streams.audio


def test_a_signal_without_music_is_one_line(make: Make, generator: Path) -> None:
    with pytest.raises(DreamvidError, match=r"walk\.speed") as caught:
        make(walk__speed="beat")
    assert "\n" not in str(caught.value)
    assert list(generator.parent.iterdir()) == [generator]


@pytest.mark.parametrize("changes", [{}, DREAM, {**DREAM, "stability__cadence": 3, "walk__path": "noise"}])
def test_a_run_that_is_cut_off_resumes_to_the_same_file(
    make: Make, tmp_path: Path, changes: dict[str, Any]
) -> None:
    @contextmanager
    def interruptible() -> Iterator[StopRequested]:
        answers = iter([False] * 20)
        yield lambda: next(answers, True)

    whole = make("whole.mkv", **changes)
    cut_off = RunOptions(interruptible=interruptible, chunk=Fraction(1, 6))
    with pytest.raises(KeyboardInterrupt):
        make("cut.mkv", cut_off, **changes)
    (job,) = unfinished_jobs(tmp_path)
    assert job.frames == (32 if changes else 24)  # the end of a dreamed loop is dreamed twice
    assert 0 < job.kept < 24
    assert same(frames(make("cut.mkv", **changes)), frames(whole))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blobs.gan", "cut.mkv", "whole.mkv"]


def test_a_mask_that_is_a_video_needs_no_loop(make: Make, clip: Path) -> None:
    with pytest.raises(SettingsError, match=r"mask\.source: a mask that is a video does not close a loop"):
        make(**DREAM, mask__source=str(clip))
    assert len(frames(make(**DREAM, mask__source=str(clip), walk__loop=False))) == 24


def test_schedules_of_the_dream_are_those_of_the_loop(make: Make) -> None:
    plain = frames(make("plain.mkv"))
    dreamed = frames(make("dreamed.mkv", **DREAM, look__strength={"0s": 0, "1s": 0, "1.01s": 1}))
    changed = [float(np.abs(a - b).mean()) for a, b in zip(plain, dreamed, strict=True)]
    assert max(changed[:12]) < 1e-3
    assert min(changed[14:]) > 0.01


# Presets, embedded settings


def again(path: Path, source: Path | None = None) -> Path:
    return replay(path, source, None, {}).output


@pytest.mark.parametrize(
    ("name", "changes"), [("a.mp4", {}), ("a.gif", {}), ("folder", {}), ("a.mkv", DREAM)]
)
def test_an_output_holds_what_makes_it_again(make: Make, name: str, changes: dict[str, Any]) -> None:
    made = make(name, **changes, walk__duration="0.5", output__fps="10", output__codec="auto")
    assert len(frames(made)) == 5
    assert same(frames(again(made)), frames(made))


def test_a_generator_that_was_moved_is_given(make: Make, generator: Path) -> None:
    made = make()
    moved = generator.rename(generator.parent.joinpath("elsewhere.net"))
    with pytest.raises(DreamvidError, match=r"blobs\.gan: generator is neither beside the dream nor here"):
        again(made)
    assert same(frames(again(made, moved)), frames(made))


def test_a_preset_renders_its_own_generator_once(
    make: Make, build_preset: Callable[..., Preset], generator: Path
) -> None:
    assert make
    for done in (True, False):
        (result,) = render(plan_jobs([("smooth", build_preset())], [], None))
        assert (result.result is not None) == done
    assert generator.with_name("blobs.smooth.mkv").is_file()
    other = generator.with_name("other.gan")
    other.write_bytes(b"another")
    (job,) = plan_jobs([("smooth", build_preset())], [other], None)
    assert job.output == other.with_name("other.smooth.mkv")


def test_the_generator_is_never_the_output(make: Make, generator: Path) -> None:
    link = generator.with_suffix(".mkv")
    link.symlink_to(generator)
    with pytest.raises(WriteError, match="the same"):
        make(link.name, RunOptions(confirm_overwrite=lambda _: True))
    assert generator.read_bytes() == b"blobs"


# The sheet


def test_a_sheet_shows_the_pictures_of_seeds(tmp_path: Path, build_preset: Callable[..., Preset]) -> None:
    result = make_grid(tmp_path / "sheet.png", build_preset(walk__seeds="6"), load=load)
    sheet = read_still(result.output).rgb
    assert sheet.shape[:2] == result.size
    assert re.fullmatch(r"drew 6 pictures, \d+x\d+, .+: .*sheet\.png", result.line())
    cells = [sheet[4:120, left : left + 120] for left in (4, 168, 332)]
    assert all(np.abs(one - two).mean() > 0.05 for one, two in pairwise(cells))
    with pytest.raises(WriteError, match="--yes"):
        make_grid(tmp_path / "sheet.png", build_preset(), load=load)


def test_a_walk_in_bars_has_their_frames_and_its_signals_lead_it(make: Make, tmp_path: Path) -> None:
    (tmp_path / "heart.csv").write_text("t,x\n0,0\n1,1\n")
    plain = frames(make("plain.mkv", tempo__bpm=120, tempo__bars=1))
    rate = open_source(tmp_path / "plain.mkv").info.rate
    assert len(plain) == round(2 * rate)
    led = make(
        "led.mkv",
        tempo__bpm=120,
        tempo__bars=1,
        signals__heart="heart.csv",
        walk__speed="0.5 + heart*pulse(b/2, 0.5)",
    )
    assert len(frames(led)) == len(plain)
    assert not same(frames(led), plain)
