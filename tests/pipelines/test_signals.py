"""Signals from every kind of source: known values come out within one frame and 2 %."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.audio.music import AudioTrack, write_track
from dreamvid.config.preset import Preset
from dreamvid.config.settings import OutputSettings
from dreamvid.errors import SettingsError
from dreamvid.media.input.source import open_source
from dreamvid.media.output.writer import open_writer
from dreamvid.pipelines.masks import open_masks
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.signals import Clip, SignalCurves, open_signals, signal_files
from dreamvid.pipelines.video import prepare
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from pathlib import Path

RATE = Fraction(25)
FRAMES = 50
SIZE = Size(48, 64)
CUT = 30


def gray(frame: int) -> float:
    """Return the brightness of a frame of the clip: it rises by 0.004 from frame to frame, with a cut."""
    return 0.2 + 0.004 * frame + 0.3 * (frame >= CUT)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two seconds whose brightness rises evenly under a pattern that another one replaces at a cut."""
    path = tmp_path / "clip.mkv"
    random = np.random.default_rng(1)
    patterns = [np.kron(random.choice([-0.1, 0.1], (6, 8)), np.ones((8, 8))) for _ in range(2)]
    patterns = [pattern - pattern.mean() for pattern in patterns]
    info = VideoInfo(SIZE, RATE, frames=FRAMES)
    with open_writer(path, info=info, output=OutputSettings(codec="ffv1")) as writer:
        for index in range(FRAMES):
            luma = gray(index) + patterns[index >= CUT]
            rgb = np.repeat(luma[..., None], 3, axis=2).astype(np.float32)
            writer.write(Frame(index, index / RATE, rgb, duration=1 / RATE))
    return path


def opened(signals: dict[str, Any], clip: Path | None = None, **values: Any) -> SignalCurves:
    preset = Preset.build({"signals": signals, **values})
    source = None
    if clip is not None:
        frames = open_source(clip)
        source = Clip(frames, open_masks(preset, rate=RATE), clip, Fraction(0), frames.info)
    return open_signals(preset, rate=RATE, duration=FRAMES / RATE, clip=source)


def series(curves: SignalCurves, name: str) -> list[float]:
    return [curves.at(frame / float(RATE))[name] for frame in range(FRAMES)]


def test_brightness_is_that_of_each_frame(clip: Path) -> None:
    assert series(opened({"x": "brightness"}, clip), "x") == pytest.approx(
        [gray(frame) for frame in range(FRAMES)], abs=0.004
    )


def test_motion_is_the_change_a_second_without_cuts(clip: Path) -> None:
    found = series(opened({"x": {"source": "motion", "range": "off"}}, clip), "x")
    # Eight bits round single frames; their mean is exact.
    assert np.mean(found) == pytest.approx(0.004 * 25, rel=0.02)
    assert max(found) < 2 * 0.004 * 25


def test_motion_is_that_of_each_frame(tmp_path: Path) -> None:
    path = tmp_path / "steps.mkv"
    # A checkerboard whose fields trade a known number of the 256 levels from frame to frame.
    board = np.kron(np.indices((6, 8)).sum(0) % 2 * 2 - 1, np.ones((8, 8)))
    levels = [2, 5, 9, 3, 14, 20, 7, 1, 30, 11] * 5
    change = np.cumsum([0, *(level * (-1) ** index for index, level in enumerate(levels))])[:FRAMES]
    with open_writer(
        path, info=VideoInfo(SIZE, RATE, frames=FRAMES), output=OutputSettings(codec="ffv1")
    ) as writer:
        for index, value in enumerate(change):
            rgb = np.repeat((128 + value * board)[..., None] / 255, 3, axis=2).astype(np.float32)
            writer.write(Frame(index, index / RATE, rgb, duration=1 / RATE))
    found = series(opened({"x": {"source": "motion", "range": "off"}}, path), "x")
    known = [levels[0], *levels[: FRAMES - 1]]  # the first frame has that of the next one
    assert found == pytest.approx([25 * level / 255 for level in known], rel=0.02)


def test_cuts_are_in_their_frame_and_fall(clip: Path) -> None:
    found = series(opened({"x": "cuts", "y": {"source": "cuts", "release": 0}}, clip), "x")
    assert found[: CUT - 1] == [0.0] * (CUT - 1)
    assert found[CUT] == pytest.approx(1.0, abs=0.02)
    # It falls to half in 0.1 s; the highest value counts, half a frame earlier.
    assert found[CUT + 5] == pytest.approx(0.5 ** (0.18 / 0.1), abs=0.03)
    only = series(opened({"y": {"source": "cuts", "release": 0}}, clip), "y")
    assert [frame for frame, value in enumerate(only) if value] == [CUT]


@pytest.mark.parametrize(("invert", "area"), [(False, 0.25), (True, 0.75)])
def test_the_area_of_the_mask(clip: Path, tmp_path: Path, invert: bool, area: float) -> None:  # noqa: FBT001  a parameter
    from dreamvid.media.still.reader import Still  # noqa: PLC0415  only this needs it
    from dreamvid.media.still.writer import write_still  # noqa: PLC0415  the same

    picture = np.zeros((*SIZE, 3), np.float32)
    picture[:, :16] = 1.0
    write_still(tmp_path / "mask.png", Still(picture, None), metadata={}, overwrite=True)
    mask = {"source": str(tmp_path / "mask.png"), "feather": 0, "invert": invert}
    assert series(opened({"x": "mask"}, clip, mask=mask), "x") == pytest.approx([area] * FRAMES, abs=0.02)


def test_a_video_file_of_its_own_is_measured_from_its_start(clip: Path) -> None:
    signal = {"source": str(clip), "feature": "brightness", "start": "0.4"}
    found = series(opened({"x": signal}), "x")
    assert found[:40] == pytest.approx([gray(frame + 10) for frame in range(40)], abs=0.004)
    assert found[45] == pytest.approx(gray(FRAMES - 1), abs=0.004)


def test_a_column_is_there_at_its_times(tmp_path: Path) -> None:
    table = tmp_path / "heart.csv"
    table.write_text("t,pulse\n" + "".join(f"{t / 10},{60 + t}\n" for t in range(31)))
    found = opened(
        {
            "raw": str(table),
            "late": {"source": str(table), "start": 1},
            "share": {"source": str(table), "range": "60,70"},
        }
    )
    times = np.arange(FRAMES) / float(RATE)
    assert series(found, "raw") == pytest.approx(list(60 + 10 * times))
    assert series(found, "late") == pytest.approx(list(70 + 10 * times))
    assert series(found, "share") == pytest.approx(list(np.minimum(times, 1.0)))


def test_rows_without_times_are_frames(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("".join(f"{frame % 7}\n" for frame in range(FRAMES)))
    found = opened({"x": str(table), "half": {"source": str(table), "rate": "12.5"}})
    assert series(found, "x") == [float(frame % 7) for frame in range(FRAMES)]
    assert series(found, "half")[::2] == [float(frame % 7) for frame in range(FRAMES // 2)]


def test_notes_and_controllers_are_there_in_their_frames(tmp_path: Path) -> None:
    mido: Any = pytest.importorskip("mido", reason="an extra")
    file = mido.MidiFile(ticks_per_beat=500)
    file.tracks.append(
        mido.MidiTrack(
            [
                mido.Message("note_on", note=36, velocity=127, time=413),
                mido.Message("note_off", note=36, time=200),
                mido.Message("control_change", control=7, value=64, time=387),
            ]
        )
    )
    path = str(tmp_path / "song.mid")
    file.save(path)
    found = opened({"kick": {"source": path, "note": 36}, "dial": {"source": path, "controller": 7}})
    sounding = [frame for frame, value in enumerate(series(found, "kick")) if value == 1.0]
    assert sounding == list(range(10, 16))
    dial = series(found, "dial")
    assert dial[24] == 0.0
    assert dial[25:] == pytest.approx([64 / 127] * 25)


def test_stems_and_the_sound_of_the_clip_are_heard(tmp_path: Path, clip: Path) -> None:
    rate, stem = 22_050, tmp_path / "stem.wav"
    time = np.arange(2 * rate) / rate
    loud = np.where((time >= 1.0) & (time < 1.5), 0.8, 0.0) * np.sin(2 * np.pi * 100 * time)
    write_track(AudioTrack(loud.astype(np.float32)[:, None], rate), stem)
    found = opened({"x": str(stem), "hi": {"source": str(stem), "feature": "treble"}})
    levels = series(found, "x")
    assert max(levels[:24]) < 0.02
    assert levels[26:37] == pytest.approx([1.0] * 11, abs=0.02)
    assert levels[-1] < 0.1
    assert max(series(found, "hi")) < 0.1
    with pytest.raises(SettingsError, match=r"signals\.x: .*no audio|signals\.x: .*sound"):
        opened({"x": "sound"}, clip)


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    """A clip that is silent, then has a tone of 1 kHz, from 1.2 s to 2 s at half its loudness, and then ends."""
    path, sound, rate = tmp_path / "tone.mkv", tmp_path / "tone.wav", 44_100
    time = np.arange(4 * rate) / rate
    level = np.select([time < 0.6, time < 1.2, time < 2.0], [0.0, 0.8, 0.4], 0.0)
    samples = (level * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)
    write_track(AudioTrack(samples[:, None], rate), sound)
    info = VideoInfo(SIZE, RATE, frames=2 * FRAMES)
    with open_writer(path, info=info, output=OutputSettings(codec="ffv1"), streams_from=sound) as writer:
        for index in range(2 * FRAMES):
            writer.write(Frame(index, index / RATE, np.full((*SIZE, 3), 0.5, np.float32), duration=1 / RATE))
    return path


@pytest.mark.parametrize("start", [Fraction(0), Fraction(2, 5)])
def test_the_sound_of_the_clip_is_heard_in_its_frames(tone: Path, start: Fraction) -> None:
    preset = Preset.build({"signals": {"x": "sound", "mid": {"source": "sound", "feature": "mid"}}})
    info = VideoInfo(SIZE, RATE, frames=FRAMES)
    clip = Clip([], None, tone, start, info)
    found = open_signals(preset, rate=RATE, duration=FRAMES / RATE, clip=clip)
    first = 15 - int(start * RATE)
    for name in ("x", "mid"):
        levels = series(found, name)
        assert max(levels[: first - 1]) < 0.02
        assert levels[first + 1 : first + 14] == pytest.approx([1.0] * 13, abs=0.02)
        # It falls to half in 0.1 s, 2.5 frames.
        assert levels[first + 19 : first + 34] == pytest.approx([0.5] * 15, abs=0.02)


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        ("nothing.csv", "cannot be read"),
        ("nothing.mid", "cannot be read|mido"),
        ("nothing.wav", "no such file|cannot"),
        ({"source": "nothing.mp4", "feature": "motion"}, "no such file|cannot"),
        ("motion", "measured of the clip that is dreamed"),
        ("sound", "measured of the clip that is dreamed"),
    ],
)
def test_what_cannot_be_read_is_one_line(signal: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=rf"signals\.x: .*({message})") as caught:
        opened({"x": signal})
    assert "\n" not in str(caught.value)


def test_a_curve_outside_the_output_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "epoch.csv").write_text("timestamp,x\n1700000000,1\n1700000001,2\n")
    opened({"x": str(tmp_path / "epoch.csv")})
    assert "signals.x: its times, 1.7e+09 to 1.7e+09 s, lie outside the output" in caplog.text


def test_signals_replace_those_of_music_and_leave_the_others(tmp_path: Path) -> None:
    (tmp_path / "bass.csv").write_text("7\n7\n")
    both = opened({"bass": str(tmp_path / "bass.csv")}).over(lambda _: {"bass": 0.1, "beat": 0.2})
    assert both is not None
    assert both(0.0) == {"bass": 7.0, "beat": 0.2}
    assert opened({}).over(None) is None


def test_files_have_a_role_each(tmp_path: Path) -> None:
    path = tmp_path / "song.mid"
    preset = Preset.build(
        {"signals": {"one": str(path), "two": {"source": str(path), "note": 1}, "flow": "motion"}}
    )
    assert signal_files(preset) == {"signal.one": path}


def test_what_was_measured_is_kept_and_not_measured_again(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = Preset.build({"signals": {"x": "brightness", "y": "motion"}})
    output = tmp_path / "out.mkv"

    def open_again(preset: Preset) -> SignalCurves:
        frames = open_source(clip)
        source = Clip(frames, None, clip, Fraction(0), frames.info)
        return open_signals(preset, rate=RATE, duration=FRAMES / RATE, clip=source, output=output)

    first = open_again(preset)
    work = tmp_path / "out.mkv.work"
    work.mkdir()
    (work / "signals.npz").write_bytes(first.kept)
    measure = "dreamvid.pipelines.clip_signals.measure_clip"
    monkeypatch.setattr(measure, lambda *_: pytest.fail("it is measured again"))
    again = open_again(preset)
    assert [again.at(t / 100) for t in reversed(range(200))] == [
        first.at(t / 100) for t in reversed(range(200))
    ]
    assert again.kept == first.kept
    monkeypatch.undo()
    (work / "signals.npz").write_bytes(first.kept[:100])
    assert open_again(preset).at(0.5) == first.at(0.5)
    assert open_again(preset.override({"signals.z": "cuts"})).at(0.5)["z"] == 0.0


def test_a_frame_gets_the_same_values_wherever_a_run_begins(clip: Path) -> None:
    curves = opened({"x": {"source": "brightness", "smoothing": 0.1, "release": 0.2}}, clip)
    whole = series(curves, "x")
    from_middle = series(
        opened({"x": {"source": "brightness", "smoothing": 0.1, "release": 0.2}}, clip), "x"
    )[20:]
    assert from_middle == whole[20:]


def test_a_video_is_dreamed_by_its_signals(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dreamvid.pipelines import video_job  # noqa: PLC0415  it is changed

    seen: list[Any] = []

    def stop(*arguments: Any, **_: Any) -> None:
        seen.extend(arguments)
        raise SettingsError("seen")

    monkeypatch.setattr(video_job, "load_timeline", stop)
    preset = Preset.build(
        {"signals": {"x": "brightness"}, "look": {"strength": "x"}, "tempo": {"bpm": 120, "bars": 2}}
    )
    with pytest.raises(SettingsError, match="seen"):
        prepare(clip, tmp_path / "out.mkv", preset, RunOptions())
    clock = seen[2]
    assert clock.signals(0.4)["x"] == pytest.approx(gray(10), abs=0.004)
    assert clock.grid.period == 0.5


def test_a_loop_of_footage_has_the_signals_of_its_own_frames(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dreamvid.pipelines import video_job  # noqa: PLC0415  it is changed

    seen: list[Any] = []

    def stop(*arguments: Any, **_: Any) -> None:
        seen.extend(arguments)
        raise SettingsError("seen")

    monkeypatch.setattr(video_job, "load_timeline", stop)
    preset = Preset.build(
        {
            "signals": {"x": "brightness"},
            "tempo": {"bpm": 120, "beats_per_bar": 2, "bars": 1},
            "input": {"loop": True, "crossfade": "0.2"},
        }
    )
    with pytest.raises(SettingsError, match="seen"):
        prepare(clip, tmp_path / "out.mkv", preset, RunOptions())
    clock = seen[2]
    assert clock.duration == 1
    assert clock.signals(0.4)["x"] == pytest.approx(gray(15), abs=0.004)
