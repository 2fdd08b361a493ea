"""Zoom trips as files: frames, times, sizes, sound, settings, and nothing half-written."""

from __future__ import annotations

import resource
import runpy
import signal
import subprocess
import sys
import wave
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import av
import imageio.v3 as iio
import numpy as np
import pytest

from dreamvid.config.preset import OutputSettings, Preset, parse_value
from dreamvid.errors import DreamvidError, ReadError, SettingsError, WriteError
from dreamvid.image.color_transfer import measure_palette
from dreamvid.image.transform import Velocity, visible_mask, warp
from dreamvid.media.input.source import open_source
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.replay import replay
from dreamvid.pipelines.zoom.run import plan_zoom, run_zoom, zoom_size
from dreamvid.types import RGB, Size

if TYPE_CHECKING:
    from dreamvid.pipelines.result import RunResult

TINY: dict[str, Any] = {
    "pipeline": "zoom",
    "objective": "mixed3",
    "octaves": 2,
    "ascent": {"steps": 1},
    "run": {"precision": "float32"},
    "output": {"width": 64, "height": 36, "fps": "12", "codec": "ffv1"},
    "trip": {"duration": "1", "rate": 6},
}
ASPECT = 64 / 36
STUB = Path(__file__).parents[1] / "stub_dreams.py"


@pytest.fixture(autouse=True)
def _stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dreamvid.pipelines.scenes.build_dreamer", runpy.run_path(str(STUB))["built"])


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The empty folder in which every test runs."""
    return tmp_path


@pytest.fixture
def photo(here: Path) -> Path:
    """A picture of soft blobs, 120 by 80."""
    return write_photo(here / "photo.png", Size(80, 120))


def write_photo(path: Path, size: Size) -> Path:
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float64)
    waves = [np.sin(x / 9 + k) * np.cos(y / (7 + k)) for k in range(3)]
    iio.imwrite(path, np.round(127.5 + 100 * np.dstack(waves)).astype(np.uint8))
    return path


def make(name: str | Path = "trip.mkv", **changes: Any) -> RunResult:
    preset = Preset.build(TINY).override({key.replace("__", "."): value for key, value in changes.items()})
    return run_zoom(Path(name), preset, RunOptions(device="cpu"))


def frames(path: str | Path = "trip.mkv") -> list[RGB]:
    return [frame.rgb for frame in open_source(Path(path))]


def times(path: str | Path) -> list[Fraction]:
    return [frame.pts for frame in open_source(Path(path))]


def trip(**changes: Any) -> list[RGB]:
    """Make a trip, and return its frames as they are in the file."""
    path = make(f"trip{len(list(Path().iterdir()))}.mkv", **changes).output
    return frames(path)


def same(one: list[RGB], two: list[RGB]) -> bool:
    return len(one) == len(two) and all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def write_clicks(path: Path, seconds: float, every: float = 0.5, rate: int = 22050) -> list[float]:
    """Write a click track as WAV, and return when its clicks are."""
    sound = np.zeros(round(seconds * rate))
    clicks = [float(at) for at in np.arange(every / 2, seconds - 0.05, every)]
    decay = np.exp(-np.arange(round(0.03 * rate)) / (0.004 * rate))
    noise = np.random.default_rng(0).uniform(-0.9, 0.9, len(decay)) * decay
    for at in clicks:
        first = round(at * rate)
        sound[first : first + len(noise)] += noise
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(sound * 32767).astype("<i2").tobytes())
    return clicks


def sound_of(path: Path) -> tuple[float, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Return the duration in seconds and the samples of a file's sound."""
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].codec_context.sample_rate
        blocks = [frame.to_ndarray().astype(np.float32).ravel() for frame in container.decode(audio=0)]
        channels = container.streams.audio[0].codec_context.channels
    samples = np.concatenate(blocks)
    return len(samples) / rate / channels, samples


# Frames, times and sizes


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
def test_frames_are_duration_times_rate_and_the_rate_is_exact(
    here: Path, duration: str, fps: str, count: int
) -> None:
    outcome = make("trip.mp4", trip__duration=duration, output__fps=fps, output__codec="auto")
    assert outcome.frames == count
    assert times(here / "trip.mp4") == [i / Fraction(fps) for i in range(count)]
    assert open_source(here / "trip.mp4").info.rate == Fraction(fps)


@pytest.mark.parametrize(
    ("own", "output", "size"),
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
    own: Size | None, output: dict[str, Any], size: Size
) -> None:
    found = zoom_size(OutputSettings.model_validate(output), own)
    assert found.height % 2 == found.width % 2 == 0
    assert found == size


@pytest.mark.parametrize("size", [Size(20, 20), Size(90, 60), Size(33, 47)])
def test_pictures_of_any_shape_are_traveled_into(here: Path, size: Size) -> None:
    write_photo(here / "photo.png", size)
    outcome = make(trip__start="photo.png", output={"width": 32}, trip__duration="0.1", output__codec="ffv1")
    assert outcome.size == Size(2 * round(16 * size.height / size.width), 32)


def test_a_trip_of_one_frame_is_the_first_frame_of_a_longer_one() -> None:
    assert same(trip(trip__duration="1/12"), trip()[:1])


def test_a_picture_is_the_first_frame_of_its_trip(photo: Path) -> None:
    first, *_ = trip(trip__start=str(photo), trip__duration="1/12", output={"codec": "ffv1", "width": 120})
    assert np.abs(first - iio.imread(photo) / np.float32(255)).max() < 0.01


# Determinism


@pytest.mark.parametrize("keyframe", [None, "0.5"])
@pytest.mark.parametrize("loop", [False, True])
def test_the_same_seed_is_the_same_trip_and_another_is_another(keyframe: str | None, *, loop: bool) -> None:
    changes = {"trip__keyframe": keyframe, "trip__loop": loop}
    one = trip(**changes)
    assert same(one, trip(**changes))
    assert np.abs(trip(**changes, run__seed=1)[0] - one[0]).mean() > 0.02


def test_the_frame_rate_changes_nothing_but_smoothness(photo: Path) -> None:
    slow, fast = (
        trip(trip__start=str(photo), trip__rate=0, camera__zoom=2, camera__rotation=30, output__fps=fps)
        for fps in ("12", "24")
    )
    assert len(fast) == 2 * len(slow)
    for index, frame in enumerate(slow):
        assert np.abs(frame - fast[2 * index]).mean() < 0.01


# The camera


@pytest.mark.parametrize("off", [{"trip__rate": 0}, {"look__strength": 0}])
@pytest.mark.parametrize("keyframe", [None, "0.5"])
def test_without_dreams_the_camera_moves_over_the_picture(
    photo: Path, off: dict[str, Any], keyframe: str | None
) -> None:
    velocity = Velocity(1.5, 20.0, (0.1, 0.05))
    found = trip(
        trip__start=str(photo),
        trip__keyframe=keyframe,
        camera={"zoom": 1.5, "rotation": 20, "pan_x": 0.1, "pan_y": 0.05},
        **off,
    )
    whole = velocity.over(11 / 12, ASPECT)
    expected = np.clip(warp(found[0], whole), 0.0, 1.0)
    error = np.abs(found[-1] - expected)[4:-4, 4:-4]
    assert error.mean() < 0.03
    assert abs(found[-1].std() - expected.std()) < 0.01


def test_what_comes_into_view_continues_the_picture(photo: Path) -> None:
    found = trip(trip__start=str(photo), trip__rate=0, camera__zoom=0.5)
    middle = found[-1][12:24, 22:42]
    assert np.isfinite(found[-1]).all()
    assert found[-1].std() == pytest.approx(middle.std(), rel=0.5)


@pytest.mark.parametrize(
    "changes",
    [
        {"camera.zoom": "1 + t"},
        {"camera.zoom": "{0s: 1, 1s: 2, ease: in-out}"},
        {"camera.rotation": "90*sin(tau*t)"},
        {"camera.pan_x": "0.2*t", "camera.pan_y": "-0.2*t"},
        {"camera.center_x": "t", "camera.center_y": "1 - t"},
        {"trip.rate": "4*t"},
        {"trip.color_lock": "t"},
        {"trip.hue": "360*t", "trip.saturation": "2*t", "trip.brightness": "0.5 + t"},
        {"camera.mirrors": 6},
        {"look.strength": "p"},
        {"ascent.steps": "{0s: 1, 1s: 3}"},
    ],
    ids=lambda changes: next(iter(changes)),
)
@pytest.mark.parametrize("keyframe", [None, "0.5"])
def test_what_can_be_scheduled_changes_the_trip(changes: dict[str, object], keyframe: str | None) -> None:
    parsed = {path: parse_value(path, v) if isinstance(v, str) else v for path, v in changes.items()}
    base = {"trip__keyframe": keyframe, "trip__palette": "start", "trip__color_lock": 0.9}
    varied = trip(**(base | {path.replace(".", "__"): value for path, value in parsed.items()}))
    assert len(varied) == 12
    assert all(np.isfinite(frame).all() for frame in varied)
    only_for_frames = {"trip.rate", "look.strength", "trip.color_lock", "trip.hue", "ascent.steps"}
    if keyframe is None or not only_for_frames & set(changes):
        assert np.abs(varied[-1] - trip(**base)[-1]).mean() > 1e-3


def test_a_very_large_zoom_between_frames_is_one_line(here: Path) -> None:
    with pytest.raises(SettingsError, match=r"camera\.zoom"):
        make(output__fps="0.1", trip__duration="20", camera__zoom=16)
    with pytest.raises(SettingsError, match=r"trip\.keyframe"):
        make(output__fps="1", trip__duration="40", trip__keyframe="20", camera__zoom=0.125)
    assert not list(here.iterdir())


@pytest.mark.parametrize("keyframe", ["100", "0.001", "1/12"])
@pytest.mark.parametrize("loop", [False, True])
def test_keyframes_may_be_longer_than_the_trip_or_shorter_than_a_frame(keyframe: str, *, loop: bool) -> None:
    assert len(trip(trip__keyframe=keyframe, trip__loop=loop)) == 12


# Loops


CAMERAS = {
    "in": {"camera__zoom": 1.3},
    "out": {"camera__zoom": 0.77},
    "spiral": {"camera__zoom": 1.2, "camera__rotation": 40.0},
}


def changes_of(found: list[RGB], camera: dict[str, Any], fps: int) -> list[float]:
    """Return how much each frame differs from the one before, moved; the first from the last."""
    move = Velocity(camera.get("camera__zoom", 1.0), camera.get("camera__rotation", 0.0)).over(
        1 / fps, ASPECT
    )
    inside = visible_mask(move, Size(36, 64))
    where = np.ones((36, 64), bool) if inside is None else inside
    return [
        float(np.abs(now - np.clip(warp(before, move), 0.0, 1.0))[where].mean())
        for before, now in zip([found[-1], *found], found, strict=False)
    ]


@pytest.mark.parametrize("camera", CAMERAS)
def test_the_last_frame_of_a_loop_goes_on_into_the_first(camera: str) -> None:
    found = trip(trip__loop=True, trip__duration="3", **CAMERAS[camera])
    differences = changes_of(found, CAMERAS[camera], 12)
    assert differences[0] == pytest.approx((differences[-1] + differences[1]) / 2, rel=0.1)


@pytest.mark.parametrize("camera", CAMERAS)
def test_so_it_does_by_keyframes(photo: Path, camera: str) -> None:
    keyframes = {"trip__start": str(photo), "trip__keyframe": "1"}
    found = trip(trip__loop=True, trip__duration="3", **keyframes, **CAMERAS[camera])
    differences = changes_of(found, CAMERAS[camera], 12)
    assert differences[0] < 1.1 * max(differences[-1], differences[1])


@pytest.mark.parametrize("keyframe", [None, "0.1"])
def test_the_shortest_loop_has_three_frames(keyframe: str | None) -> None:
    assert len(trip(trip__loop=True, trip__duration="0.25", trip__keyframe=keyframe)) == 3
    with pytest.raises(SettingsError, match="a loop needs 3 frames at least, not 2"):
        make("two.mkv", trip__loop=True, trip__duration="1/6")


# Scenes


def test_scenes_have_cameras_of_their_own_and_fade_into_each_other(photo: Path) -> None:
    found = trip(
        trip__start=str(photo),
        trip__rate=0,
        scenes=[
            {"camera": {"zoom": 1, "pan_x": 0.5}},
            {"start": "0.5s", "transition": "0.25s", "camera": {"zoom": 2, "pan_x": 0}},
        ],
    )
    panned = warp(found[1], Velocity(pan=(0.5, 0.0)).over(1 / 12, ASPECT))
    assert np.abs(found[2] - panned)[:, :-6].mean() < 0.01
    zoomed = warp(found[10], Velocity(zoom=2.0).over(1 / 12, ASPECT))
    assert np.abs(found[11] - zoomed).mean() < 0.01


@pytest.mark.parametrize("keyframe", [None, "0.5"])
@pytest.mark.parametrize("loop", [False, True])
def test_scenes_of_every_kind_of_trip(keyframe: str | None, *, loop: bool) -> None:
    scenes = [
        {"objective": "mixed2", "camera": {"mirrors": 4}},
        {"start": "50%", "transition": "0.25s", "look": {"strength": 0}, "camera": {"zoom": 0.8}},
    ]
    assert len(trip(scenes=scenes, trip__keyframe=keyframe, trip__loop=loop)) == 12


# Colors


def test_a_palette_is_held() -> None:
    iio.imwrite(
        "sea.png",
        np.full((20, 20, 3), (30, 90, 160), np.uint8) + np.indices((20, 20))[0][..., None].astype(np.uint8),
    )
    found = trip(trip__palette="sea.png", trip__color_lock=1, trip__duration="2")
    sea = measure_palette((iio.imread("sea.png") / 255).astype(np.float32))
    assert measure_palette(found[-1]).mean == pytest.approx(sea.mean, abs=6.0)


def test_hue_and_saturation_move_the_palette(photo: Path) -> None:
    plain, turned = (
        measure_palette(
            trip(trip__start=str(photo), trip__color_lock=1, trip__duration="2", trip__saturation=s)[-1]
        )
        for s in (1, 0)
    )
    assert np.hypot(*turned.spread[1:]) < 0.5 * np.hypot(*plain.spread[1:])


# Music


def test_the_zoom_pulses_to_the_beat(here: Path) -> None:
    write_photo(here / "photo.png", Size(72, 128))
    clicks = write_clicks(here / "clicks.wav", 6.0)
    found = trip(
        trip={"start": "photo.png", "duration": "6", "rate": 0.2, "music": "clicks.wav"},
        camera={"zoom": 1.1, "rotation": 0},
        output__fps="24",
    )
    energy = np.array([np.mean((b - a) ** 2) for a, b in pairwise(found)]) ** 0.5
    struck = np.zeros(len(found))
    for at in clicks:
        struck[int(at * 24)] = 1.0
    kernel = 0.25 ** (np.maximum(np.arange(12) - 0.5, 0.0) / 24 / 0.1)
    expected = np.convolve(struck, kernel)[: len(found)][1:]
    assert np.corrcoef(energy, expected)[0, 1] > 0.8


def test_a_pulse_of_nothing_leaves_the_zoom_alone(here: Path) -> None:
    write_clicks(here / "clicks.wav", 1.0)
    still = {"trip__duration": "1"}
    assert same(trip(**still), trip(**still, trip__music="clicks.wav", trip__pulse=0))
    assert not same(trip(**still), trip(**still, trip__music="clicks.wav"))


def test_a_signal_in_an_expression_takes_the_place_of_the_pulse(here: Path) -> None:
    write_clicks(here / "clicks.wav", 1.0)
    found = trip(trip__music="clicks.wav", camera__zoom="1 + 0*beat", trip__rate=0)
    assert np.abs(found[-1] - found[0]).max() < 0.01


@pytest.mark.parametrize("expression", ["1 + beat", "1 + 0.1*bass", "{0s: 1, 1s: 1 + onset}"])
def test_a_signal_without_music_is_one_line(here: Path, expression: str) -> None:
    with pytest.raises(DreamvidError, match=r"camera\.zoom") as caught:
        make(camera__zoom=parse_value("camera.zoom", expression))
    assert "\n" not in str(caught.value)
    assert not list(here.iterdir())


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.mkv", "a.mov"])
def test_the_sound_is_as_long_as_the_trip(here: Path, name: str) -> None:
    write_clicks(here / "clicks.wav", 0.7)
    make(name, trip__music="clicks.wav", trip__duration="2", output__codec="auto")
    duration, samples = sound_of(here / name)
    assert duration == pytest.approx(2.0, abs=0.06)
    assert np.abs(samples).max() > 0.1
    assert len(times(name)) == 24


def test_music_fades_out_but_not_in_a_loop(here: Path) -> None:
    rate = 22050
    tone = (20000 * np.sin(np.arange(3 * rate) * 0.1)).astype("<i2")
    with wave.open("tone.wav", "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(tone.tobytes())
    for name, loop in (("once.mkv", False), ("loop.mkv", True)):
        make(name, trip__music="tone.wav", trip__duration="2", trip__loop=loop)
    (_, once), (_, loop_) = sound_of(here / "once.mkv"), sound_of(here / "loop.mkv")
    assert np.abs(once[-rate // 50 :]).max() < 0.1 * np.abs(once).max()
    assert np.abs(loop_[-rate // 50 :]).max() > 0.9 * np.abs(loop_).max()


@pytest.mark.parametrize("name", ["missing.mp3", ".", "photo.png", "silent.mkv"])
def test_what_is_no_music_is_one_line(photo: Path, name: str) -> None:
    if name == "silent.mkv":
        make("silent.mkv", trip__duration="0.1")
    before = sorted(photo.parent.iterdir())
    with pytest.raises(ReadError) as caught:
        make(trip__music=name)
    assert "\n" not in str(caught.value)
    assert sorted(photo.parent.iterdir()) == before


# Containers, settings, and once more


def again(path: Path, source: Path | None = None) -> Path:
    return replay(path, source, None, {}, RunOptions(device="cpu")).output


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.mov", "a.gif", "a.apng", "a.webp", "folder"])
@pytest.mark.parametrize("start", ["noise", "photo.png", "#204060-#f80"])
def test_every_container_holds_what_makes_it_again(photo: Path, name: str, start: str) -> None:
    assert photo.exists()
    made = make(name, trip__start=start, trip__duration="0.5", output__codec="auto", output__fps="10").output
    assert len(times(made)) == 5
    assert same(frames(again(made)), frames(made))


def test_a_trip_with_everything_is_made_again(photo: Path, clip: Path) -> None:
    write_clicks(photo.with_name("clicks.wav"), 1.0)
    changes = {"trip__palette": str(photo), "trip__music": "clicks.wav", "trip__duration": "1"}
    made = make("a.mkv", trip__start=f"{clip}@0.3s", **changes, camera__rotation="30*t").output
    assert same(frames(again(made)), frames(made))
    (photo.parent / "elsewhere").mkdir()
    moved = clip.rename(photo.parent / "elsewhere" / "renamed.mp4")
    again(made.rename("b.mkv"), moved)


def test_a_trip_from_nothing_has_no_source_to_give(photo: Path) -> None:
    made = make("a.mkv", trip__duration="0.1").output
    with pytest.raises(SettingsError, match="started from no file"):
        again(made, photo)


def test_the_embedded_settings_hold_no_paths(photo: Path) -> None:
    made = make("a.mkv", trip__start=str(photo), trip__palette=str(photo), trip__duration="0.1").output
    with av.open(str(made)) as container:
        assert str(photo.parent) not in str(container.metadata)
        assert "photo.png" in str(container.metadata)


# What is there stays there


def test_what_a_trip_is_made_from_is_never_its_output(photo: Path, clip: Path) -> None:
    write_clicks(photo.with_name("clicks.mkv"), 0.5)
    for output, changes in (
        (clip, {"trip__start": f"{clip}@0.1s"}),
        (photo.with_name("clicks.mkv"), {"trip__music": "clicks.mkv"}),
    ):
        before = output.read_bytes()
        preset = Preset.build(TINY).override(
            {"output.codec": "auto"} | {key.replace("__", "."): v for key, v in changes.items()}
        )
        with pytest.raises(WriteError, match="the same"):
            run_zoom(output, preset, RunOptions(confirm_overwrite=lambda _: True))
        assert output.read_bytes() == before


def test_an_existing_output_is_asked_for_once(photo: Path) -> None:
    Path("trip.mkv").write_text("precious", encoding="utf-8")
    with pytest.raises(WriteError, match="--yes"):
        make(trip__start=str(photo), trip__palette=str(photo))
    assert Path("trip.mkv").read_text(encoding="utf-8") == "precious"
    preset = Preset.build(TINY).override({"trip.start": str(photo), "trip.palette": str(photo)})
    confirm = Mock(return_value=True)
    run_zoom(Path("trip.mkv"), preset, RunOptions(confirm_overwrite=confirm))
    confirm.assert_called_once_with(Path("trip.mkv"))


def test_the_usual_output_is_beside_the_picture(photo: Path) -> None:
    preset = Preset.build(TINY | {"output": {"width": 32, "codec": "auto"}, "trip": {"duration": "0.1"}})
    for start, name in ((str(photo), "photo.dream.mp4"), ("noise", "trip.dream.mp4")):
        made = run_zoom(None, preset.override({"trip.start": start}), RunOptions())
        assert made.output.resolve() == photo.with_name(name)


def test_limits_hold_for_trips(here: Path) -> None:
    preset = Preset.build(TINY).override({"output.fps": "1000", "trip.duration": "86400"})
    with pytest.raises(DreamvidError, match="frames; at most"):
        run_zoom(Path("trip.mkv"), preset)
    assert not list(here.iterdir())


def test_a_loop_keeps_no_more_of_its_beginning_as_it_gets_longer() -> None:
    heads = []
    for duration in ("6", "60", "600"):
        preset = Preset.build(TINY).override({"trip.loop": True, "trip.duration": duration})
        heads.append(plan_zoom(preset).clock.preroll)
    assert heads == [24, 24, 24]


# Cut off


ARGUMENTS = [
    "zoom",
    "--width",
    "64",
    "--height",
    "36",
    "--fps",
    "12",
    "--octaves",
    "2",
    "--objective",
    "mixed3",
    "--codec",
    "ffv1",
    "-o",
    "trip.mkv",
]


def started(*options: str, **how: Any) -> subprocess.Popen[str]:
    command = [sys.executable, str(STUB), *ARGUMENTS, *options]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **how)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_trip_that_is_cut_off_leaves_no_output_but_its_work(here: Path, number: signal.Signals) -> None:
    with started("--duration", "60", "--progress", "json", cwd=here) as run:
        assert run.stderr is not None
        while '"frame": 3' not in (line := run.stderr.readline()):
            assert line
        run.send_signal(number)
        rest = run.stderr.read()
    assert "Traceback" not in rest
    assert run.returncode == (-number if number == signal.SIGKILL else 130)
    assert {path.name for path in here.iterdir()} <= {"trip.mkv.work"}  # from which it goes on


def test_a_full_disk_is_one_line(here: Path) -> None:
    def cramped() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    with started("--duration", "3", cwd=here, preexec_fn=cramped) as run:
        said = run.stderr.read() if run.stderr else ""
    assert run.returncode == 1
    assert len(said.splitlines()) == 1
    assert {path.name for path in here.iterdir()} <= {"trip.mkv.work"}


def test_memory_does_not_grow_with_length(here: Path) -> None:
    script = (
        "import sys, tracemalloc, runpy; from pathlib import Path\n"
        f"sys.path.insert(0, {str(STUB.parent)!r})\n"
        "from stub_dreams import built; from dreamvid.pipelines import scenes; scenes.build_dreamer = built\n"
        "from dreamvid.pipelines.zoom.run import run_zoom; from dreamvid.pipelines.options import RunOptions\n"
        "from dreamvid.pipelines.progress import NullProgress; from dreamvid.config.preset import Preset\n"
        "at = {}\n"
        "class Memory(NullProgress):\n"
        "    def frame(self, index):\n"
        "        if index in (100, 999): at[index] = tracemalloc.get_traced_memory()[0]\n"
        "        if index == 50: tracemalloc.start()\n"
        f"p = Preset.build({TINY!r}).override({{'trip.duration': '1000/12', 'trip.loop': True}})\n"
        "run_zoom(Path('a.mkv'), p, RunOptions(progress=Memory()))\n"
        "print(at[999] - at[100])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=here, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 1_000_000


@pytest.mark.parametrize("how", [{}, {"trip.keyframe": "0.5"}], ids=["frames", "keyframes"])
def test_a_trip_whose_frames_are_all_kept_only_needs_its_encoding(photo: Path, how: dict[str, str]) -> None:
    assert photo.exists()
    preset = Preset.build(TINY).override({"trip.duration": "1", **how})

    def run(name: str) -> list[RGB]:
        path = Path(name)
        run_zoom(path, preset, RunOptions(device="cpu", keep_work=True))
        return frames(path)

    whole = run("a.mkv")
    Path("a.mkv").unlink()
    Path("a.mkv.work/complete.json").unlink()  # as a kill between the last chunk and this leaves it
    assert same(run("a.mkv"), whole)
