"""Architectures and kinds of objectives that are added from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.settings import AscentSettings, ModelSettings, OctaveSettings, RunSettings
from dreamvid.engine import architectures
from dreamvid.engine.architectures import ModelEntry, known_models, register_architecture
from dreamvid.engine.dreamer import DreamEngine
from dreamvid.engine.network import load_network
from dreamvid.engine.objectives import BoundTerm, activation, mean_over_picture, objective_value
from dreamvid.engine.runtime import keras, tf
from dreamvid.errors import ModelError
from dreamvid.objective import KINDS, TermKind, parse, register_kind

if TYPE_CHECKING:
    from dreamvid.engine.network import Network
    from dreamvid.engine.tiling import WindowBatch
    from dreamvid.types import RGB


def tiny(*, weights: None, include_top: bool, input_shape: tuple[None, None, int] = (None, None, 3)) -> Any:  # noqa: ARG001  the signature of keras.applications
    picture: Any = keras.Input(input_shape)
    x = keras.layers.Conv2D(8, 3, 2, padding="same", activation="relu", name="one")(picture)
    return keras.Model(picture, keras.layers.Conv2D(8, 3, 2, padding="same", name="two")(x))


ENTRY = ModelEntry("tiny-net", "Tiny", tiny, "tf", "two", ("one", "two"), 0, 0.1, "for this test")


def dream(network: Network, objective: str, picture: RGB) -> tuple[RGB, DreamEngine]:
    engine = DreamEngine(
        network,
        parse(objective),
        octaves=OctaveSettings(count=2),
        ascent=AscentSettings(steps=4, step_size=0.02),
        run=RunSettings(),
    )
    return engine.dream(picture), engine


def test_an_architecture_is_one_entry(photo: RGB, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(architectures, "_ENTRIES", [*known_models()])
    register_architecture(ENTRY)
    with pytest.raises(ModelError, match="known already"):
        register_architecture(ENTRY)
    network = load_network(ModelSettings(name="TinyNet"), seed_weights=True)
    assert [layer.name for layer in network.layers] == ["one", "two"]
    dreamed, engine = dream(network, ENTRY.objective, photo)
    assert engine.score(dreamed) > engine.score(photo)


def test_a_kind_of_objective_is_one_row_and_one_function(toy: Network, photo: RGB) -> None:
    register_kind(TermKind("top", "top:COUNT@LAYER", argument="text"))

    @objective_value("top")
    def top(bound: BoundTerm, feature: Any, batch: WindowBatch, *, tiles_only: bool) -> Any:
        strongest = tf.math.top_k(activation(bound.term, feature), int(bound.term.argument)).values
        return mean_over_picture(tf.reduce_mean(strongest, axis=-1), bound, batch, tiles_only=tiles_only)

    try:
        assert str(parse("top:3@deep:0.5")) == "top:3@deep:0.5"
        dreamed, engine = dream(toy, "top:3@deep, low:0.1", photo)
        assert engine.score(dreamed) > engine.score(photo)
        assert not np.array_equal(dreamed, dream(toy, "top:5@deep, low:0.1", photo)[0])
    finally:
        KINDS.pop("top")
