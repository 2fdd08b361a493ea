"""Smoothing, normalization and penalties."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from dreamvid.config.settings import AscentSettings
from dreamvid.engine.gradient_filters import (
    GradientFilters,
    correlate_colors,
    filter_gradient,
    laplacian_normalize,
    normalize,
    penalty,
    precondition,
    smooth,
    total_variation_gradient,
)
from dreamvid.engine.runtime import tf

NOISE = np.random.default_rng(1).standard_normal((40, 57, 3)).astype(np.float32)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("settings", [{}, {"normalize": "std"}, {"laplacian": 3}, {"smoothing": 0.0}])
def test_treated_gradients_have_unit_size(scale: float, settings: dict[str, Any]) -> None:
    ascent = AscentSettings(**settings)
    treated = filter_gradient(tf.constant(NOISE * np.float32(scale)), GradientFilters.of(ascent))[0].numpy()
    size = np.abs(treated).mean() if ascent.normalize == "mean-abs" else treated.std()
    assert size == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("settings", [{}, {"normalize": "std"}, {"laplacian": 3}, {"smoothing": 2.0}])
def test_no_gradient_stays_none(settings: dict[str, Any]) -> None:
    treated = filter_gradient(tf.zeros((20, 30, 3)), GradientFilters.of(AscentSettings(**settings)))[
        0
    ].numpy()
    assert np.array_equal(treated, np.zeros((20, 30, 3)))


def test_entries_that_are_not_finite_count_as_zero() -> None:
    broken = NOISE.copy()
    broken[3, 4, 0], broken[5, 6, 1] = np.nan, np.inf
    treated, share = filter_gradient(tf.constant(broken), GradientFilters.of(AscentSettings(smoothing=0.0)))
    assert np.isfinite(treated).all()
    assert treated[3, 4, 0] == treated[5, 6, 1] == 0
    assert np.abs(treated).mean() == pytest.approx(1.0, rel=1e-3)
    assert float(share) == pytest.approx(2 / broken.size, rel=0.01)
    assert float(filter_gradient(tf.constant(NOISE), GradientFilters.of(AscentSettings()))[1]) == 0


def test_normalizing_divides_by_what_it_says() -> None:
    by_mean = normalize(tf.constant(NOISE), "mean-abs").numpy()
    by_deviation = normalize(tf.constant(NOISE), "std").numpy()
    assert np.allclose(by_mean, NOISE / np.abs(NOISE).mean(), rtol=1e-5)
    assert np.allclose(by_deviation, NOISE / NOISE.std(), rtol=1e-5)


def test_smoothing_keeps_flat_fields_and_calms_noise() -> None:
    assert np.allclose(smooth(tf.fill((9, 11, 3), 0.7), 1.0).numpy(), 0.7, atol=1e-6)
    calmed = [smooth(tf.constant(NOISE), sigma).numpy().std() for sigma in (0.5, 1.0, 2.0)]
    assert NOISE.std() > calmed[0] > calmed[1] > calmed[2]


def test_smoothing_is_the_mean_of_three_gaussians() -> None:
    impulse = np.zeros((65, 65, 3), np.float32)
    impulse[32, 32] = 1
    row = smooth(tf.constant(impulse), 4.0).numpy()[..., 0].sum(0)
    variance = (row * (np.arange(65) - 32) ** 2).sum() / row.sum()
    assert variance == pytest.approx((4 + 16 + 64) / 3, rel=0.05)


def test_laplacian_normalization_evens_the_bands() -> None:
    coarse = np.repeat(np.repeat(NOISE[:10, :14], 8, 0), 8, 1)
    fine = np.random.default_rng(2).standard_normal(coarse.shape).astype(np.float32)

    def share(field: Any) -> float:
        """Return the share of a field's energy below a quarter of its resolution."""
        power = np.abs(np.fft.fft2(field, axes=(0, 1))) ** 2
        low = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in field.shape[:2]), indexing="ij")) < 1 / 8
        return float(power[low].sum() / power.sum())

    mixed = fine + 0.05 * coarse
    assert share(laplacian_normalize(tf.constant(mixed), 3).numpy()) > 2 * share(mixed)
    assert laplacian_normalize(tf.constant(mixed), 3).shape == mixed.shape


def _chroma_over_luma(picture: np.ndarray) -> float:
    luma = picture @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    return float(np.sqrt(np.mean((picture - luma[..., None]) ** 2) / np.mean(luma**2)))


def test_natural_color_brings_colors_together() -> None:
    ratios = [
        _chroma_over_luma(correlate_colors(tf.constant(NOISE), share).numpy()) for share in (0.0, 0.5, 1.0)
    ]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] > 1.0
    assert ratios[2] < 0.25
    np.testing.assert_allclose(correlate_colors(tf.constant(NOISE), 0.0), NOISE, rtol=1e-6)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_preconditioning_weighs_each_octave_by_one_over_frequency(exponent: float) -> None:
    columns = np.arange(512, dtype=np.float32)
    strengths = []
    for wavelength in (8, 16, 32, 64):
        wave = np.sin(2 * np.pi * columns / wavelength)[None, :, None] * np.ones((128, 1, 3), np.float32)
        strengths.append(
            float(precondition(tf.constant(wave, tf.float32), exponent).numpy()[32:-32, 128:-128].std())
        )
    for fine, coarse in itertools.pairwise(strengths):
        assert coarse / fine == pytest.approx(2**exponent, rel=0.15)


def test_preconditioning_joins_no_border_to_the_opposite_one() -> None:
    gradient = np.zeros((96, 160, 3), np.float32)
    gradient[:, :4] = 1.0
    result = precondition(tf.constant(gradient), 1.0).numpy()
    assert abs(result[:, -8:]).max() < 0.02 * result[:, :8].max()


@pytest.mark.parametrize("settings", [{"color": 1.0}, {"frequency_exponent": 1.0}])
def test_colored_and_preconditioned_gradients_have_unit_size(settings: dict[str, float]) -> None:
    filters = GradientFilters.of(AscentSettings())
    result = filter_gradient(tf.constant(NOISE), filters, **settings)[0].numpy()
    assert np.abs(result).mean() == pytest.approx(1.0, rel=1e-3)
    assert not filter_gradient(tf.zeros((20, 30, 3)), filters, **settings)[0].numpy().any()


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (2, 3, 3)])
def test_tiny_gradients_are_treated_too(shape: tuple[int, int, int]) -> None:
    filters = GradientFilters.of(AscentSettings(smoothing=3.0, laplacian=5))
    treated, _ = filter_gradient(tf.constant(NOISE[: shape[0], : shape[1]]), filters)
    assert treated.shape == shape
    assert np.isfinite(treated.numpy()).all()


def test_the_total_variation_gradient_is_that_of_its_formula() -> None:
    detail = tf.constant(0.05 * NOISE)
    with tf.GradientTape() as tape:
        tape.watch(detail)
        right = tf.pad(detail[:, 1:] - detail[:, :-1], [[0, 0], [0, 1], [0, 0]])
        down = tf.pad(detail[1:] - detail[:-1], [[0, 1], [0, 0], [0, 0]])
        total = tf.reduce_sum(tf.sqrt(right**2 + down**2 + (1 / 255) ** 2))
    expected = tape.gradient(total, detail)
    assert np.allclose(total_variation_gradient(detail).numpy(), expected.numpy(), atol=1e-4)


def test_penalties_weigh_as_told() -> None:
    detail = tf.constant(0.05 * NOISE)
    assert not penalty(detail, tf.constant(0.0), tf.constant(0.0)).numpy().any()
    pulled = penalty(detail, tf.constant(2.0), tf.constant(3.0)).numpy()
    expected = 2 * total_variation_gradient(detail).numpy() + 3 * detail.numpy()
    assert np.allclose(pulled, expected, atol=1e-5)
