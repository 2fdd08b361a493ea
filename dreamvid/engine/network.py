"""Load networks by name or file; give their layers, classes and feature extractors."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from dreamvid.engine.architectures import find_model
from dreamvid.engine.extractor import Extractor
from dreamvid.engine.graph import INPUT, Graph, Ref, from_keras
from dreamvid.engine.graph_transforms import (
    LOGITS,
    class_map,
    find_logits,
    fold_batch_norms,
    free_size,
    reduce_before_pooling,
)
from dreamvid.engine.labels import class_names, find_class
from dreamvid.engine.model_files import LoadedModel, is_model_file, load_own_model, stated_input_map
from dreamvid.engine.preprocessing import preset_map
from dreamvid.engine.receptive_field import measure, strides
from dreamvid.engine.weight_files import load_named_model, weights_folder
from dreamvid.errors import ObjectiveError
from dreamvid.text import did_you_mean
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamvid.config.settings import ModelSettings
    from dreamvid.engine.architectures import ModelEntry

_log = logging.getLogger(__name__)
_PICTURE_RANK = 4
_VECTOR_RANK = 2
_RESHAPED = frozenset({"Flatten", "Reshape"})
"""Layers whose vectors are the numbers of a map, which is a layer of its own."""
_CACHED_NETWORKS = 4
_CACHED_EXTRACTORS = 8


@dataclass(frozen=True)
class LayerInfo:
    """One layer that can be dreamed.

    ``stride`` is the total stride in px, 0 behind pooling over the whole picture; ``depth`` counts the layers with
    weights on the longest way from the input. ``shape`` is (batch, height, width, channels), or (batch, channels) of
    a vector, None where free.
    """

    name: str
    kind: str
    channels: int
    stride: int
    depth: int
    shape: tuple[int | None, ...]


@dataclass(frozen=True, eq=False)
class Network:
    """A network that can be asked for the output of its layers; immutable, and equal only to itself.

    ``layers`` are the maps of the picture and ``pooled_layers`` those behind pooling over all of it from which no map
    is made again, both ordered by depth; ``classes`` are the labels of its classifier, synonyms between commas (empty
    without one). ``fixed_size`` is set where its deepest layer runs at one size only.
    """

    name: str
    layers: tuple[LayerInfo, ...]
    classes: tuple[str, ...]
    input_channels: int
    fixed_size: Size | None
    loaded: LoadedModel = field(repr=False)
    pooled_layers: tuple[LayerInfo, ...] = ()

    def layer(self, name: str) -> LayerInfo:
        """Return the layer of this name.

        Raises
        ------
        ObjectiveError
            With the nearest name, where there is none.
        """
        resolved_name = self.loaded.graph.resolve(Ref(name)).node
        layers = self.layers + self.pooled_layers
        for layer in layers:
            if layer.name == resolved_name:
                return layer
        same_but_case = [layer for layer in layers if layer.name.lower() == resolved_name.lower()]
        if len(same_but_case) == 1:
            return same_but_case[0]
        known = [layer.name for layer in layers]
        near = did_you_mean(name, known) or f"; 'dreamvid models layers {self.name}' lists them"
        raise ObjectiveError(f"{self.name} has no layer '{name}'{near}")

    def class_index(self, label: str) -> int:
        """Return the index of a class, by number or by any synonym, whatever its case.

        Raises
        ------
        ObjectiveError
            Where the network has no such class, or no classifier.
        """
        return find_class(label, self.classes, self.name)

    def extractor(
        self, outputs: Sequence[str], *, precision: str = "float32", fold: bool = True
    ) -> Extractor:
        """Return the function from a picture to these layers, cut off behind the deepest.

        Cached: the same arguments give the same object. ``logits`` is a pseudo layer: class logits before the
        softmax, ``[N, h, w, K]`` or ``[N, 1, 1, K]``.

        Raises
        ------
        ObjectiveError
            Where a layer is unknown, or ``logits`` asked of a network without a classifier.
        """
        return _build_extractor(self, tuple(outputs), precision, fold)

    def map_extractor(self, outputs: Sequence[str], *, precision: str = "float32") -> tuple[Extractor, Graph]:
        """Return an extractor that gives ``logits`` as a map where it can, and the graph that it runs.

        The mean of the map over its positions are the logits; see
        :func:`dreamvid.engine.graph_transforms.class_map`. Else as :meth:`extractor`, and not cached.
        """
        graph, class_ref = self.loaded.graph, self.loaded.logits
        if LOGITS in outputs and class_ref is not None:
            graph, class_ref = class_map(graph, class_ref)
        refs = [class_ref if name == LOGITS and class_ref else _output_ref(self, name) for name in outputs]
        graph = graph.cut(refs)
        return _make_extractor(self, graph, tuple(outputs), precision, fold=True), graph


@lru_cache(maxsize=_CACHED_EXTRACTORS)
def _build_extractor(network: Network, outputs: tuple[str, ...], precision: str, fold: bool) -> Extractor:  # noqa: FBT001  cached by position
    """Return a new extractor; see :meth:`Network.extractor`."""
    graph = network.loaded.graph.cut(_output_ref(network, name) for name in outputs)
    return _make_extractor(network, graph, outputs, precision, fold=fold)


def _make_extractor(
    network: Network, graph: Graph, outputs: tuple[str, ...], precision: str, *, fold: bool
) -> Extractor:
    loaded = network.loaded
    bound = any(node.name in loaded.bound for node in graph.nodes)
    return Extractor(
        reduce_before_pooling(fold_batch_norms(graph)) if fold else graph,
        outputs,
        input_map=loaded.input_map,
        geometry=measure(graph),
        precision=precision,
        fixed_size=_input_size(graph) if bound else None,
    )


def _output_ref(network: Network, output: str) -> Ref:
    if output != LOGITS:
        return Ref(network.layer(output).name)
    if network.loaded.logits is None:
        raise ObjectiveError(f"{network.name} has no classifier that can be found; class objectives need one")
    return network.loaded.logits


def load_network(
    settings: ModelSettings, *, with_classes: bool = False, trust: bool = False, seed_weights: bool = False
) -> Network:
    """Return the network of these settings.

    Networks are cached in the process: the same settings give the same object, until a file of theirs changes.

    Parameters
    ----------
    settings
        Which network, its weights, and what it sees.
    with_classes
        Load the classifier too, which makes weights files larger.
    trust
        Let the user's own model files run program code (Lambda layers).
    seed_weights
        Give a named network random weights, the same each time, for benchmarks and tests.

    Raises
    ------
    ModelError
        For an unknown name, a file that is no network, weights that are missing or do not fit.
    """
    entry = None if is_model_file(settings.name) else find_model(settings.name)
    with_classes = with_classes and entry is not None and entry.download  # others always have theirs
    network = _load_network(
        settings, entry, with_classes, trust, seed_weights, _file_versions(settings, entry)
    )
    if network.loaded.range_assumed:
        _log.warning(
            "%s: its pixels are taken to run from 0 to 1; --input-range LOW,HIGH changes that", settings.name
        )
    return network


@lru_cache(maxsize=_CACHED_NETWORKS)
def _load_network(
    settings: ModelSettings,
    entry: ModelEntry | None,
    with_classes: bool,  # noqa: FBT001  cached by position
    trust: bool,  # noqa: FBT001  the same
    seed_weights: bool,  # noqa: FBT001  the same
    _file_versions: tuple[object, ...],  # part of the cache's key only
) -> Network:
    if entry is None:
        loaded = load_own_model(settings, trust=trust)
    else:
        loaded = _load_named(entry, settings, with_classes=with_classes, seed_weights=seed_weights)
    found = _layers(loaded.graph)
    layers = tuple(layer for layer in found if layer.stride > 0)
    before_maps = {node.name for node in loaded.graph.cut(Ref(layer.name) for layer in layers).nodes}
    deepest = layers[-1].name if layers else INPUT
    return Network(
        name=loaded.name,
        layers=layers,
        classes=loaded.classes,
        input_channels=loaded.input_map.channels,
        fixed_size=_input_size(loaded.graph) if deepest in loaded.bound else None,
        loaded=loaded,
        pooled_layers=tuple(layer for layer in found if layer.name not in before_maps),
    )


def _load_named(
    entry: ModelEntry, settings: ModelSettings, *, with_classes: bool, seed_weights: bool
) -> LoadedModel:
    model, has_top = load_named_model(
        entry, settings.weights, with_classes=with_classes, seed_weights=seed_weights
    )
    graph, logits = from_keras(model, entry.name), None
    if has_top:
        graph, logits = find_logits(free_size(graph)) or (graph, None)
    is_stated = settings.input_range != "auto"
    input_map = stated_input_map(settings, 3) if is_stated else preset_map(entry.mode)
    classes = class_names("imagenet_classes.txt" if entry.download else f"{entry.name}_classes.txt")
    count = graph.node(logits.node).shapes[0][-1] if logits is not None else None
    if count not in {None, len(classes)}:
        classes = tuple(str(index) for index in range(count or 0))
    return LoadedModel(entry.name, graph, input_map, logits, classes, frozenset())


def _file_versions(settings: ModelSettings, entry: ModelEntry | None) -> tuple[object, ...]:
    """Return paths, sizes and times of a network's files; where they change it must be loaded anew."""
    # Downloaded weights are known by their folder alone: Keras verifies them by hash.
    versions: list[object] = [] if entry is None else [weights_folder()]
    own = Path(os.path.expanduser(settings.name)) if entry is None else None  # noqa: PTH111  leaves ~nobody as it is
    for path in (own, settings.weights):
        if path is not None and path.is_file():
            status = path.stat()
            versions.append((path.resolve(), status.st_size, status.st_mtime_ns))
    return tuple(versions)


def clear_network_cache() -> None:
    """Forget cached networks and extractors."""
    _load_network.cache_clear()
    _build_extractor.cache_clear()


def _input_size(graph: Graph) -> Size:
    _, height, width, _ = graph.input_shape
    return Size(height or 0, width or 0)


def _layers(graph: Graph) -> Sequence[LayerInfo]:
    """Return the layers whose output is a float map or vector, by depth; stride 0 where it maps no picture."""
    total_strides = strides(graph)
    depths: dict[str, int] = {INPUT: 0}
    layers: list[LayerInfo] = []
    for node in graph.nodes:
        before = max((depths[graph.resolve(ref).node] for ref in node.refs), default=0)
        depth = before + bool(node.is_layer and node.operation.weights)
        depths[node.name] = depth
        shape = node.shapes[0]
        if not node.dtype.startswith(("float", "bfloat")) or shape[-1:] in {(), (None,)}:
            continue
        if len(shape) != _PICTURE_RANK and (len(shape) != _VECTOR_RANK or node.kind in _RESHAPED):
            continue
        is_map = len(shape) == _PICTURE_RANK and shape[1:3] != (1, 1)
        stride = total_strides.get(node.name, 0) if is_map else 0
        layers.append(LayerInfo(node.name, node.kind, int(shape[-1] or 0), stride, depth, shape))
    return sorted(layers, key=lambda layer: layer.depth)
