"""Objectives that leave their channels to the picture: in stills, videos, trips, replays and after interruptions."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import dreamvid
from dreamvid.errors import DreamvidError
from dreamvid.media.input.source import open_source
from dreamvid.media.still.reader import Still, read_still
from dreamvid.media.still.writer import write_still
from dreamvid.pipelines.image import dream_images
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.preset_check import check_preset
from dreamvid.pipelines.replay import replay
from dreamvid.pipelines.video import dream_file
from dreamvid.pipelines.zoom.run import run_zoom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dreamvid.config.preset import Preset

RANKED = {
    "objective": {"0s": "rank:strong@mixed2", "end": "rank:weak:2@mixed3, mixed1"},
    "scenes": [{}, {"start": "5f", "objective": "surprise"}],
}


def frames(path: Path) -> list[Any]:
    return [frame.rgb for frame in open_source(path)]


@pytest.fixture
def photos(clip: Path) -> list[Path]:
    """Two different pictures."""
    paths = [clip.with_name("a.png"), clip.with_name("b.png")]
    first = next(iter(open_source(clip))).rgb
    for path, picture in zip(paths, (first, 1.0 - first[::-1, :, ::-1]), strict=True):
        write_still(path, Still(np.ascontiguousarray(picture)), overwrite=False)
    return paths


@pytest.mark.e2e
def test_each_still_has_channels_of_its_own_and_is_dreamed_again_by_them(
    photos: list[Path], quick: Preset, caplog: pytest.LogCaptureFixture
) -> None:
    preset = quick.override({"objective": "surprise, rank:strong@mixed3:0.5", "run.seed": 4})
    results = list(dream_images(photos, None, preset, RunOptions(device="cpu")))
    chosen = [str(result.resolved["objective"]) for result in results]
    assert chosen[0] != chosen[1]
    for photo, result, objective in zip(photos, results, chosen, strict=True):
        assert "surprise" not in objective
        assert any(objective.startswith(text.split("' is '")[-1].split("'")[0]) for text in caplog.messages)
        dreamed = read_still(result.output).rgb
        again = replay(result.output, None, None, {}, RunOptions(device="cpu")).output
        assert np.array_equal(read_still(again).rgb, dreamed)
        named = photo.with_name("named.png")
        list(
            dream_images([photo], named, preset.override({"objective": objective}), RunOptions(device="cpu"))
        )
        assert np.array_equal(read_still(named).rgb, dreamed)
        named.unlink()


@pytest.mark.e2e
def test_a_video_keeps_its_channels_in_replays_and_at_another_size(clip: Path, quick: Preset) -> None:
    first = dream_file(clip, clip.with_name("one.mkv"), quick.override(RANKED), RunOptions(device="cpu"))
    assert "rank" not in str(first.resolved)
    again = replay(first.output, None, None, {}, RunOptions(device="cpu"))
    assert all(np.array_equal(a, b) for a, b in zip(frames(first.output), frames(again.output), strict=True))
    smaller = replay(
        first.output, None, clip.with_name("small.mkv"), {"output.width": 64}, RunOptions(device="cpu")
    )
    assert smaller.resolved["objective"] == first.resolved["objective"]


@pytest.mark.e2e
def test_an_interrupted_video_goes_on_with_the_same_channels(clip: Path, quick: Preset) -> None:
    preset = quick.override({**RANKED, "output.codec": "ffv1"})
    uncut = dream_file(clip, clip.with_name("uncut.mkv"), preset, RunOptions(device="cpu")).output
    count = 0

    @contextmanager
    def stop_after_six() -> Iterator[Callable[[], bool]]:
        def stop() -> bool:
            nonlocal count
            count += 1
            return count > 6

        yield stop

    output = clip.with_name("cut.mkv")
    with pytest.raises(KeyboardInterrupt):
        dream_file(clip, output, preset, RunOptions(device="cpu", interruptible=stop_after_six))
    resumed = dream_file(clip, output, preset, RunOptions(device="cpu"))
    assert 0 < resumed.resumed_at < 10
    assert all(np.array_equal(a, b) for a, b in zip(frames(uncut), frames(output), strict=True))


@pytest.mark.e2e
def test_a_trip_chooses_by_its_start_picture(photos: list[Path], quick: Preset) -> None:
    preset = quick.override(
        {"pipeline": "zoom", "objective": "rank:weak:2@mixed3", "trip.duration": "1/4", "output.width": 64}
    )
    chosen = []
    for photo in photos:
        output = photo.with_suffix(".mkv")
        result = run_zoom(output, preset.override({"trip.start": str(photo)}), RunOptions(device="cpu"))
        chosen.append(result.resolved["objective"])
        again = replay(output, None, None, {}, RunOptions(device="cpu")).output
        assert all(np.array_equal(a, b) for a, b in zip(frames(output), frames(again), strict=True))
    assert chosen[0] != chosen[1]


@pytest.mark.e2e
def test_an_array_is_dreamed_by_its_own_channels(photos: list[Path], quick: Preset) -> None:
    rgb = read_still(photos[0]).rgb
    (result,) = dream_images(
        photos[:1], None, quick.override({"objective": "surprise"}), RunOptions(device="cpu")
    )
    dreamed = dreamvid.dream(rgb, quick, objective=str(result.resolved["objective"]))
    assert np.array_equal(dreamvid.dream(rgb, quick, objective="surprise"), dreamed)


@pytest.mark.e2e
def test_a_dreamer_without_a_picture_refuses(quick: Preset) -> None:
    with pytest.raises(DreamvidError, match="leaves its channels to a picture"):
        dreamvid.load_dreamer(quick, objective="surprise")


@pytest.mark.e2e
def test_a_preset_is_checked_for_the_layers_that_it_ranks(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("objective: 'rank:weak@mixed3, surprise'\n", encoding="utf-8")
    check_preset(path)
    path.write_text("objective: 'rank:weak@mixed33'\n", encoding="utf-8")
    with pytest.raises(DreamvidError, match="no layer 'mixed33'"):
        check_preset(path)
