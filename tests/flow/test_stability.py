from __future__ import annotations

import json
import math
import weakref
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from dreamvid.errors import SettingsError
from dreamvid.flow.stability import StabilityMeter
from dreamvid.flow.warp import warp

if TYPE_CHECKING:
    from collections.abc import Callable

    from dreamvid.flow.stability_report import Drift, LagFigures, Report
    from dreamvid.types import RGB

HEIGHT, WIDTH, FRAMES = 72, 112, 12
Clip = list["RGB"]


@cache
def texture(seed: int = 4) -> RGB:
    """Blobs of all sizes, as in a photograph."""
    rng = np.random.default_rng(seed)
    layers = [blurred(rng, sigma) * 0.08 for sigma in (1.2, 2.5, 5, 10, 20)]
    return np.asarray(np.clip(0.5 + np.sum(layers, axis=0), 0.2, 0.7), np.float32)


@cache
def smooth_noise(seed: int, rms: float) -> RGB:
    return np.asarray(rms * blurred(np.random.default_rng(seed), 1.5), np.float32)


def blurred(rng: np.random.Generator, sigma: float) -> RGB:
    noise = cv2.GaussianBlur(rng.standard_normal((192, 256, 3)), (0, 0), sigma)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)), np.float32)


def window(picture: RGB, index: int, speed: int = 2) -> RGB:
    """What a camera that moves by ``speed`` px a frame sees of a picture."""
    left = 20 + index * speed
    return np.ascontiguousarray(picture[30 : 30 + HEIGHT, left : left + WIDTH])


def still(index: int) -> RGB:
    return window(texture(), index, 0)


def panned(index: int) -> RGB:
    return window(texture(), index)


def measure(source: Clip, dreamed: Clip) -> Report:
    meter = StabilityMeter()
    for one, other in zip(source, dreamed, strict=True):
        meter.add(one, other)
    return meter.report()


def clip(frame: Callable[[int], RGB], frames: int = FRAMES) -> Clip:
    return [frame(index) for index in range(frames)]


def one_lag(report: Report, lag: int = 1) -> LagFigures:
    return next(figures for figures in report.lags if figures.lag == lag)


def values(figures: LagFigures) -> tuple[float, float, float]:
    assert figures.flicker is not None
    assert figures.flicker_advected is not None
    assert figures.visible is not None
    return figures.flicker, figures.flicker_advected, figures.visible


def quarter(drift: Drift, index: int) -> float:
    value = drift.dreamed[index]
    assert value is not None
    return value


def test_a_still_dream_of_a_still_clip_does_not_flicker() -> None:
    detail = window(smooth_noise(1, 0.05), 0, 0)
    report = measure(clip(still), [frame + detail for frame in clip(still)])
    for lag in (1, 8):
        flicker, advected, visible = values(one_lag(report, lag))
        assert abs(flicker) < 1e-3
        assert abs(advected) < 1e-3
        assert visible > 0.95
    assert report.dream_rms == pytest.approx(0.05, rel=0.1)
    assert report.cuts == ()


def test_detail_that_is_new_in_each_frame_scores_two() -> None:
    dreamed = [frame + window(smooth_noise(i, 0.05), 0, 0) for i, frame in enumerate(clip(still))]
    report = measure(clip(still), dreamed)
    for lag in (1, 8):
        flicker, advected, _ = values(one_lag(report, lag))
        assert flicker == pytest.approx(2.0, rel=0.05)
        assert abs(advected) < 0.01
    error = one_lag(report).error_dreamed
    assert error == pytest.approx(2 * report.dream_rms**2, rel=0.05)


def test_detail_that_moves_with_the_picture_scores_as_carried_detail_does() -> None:
    detail = smooth_noise(1, 0.05)
    dreamed = [frame + window(detail, i) for i, frame in enumerate(clip(panned))]
    figures = one_lag(measure(clip(panned), dreamed))
    flicker, advected, visible = values(figures)
    assert abs(flicker) < 0.05
    assert flicker == pytest.approx(advected, abs=0.02)
    assert visible > 0.85


def test_detail_that_does_not_move_with_the_picture_flickers() -> None:
    detail = window(smooth_noise(1, 0.05), 0)
    figures = one_lag(measure(clip(panned), [frame + detail for frame in clip(panned)]))
    flicker, advected, _ = values(figures)
    assert flicker > 0.5
    assert advected < 0.1
    assert figures.ratio is not None
    assert figures.ratio > 5


def test_a_weak_dream_scores_no_better_than_a_strong_one() -> None:
    scores = []
    for rms in (0.02, 0.06):
        dreamed = [frame + window(smooth_noise(i, rms), 0, 0) for i, frame in enumerate(clip(still))]
        scores.append(values(one_lag(measure(clip(still), dreamed)))[0])
    assert scores[0] == pytest.approx(scores[1], rel=0.02)


def test_carried_detail_is_the_first_frames_along_the_renderers_flow() -> None:
    class Two:
        """Finds that everything was two pixels further right."""

        def estimate(self, target: RGB, source: RGB) -> RGB:
            assert target.shape == source.shape
            return np.broadcast_to(np.array([2, 0], np.float32), (*target.shape[:2], 2)).copy()

    detail = window(smooth_noise(1, 0.05), 0)
    meter = StabilityMeter(advecting_estimator=Two())
    first, second = clip(panned, 2)
    meter.add(first, first + detail)
    figures = meter.add(second, second)
    carried = warp(detail, Two().estimate(second, first))
    assert figures.dreamed_square == 0
    assert figures.advected_square == pytest.approx(float(np.mean(np.square(carried))), rel=1e-4)


def test_ghosting_shows_in_flicker_growth_and_lost_detail() -> None:
    own = [frame + window(smooth_noise(1, 0.05), i) for i, frame in enumerate(clip(panned))]
    ghost = [own[0]]
    for frame in own[1:]:
        ghost.append(np.asarray(0.15 * frame + 0.85 * ghost[-1], np.float32))
    crisp, ghosted = measure(clip(panned), own), measure(clip(panned), ghost)
    assert values(one_lag(ghosted))[0] > 5 * abs(values(one_lag(crisp))[0]) + 0.1
    assert quarter(ghosted.dream_rms_drift, 3) > 1.2 * quarter(ghosted.dream_rms_drift, 0)
    assert quarter(ghosted.detail, 3) < 0.9 * quarter(ghosted.detail, 0)
    assert quarter(crisp.detail, 3) == pytest.approx(quarter(crisp.detail, 0), rel=0.1)


def test_a_dream_that_brightens_drifts_and_one_that_follows_its_source_does_not() -> None:
    brightening = [frame + np.float32(0.01 * i) for i, frame in enumerate(clip(still))]
    alone = measure(clip(still), brightening)
    second = float(np.mean(still(0) @ np.array([0.2126, 0.7152, 0.0722]))) + 0.04
    assert alone.brightness.change == pytest.approx(0.06 / second, rel=1e-3)
    assert alone.brightness.beyond_source == alone.brightness.change
    together = measure(brightening, brightening)
    assert together.brightness.change == pytest.approx(0.06 / second, rel=1e-3)
    assert together.brightness.beyond_source == pytest.approx(0, abs=1e-6)
    growth = alone.dream_rms_drift
    assert growth.source is None
    assert growth.change == pytest.approx(0.10 / 0.04 - 1, rel=1e-3)  # frames 9..11 against frames 3..5


def test_colors_that_grow_stronger_are_seen() -> None:
    gray = np.full((HEIGHT, WIDTH, 3), 0.5, np.float32)
    red = np.array([1, -0.5, -0.5], np.float32)
    dreamed = [gray + red * np.float32(0.02 * (i + 1)) for i in range(8)]
    drift = measure([gray] * 8, dreamed).saturation
    assert drift.dreamed == pytest.approx([0.045, 0.105, 0.165, 0.225], rel=1e-4)
    assert drift.source == pytest.approx([0, 0, 0, 0])


def test_nothing_is_compared_across_a_cut() -> None:
    other = [window(np.ascontiguousarray(1 - texture(9)[::-1]), i) for i in range(FRAMES)]
    first, second = smooth_noise(1, 0.05), smooth_noise(2, 0.05)
    source = [*clip(panned), *other]
    dreamed = [frame + window(first, i) for i, frame in enumerate(clip(panned))]
    dreamed += [frame + window(second, i) for i, frame in enumerate(other)]
    report = measure(source, dreamed)
    assert report.cuts == (FRAMES,)
    assert one_lag(report).pairs == 2 * (FRAMES - 1)
    assert one_lag(report, 8).pairs == 2 * (FRAMES - 8)
    flicker, advected, _ = values(one_lag(report))
    assert abs(flicker) < 0.05
    assert abs(advected) < 0.05
    assert report.series[FRAMES].advected_square == report.series[FRAMES].dreamed_square


def test_one_frame_has_no_pairs_and_no_drift() -> None:
    report = measure(clip(still, 1), [clip(still, 1)[0] + np.float32(0.1)])
    assert report.frames == 1
    assert report.dream_rms == pytest.approx(0.1, rel=1e-4)
    figures = one_lag(report)
    assert (figures.pairs, figures.visible, figures.flicker, figures.ratio) == (0, None, None, None)
    assert report.brightness.change is None
    assert report.detail.dreamed[1:] == (None, None, None)


def test_the_source_itself_has_no_flicker_index() -> None:
    report = measure(clip(panned), clip(panned))
    figures = one_lag(report)
    assert report.dream_rms == 0
    assert figures.error_dreamed == figures.error_source
    assert figures.flicker is None
    assert figures.flicker_advected is None
    assert report.dream_rms_drift.change is None


@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH, 3), (1, 1, 3), (3, 200, 3)], ids=str)
def test_black_frames_give_finite_figures(shape: tuple[int, int, int]) -> None:
    black = np.zeros(shape, np.float32)
    report = measure([black] * 10, [black] * 5 + [black + np.float32(0.2)] * 5)
    assert report.cuts == ()
    text = json.dumps(report.to_dict(), allow_nan=False)
    assert json.loads(text)["lags"][0]["pairs"] == 9


def test_flashes_and_fades_are_no_cuts() -> None:
    flash = clip(panned)
    flash[6] = np.asarray(0.3 * flash[6] + 0.7, np.float32)
    fade = [frame * np.float32(1 - i / FRAMES) for i, frame in enumerate(clip(panned))]
    for frames in (flash, fade):
        assert measure(frames, frames).cuts == ()


def test_a_shot_that_begins_after_black_starts_anew() -> None:
    black = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    detail = smooth_noise(1, 0.05)
    dreamed = [frame + window(detail, i) for i, frame in enumerate(clip(panned))]
    report = measure([black] * 4 + clip(panned), [black] * 4 + dreamed)
    assert report.cuts == (4,)
    flicker, advected, _ = values(one_lag(report))
    assert flicker == pytest.approx(advected, abs=0.02)


def test_only_the_last_frames_are_held() -> None:
    meter, held = StabilityMeter(), []
    for index in range(20):
        source, dreamed = panned(index), panned(index) + np.float32(0.01)
        held += [weakref.ref(source), weakref.ref(dreamed)]
        meter.add(source, dreamed)
        del source, dreamed
        assert sum(one() is not None for one in held) <= 2 * 8


def test_the_report_goes_through_json_unchanged() -> None:
    dreamed = [frame + window(smooth_noise(i, 0.05), 0, 0) for i, frame in enumerate(clip(still))]
    plain = measure(clip(still), dreamed).to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert {"frames", "dream_rms", "cuts", "lags", "drift"} <= set(plain)
    assert {"flicker", "flicker_advected", "ratio", "visible"} <= set(plain["lags"][0])


def test_errors_are_means_over_all_visible_pixels() -> None:
    report = measure(clip(panned), clip(panned))
    pairs = [pair for frame in report.series for pair in frame.pairs if pair.lag == 1]
    weight = math.fsum(pair.visible for pair in pairs)
    mean = math.fsum(pair.visible * pair.source for pair in pairs) / weight
    assert one_lag(report).error_source == pytest.approx(mean)


def test_frames_of_different_sizes_are_refused() -> None:
    meter = StabilityMeter()
    meter.add(still(0), still(0))
    for source, dreamed in ((still(1), still(1)[:-1]), (still(1)[:-1], still(1)[:-1])):
        with pytest.raises(SettingsError, match="one size"):
            meter.add(source, dreamed)


def test_no_frames_are_no_report() -> None:
    with pytest.raises(SettingsError, match="no frames"):
        StabilityMeter().report()
