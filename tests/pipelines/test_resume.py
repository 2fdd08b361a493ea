"""Cut off anywhere, gone on with: the same output, bit for bit, and nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.errors import WorkError, WriteError
from dreamvid.media.input.source import open_source
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.progress import NullProgress
from dreamvid.pipelines.video import dream_file

if TYPE_CHECKING:
    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.result import RunResult

pytestmark = pytest.mark.e2e

SCRIPT = Path(__file__).with_name("cut_off.py")
STRIDE = int(os.environ.get("DREAMVID_CUT_STRIDE", "19"))
"""Every so many operations a run is cut off; 1 is all of them, in some minutes."""


class Stop(Exception):  # noqa: N818  stands for anything that ends a run
    """The end."""


class EndsAt(NullProgress):
    """Ends a run after a frame; notes what is reported."""

    def __init__(self, frame: int | None = None) -> None:
        self._frame = frame
        self.resumed_at: int | None = None
        self.dreamed: list[int] = []

    def start(self, frames: int | None, label: str, resumed_at: int = 0) -> None:  # noqa: ARG002
        self.resumed_at = resumed_at

    def frame(self, index: int) -> None:
        self.dreamed.append(index)
        if index == self._frame:
            raise Stop


def dream(
    clip: Path,
    preset: Preset,
    output: Path,
    *,
    progress: NullProgress | None = None,
    yes: bool = False,
    **options: Any,
) -> RunResult:
    options = {"device": "cpu", "chunk": Fraction(1, 4), "confirm_overwrite": lambda _: yes, **options}
    return dream_file(clip, output, preset, RunOptions(progress=progress or NullProgress(), **options))


def begin(clip: Path, preset: Preset, output: Path) -> Path:
    """Leave a run behind that ended at frame 7 of 10; return its directory."""
    with pytest.raises(Stop):
        dream(clip, preset, output, progress=EndsAt(7))
    return output.with_name(f"{output.name}.work")


def frames_of(path: Path) -> list[tuple[Fraction, bytes]]:
    return [(frame.pts, frame.rgb.tobytes()) for frame in open_source(path)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="cuts off forked processes")
@pytest.mark.parametrize("how", ["kill", "torn", "full"])
@pytest.mark.parametrize("name", ["out.mkv", "out.mp4", "stills"])
def test_a_run_that_is_cut_off_at_any_operation_goes_on_to_the_same_output(
    clip: Path, how: str, name: str
) -> None:
    first = {"kill": 1, "torn": 7, "full": 13}[how] + len(name) % 5
    command = [
        sys.executable,
        str(SCRIPT),
        str(clip),
        str(clip.with_name(name)),
        how,
        str(STRIDE),
        str(first),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["wrong"] == []
    assert result["tried"] > 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="cuts off forked processes")
def test_runs_that_are_killed_at_random_moments_go_on_to_the_same_output(clip: Path) -> None:
    command = [sys.executable, str(SCRIPT), str(clip), str(clip.with_name("out.mkv")), "random", "6"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"tried": 6, "operations": 37, "wrong": []}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"mask": {"source": "motion"}},
        {"stability": 0.0},
        {"output": {"depth": "10", "codec": "ffv1"}},
        {"scenes": [{"start": "0s"}, {"start": "0.4s", "transition": "0.3s", "ascent": {"steps": 2}}]},
        {"objective": {"mixed3": "1 - t", "mixed4": "t"}},
    ],
    ids=["carried", "masked-by-motion", "each-alone", "ten-bits", "cross-fade", "journey"],
)
def test_what_is_gone_on_with_is_what_was_never_cut(
    clip: Path, quick: Preset, settings: dict[str, Any]
) -> None:
    preset = type(quick).build({**quick.values(), "output": {"codec": "ffv1"}, **settings})
    whole, cut = clip.with_name("whole.mkv"), clip.with_name("cut.mkv")
    uncut = dream(clip, preset, whole)
    begin(clip, preset, cut)
    progress = EndsAt()
    outcome = dream(clip, preset, cut, progress=progress)
    assert progress.resumed_at == outcome.resumed_at == 6  # chunks are of three frames
    assert progress.dreamed == [6, 7, 8, 9]
    assert frames_of(cut) == frames_of(whole)
    assert outcome.dream_rms == uncut.dream_rms
    assert not cut.with_name("cut.mkv.work").exists()


def test_another_encoding_needs_no_dreaming(clip: Path, quick: Preset) -> None:
    lossless = quick.override({"output.codec": "ffv1"})
    output = clip.with_name("out.mkv")
    dream(clip, lossless, output, keep_work=True)
    progress = EndsAt()
    dream(
        clip, quick.override({"output.codec": "h264", "output.crf": 40}), output, progress=progress, yes=True
    )
    assert (progress.resumed_at, progress.dreamed) == (10, [])
    assert not output.with_name("out.mkv.work").exists()


def test_ten_bits_cannot_be_made_of_eight(clip: Path, quick: Preset) -> None:
    output = clip.with_name("out.mkv")
    begin(clip, quick, output)
    with pytest.raises(WorkError, match="8 bits, too few"):
        dream(clip, quick.override({"output.depth": "10"}), output)


def test_a_changed_setting_seed_or_input_is_named_and_fresh_starts_anew(clip: Path, quick: Preset) -> None:
    output = clip.with_name("out.mp4")
    folder = begin(clip, quick, output)
    for changes, said in (
        ({"ascent.steps": 2}, r"ascent\.steps was 1, is 2"),
        ({"run.seed": 7}, r"run\.seed was 0, is 7"),
        ({"output.width": 40}, r"output\.width was not set, is 40"),
    ):
        with pytest.raises(WorkError, match=said) as caught:
            dream(clip, quick.override(changes), output, yes=True)  # yes discards no work
        assert "\n" not in str(caught.value)
        assert "--fresh" in str(caught.value)
    assert (folder / "000002.json").exists()
    progress = EndsAt()
    dream(clip, quick.override({"run.seed": 7}), output, progress=progress, fresh=True)
    assert progress.resumed_at == 0


def test_a_changed_input_is_noticed(clip: Path, quick: Preset) -> None:
    output = clip.with_name("out.mp4")
    begin(clip, quick, output)
    clip.write_bytes(clip.read_bytes() + b"\0" * 8)
    with pytest.raises(WorkError, match="the content of the input has changed"):
        dream(clip, quick, output)


def test_an_output_that_is_in_place_already_is_not_made_again(clip: Path, quick: Preset) -> None:
    output = clip.with_name("out.mp4")
    dream(clip, quick, output, keep_work=True)
    before = output.stat().st_mtime_ns
    complete = output.with_name("out.mp4.work") / "complete.json"
    complete.write_text('{"frames": 10}')
    os.utime(complete, ns=(0, before - 1))  # as where a run is killed after the rename
    progress = EndsAt()
    assert dream(clip, quick, output, progress=progress).frames == 10
    assert (progress.dreamed, output.stat().st_mtime_ns) == ([], before)
    assert not output.with_name("out.mp4.work").exists()


def test_work_that_was_kept_is_encoded_again_where_that_is_asked_for(clip: Path, quick: Preset) -> None:
    output = clip.with_name("out.mp4")
    dream(clip, quick, output, keep_work=True)
    whole = output.read_bytes()
    output.write_bytes(whole[: len(whole) // 2])  # it was damaged since
    with pytest.raises(WriteError, match="--yes"):
        dream(clip, quick, output)
    progress = EndsAt()
    dream(clip, quick, output, progress=progress, yes=True)
    assert progress.dreamed == []
    assert output.read_bytes() == whole


def test_another_output_that_came_meanwhile_is_not_replaced(clip: Path, quick: Preset) -> None:
    output = clip.with_name("out.mp4")
    folder = begin(clip, quick, output)
    output.write_bytes(b"precious")
    with pytest.raises(WriteError, match="--yes"):
        dream(clip, quick, output)
    assert output.read_bytes() == b"precious"
    assert folder.exists()


def test_too_little_room_is_told_before_the_work(
    clip: Path, quick: Preset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    progress = EndsAt()
    with pytest.raises(WriteError, match=r"are needed there .* and 1 kB are free"):
        dream(clip, quick, clip.with_name("out.mp4"), progress=progress)
    assert progress.dreamed == []
    assert [path.name for path in clip.parent.iterdir()] == ["clip.mp4"]


def test_a_run_that_fails_before_its_first_chunk_leaves_nothing(clip: Path, quick: Preset) -> None:
    output = clip.with_name("out.mp4")
    with pytest.raises(Stop):
        dream(clip, quick, output, progress=EndsAt(1))
    assert [path.name for path in clip.parent.iterdir()] == ["clip.mp4"]


def test_the_frames_of_rgb_outputs_are_rounded_as_ever(clip: Path, quick: Preset) -> None:
    preset = quick.override({"look.strength": 0, "output.codec": "ffv1"})
    output = clip.with_name("same.mkv")
    dream(clip, preset, output)
    for source, same in zip(open_source(clip), open_source(output), strict=True):
        assert np.array_equal(source.rgb, same.rgb)
