"""Choose layers, channels and classes of a network by text.

Layers are named, matched by globs (``mixed?``) or counted by depth: ``1,5,18`` and ``2-9``. Of the layers of one
depth the widest stands for all. Choices stand between commas; a layer's name may stand in quotes.
"""

from __future__ import annotations

import re
import zlib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Protocol

import numpy as np

from dreamvid import objective as objectives
from dreamvid.errors import ObjectiveError, SettingsError
from dreamvid.text import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dreamvid.objective import Objective

LOGITS = "logits"
"""The output whose units are the classes."""

_MAIN_LAYERS = 8
_FEWEST_MERGES = 4
_MERGES = frozenset({"Add", "Concatenate"})
_PART = re.compile(r"""\s*(?:'((?:[^']|'')*)'|"((?:[^"]|"")*)"|([^,'"][^,]*?|))\s*(?:,|$)""", re.DOTALL)
_RANGE = re.compile(r"(\d{1,9})(?:\s*-\s*(\d{1,9}))?")
_RANDOM = re.compile(r"random:(\d{1,9})")


class Layer(Protocol):
    """What is asked of a layer; :class:`dreamvid.engine.network.LayerInfo` is one."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def channels(self) -> int: ...  # noqa: D102
    @property
    def depth(self) -> int: ...  # noqa: D102


class Network(Protocol):
    """What is asked of a network; :class:`dreamvid.engine.network.Network` is one."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def layers(self) -> Sequence[Layer]: ...  # noqa: D102
    @property
    def classes(self) -> Sequence[str]: ...  # noqa: D102
    def layer(self, name: str) -> Layer: ...  # noqa: D102
    def class_index(self, label: str) -> int: ...  # noqa: D102


def choose_layers(network: Network, text: str | None) -> list[Layer]:
    """Return the layers that ``text`` names, each once, in its order; None is the main layers.

    Raises
    ------
    SettingsError
        Where a name, glob or depth matches no layer.
    """
    if text is None:
        return main_layers(network)
    chosen: dict[str, Layer] = {}
    for part, is_quoted in _parts(text, "--layers", "mixed4"):
        found = [_find_layer(network, part)] if is_quoted else _match_layers(network, part)
        chosen |= {layer.name: layer for layer in found}
    return list(chosen.values())


def main_layers(network: Network) -> list[Layer]:
    """Return at most eight layers from all depths of a network; where branches meet, if that is often enough."""
    by_depth = _layers_by_depth(network)
    layers = [by_depth[depth] for depth in sorted(by_depth)]
    merges = [layer for layer in layers if layer.kind in _MERGES]
    if len(merges) >= _FEWEST_MERGES:
        layers = merges
    if len(layers) <= _MAIN_LAYERS:
        return layers
    return [layers[round(i)] for i in np.linspace(0, len(layers) - 1, _MAIN_LAYERS)]


def choose_channels(layer: Layer, text: str, *, seed: int) -> list[int]:
    """Return the channels of a layer that ``text`` names, each once.

    ``16`` is the first 16 (or all, of fewer), ``all`` all, ``0,3,7`` and ``4-9`` these, ``random:8`` eight of them by
    the seed and the layer's name, in ascending order. One channel is written ``35,``.

    Raises
    ------
    SettingsError
        Where the text cannot be read, or the layer has no such channel.
    """
    text = text.strip()
    if text == "all":
        return list(range(layer.channels))
    if text.isdecimal() and int(text) > 0:
        return list(range(min(int(text), layer.channels)))
    random = _RANDOM.fullmatch(text)
    if random is not None and int(random[1]) > 0:
        generator = np.random.default_rng([seed, zlib.crc32(layer.name.encode())])
        count = min(int(random[1]), layer.channels)
        return sorted(generator.choice(layer.channels, count, replace=False).tolist())
    numbers: dict[int, None] = {}
    for part in [part.strip() for part in text.removesuffix(",").split(",")]:
        match = _RANGE.fullmatch(part)
        if match is None or text.isdecimal():
            raise SettingsError(
                f"--channels: {quoted(text)} cannot be read; write 16 (the first 16), all, 0,3,7, 4-9, random:8 or, "
                "for one, 35,"
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last < layer.channels:
            raise SettingsError(
                f"--channels: {layer.name} has channels 0 to {layer.channels - 1}, not {part}"
            )
        numbers |= dict.fromkeys(range(first, last + 1))
    return list(numbers)


def choose_classes(network: Network, text: str) -> list[int]:
    """Return the indices of the classes that ``text`` names, each once, in its order.

    Names may be any synonym, globs of them, numbers, ranges such as ``0-9``, or ``all``.

    Raises
    ------
    SettingsError
        Where the network has no such class, or no classifier.
    """
    if not network.classes:
        raise SettingsError(f"--classes: {network.name} has no classifier; choose --layers instead")
    if text.strip() == "all":
        return list(range(len(network.classes)))
    numbers: dict[int, None] = {}
    for part, is_quoted in _parts(text, "--classes", network.classes[0].partition(",")[0]):
        found: Iterable[int]
        match = _RANGE.fullmatch(part)
        if match is not None and match[2] is not None and not is_quoted:
            found = _class_range(network, int(match[1]), int(match[2]), part)
        elif _is_glob(part) and not is_quoted:
            found = [
                index
                for index, label in enumerate(network.classes)
                if _matches(part, (label, *_synonyms(label)))
            ]
            if not found:
                raise SettingsError(f"--classes: {network.name} has no class like {quoted(part)}")
        else:
            found = [_class_index(network, part)]
        numbers |= dict.fromkeys(found)
    return list(numbers)


def class_name(network: Network, index: int) -> str:
    """Return the first name of a class."""
    return _synonyms(network.classes[index])[0]


def unit_objective(network: Network, output: str, unit: int) -> Objective:
    """Return the objective of a unit: a channel of the layer ``output``, or a class where that is ``logits``."""
    if output != LOGITS or not network.classes:
        return objectives.channel(output, unit)
    name = class_name(network, unit)
    try:
        is_plain = "," not in name and network.class_index(name) == unit
    except ObjectiveError:
        is_plain = False
    return objectives.class_logit(name if is_plain and ":" not in name else unit)


def _parts(text: str, flag: str, example: str) -> list[tuple[str, bool]]:
    """Return what stands between the commas, and whether it stood in quotes."""
    parts, position = [], 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            raise SettingsError(f"{flag}: {quoted(text)} cannot be read; put a comma behind each name")
        single, double, plain = match.groups()
        if plain != "":
            name = plain if plain is not None else (single or double or "")
            mark = "'" if single is not None else '"'
            parts.append((name if plain is not None else name.replace(mark * 2, mark), plain is None))
        position = match.end()
    if not parts:
        raise SettingsError(f"{flag}: is empty; write for example {flag} {example}")
    return parts


def _match_layers(network: Network, part: str) -> list[Layer]:
    match = _RANGE.fullmatch(part)
    if match is not None:
        first, last = int(match[1]), int(match[2] or match[1])
        by_depth = _layers_by_depth(network)
        found = [by_depth[depth] for depth in sorted(by_depth) if first <= depth <= last]
        if not found:
            depths = f"of depth {min(by_depth)} to {max(by_depth)}, not {part}" if by_depth else "of no depth"
            raise SettingsError(f"--layers: {network.name} has layers {depths}")
        return found
    exact = [layer for layer in network.layers if layer.name == part]
    if exact or not _is_glob(part):
        return exact or [_find_layer(network, part)]
    found = [layer for layer in network.layers if fnmatchcase(layer.name, part)]
    if not found:
        raise SettingsError(
            f"--layers: {network.name} has no layer like {quoted(part)}; "
            f"'dreamvid models layers {network.name}' lists them"
        )
    return found


def _layers_by_depth(network: Network) -> dict[int, Layer]:
    """Return for each depth the last of its widest layers, pooling apart."""
    chosen: dict[int, Layer] = {}
    for layer in network.layers:
        other = chosen.get(layer.depth)
        is_pooling = "Pooling" in layer.kind
        if (
            other is None
            or layer.channels > other.channels
            or (layer.channels == other.channels and not is_pooling)
        ):
            chosen[layer.depth] = layer
    return chosen


def _find_layer(network: Network, name: str) -> Layer:
    try:
        return network.layer(name)
    except ObjectiveError as error:
        raise SettingsError(f"--layers: {error}") from None


def _class_index(network: Network, label: str) -> int:
    try:
        return network.class_index(label)
    except ObjectiveError as error:
        raise SettingsError(f"--classes: {str(error).removeprefix('class:')}") from None


def _class_range(network: Network, first: int, last: int, part: str) -> range:
    if not first <= last < len(network.classes):
        raise SettingsError(
            f"--classes: {network.name} has classes 0 to {len(network.classes) - 1}, not {part}"
        )
    return range(first, last + 1)


def _synonyms(label: str) -> list[str]:
    return [part.strip() for part in label.split(",") if part.strip()] or [label]


def _matches(pattern: str, names: Iterable[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for name in names)


def _is_glob(text: str) -> bool:
    return any(letter in text for letter in "*?[")
