"""Feature visualization: pictures of channels and classes, made in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.settings import AscentSettings, ModelSettings, OctaveSettings, RunSettings
from dreamvid.config.visualization import VisualizationSettings
from dreamvid.engine import unit_dreams
from dreamvid.engine.dreamer import DreamEngine
from dreamvid.engine.network import load_network
from dreamvid.engine.runtime import keras
from dreamvid.engine.visualizer import FeatureVisualizer
from dreamvid.errors import ObjectiveError
from dreamvid.objective import parse
from dreamvid.types import Size
from tests.engine.conftest import make_toy

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.engine.network import Network
    from dreamvid.types import RGB

SMALL: dict[str, Any] = {"size": 40, "steps": 12, "jitter": 3}


def visualizer(network: Network, output: str = "deep", **settings: Any) -> FeatureVisualizer:
    return FeatureVisualizer(network, output, VisualizationSettings(**(SMALL | settings)))


@pytest.mark.parametrize("output", ["mid", "deep", "logits"])
@pytest.mark.parametrize("parameterization", ["fourier", "maco", "pixels"])
def test_each_unit_is_excited_by_its_own_picture_most(
    toy: Network, output: str, parameterization: str
) -> None:
    units = [0, 1, 2, 3]
    made = visualizer(toy, output, parameterization=parameterization).visualize(units)
    features = (
        toy.extractor((output,))(np.stack([each.picture for each in made]))[0].numpy().mean(axis=(1, 2))
    )
    for index, each in enumerate(made):
        assert each.reason == ""
        assert each.score > each.start_score
        assert each.score == pytest.approx(features[index, units[index]], abs=1e-3)


def test_pictures_are_rgb_in_range_and_alpha_too(toy: Network) -> None:
    (made,) = visualizer(toy).visualize([3])
    assert made.picture.shape == (40, 40, 3)
    assert made.alpha.shape == (40, 40)
    for values in (made.picture, made.alpha):
        assert values.dtype == np.float32
        assert 0.0 <= values.min() < values.max() <= 1.0


def test_the_same_seed_gives_the_same_bits_and_another_does_not(toy: Network) -> None:
    first, again, other = (visualizer(toy, seed=seed).visualize([1, 5])[1].picture for seed in (4, 4, 5))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other, atol=0.05)


def test_a_units_picture_does_not_depend_on_the_others(toy: Network) -> None:
    alone = visualizer(toy).visualize([5])[0]
    among = visualizer(toy).visualize([0, 9, 5, 2])[2]
    assert among.score == pytest.approx(alone.score, rel=1e-3)
    assert np.abs(among.picture - alone.picture).mean() < 1e-3


def test_a_unit_given_twice_gets_two_pictures(toy: Network) -> None:
    first, second = visualizer(toy).visualize([2, 2])
    assert np.abs(first.picture - second.picture).mean() > 0.05


def test_diversity_makes_pictures_of_one_unit_less_alike(toy: Network) -> None:
    alike, apart = (
        [each.picture for each in visualizer(toy, diversity=weight, steps=32).visualize([2, 2, 2])]
        for weight in (0.0, 10.0)
    )
    assert mean_gram_cosine(toy, apart) < mean_gram_cosine(toy, alike)


def mean_gram_cosine(network: Network, pictures: list[RGB]) -> float:
    features = network.extractor(("deep",))(np.stack(pictures))[0].numpy().reshape(len(pictures), -1, 12)
    gram = np.einsum("npc,npd->ncd", features, features).reshape(len(pictures), -1)
    gram /= np.linalg.norm(gram, axis=-1, keepdims=True)
    return float(np.mean((gram @ gram.T)[~np.eye(len(pictures), dtype=bool)]))


def test_a_negative_weight_inhibits_a_channel(toy: Network) -> None:
    excited, inhibited = visualizer(toy, "logits").visualize([1, {1: -1.0}])
    assert inhibited.reason == ""
    assert -inhibited.score < excited.start_score < excited.score


def test_one_picture_can_excite_two_channels(toy: Network) -> None:
    joint, single = visualizer(toy, "logits").visualize([{1: 1.0, 3: 1.0}, 1])
    features = toy.extractor(("logits",))(np.stack([joint.picture, single.picture]))[0].numpy()[:, 0, 0]
    assert features[0, 3] > features[1, 3]
    assert joint.score == pytest.approx(features[0, 1] + features[0, 3], abs=1e-3)


def test_a_unit_that_nothing_excites_says_so(silent_toy: Network) -> None:
    made = visualizer(silent_toy).visualize([0])[0]
    assert made.attempts == 4
    assert made.reason.startswith("no gradient: ")
    assert made.alpha.max() == 0.0


def test_channels_out_of_range_are_refused(toy: Network) -> None:
    with pytest.raises(ObjectiveError, match=r"has 12 channels in 'deep', 0 to 11; there is no 12"):
        visualizer(toy).visualize([12])
    with pytest.raises(ObjectiveError, match=r"has 5 classes, 0 to 4; there is no 5"):
        visualizer(toy, "logits").visualize([5])


@pytest.mark.parametrize("output", ["deep", "logits"])
def test_a_given_picture_is_dreamed_as_the_dream_core_dreams_it(
    toy: Network, photo: RGB, output: str
) -> None:
    dreamed = visualizer(toy, output).visualize([3, 1], image=photo)[1]
    objective = parse("class:1" if output == "logits" else "deep#1")
    engine = DreamEngine(
        toy, objective, octaves=OctaveSettings(), ascent=AscentSettings(), run=RunSettings(seed=0)
    )
    assert np.abs(dreamed.picture - engine.dream(photo)).max() < 0.02
    assert dreamed.start_score == pytest.approx(engine.score(photo), rel=1e-4)
    assert dreamed.score == pytest.approx(engine.score(dreamed.picture), rel=1e-4)
    assert dreamed.alpha.shape == photo.shape[:2]


def test_pictures_beyond_one_window_are_dreamed_too(
    toy: Network, photo: RGB, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = visualizer(toy).visualize([1], image=photo)[0]
    monkeypatch.setattr(unit_dreams, "window_budget", lambda *_: 128 * 128)
    tiled = visualizer(toy).visualize([1], image=photo)[0]
    assert tiled.score == pytest.approx(whole.score, rel=0.1)


def test_a_picture_that_does_not_activate_a_unit_comes_back_with_the_reason(
    silent_toy: Network, photo: RGB
) -> None:
    made = visualizer(silent_toy).visualize([0], image=photo)[0]
    assert made.reason == "no gradient: nothing in the picture activates it"
    assert np.array_equal(made.picture, photo)


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
@pytest.mark.parametrize("parameterization", ["fourier", "maco", "pixels"])
def test_networks_of_any_channel_count_are_shown_in_color_or_gray(
    tmp_path: Path, channels: int, parameterization: str
) -> None:
    network = make_toy(tmp_path / "toy.keras", channels=channels)
    (made,) = visualizer(network, parameterization=parameterization).visualize([3])
    assert made.reason == ""
    assert made.picture.shape == (40, 40, 3)
    assert made.picture.min() >= 0.0
    assert made.picture.max() <= 1.0
    is_gray = np.array_equal(made.picture[..., 0], made.picture[..., 1])
    assert is_gray == (channels == 1)


def test_networks_of_one_size_are_shown_at_the_size_asked_for(tmp_path: Path) -> None:
    value = keras.Input((24, 32, 3))
    maps = keras.layers.Reshape((12, 64, 3))(value)
    keras.Model(value, keras.layers.Conv2D(4, 3, name="bound")(maps)).save(tmp_path / "fixed.keras")
    network = load_network(ModelSettings(name=str(tmp_path / "fixed.keras"), input_range="0,1"))
    assert network.fixed_size == Size(24, 32)
    (made,) = visualizer(network, "bound").visualize([3])
    assert made.reason == ""
    assert made.picture.shape == (40, 40, 3)
