"""Trips that were cut off go on as if they had not been."""

from __future__ import annotations

from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from dreamvid.config.preset import Preset
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.zoom.run import run_zoom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from dreamvid.pipelines.options import StopRequested
    from dreamvid.pipelines.result import RunResult

pytestmark = pytest.mark.e2e

TRIP: dict[str, Any] = {
    "pipeline": "zoom",
    "octaves": 1,
    "ascent": {"steps": 1},
    "output": {"width": 64, "fps": 6, "codec": "ffv1"},
    "run": {"precision": "float32"},
}
KINDS: dict[str, dict[str, Any]] = {
    "frame by frame": {"trip": {"duration": 2}},
    "outward, turning": {"trip": {"duration": 2}, "camera": {"zoom": 0.6, "rotation": 40}},
    "a loop": {"trip": {"duration": 2, "loop": True}},
    "keyframes": {"trip": {"duration": 2, "keyframe": 0.7}},
    "a loop of keyframes": {"trip": {"duration": 2, "keyframe": 0.7, "loop": True}},
}


def stops_after(frames: int) -> Callable[[], AbstractContextManager[StopRequested]]:
    @contextmanager
    def interruptible() -> Iterator[StopRequested]:
        asked = iter([False] * frames)
        yield lambda: next(asked, True)

    return interruptible


def trip(path: Path, values: dict[str, Any], options: RunOptions | None = None) -> RunResult:
    preset = Preset.build({**TRIP, **values})
    return run_zoom(path, preset, options or RunOptions())


def pictures(path: Path) -> np.ndarray[Any, Any]:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_trip_that_was_cut_off_goes_on_bit_for_bit(kind: str, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.mkv", tmp_path / "cut.mkv"
    trip(whole, KINDS[kind])
    for frames in (5, 2):
        options = RunOptions(interruptible=stops_after(frames), chunk=Fraction(1, 3))
        with pytest.raises(KeyboardInterrupt):
            trip(cut, KINDS[kind], options)
    outcome = trip(cut, KINDS[kind])
    assert 0 < outcome.resumed_at < 12
    assert outcome.frames == len(pictures(cut)) == 12
    assert np.array_equal(pictures(cut), pictures(whole))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.mkv", "whole.mkv"]
