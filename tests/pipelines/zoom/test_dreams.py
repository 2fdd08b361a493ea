"""Zoom trips of real dreams: the library's function, and a run that was cut off."""

from __future__ import annotations

from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import imageio.v3 as iio
import numpy as np
import pytest

import dreamvid
from dreamvid.config.preset import Preset
from dreamvid.gan_file import DISCRIMINATOR, open_gan
from dreamvid.image.transform import Velocity, warp
from dreamvid.media.input.source import open_source
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.zoom.run import run_zoom

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamvid.pipelines.options import StopRequested
    from dreamvid.types import RGB

pytestmark = pytest.mark.e2e

SETTINGS: dict[str, Any] = {
    "objective": "mixed3",
    "octaves": 2,
    "ascent": {"steps": 1},
    "run": {"precision": "float32"},
    "output": {"width": 64, "height": 36, "fps": "12", "codec": "ffv1"},
    "trip": {"duration": "0.5"},
}


def frames(path: Path) -> list[RGB]:
    return [frame.rgb for frame in open_source(path)]


def test_a_trip_from_a_photo_is_made_again_after_it_was_cut_off(tmp_path: Path) -> None:
    @contextmanager
    def interruptible() -> Iterator[StopRequested]:
        answers = iter([False] * 3)
        yield lambda: next(answers, True)

    y, x = np.mgrid[0:72, 0:128]
    photo, one, two = (tmp_path / name for name in ("photo.png", "one.mkv", "two.mkv"))
    iio.imwrite(photo, np.dstack([2 * x, 3 * y, 255 - x - y]).astype(np.uint8))
    outcome = dreamvid.zoom_trip(photo, one, SETTINGS, device="cpu")
    assert outcome.frames == 6
    assert outcome.source == photo
    moved = warp(frames(one)[0], Velocity(zoom=1.25).over(5 / 12, 64 / 36))
    assert np.abs(frames(one)[-1] - moved).mean() > 0.02
    preset = Preset.build(SETTINGS).override({"pipeline": "zoom", "trip.start": str(photo)})
    with pytest.raises(KeyboardInterrupt):
        run_zoom(two, preset, RunOptions(device="cpu", interruptible=interruptible, chunk=Fraction(1, 6)))
    assert run_zoom(two, preset, RunOptions(device="cpu")).resumed_at == 4
    assert all(np.array_equal(a, b) for a, b in zip(frames(one), frames(two), strict=True))
    with pytest.raises(dreamvid.WriteError, match="exists"):
        dreamvid.zoom_trip("noise", one, SETTINGS)


def test_a_trip_dreams_with_a_discriminator(tmp_path: Path) -> None:
    from dreamvid.engine.runtime import keras
    from tests.engine.gan_files import write_gan_file  # noqa: PLC0415  loads TensorFlow

    gan = write_gan_file(tmp_path / "some.gan")
    with open_gan(gan).extract(DISCRIMINATOR) as path:
        discriminator = keras.models.load_model(path)
    scores = []
    for objective in ("score", "score:-1"):
        out = tmp_path / "trip.mkv"
        preset = Preset.build(SETTINGS).override(
            {"pipeline": "zoom", "model.name": str(gan), "objective": objective, "trip.duration": "0.25"}
        )
        assert run_zoom(out, preset, RunOptions(device="cpu")).frames == 3
        scores.append(float(np.mean(discriminator(2.0 * np.stack(frames(out)) - 1.0))))
        out.unlink()
    assert scores[0] > scores[1]
