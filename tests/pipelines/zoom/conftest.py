"""Zooms of stub dreams: their frames without a file, and a photo to make them from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import cv2
import imageio.v3 as iio
import numpy as np
import pytest

from dreamvid.config.preset import Preset
from dreamvid.pipelines.build import LoadedDreamer
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.scenes import VideoClock, load_timeline
from dreamvid.pipelines.zoom.feedback import FeedbackStep
from dreamvid.pipelines.zoom.run import choose_mode, plan_zoom
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dreamvid.pipelines.scenes import BuildDreamer
    from dreamvid.types import RGB, StepMap

_NOISE_PER_STEP = 0.02


class StubDreamer:
    """Adds blurred noise that depends on seed and frame index, and grows with the steps."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def dream(
        self,
        image: RGB,
        *,
        detail: RGB | None = None,  # noqa: ARG002  part of the protocol
        steps: int | None = None,
        step_map: StepMap | None = None,
        frame_index: int | None = None,
    ) -> RGB:
        random = np.random.default_rng([self._seed, frame_index or 0])
        noise = cv2.GaussianBlur(random.standard_normal(image.shape).astype(np.float32), (0, 0), 1.5)
        amount = np.float32(steps or 1) if step_map is None else step_map[..., None]
        return np.asarray(
            np.clip(image + _NOISE_PER_STEP * amount * noise / noise.std(), 0.0, 1.0), np.float32
        )

    def with_settings(self, **_: Any) -> Self:
        return self


def _build_stub(preset: Preset, _: RunOptions) -> LoadedDreamer:
    dreamer: Any = StubDreamer(preset.run.seed)
    return LoadedDreamer(dreamer, lambda _: {"precision": "float32"}, {})


@pytest.fixture
def build_stub() -> BuildDreamer:
    """Give what builds stub dreamers."""
    return _build_stub


@pytest.fixture
def build_preset() -> Callable[..., Preset]:
    """Give a preset of a second in 12 frames of 64 by 36, with changes such as ``trip__loop=True``."""
    tiny = {
        "pipeline": "zoom",
        "objective": "mixed3",
        "octaves": 2,
        "ascent": {"steps": 1},
        "run": {"precision": "float32"},
        "output": {"width": 64, "height": 36, "fps": "12", "codec": "ffv1"},
        "trip": {"duration": "1", "rate": 6},
    }

    def build(**changes: object) -> Preset:
        return Preset.build(tiny).override(
            {name.replace("__", "."): value for name, value in changes.items()}
        )

    return build


@pytest.fixture
def prepare(build_preset: Callable[..., Preset]) -> Callable[..., Any]:
    """Give a function that returns the plan and the mode of a zoom."""

    def prepare_zoom(**changes: object) -> tuple[Any, Any]:
        plan = plan_zoom(build_preset(**changes))
        clock = VideoClock(plan.info.rate, plan.duration)
        timeline = load_timeline(plan.preset, RunOptions(), clock, plan.info.size, _build_stub)
        mode = choose_mode(plan, FeedbackStep(timeline, plan.clock, ease_in=plan.ease_in))
        mode.check(plan.start)
        return plan, mode

    return prepare_zoom


@pytest.fixture
def states() -> Callable[..., Iterator[Any]]:
    """Give a function that yields a state of a mode, and those of all frames after it."""

    def following(mode: Any, state: Any) -> Iterator[Any]:
        yield state
        while state.index + 1 < mode.step.clock.frames:
            state = mode.advance(state)
            yield state

    return following


@pytest.fixture
def dream(prepare: Callable[..., Any], states: Callable[..., Iterator[Any]]) -> Callable[..., list[RGB]]:
    """Give a function that returns the frames of a zoom."""

    def dream_frames(*, palette: RGB | None = None, **changes: object) -> list[RGB]:
        plan, mode = prepare(**changes)
        first = mode.begin(plan.start, starts_from_picture=plan.start_image.is_picture, palette=palette)
        frames = [mode.frame(state) for state in states(mode, first)]
        assert all(np.isfinite(frame.rgb).all() for frame in frames if frame is not None)
        return [frame.rgb for frame in frames if frame is not None]

    return dream_frames


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture of soft blobs, 120 by 80."""
    size = Size(80, 120)
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float64)
    waves = [np.sin(x / 9 + k) * np.cos(y / (7 + k)) for k in range(3)]
    iio.imwrite(tmp_path / "photo.png", np.round(127.5 + 100 * np.dstack(waves)).astype(np.uint8))
    return tmp_path / "photo.png"
