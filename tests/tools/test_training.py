from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest
from keras import layers

from dreamnet.learner import make_learner
from dreamnet.network import FusedBatchNormalization
from dreamnet.photographs import Batch, read_shards
from dreamnet.recipe import EmbeddedSettings, OneCycle, Phase
from dreamnet.training import train

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = EmbeddedSettings(
    phases=(
        Phase("plain", sides=(8, 16, 16), peak=0.05),
        Phase("robust", sides=(16, 16), peak=0.02, radius=2.0, attack_steps=2),
    ),
    batch=8,
)


class Cut(Exception):  # noqa: N818  stands for a power failure
    pass


def small_network() -> keras.Model:
    keras.utils.set_random_seed(3)
    picture = layers.Input((None, None, 3))
    value = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(picture)
    value = layers.Activation("relu")(FusedBatchNormalization(momentum=0.8)(value))
    return keras.Model(picture, layers.Dense(2)(layers.GlobalAveragePooling2D()(value)))


def run(shards: Path, folder: Path, stop_after: int = 99) -> tuple[keras.Model, list[Any]]:
    network = small_network()
    seen: list[Any] = []

    def report(record: Any) -> None:
        seen.append(record)
        if len(seen) == stop_after:
            raise Cut

    train(
        network,
        RECIPE,
        read_shards(shards, "train_*.npz"),
        read_shards(shards, "val_*.npz"),
        folder,
        report=report,
    )
    return network, seen


def test_training_learns_what_tells_the_classes_apart(shards: Path, tmp_path: Path) -> None:
    _, records = run(shards, tmp_path)
    assert [record["phase"] for record in records] == ["plain"] * 3 + ["robust"] * 2
    assert [record["side"] for record in records] == [8, 16, 16, 16, 16]
    assert records[-1]["validation_top1"] > 0.9
    assert (tmp_path / "plain.weights.h5").exists()
    assert (tmp_path / "robust.weights.h5").exists()


@pytest.mark.parametrize("stop_after", [1, 3, 4])
def test_a_training_that_was_cut_ends_as_if_it_never_had_been(
    shards: Path, tmp_path: Path, stop_after: int
) -> None:
    whole, records = run(shards, tmp_path / "whole")
    with pytest.raises(Cut):
        run(shards, tmp_path / "cut", stop_after)
    resumed, rest = run(shards, tmp_path / "cut")
    assert len(rest) == 5 - stop_after
    for one, two in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        assert np.array_equal(one, two)
    assert [r["loss"] for r in rest] == [r["loss"] for r in records[stop_after:]]


def test_a_training_that_is_done_is_not_done_again(shards: Path, tmp_path: Path) -> None:
    first, _ = run(shards, tmp_path)
    again, records = run(shards, tmp_path)
    assert records == []
    for one, two in zip(first.get_weights(), again.get_weights(), strict=True):
        assert np.array_equal(one, two)


def test_a_checkpoint_is_replaced_whole(shards: Path, tmp_path: Path) -> None:
    run(shards, tmp_path)
    assert not list(tmp_path.glob("*.part"))
    with np.load(tmp_path / "checkpoint.npz") as saved:
        assert len(json.loads(str(saved["progress"]))["records"]) == 5


@pytest.mark.parametrize("steps", [1, 3])
def test_changed_pictures_stay_within_the_ball_and_are_harder(steps: int) -> None:
    network = small_network()
    network.layers[-1].kernel.assign(20.0 * network.layers[-1].kernel)
    phase = Phase("robust", sides=(32,), peak=0.0, radius=2.0, attack_steps=steps)
    learner: Any = make_learner(network, keras.optimizers.SGD(0.0), phase, RECIPE)
    rng = np.random.default_rng(0)
    pictures = rng.uniform(-1, 1, (16, 32, 32, 3)).astype(np.float32)
    noise = rng.standard_normal(pictures.shape, np.float32)
    labels = rng.integers(0, 2, 16).astype(np.int32)
    change = np.asarray(learner._attack(pictures, labels, noise))
    lengths = np.sqrt((change**2).sum(axis=(1, 2, 3)))
    assert lengths.max() <= 1.0 + 1e-4  # half the side, half the radius
    assert lengths.min() > 0.9
    before = float(learner.scores(network(pictures), labels).loss)
    after = float(learner.scores(network(pictures + change), labels).loss)
    random = change[:, ::-1, ::-1]
    assert after > before + 0.02
    assert after > float(learner.scores(network(pictures + random), labels).loss) + 0.02


def test_a_plain_phase_changes_no_picture() -> None:
    network = small_network()
    phase = Phase("plain", sides=(16,), peak=0.0)
    learner = make_learner(network, keras.optimizers.SGD(0.0), phase, RECIPE)
    pictures = np.random.default_rng(0).uniform(-1, 1, (8, 16, 16, 3)).astype(np.float32)
    labels = np.zeros(8, np.int32)
    expected = learner.scores(network(pictures, training=True), labels).loss  # type: ignore[attr-defined]  # shared base
    assert float(learner.learn(Batch(pictures, labels, None)).loss) == pytest.approx(
        float(expected), rel=1e-5
    )


def test_the_learning_rate_rises_to_its_peak_and_falls_to_almost_nothing() -> None:
    cycle = OneCycle(peak=0.4, steps=1000, warm_up=0.2)
    rates = [float(cycle(step)) for step in range(1001)]
    assert rates[0] == pytest.approx(0.02)
    assert int(np.argmax(rates)) == 200
    assert max(rates) == pytest.approx(0.4, rel=0.01)
    assert rates[1000] == pytest.approx(0.0, abs=1e-6)
    assert all(np.diff(rates[:200]) > 0)
    assert all(np.diff(rates[201:]) < 0)
