"""What an objective says of feature maps: checks, values, and that ascent raises every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.settings import AscentSettings, ModelSettings, OctaveSettings, RunSettings
from dreamvid.engine.dreamer import DreamEngine
from dreamvid.engine.network import load_network
from dreamvid.engine.objectives import BoundObjective, balance_channels
from dreamvid.engine.runtime import keras, tf
from dreamvid.engine.weight_files import randomize_weights
from dreamvid.errors import ObjectiveError
from dreamvid.objective import Objective, channel, class_logit, guide, layer, neuron, parse

if TYPE_CHECKING:
    from dreamvid.engine.network import Network
    from dreamvid.types import RGB

layers = keras.layers
STRIPES = np.tile(np.array([[[0.9, 0.1, 0.1]], [[0.1, 0.9, 0.2]]], np.float32).repeat(4, 0), (8, 64, 1))

KINDS = {
    "layer": layer("deep"),
    "layer, mean": layer("low", reduce="mean"),
    "channel": channel("deep", 6),
    "channel, mean": channel("mid", 5, reduce="mean"),
    "neuron": neuron("deep", 4, x=0.3, y=0.7),
    "class": class_logit(2),
    "guide": guide(STRIPES, "deep"),
    "repelled layer": -1.0 * layer("mid"),
    "repelled class": -class_logit(1),
    "sum": 0.5 * layer("low") + channel("deep", 1) - 0.2 * channel("mid", 2),
}


def make_engine(network: Network, objective: Objective, *, tile: Any = "off", jitter: int = 0) -> DreamEngine:
    return DreamEngine(
        network,
        objective,
        octaves=OctaveSettings(count=1),
        ascent=AscentSettings(steps=6, step_size=0.004, jitter=jitter, smoothing=0.0),
        run=RunSettings(tile=tile),
    )


def assert_ascends(network: Network, objective: Objective, photo: RGB, *, tile: int | str = "off") -> None:
    """Assert that a dream scores higher by its own objective than the picture that it started from."""
    engine = make_engine(network, objective, tile=tile)
    before, after = engine.score(photo), engine.score(engine.dream(photo))
    assert after > before + 0.05 * abs(before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tile", ["off", 64])
def test_every_kind_raises_its_own_score(toy: Network, photo: RGB, kind: str, tile: int | str) -> None:
    assert_ascends(toy, KINDS[kind], photo, tile=tile)


@pytest.mark.parametrize("text", ["mixed5", "mixed3#{loudest}@0.5/0.5", "class:17"])
def test_the_embedded_network_raises_every_kind(dreamnet: Network, photo: RGB, text: str) -> None:
    picture = photo[:96, :128]
    (feature,) = dreamnet.extractor(("mixed3",))(picture[None])
    rows, columns = np.shape(feature)[1:3]
    loudest = int(np.argmax(np.asarray(feature)[0, rows // 2, columns // 2]))  # a silent one has no gradient
    assert_ascends(dreamnet, parse(text.format(loudest=loudest)), picture)


@pytest.mark.parametrize("kind", KINDS)
def test_a_score_does_not_depend_on_tiles(toy: Network, photo: RGB, kind: str) -> None:
    whole = make_engine(toy, KINDS[kind]).score(photo)
    tiled = make_engine(toy, KINDS[kind], tile=64).score(photo)
    assert tiled == pytest.approx(whole, rel=0.05)  # tiled, a border sees the opposite one


FEATURES = np.random.default_rng(2).random((2, 5, 6, 4)).astype(np.float32) * [1.0, 2.0, 8.0, 0.0]


def test_without_variety_channels_stay_as_they_are() -> None:
    features = tf.constant(FEATURES, tf.float32)
    assert np.array_equal(balance_channels(features, tf.constant(0.0)), features)


def test_variety_brings_channels_closer_and_keeps_their_sum() -> None:
    balanced = balance_channels(tf.constant(FEATURES, tf.float32), tf.constant(1.0)).numpy()
    before, after = (np.square(values).mean((1, 2)) for values in (FEATURES, balanced))
    assert (after.max(-1) < 0.6 * before.max(-1)).all()
    assert np.allclose(after.sum(-1), before.sum(-1), rtol=1e-4)
    assert (np.argsort(after) == np.argsort(before)).all() or after[..., 3].max() == 0.0


def test_silent_layers_stay_silent_with_variety() -> None:
    assert not balance_channels(tf.zeros((1, 4, 4, 3)), tf.constant(1.0)).numpy().any()


def test_variety_lets_more_channels_grow(dreamnet: Network, photo: RGB) -> None:
    def largest_share(variety: float) -> float:
        engine = DreamEngine(
            dreamnet,
            layer("mixed5"),
            octaves=OctaveSettings(count=2),
            ascent=AscentSettings(steps=8, variety=variety),
            run=RunSettings(tile="off"),
        )
        extractor = dreamnet.extractor(("mixed5",))
        before, after = (
            np.square(np.asarray(extractor(picture[None])[0])).mean((0, 1, 2))
            for picture in (photo, engine.dream(photo))
        )
        grown = np.maximum(after - before, 0.0)
        return float(grown.max() / grown.sum())

    assert largest_share(1.0) < 0.8 * largest_share(0.0)


HEADS = {
    "flatten": [layers.Flatten(), layers.Dense(16, activation="swish", name="hidden")],
    "flatten, dropout": [
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(16, name="hidden"),
        layers.BatchNormalization(),
        layers.ReLU(),
    ],
    "flatten, other activation": [layers.Flatten(), layers.Dense(16, name="hidden"), layers.ELU()],
    "reshape": [layers.Reshape((-1,)), layers.Dense(16, activation="swish", name="hidden")],
    "mean": [layers.GlobalAveragePooling2D(), layers.Dense(16, activation="swish", name="hidden")],
    "mean, kept": [
        layers.GlobalAveragePooling2D(keepdims=True),
        layers.Flatten(),
        layers.Dense(16, name="hidden"),
    ],
}
HIDDEN = {
    "layer": layer("hidden"),
    "channel": channel("hidden", 3),
    "neuron": neuron("hidden", 3),
    "guide": guide(STRIPES, "hidden"),
    "sum": parse("mean(hidden#2), conv:0.1"),
}


@pytest.fixture(scope="session", params=HEADS)
def headed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Return a network for 64 x 64 px with hidden dense units before its classes."""
    value = keras.Input((64, 64, 3))
    x = layers.Conv2D(8, 3, strides=2, activation="swish", name="conv")(value)
    x = layers.MaxPooling2D(4)(layers.Conv2D(12, 3, strides=2, activation="swish")(x))
    for head in HEADS[request.param]:
        x = type(head).from_config(head.get_config())(x)
    model = keras.Model(value, layers.Dense(4, activation="softmax")(x))
    randomize_weights(model)
    path = tmp_path_factory.mktemp("headed") / "net.keras"
    model.save(path)
    return load_network(ModelSettings(name=str(path), input_range="-1,1"))


@pytest.mark.parametrize("size", [(64, 64), (120, 152)])
def test_hidden_dense_layers_ascend_at_any_size(headed: Network, photo: RGB, size: tuple[int, int]) -> None:
    assert headed.layer("hidden").channels == 16
    assert_ascends(headed, layer("hidden"), photo[: size[0], : size[1]])


@pytest.mark.parametrize("kind", HIDDEN)
@pytest.mark.parametrize("headed", ["flatten", "mean"], indirect=True)
def test_every_kind_raises_the_score_of_a_hidden_dense_layer(headed: Network, photo: RGB, kind: str) -> None:
    assert_ascends(headed, HIDDEN[kind], photo[:96, :96], tile=64)


@pytest.mark.parametrize("headed", ["mean", "flatten, other activation"], indirect=True)
def test_a_hidden_dense_layer_scores_its_own_mean(headed: Network, photo: RGB) -> None:
    picture = photo[:64, :64]
    values = np.asarray(headed.extractor(("hidden",))(picture[None])[0])
    assert values.shape == (1, 1, 1, 16)
    score = make_engine(headed, layer("hidden")).score(picture)
    assert score == pytest.approx(np.square(values).mean(), rel=0.1)  # with the margin around the picture
    score = make_engine(headed, channel("hidden", 3, reduce="mean")).score(picture)
    assert score == pytest.approx(values[..., 3].item(), rel=0.1)


def test_scores_are_means_over_the_picture(toy: Network, photo: RGB) -> None:
    (feature,) = toy.extractor(("deep",))(photo[None])
    values = np.asarray(feature)[0]
    assert make_engine(toy, layer("deep")).score(photo) == pytest.approx(np.square(values).mean(), rel=1e-4)
    assert make_engine(toy, channel("deep", 3, reduce="mean")).score(photo) == pytest.approx(
        values[..., 3].mean(), rel=1e-4
    )
    assert make_engine(toy, neuron("deep", 4, x=0.3, y=0.7)).score(photo) == pytest.approx(
        values[int(0.7 * 192) // 4, int(0.3 * 256) // 4, 4] ** 2, rel=1e-4
    )


def test_a_class_scores_its_logit(toy: Network, photo: RGB) -> None:
    (logits,) = toy.extractor(("logits",))(photo[None])
    expected = np.asarray(logits)[..., 2].mean()
    assert make_engine(toy, class_logit(2)).score(photo) == pytest.approx(expected, rel=1e-4)


def test_a_guide_matches_each_position_to_its_best_feature(toy: Network, photo: RGB) -> None:
    extractor = toy.extractor(("deep",))
    seen = np.asarray(extractor(photo[None])[0]).reshape(-1, 12)
    shown = np.asarray(extractor(STRIPES[None])[0]).reshape(-1, 12)
    expected = (seen @ shown.T).max(axis=1).mean() / 12
    assert make_engine(toy, guide(STRIPES, "deep")).score(photo) == pytest.approx(expected, rel=1e-4)


def test_guides_named_by_path_are_looked_up(toy: Network) -> None:
    named = BoundObjective.bind(guide("stripes.png", "deep"), toy, {"stripes.png": STRIPES})
    given = BoundObjective.bind(guide(STRIPES, "deep"), toy, {})
    first, second = named.terms[0].guide, given.terms[0].guide
    assert first is not None
    assert second is not None
    assert np.array_equal(first, second)


def test_layers_are_asked_for_once(toy: Network) -> None:
    bound = BoundObjective.bind(parse("low, deep#1, low#2:-1, deep"), toy, {})
    assert bound.outputs == ("low", "deep")
    assert bound.weights.tolist() == [1.0, 1.0, -1.0, 1.0]


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (parse("depe"), "did you mean 'deep'"),
        (parse("deep#12"), "no channel 12"),
        (parse("class:5"), "class:5"),
        (guide("absent.png", "deep"), "'absent.png' was not given"),
        (guide(np.zeros((4, 4), np.float32), "deep"), "has shape"),
        (Objective(()), "objective is empty"),
    ],
)
def test_what_the_network_lacks_is_one_line(toy: Network, objective: Objective, message: str) -> None:
    with pytest.raises(ObjectiveError, match=message) as caught:
        make_engine(toy, objective)
    assert "\n" not in str(caught.value)
