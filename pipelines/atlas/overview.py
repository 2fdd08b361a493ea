"""Describe what an atlas of a network can show, before any picture is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dreamvid.objective import layer_text
from dreamvid.pipelines.build import load_network
from dreamvid.pipelines.units import LOGITS, class_name, main_layers, unit_objective

if TYPE_CHECKING:
    from dreamvid.config.settings import ModelSettings


def describe_network(model: ModelSettings) -> dict[str, Any]:
    """Return layers and classes of a network in plain values; loads TensorFlow.

    ``layers`` have name, text form as an objective, kind, number of channels and depth, and whether they are among
    the main ones; ``classes`` have title, all names and objective. The weights of a network that has a name are not
    downloaded.
    """
    network = load_network(model, seed_weights=model.weights is None)
    main = {layer.name for layer in main_layers(network)}
    return {
        "network": network.name,
        "layers": [
            {
                "name": layer.name,
                "objective": layer_text(layer.name),
                "kind": layer.kind,
                "channels": layer.channels,
                "depth": layer.depth,
                "main": layer.name in main,
            }
            for layer in network.layers
        ],
        "classes": [
            {
                "title": class_name(network, index),
                "words": words,
                "objective": str(unit_objective(network, LOGITS, index)),
            }
            for index, words in enumerate(network.classes)
        ],
    }
