"""Choose the units of an atlas, and read how strongly they fire on given pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dreamvid.errors import SettingsError
from dreamvid.pipelines.atlas.data import Patch
from dreamvid.pipelines.atlas.pictures import encode_webp
from dreamvid.pipelines.units import LOGITS, choose_channels, choose_classes, choose_layers
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamvid.pipelines.atlas.engine import Engine
    from dreamvid.pipelines.atlas.request import AtlasRequest
    from dreamvid.pipelines.options import RunOptions
    from dreamvid.pipelines.units import Layer
    from dreamvid.types import RGB


class Part(NamedTuple):
    """The units of one layer, or of the classes (``layer`` is None), in the order in which they are shown."""

    output: str
    layer: Layer | None
    units: list[int]


class Evidence(NamedTuple):
    """How strongly units fire on what was given, and patches that show it, by output and unit."""

    activation: dict[str, dict[int, float]]
    patches: dict[str, dict[int, tuple[Patch, ...]]]


def choose_parts(
    request: AtlasRequest, engine: Engine, image: RGB | None, options: RunOptions
) -> tuple[list[Part], Evidence]:
    """Return what to show of which layers, and how strongly it fires on what was given."""
    network = engine.network
    classes = None if request.classes is None else choose_classes(network, request.classes)
    has_layers = request.layers is not None or classes is None
    layers = choose_layers(network, request.layers) if has_layers else []
    if not layers and classes is None:
        raise SettingsError(
            f"{network.name} has no layer that keeps the shape of a picture; choose --classes"
        )
    strongest = request.sort == "activation" and request.channels.strip().isdecimal()
    parts = []
    for layer in layers:
        channels = choose_channels(layer, request.channels, seed=request.settings.seed)
        parts.append(Part(layer.name, layer, list(range(layer.channels)) if strongest else channels))
    if classes is not None:
        parts.append(Part(LOGITS, None, classes))
    evidence = gather_evidence(request, engine, parts, image, options)
    if request.sort == "activation":
        ordered = []
        for part in parts:
            fires = evidence.activation[part.output]
            units = sorted(part.units, key=lambda unit: -fires.get(unit, 0.0))
            count = int(request.channels) if strongest and part.layer is not None else len(units)
            ordered.append(part._replace(units=units[:count]))
        parts = ordered
    return parts, evidence


def gather_evidence(
    request: AtlasRequest, engine: Engine, parts: Sequence[Part], image: RGB | None, options: RunOptions
) -> Evidence:
    """Read how strongly units fire: on the examples if there are any, else on the picture."""
    evidence = Evidence({}, {})
    units = {part.output: part.units for part in parts}
    if request.examples is not None:
        found = engine.examples(request.examples, units, request.example_count, options.progress)
        for output, by_unit in found.items():
            evidence.patches[output] = {
                unit: tuple(
                    Patch(
                        encode_webp(each.patch),
                        printable(each.file.name),
                        each.seconds,
                        float(each.activation),
                    )
                    for each in examples
                )
                for unit, examples in by_unit.items()
            }
            evidence.activation[output] = {
                unit: patches[0].activation if patches else 0.0
                for unit, patches in evidence.patches[output].items()
            }
    elif image is not None:
        for output, maps in engine.activations(list(units), image).items():
            means = np.asarray(maps).mean(axis=(0, 1))
            evidence.activation[output] = {unit: float(means[unit]) for unit in units[output]}
    return evidence
