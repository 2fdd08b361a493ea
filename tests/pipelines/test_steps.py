"""Gradient steps of each use of a dream."""

from __future__ import annotations

import pytest

from dreamvid.config.preset import Preset
from dreamvid.pipelines.steps import Use, gradient_steps


@pytest.mark.parametrize(
    ("use", "expected"),
    [("still", 7), ("first frame", 9), ("carried frame", 1), ("zoom start", 11), ("zoom frame", 7 * 4 / 24)],
)
def test_the_default_steps_of_each_use(use: Use, expected: float) -> None:
    assert gradient_steps(Preset(), use, fps=24) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("steadiness", "steps", "expected"), [(0.5, None, 4), (1.0, None, 1), (0.5, 3, 3), (0.5, 50, 7)]
)
def test_carried_frames_follow_steadiness_unless_said(
    steadiness: float, steps: int | None, expected: int
) -> None:
    preset = Preset.build({"stability": {"steadiness": steadiness, "steps": steps}})
    assert gradient_steps(preset, "carried frame") == expected
