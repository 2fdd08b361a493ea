"""Accentuation: the photograph is kept, and what the network sees in it is strengthened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.settings import AscentSettings, OctaveSettings, RunSettings
from dreamvid.engine.accentuation import AccentuationEngine
from dreamvid.engine.dreamer import DreamEngine
from dreamvid.objective import parse

if TYPE_CHECKING:
    from dreamvid.engine.network import Network
    from dreamvid.types import RGB


def engine(network: Network, kind: type[DreamEngine] = AccentuationEngine, **run: Any) -> DreamEngine:
    settings: dict[str, Any] = {"octaves": OctaveSettings(count=3), "ascent": AscentSettings()}
    return kind(network, parse("deep"), run=RunSettings(**run), **settings)


def test_the_objective_rises_and_the_photograph_stays(toy: Network, photo: RGB) -> None:
    accentuated = engine(toy).dream(photo)
    score = engine(toy).score
    assert score(accentuated) > 1.05 * score(photo)
    assert np.corrcoef(accentuated.ravel(), photo.ravel())[0, 1] > 0.9
    assert accentuated.shape == photo.shape
    assert accentuated.dtype == np.float32
    assert accentuated.min() >= 0.0
    assert accentuated.max() <= 1.0


def test_the_same_picture_gives_the_same_bits(toy: Network, photo: RGB) -> None:
    assert np.array_equal(engine(toy).dream(photo), engine(toy).dream(photo))


def test_tiles_raise_the_objective_as_the_whole_does(toy: Network, photo: RGB) -> None:
    whole, tiled = engine(toy).dream(photo), engine(toy, tile=64).dream(photo)
    score = engine(toy).score
    assert score(tiled) == pytest.approx(score(whole), rel=0.02)


def test_steps_of_zero_leave_the_picture_as_it_is(toy: Network, photo: RGB) -> None:
    assert np.array_equal(engine(toy).dream(photo, steps=0), photo)


def test_nothing_to_accentuate_is_said(
    silent_toy: Network, photo: RGB, caplog: pytest.LogCaptureFixture
) -> None:
    assert np.allclose(engine(silent_toy).dream(photo), photo, atol=1e-6)
    assert "no gradient on this picture" in caplog.text


def test_frames_of_videos_are_dreamed_as_usual(toy: Network, photo: RGB) -> None:
    detail = np.zeros_like(photo)
    assert np.array_equal(
        engine(toy).dream(photo, detail=detail), engine(toy, DreamEngine).dream(photo, detail=detail)
    )
