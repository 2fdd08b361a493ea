"""Scenes and schedules over the frames of a video: which look each frame gets, and that it is the same anywhere."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.preset import Preset
from dreamvid.errors import SettingsError
from dreamvid.media.input.source import open_source
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.scenes import VideoClock, check_schedules, first_still, load_timeline, scene_spans
from dreamvid.pipelines.video import dream_file
from dreamvid.types import Frame, Size

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dreamvid.pipelines.scenes import SceneShare, Timeline
    from dreamvid.types import RGB

pytestmark = pytest.mark.e2e

RATE = Fraction(10)
CLOCK = VideoClock(RATE, Fraction(4))
SIZE = Size(48, 80)
PICTURE = np.full((48, 80, 3), 0.5, np.float32)
BASE: dict[str, Any] = {"octaves": 2, "ascent": {"steps": 2}, "run": {"precision": "float32"}}


def timeline_of(values: Mapping[str, Any]) -> Timeline:
    return load_timeline(Preset.build({**BASE, **values}), RunOptions(), CLOCK, SIZE)


def at(timeline: Timeline, frame: int) -> tuple[SceneShare, ...]:
    return timeline.at(Frame(frame, frame / RATE, PICTURE))


def pictures(path: Path) -> list[RGB]:
    return [frame.rgb for frame in open_source(path)]


def dream(clip: Path, preset: Preset, name: str) -> list[RGB]:
    output = clip.with_name(name)
    lossless = preset.override({"output.codec": "ffv1"})
    dream_file(clip, output, lossless, RunOptions(device="cpu"))
    return pictures(output)


def test_scenes_follow_one_another_and_share_frames_while_they_fade() -> None:
    timeline = timeline_of(
        {"scenes": [{}, {"start": "1s", "transition": 1, "ease": "linear"}, {"start": "75%"}]}
    )
    shares = {
        frame: [(p.scene, round(p.share, 6)) for p in at(timeline, frame)]
        for frame in (0, 9, 15, 20, 29, 30, 39)
    }
    assert shares == {
        0: [(0, 1.0)],
        9: [(0, 1.0)],
        15: [(0, 0.5), (1, 0.5)],
        20: [(1, 1.0)],
        29: [(1, 1.0)],
        30: [(2, 1.0)],
        39: [(2, 1.0)],
    }


def test_shares_always_add_up_to_one() -> None:
    scenes = [{}, {"start": "1s", "transition": 3}, {"start": "2s", "transition": 2, "ease": "bounce"}]
    timeline = timeline_of({"scenes": scenes})
    for frame in range(40):
        parts = at(timeline, frame)
        assert sum(part.share for part in parts) == pytest.approx(1.0)
        assert [part.scene for part in parts] == sorted(part.scene for part in parts)


def test_each_scene_has_a_clock_of_its_own() -> None:
    timeline = timeline_of({"look": {"strength": {"0s": 0.0, "1s": 1.0}}, "scenes": [{}, {"start": "2s"}]})
    strengths = [at(timeline, frame)[-1].settings.compositor.strength for frame in (0, 5, 10, 19, 20, 25, 30)]
    assert strengths == pytest.approx([0.0, 0.5, 1.0, 1.0, 0.0, 0.5, 1.0])


def test_the_end_is_the_end_of_the_scene_where_the_next_has_taken_over() -> None:
    timeline = timeline_of(
        {"look": {"strength": {"0s": 0.0, "end": 1.0}}, "scenes": [{}, {"start": "2s", "transition": 1}]}
    )
    assert at(timeline, 15)[0].settings.compositor.strength == pytest.approx(0.5)
    assert at(timeline, 30)[-1].settings.compositor.strength == pytest.approx(0.5)


def test_the_settings_are_a_function_of_the_frame_alone() -> None:
    timeline = timeline_of({"look": {"strength": "0.5 + 0.5*noise(3*t, 1)"}, "ascent": {"steps": "2 + f/10"}})
    forward = [at(timeline, frame)[0].settings.compositor for frame in range(40)]
    assert [at(timeline, frame)[0].settings.compositor for frame in reversed(range(40))] == forward[::-1]


def test_what_is_constant_is_made_once() -> None:
    timeline = timeline_of({"look": {"strength": "t/4"}})
    first, last = at(timeline, 0)[0].settings, at(timeline, 39)[0].settings
    assert first.dreamer is last.dreamer
    assert first.stabilizer is last.stabilizer
    assert first.compositor != last.compositor


def test_objectives_change_without_a_new_trace() -> None:
    journey = {"0s": "mixed1", "2s": "mixed4", "end": "mixed2"}
    timeline = load_timeline(Preset.build({**BASE, "objective": journey}), RunOptions(), CLOCK, SIZE)
    dreams = [at(timeline, frame)[0].settings.dreamer.dream(PICTURE) for frame in (0, 10, 20, 39)]
    assert timeline.scenes[0].loaded.dreamer.traces == 1
    assert all(np.abs(a - b).max() > 0.004 for a, b in pairwise(dreams))
    alone = load_timeline(Preset.build({**BASE, "objective": "mixed4"}), RunOptions(), CLOCK, SIZE)
    assert np.abs(dreams[2] - alone.scenes[0].loaded.dreamer.dream(PICTURE)).max() < 0.01


@pytest.mark.parametrize(
    ("scenes", "says"),
    [
        ([{}, {"start": "3s"}, {"start": "2s"}], "scenes.2.start: must be after"),
        ([{}, {"start": "0f"}], "scenes.1.start: must be after"),
    ],
)
def test_scenes_must_come_in_order(scenes: list[dict[str, object]], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        scene_spans(Preset.build({"scenes": scenes}), CLOCK)


def test_what_needs_the_duration_says_so_where_it_is_not_known() -> None:
    unknown = VideoClock(RATE, None)
    with pytest.raises(SettingsError, match=r"scenes\.1\.start.*duration"):
        scene_spans(Preset.build({"scenes": [{}, {"start": "50%"}]}), unknown)
    for values in (
        {"look": {"strength": {"0s": 0, "end": 1}}},
        {"objective": {"0s": "mixed1", "end": "mixed2"}},
    ):
        with pytest.raises(SettingsError, match=r"(strength|objective).*duration"):
            check_schedules(scene_spans(Preset.build(values), unknown), unknown)


def test_schedules_are_checked_before_the_first_frame() -> None:
    with pytest.raises(SettingsError, match=r"look\.strength.*t = 3"):
        timeline_of({"look": {"strength": "1/(t-3)"}})
    preset = Preset.build({"look": {"strength": "t/2"}})
    assert check_schedules(scene_spans(preset, CLOCK), CLOCK) == [
        "look.strength: is 1.05 at 2.1 s; it is held at 1"
    ]


def test_a_still_gets_the_first_moment() -> None:
    preset = Preset.build(
        {"objective": {"0s": "mixed1", "end": "mixed2"}, "look": {"strength": {"0s": 0.25, "1s": 1}}}
    )
    still = first_still(preset)
    assert (still.look.strength, still.is_constant()) == (0.25, True)
    assert str(still.objective).startswith("mixed1")


def test_a_schedule_that_does_not_change_is_the_constant_one_bit_for_bit(clip: Path, quick: Preset) -> None:
    scheduled = quick.override({"ascent.step_size": "0.005 + 0*t", "objective": {"mixed5": "1 + 0*t"}})
    constant = quick.override({"objective": "mixed5"})
    for one, two in zip(dream(clip, scheduled, "a.mkv"), dream(clip, constant, "b.mkv"), strict=True):
        assert np.array_equal(one, two)


def test_a_cut_between_scenes_dreams_each_as_if_it_were_alone_in_its_first_frame(
    clip: Path, quick: Preset
) -> None:
    scenes = quick.override({"scenes": [{"objective": "mixed1"}, {"start": "5f", "objective": "mixed5"}]})
    whole = dream(clip, scenes, "scenes.mkv")
    first = dream(clip, quick.override({"objective": "mixed1"}), "first.mkv")
    second = dream(clip, quick.override({"objective": "mixed5", "stability": 0}), "second.mkv")
    assert all(np.array_equal(a, b) for a, b in zip(whole[:5], first[:5], strict=True))
    assert not np.array_equal(whole[5], first[5])
    assert (
        np.abs(whole[5] - second[5]).mean() < 0.02
    )  # but for the quarter more steps of a shot's first frame


def test_a_cross_fade_is_both_dreams_by_their_shares(clip: Path, quick: Preset) -> None:
    fade = {"start": "4f", "transition": "0.4", "ease": "linear", "look": {"strength": 0.0}}
    whole = dream(clip, quick.override({"scenes": [{}, fade]}), "fade.mkv")
    dreamed, source = dream(clip, quick, "whole.mkv"), pictures(clip)
    for frame, share in ((4, 0.0), (9, None)):
        expected = dreamed[frame] if share == 0.0 else source[frame]
        assert np.abs(whole[frame] - expected).max() < 0.005
    t = float((6 - 4) / Fraction(12000, 1001) / Fraction("0.4"))
    mixed = (1 - t) * dreamed[6] + t * source[6]
    assert np.abs(whole[6] - mixed).max() < 0.01
