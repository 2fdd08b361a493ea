"""Videos, stills and trips of panoramas: what files say is followed and kept, and ends meet."""

from __future__ import annotations

from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.preset import Preset
from dreamvid.config.settings import OutputSettings
from dreamvid.errors import SettingsError
from dreamvid.media.input.probe import probe
from dreamvid.media.input.source import open_source
from dreamvid.media.output.writer import open_writer
from dreamvid.media.still.reader import Still, read_still
from dreamvid.media.still.writer import write_still
from dreamvid.pipelines import image as stills
from dreamvid.pipelines.build import LoadedDreamer
from dreamvid.pipelines.image import dream_images
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.panorama import resolve_projection
from dreamvid.pipelines.video import dream_file
from dreamvid.pipelines.zoom.run import run_zoom
from dreamvid.types import Frame, Size, Spherical, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dreamvid.types import RGB, StepMap

SIZE, RATE, FRAMES = Size(64, 128), Fraction(25), 8
LOSSLESS = {"codec": "ffv1"}


class Ripples:
    """A dream of waves that go around, and grow with the steps."""

    def dream(
        self,
        image: RGB,
        *,
        detail: RGB | None = None,
        steps: int | None = None,
        step_map: StepMap | None = None,
        frame_index: int | None = None,
    ) -> RGB:
        assert image.shape[:2] == SIZE  # no margins come so far
        base = image if detail is None else image + detail
        turn = np.arange(SIZE.width, dtype=np.float32) * np.float32(2 * np.pi / SIZE.width)
        waves = np.sin(9 * turn + (frame_index or 0))[None, :, None]
        amount = np.float32(steps or 1) if step_map is None else step_map[..., None]
        return np.asarray(np.clip(base + np.float32(0.004) * amount * waves, 0.0, 1.0), np.float32)

    def with_settings(self, **_: Any) -> Ripples:
        return self


def build(*_: object, **__: object) -> LoadedDreamer:
    return LoadedDreamer(Ripples(), lambda _: {"precision": "float32"}, {})  # type: ignore[arg-type]  # no network


def picture(index: int) -> RGB:
    """Return a panorama that turns: waves of whole numbers around."""
    y, x = np.mgrid[: SIZE.height, : SIZE.width].astype(np.float64)
    turn = 2 * np.pi * (x - 3 * index) / SIZE.width
    waves = [0.5 + 0.2 * np.sin(k * turn + y / (5 + k)) * np.sin(np.pi * y / SIZE.height) for k in (3, 5, 7)]
    return np.dstack(waves).astype(np.float32)


def write_clip(path: Path, spherical: Spherical | None) -> Path:
    info = VideoInfo(SIZE, RATE, frames=FRAMES, spherical=spherical)
    with open_writer(path, info=info, output=OutputSettings(codec="ffv1")) as writer:
        for index in range(FRAMES):
            writer.write(Frame(index, index / RATE, picture(index)))
    return path


def preset(**settings: Any) -> Preset:
    tiny: dict[str, Any] = {"objective": "mixed3", "octaves": 2, "ascent": {"steps": 2}, "output": LOSSLESS}
    return Preset.build(tiny | settings)


def dream(source: Path, output: Path, settings: Preset, **machine: Any) -> list[RGB]:
    dream_file(source, output, settings, RunOptions(**machine), build=build)
    return [frame.rgb for frame in open_source(output)]


def seam(frames: list[RGB]) -> float:
    """Return the difference over the seam as a multiple of that of the columns near it."""
    steps = [np.abs(np.diff(np.roll(frame, 8, axis=1), axis=1)).mean(axis=(0, 2)) for frame in frames]
    mean = np.mean(steps, axis=0)
    return float(mean[7] / np.delete(mean[:16], 7).mean())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"stability": {"cadence": 3}},
        {"stability": {"steadiness": 0}},
        {"mask": {"source": "luma", "feather": 4}},
        {"mask": {"source": "motion"}},
    ],
    ids=["carried", "cadence", "alone", "luma", "motion"],
)
def test_a_panorama_of_any_settings_keeps_its_ends_together(tmp_path: Path, settings: dict[str, Any]) -> None:
    source, output = write_clip(tmp_path / "a.mkv", Spherical(yaw=45.0)), tmp_path / "b.mkv"
    frames = dream(source, output, preset(**settings))
    assert len(frames) == FRAMES
    assert frames[0].shape[:2] == SIZE
    assert seam(frames) <= 1.1
    assert probe(output).video.spherical == Spherical(yaw=45.0)


def test_a_dream_at_half_the_width_keeps_its_ends_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_clip(tmp_path / "a.mkv", Spherical())
    monkeypatch.setattr(f"{__name__}.SIZE", Size(32, 64))
    output = {"dream_width": 64, **LOSSLESS}
    assert seam(dream(source, tmp_path / "b.mkv", preset(output=output))) <= 1.1


def test_frames_go_on_exactly_where_a_run_was_cut_off(tmp_path: Path) -> None:
    source, settings = write_clip(tmp_path / "a.mkv", Spherical()), preset()
    whole = dream(source, tmp_path / "whole.mkv", settings)
    asked = 0

    @contextmanager
    def stop_after_three() -> Iterator[Callable[[], bool]]:
        def stop() -> bool:
            nonlocal asked
            asked += 1
            return asked > 3

        yield stop

    cut = tmp_path / "cut.mkv"
    with pytest.raises(KeyboardInterrupt):
        dream(source, cut, settings, interruptible=stop_after_three)
    for one, two in zip(dream(source, cut, settings), whole, strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_file_says_what_it_is_and_the_user_knows_better(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = write_clip(tmp_path / "a.mkv", Spherical())
    around = dream(source, tmp_path / "around.mkv", preset())
    assert "a.mkv is a 360 degree panorama" in caplog.text
    caplog.clear()
    flat = dream(source, tmp_path / "flat.mkv", preset(projection="flat"))
    assert not caplog.text
    assert probe(tmp_path / "flat.mkv").video.spherical == Spherical()  # still what the input says
    assert any(not np.array_equal(one, two) for one, two in zip(around, flat, strict=True))


def test_files_that_say_nothing_are_flat_unless_told(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mkv", None)
    dream(source, tmp_path / "flat.mkv", preset())
    assert probe(tmp_path / "flat.mkv").video.spherical is None
    dream(source, tmp_path / "around.mkv", preset(projection="equirect"))
    assert probe(tmp_path / "around.mkv").video.spherical == Spherical()


@pytest.mark.parametrize(
    "spherical", [Spherical(bounds=(0.25, 0.0, 0.25, 0.0)), Spherical(stereo="top-bottom")]
)
def test_half_panoramas_and_pairs_are_flat(spherical: Spherical, caplog: pytest.LogCaptureFixture) -> None:
    assert resolve_projection(Preset(), "vr.mp4", spherical) == Preset()
    assert "dreamed as a flat picture" in caplog.text


def test_a_still_keeps_what_its_panorama_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stills, "build_dreamer", build)
    source, output = tmp_path / "a.png", tmp_path / "b.png"
    said = {"ProjectionType": "equirectangular", "PoseHeadingDegrees": "10"}
    write_still(source, Still(picture(0), panorama=said), overwrite=False)
    next(dream_images([source], output, preset()))
    assert read_still(output).panorama["PoseHeadingDegrees"] == "10"
    assert seam([read_still(output).rgb]) <= 1.1


def test_a_trip_goes_through_the_sphere(tmp_path: Path) -> None:
    output = tmp_path / "trip.mkv"
    trip = preset(
        projection="equirect",
        pipeline="zoom",
        camera={"zoom": 1.5, "pan_x": 0.2, "pan_y": 0.1},
        trip={"duration": "0.5"},
        output={"width": SIZE.width, "fps": 12, **LOSSLESS},
    )
    run_zoom(output, trip, build=build)
    frames = [frame.rgb for frame in open_source(output)]
    assert len(frames) == 6
    assert seam(frames) <= 1.2
    assert np.abs(frames[-1] - frames[0]).mean() > 0.01
    assert probe(output).video.spherical == Spherical()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"trip.keyframe": "1"}, "trip.keyframe"),
        ({"camera.mirrors": 6}, "camera.mirrors"),
        ({"output.height": 32}, "the whole sphere"),
    ],
)
def test_trips_that_no_sphere_has_are_refused(settings: dict[str, Any], named: str, tmp_path: Path) -> None:
    around = preset(projection="equirect", output={"width": SIZE.width}).override(settings)
    with pytest.raises(SettingsError, match=named):
        run_zoom(tmp_path / "trip.mkv", around, build=build)
