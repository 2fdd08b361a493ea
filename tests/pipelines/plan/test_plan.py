"""Parts of a plan, dreamed in any order by any number of workers, are joined to what one run makes."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import pytest

from dreamvid.atomic import FileLock
from dreamvid.checkpoint.layout import LOCK, PLAN
from dreamvid.config.preset import Preset
from dreamvid.errors import BusyError, NothingDreamedError, ReadError, SettingsError, WorkError, WriteError
from dreamvid.media.input.source import open_source
from dreamvid.pipelines.build import LoadedDreamer
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.plan.division import Part
from dreamvid.pipelines.plan.join import join
from dreamvid.pipelines.plan.make import make_plan
from dreamvid.pipelines.plan.plan import describe, read_plan
from dreamvid.pipelines.plan.worker import dream_free_parts, dream_parts, prepare_worker
from dreamvid.pipelines.progress import NullProgress
from dreamvid.pipelines.provenance import read_settings
from dreamvid.pipelines.video import dream_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dreamvid.pipelines.plan.plan import Plan
    from dreamvid.pipelines.plan.worker import Worker

    Planned = Callable[..., Plan]

pytestmark = pytest.mark.e2e

QUICK = RunOptions(chunk=Fraction(1, 4))


class Stop(Exception):  # noqa: N818  stands for anything that ends a run
    """The end."""


class Frames(NullProgress):
    """Counts the frames that are dreamed; ends the run after some."""

    def __init__(self, at_most: int | None = None) -> None:
        self.dreamed = 0
        self._at_most = at_most

    def frame(self, index: int) -> None:  # noqa: ARG002  the protocol's
        self.dreamed += 1
        if self.dreamed == self._at_most:
            raise Stop


def frames_of(path: Path) -> list[tuple[int, Fraction, bytes]]:
    return [(frame.index, frame.pts, frame.rgb.tobytes()) for frame in open_source(path)]


@pytest.fixture
def planned(shots: Path, settings: Preset, tmp_path: Path, build: Any) -> Planned:
    """Return what makes a plan, of which each test has its own."""

    def make(name: str = "film.plan", preset: Preset = settings, **options: Any) -> Plan:
        return make_plan(shots, tmp_path / name, preset, replace(QUICK, **options), build=build)

    return make


@pytest.fixture
def worker(build: Any) -> Callable[..., Worker]:
    """Return what loads a plan as a worker of its own does."""

    def prepare(plan: Plan, options: RunOptions = QUICK) -> Worker:
        return prepare_worker(read_plan(plan.folder), options, build=build)

    return prepare


def test_parts_follow_from_shots_and_renewal_points(planned: Planned) -> None:
    plan = planned()
    assert plan.parts == (
        Part(0, 30, 0),
        Part(30, 56, 30),
        Part(56, 80, 56),
        Part(80, 104, 56, 12),
        Part(104, 136, 56, 12),
    )
    assert [index for index, _ in plan.times] == [0, 6, 32, 44, 68]
    assert read_plan(plan.folder) == plan == read_plan(plan.folder / PLAN)
    assert planned() == plan  # making it again changes nothing


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_any_workers_in_any_order_make_the_frames_of_one_run(
    workers: int, planned: Planned, worker: Callable[..., Worker], straight: Path, tmp_path: Path
) -> None:
    plan = planned()
    order = list(range(1, 6))
    random.Random(workers).shuffle(order)  # noqa: S311  an order, no secret
    for share in range(workers):
        list(dream_parts(worker(plan), order[share::workers]))
    output = tmp_path / "joined.mkv"
    result = join(read_plan(plan.folder), output)
    assert result is not None
    assert result.frames == 136
    assert frames_of(output) == frames_of(straight)
    assert read_settings(output) == read_settings(straight)
    with av.open(str(output)) as file:
        assert len(file.streams.audio) == 1


@pytest.mark.parametrize(
    "settings_of_parts",
    [
        {"mask": {"source": "motion"}, "stability": {"renew": "24f", "cadence": 3, "flow": {"scale": 64}}},
        {"stability": 0.0},
        {"scenes": [{"start": "0s"}, {"start": "3.2s", "transition": "1s", "look": {"strength": 0.5}}]},
        {"look": {"strength": {"0s": 0.2, "end": 1.0}}, "stability": {"cuts": False, "renew": "2s"}},
        {"input": {"start": "0.7", "duration": "3"}, "output": {"fps": "30", "width": 64}},
        {"input": {"loop": True, "crossfade": "0.5"}, "stability": {"renew": "1s"}},
        {
            "signals": {
                "light": {"source": "brightness", "range": "auto", "release": 0.3},
                "wind": {"source": "sound", "smoothing": 0.1},
                "cut": "cuts",
            },
            "tempo": {"bpm": 100, "bars": 2},
            "look": {"strength": "0.2 + 0.3*light + 0.3*wind + 0.2*max(cut, saw(b))"},
            "stability": {"renew": "24f"},
        },
    ],
    ids=[
        "cadence-and-mask",
        "each-alone",
        "scenes",
        "schedule-without-cuts",
        "trimmed-and-resampled",
        "loop",
        "signals-and-beats",
    ],
)
def test_what_needs_the_whole_film_is_the_same_in_its_parts(
    settings_of_parts: dict[str, Any], shots: Path, tmp_path: Path, build: Any
) -> None:
    values: dict[str, Any] = {"ascent": {"steps": 4}, "output": {"codec": "ffv1"}}
    values |= {
        key: {**values.get(key, {}), **value} if isinstance(value, dict) else value
        for key, value in settings_of_parts.items()
    }
    preset = Preset.build(values)
    whole, joined = tmp_path / "whole.mkv", tmp_path / "joined.mkv"
    dream_file(shots, whole, preset, build=build)
    plan = make_plan(shots, tmp_path / "plan", preset, QUICK, build=build)
    assert len(plan.parts) > 1
    list(dream_parts(prepare_worker(plan, QUICK, build=build), range(len(plan.parts), 0, -1)))
    join(plan, joined)
    assert frames_of(joined) == frames_of(whole)


def test_a_part_that_is_cut_off_goes_on_and_done_ones_are_not_made_again(
    planned: Planned, worker: Callable[..., Worker], straight: Path, tmp_path: Path
) -> None:
    plan = planned()
    with pytest.raises(Stop):
        worker(plan, replace(QUICK, progress=Frames(15))).dream(4)
    with pytest.raises(Stop):
        list(dream_free_parts(worker(plan, replace(QUICK, progress=Frames(45)))))
    counted = Frames()
    done = list(dream_free_parts(worker(plan, replace(QUICK, progress=counted))))
    assert done == [2, 3, 4, 5]
    assert counted.dreamed < 136 - 30
    assert list(dream_parts(worker(plan), [1, 2])) == []
    join(plan, tmp_path / "out.mkv")
    assert frames_of(tmp_path / "out.mkv") == frames_of(straight)


def test_a_part_that_another_worker_is_at_is_left_to_it(
    planned: Planned, worker: Callable[..., Worker]
) -> None:
    plan = planned()
    plan.folder_of(2).mkdir()
    lock = FileLock(plan.folder_of(2) / LOCK, create=True)
    free = dream_free_parts(worker(plan), poll=0.0)
    assert [next(free) for _ in range(4)] == [1, 3, 4, 5]
    with pytest.raises(BusyError, match="another run works there"):
        worker(plan).dream(2)
    lock.release()
    assert list(free) == [2]


def test_missing_parts_are_named_and_nothing_is_written(
    planned: Planned, worker: Callable[..., Worker], tmp_path: Path
) -> None:
    plan = planned()
    worker(plan).dream(2)
    with pytest.raises(WorkError, match=r"parts 1, 3-5 of 5 are missing; dream them with: dreamvid part"):
        join(plan, tmp_path / "out.mkv")
    assert not (tmp_path / "out.mkv").exists()


def test_joining_again_changes_nothing_and_the_parts_are_gone(
    planned: Planned, worker: Callable[..., Worker], tmp_path: Path
) -> None:
    plan, output = planned(), tmp_path / "out.mkv"
    list(dream_free_parts(worker(plan)))
    join(plan, output)
    before = output.stat().st_mtime_ns
    assert join(read_plan(plan.folder), output) is None
    assert output.stat().st_mtime_ns == before
    assert plan.is_joined
    assert {path.name for path in plan.folder.iterdir()} == {
        "lock",
        "manifest.json",
        "plan.json",
        "complete.json",
    }


def test_an_output_of_something_else_is_not_replaced(
    planned: Planned, worker: Callable[..., Worker], tmp_path: Path
) -> None:
    plan, output = planned(), tmp_path / "out.mkv"
    output.write_bytes(b"precious")
    list(dream_free_parts(worker(plan)))
    with pytest.raises(WriteError, match="--yes"):
        join(plan, output)
    assert output.read_bytes() == b"precious"


def test_a_damaged_part_is_dreamed_again(
    planned: Planned, worker: Callable[..., Worker], straight: Path, tmp_path: Path
) -> None:
    plan, output = planned(), tmp_path / "out.mkv"
    list(dream_free_parts(worker(plan)))
    chunk = plan.folder_of(3) / "000001.mkv"
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 255
    chunk.write_bytes(content)
    with pytest.raises(WorkError, match="damaged"):
        join(plan, output)
    assert plan.missing() == [3]
    assert list(dream_free_parts(worker(plan))) == [3]
    join(plan, output)
    assert frames_of(output) == frames_of(straight)


def test_a_worker_of_another_kind_is_refused_unless_allowed(
    planned: Planned, tmp_path: Path, build: Any, caplog: pytest.LogCaptureFixture
) -> None:
    plan = planned()

    def other(*_: object) -> LoadedDreamer:
        loaded = build()
        facts = {**loaded.resolved((1, 1)), "device": "another processor"}
        return LoadedDreamer(loaded.dreamer, lambda _: facts, {})

    with pytest.raises(
        WorkError, match=r"device was a processor, is another processor.*--allow-mixed"
    ) as caught:
        prepare_worker(plan, QUICK, build=other)
    assert "\n" not in str(caught.value)
    list(dream_free_parts(prepare_worker(plan, replace(QUICK, allow_mixed=True), build=other)))
    assert "frames may differ in their last bits from those of other workers" in caplog.text
    join(plan, tmp_path / "out.mkv")
    assert "in parts 1-5, whose frames may differ" in caplog.text


def test_the_number_of_threads_is_the_plans(planned: Planned, worker: Callable[..., Worker]) -> None:
    plan = planned(threads=3)
    assert plan.threads == 3
    assert worker(plan).video.job.options.threads == 3
    with pytest.raises(WorkError, match="threads was 3, is 2"):
        worker(plan, replace(QUICK, threads=2))


def test_another_precision_is_refused(planned: Planned, build: Any) -> None:
    plan = planned()

    def other(*_: object) -> LoadedDreamer:
        loaded = build()
        facts = {**loaded.resolved((1, 1)), "precision": "float16"}
        return LoadedDreamer(loaded.dreamer, lambda _: facts, {})

    with pytest.raises(WorkError, match="precision was float32, is float16"):
        prepare_worker(plan, replace(QUICK, allow_mixed=True), build=other)


def test_a_changed_input_and_changed_settings_are_refused(
    shots: Path, settings: Preset, tmp_path: Path, build: Any
) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(shots.read_bytes())
    plan = make_plan(clip, tmp_path / "plan", settings, QUICK, build=build)
    with pytest.raises(WorkError, match=r"run\.seed was 0, is 3"):
        make_plan(clip, plan.folder, settings.override({"run.seed": 3}), QUICK, build=build)
    clip.write_bytes(clip.read_bytes() + b"\0" * 8)
    with pytest.raises(WorkError, match="the content of the input has changed"):
        prepare_worker(plan, QUICK, build=build)


def test_an_input_that_has_changed_gives_no_sound(
    shots: Path, settings: Preset, tmp_path: Path, build: Any
) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(shots.read_bytes())
    options = replace(QUICK, output_is_folder=True)  # as of a plan that is named with a slash
    plan = make_plan(clip, tmp_path / "plan", settings, options, build=build)
    list(dream_free_parts(prepare_worker(plan, QUICK, build=build)))
    clip.write_bytes(clip.read_bytes() + b"\0" * 8)
    with pytest.raises(ReadError, match="has changed"):
        join(plan)
    clip.write_bytes(shots.read_bytes())
    result = join(plan)
    assert result is not None
    assert result.output == tmp_path / "clip.dream.mkv"
    assert result.output.is_file()


def test_a_plan_may_be_moved_with_its_source(
    shots: Path, settings: Preset, tmp_path: Path, build: Any, straight: Path
) -> None:
    (tmp_path / "here").mkdir()
    clip = tmp_path / "here/clip.mp4"
    clip.write_bytes(shots.read_bytes())
    make_plan(clip, tmp_path / "here/plan", settings, QUICK, build=build)
    (tmp_path / "here").rename(tmp_path / "there")
    plan = read_plan(tmp_path / "there/plan")
    list(dream_free_parts(prepare_worker(plan, QUICK, build=build)))
    result = join(plan)
    assert result is not None
    assert result.output == tmp_path / "there/clip.dream.mkv"
    assert frames_of(result.output) == frames_of(straight)


def test_work_that_was_begun_on_one_device_is_no_plan(
    shots: Path, settings: Preset, tmp_path: Path, build: Any
) -> None:
    output = tmp_path / "out.mkv"
    with pytest.raises(Stop):
        dream_file(shots, output, settings, replace(QUICK, progress=Frames(20)), build=build)
    work = tmp_path / "out.mkv.work"
    before = {path.name for path in work.iterdir()}
    with pytest.raises(WorkError, match=r"begun on one device.*--fresh"):
        make_plan(shots, work, settings, QUICK, build=build)
    assert {path.name for path in work.iterdir()} == before


def test_a_plan_of_nothing_but_failures_is_an_error(
    planned: Planned, tmp_path: Path, build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned()
    dreamer = build().dreamer
    monkeypatch.setattr(type(dreamer), "dream", lambda _self, image, **_: image * float("nan"))
    list(dream_free_parts(prepare_worker(plan, QUICK, build=build)))
    with pytest.raises(NothingDreamedError, match="no frame came out"):
        join(plan, tmp_path / "out.mkv")


@pytest.mark.parametrize(
    ("text", "message"), [("0", "1 to 5"), ("6", "1 to 5"), ("5-3", "1 to 5"), ("x", "range")]
)
def test_numbers_of_no_part_are_refused(text: str, message: str, planned: Planned) -> None:
    plan = planned()
    assert plan.numbers(["4", "1-2", "2-5"]) == [4, 1, 2, 3, 5]
    with pytest.raises(SettingsError, match=message):
        plan.numbers([text])


def test_a_missing_and_a_damaged_plan_are_told_apart(planned: Planned, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="there is no plan"):
        read_plan(tmp_path)
    plan = planned()
    file = plan.folder / PLAN
    whole = json.loads(file.read_bytes())
    for damaged in (
        "",
        "[]",
        "{}",
        json.dumps(whole | {"parts": [[1]]}),
        json.dumps(whole | {"settings": 3}),
    ):
        file.write_text(damaged)
        with pytest.raises(ReadError, match="damaged"):
            read_plan(plan.folder)
    file.write_text(json.dumps(whole | {"version": 99}))
    with pytest.raises(ReadError, match="another version"):
        read_plan(plan.folder)


def test_numbers_are_told_in_ranges() -> None:
    assert describe([7]) == "part 7"
    assert describe([3, 7, 8, 9]) == "parts 3, 7-9"
    assert describe([]) == "no part"
