"""Loops of footage: their last frame leads into the first, in the footage and in the dream."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from dreamvid.config.preset import Preset
from dreamvid.config.settings import OutputSettings
from dreamvid.errors import SettingsError
from dreamvid.media.input.probe import probe
from dreamvid.media.input.source import open_source
from dreamvid.media.output.writer import open_writer
from dreamvid.pipelines.build import LoadedDreamer
from dreamvid.pipelines.landscape import write_wind
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.video import dream_file
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dreamvid.types import RGB, StepMap

SIZE, RATE, FRAMES, FADE = Size(64, 96), Fraction(12), 30, 6
LOOP = FRAMES - FADE


class Grain:
    """A dream of smooth noise that is another one in each frame, and stays where detail is carried."""

    def dream(
        self,
        image: RGB,
        *,
        detail: RGB | None = None,
        steps: int | None = None,
        step_map: StepMap | None = None,
        frame_index: int | None = None,
    ) -> RGB:
        random = np.random.default_rng([7, frame_index or 0])
        noise = cv2.GaussianBlur(random.standard_normal(image.shape).astype(np.float32), (0, 0), 2)
        amount = np.float32(steps or 1) if step_map is None else step_map[..., None]
        base = image if detail is None else image + detail
        return np.asarray(np.clip(base + np.float32(0.05) * amount * noise / noise.std(), 0, 1), np.float32)

    def with_settings(self, **_: Any) -> Grain:
        return self


def build(*_: object) -> LoadedDreamer:
    return LoadedDreamer(Grain(), lambda _: {"precision": "float32"}, {})  # type: ignore[arg-type]  # no network


def picture(index: int) -> RGB:
    """Return a texture that a camera pans over."""
    rng = np.random.default_rng(0)
    wide = cv2.GaussianBlur(rng.random((SIZE.height, 400, 3), dtype=np.float32), (0, 0), 4)
    wide = (wide - wide.mean()) / wide.std() * 0.15 + 0.5
    return np.asarray(np.clip(wide[:, 2 * index : 2 * index + SIZE.width], 0, 1), np.float32)


@pytest.fixture
def pan(tmp_path: Path) -> Path:
    path, sound = tmp_path / "pan.mkv", tmp_path / "wind.wav"
    write_wind(sound, FRAMES / 12)
    info = VideoInfo(SIZE, RATE, frames=FRAMES)
    with open_writer(path, info=info, output=OutputSettings(codec="ffv1"), streams_from=sound) as writer:
        for index in range(FRAMES):
            writer.write(Frame(index, index / RATE, picture(index)))
    return path


def preset(**settings: Any) -> Preset:
    tiny: dict[str, Any] = {
        "objective": "mixed3",
        "octaves": 1,
        "ascent": {"steps": 2},
        "output": {"codec": "ffv1"},
        "input": {"loop": True, "crossfade": "0.5"},
    }
    return Preset.build(tiny).override({name.replace("__", "."): value for name, value in settings.items()})


def dream(source: Path, output: Path, settings: Preset, **machine: Any) -> list[RGB]:
    result = dream_file(source, output, settings, RunOptions(**machine), build=build)
    frames = [frame.rgb for frame in open_source(output)]
    assert result.frames == len(frames)
    return frames


def steps(frames: list[RGB]) -> tuple[float, float]:
    """Return the difference over the loop's joint, and the largest of those within it."""
    inside = [float(np.abs(b - a).mean()) for a, b in itertools.pairwise(frames)]
    return float(np.abs(frames[0] - frames[-1]).mean()), max(inside)


def test_the_footage_closes_and_is_otherwise_itself(pan: Path, tmp_path: Path) -> None:
    frames = dream(pan, tmp_path / "loop.mkv", preset(look__strength=0))
    assert len(frames) == LOOP
    for index in range(LOOP - FADE):
        assert np.abs(frames[index] - picture(FADE + index)).max() < 0.01
    joint, largest = steps(frames)
    assert joint <= largest
    assert joint < 0.6 * float(np.abs(picture(FADE) - picture(FRAMES - 1)).mean())


@pytest.mark.parametrize("settings", [{}, {"stability__cadence": 3}, {"stability__steadiness": 0.0}])
def test_the_dream_closes(pan: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    frames = dream(pan, tmp_path / "loop.mkv", preset(**settings))
    joint, largest = steps(frames)
    assert joint <= largest


def test_schedules_close_with_the_loop(pan: Path, tmp_path: Path) -> None:
    strength = {"0s": 1.0, "1s": 0.2, "2s": 1.0}
    frames = dream(pan, tmp_path / "loop.mkv", preset(look__strength=strength))
    joint, largest = steps(frames)
    assert joint <= largest


def test_a_loop_goes_on_exactly_where_it_was_cut_off(pan: Path, tmp_path: Path) -> None:
    whole = dream(pan, tmp_path / "whole.mkv", preset())
    for after in (3, FADE + 4):
        asked = 0

        @contextmanager
        def stop() -> Iterator[Callable[[], bool]]:
            def stop_requested() -> bool:
                nonlocal asked
                asked += 1
                return asked > after  # noqa: B023  called while it is

            yield stop_requested

        cut = tmp_path / f"cut{after}.mkv"
        with pytest.raises(KeyboardInterrupt):
            dream(pan, cut, preset(), interruptible=stop)
        for one, two in zip(dream(pan, cut, preset()), whole, strict=True):
            np.testing.assert_array_equal(one, two)


def test_a_length_is_that_of_the_loop(pan: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert len(dream(pan, tmp_path / "a.mkv", preset(input__duration="1.5"))) == 18
    assert "too short" not in caplog.text
    assert len(dream(pan, tmp_path / "b.mkv", preset(input__duration="2.25"))) == LOOP
    assert "pan.mkv is too short for a loop of 2.25 s" in caplog.text


def test_a_loop_has_no_sound_and_says_so(pan: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dream(pan, tmp_path / "loop.mkv", preset())
    assert "a loop has no sound" in caplog.text
    assert not probe(tmp_path / "loop.mkv").audio


def test_what_does_not_close_is_refused(pan: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="a mask that is a video"):
        dream(pan, tmp_path / "loop.mkv", preset(mask__source=str(pan)))
    with pytest.raises(SettingsError, match="a loop needs 6 at least"):
        dream(pan, tmp_path / "loop.mkv", preset(input__duration="0.1", input__crossfade="0.1"))
