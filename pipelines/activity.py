"""Measure how strongly channels and classes fire in pictures, one after another: which most, where, and when.

How strongly a channel fires in a picture is its largest activation at any position; for a class it is the logit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dreamvid.pipelines.units import LOGITS
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dreamvid.types import Size

    Array = NDArray[np.float32]

_WAKES, _SLEEPS = 0.5, 0.25
"""A channel wakes at this share of the way from its weakest to its strongest, and sleeps again below that one."""
_CHANGES = 0.5
"""Share of its strength that a channel must lose at some time, else it fires throughout."""


@dataclass(frozen=True, slots=True)
class ChannelActivity:
    """How a channel or class fires.

    Attributes
    ----------
    layer, channel
        Which one; classes are channels of ``logits``.
    strength
        At its strongest.
    peak
        The largest activation at any position, which for channels is their strength.
    mean
        Of the activation over all positions and pictures.
    position
        Row and column of the feature that fires most, when it is at its strongest.
    frame
        The picture in which it is.
    over_time
        Its strength in each picture, ``[pictures]``.
    """

    layer: str
    channel: int
    strength: float
    peak: float
    mean: float
    position: tuple[int, int]
    frame: int
    over_time: Array = field(repr=False)

    @property
    def onsets(self) -> tuple[int, ...]:
        """The pictures in which it wakes; see :func:`find_onsets`."""
        return find_onsets(self.over_time)


@dataclass(frozen=True, slots=True)
class ShownChannel:
    """A channel or class that is shown.

    ``objective`` is the text that dreams it, ``label`` a class' name and its synonyms; ``place`` is where it fires
    most, (x, y) in px of the frame.
    """

    activity: ChannelActivity
    objective: str
    label: str | None
    place: tuple[int, int]

    @property
    def title(self) -> str:
        """What it is called on a sheet."""
        return self.objective.removeprefix("class:")


@dataclass(frozen=True, slots=True)
class ActivityReport:
    """What fires most in a picture or a video.

    ``times`` are the frames' (seconds), None of a picture. ``seen`` is the size at which the network saw them.
    ``layers`` are those read, with the channels that fire most, strongest first.
    """

    model: str
    source: Path
    size: Size
    seen: Size
    times: tuple[float, ...] | None
    layers: Mapping[str, tuple[ShownChannel, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values; times are seconds."""
        facts: dict[str, Any] = {
            "model": self.model,
            "source": printable(self.source),
            "width": self.size.width,
            "height": self.size.height,
            "seen_width": self.seen.width,
            "seen_height": self.seen.height,
        }
        if self.times is not None:
            facts |= {"frames": len(self.times), "times": [round(time, 6) for time in self.times]}
        facts["layers"] = [
            {"layer": layer, "channels": [self._describe(channel) for channel in channels]}
            for layer, channels in self.layers.items()
        ]
        return facts

    def _describe(self, shown: ShownChannel) -> dict[str, Any]:
        activity = shown.activity
        facts: dict[str, Any] = {"channel": activity.channel, "objective": shown.objective}
        if shown.label is not None:
            facts["label"] = shown.label
        facts |= {"strength": _rounded(activity.strength), "mean": _rounded(activity.mean)}
        facts |= dict(zip("xy", shown.place, strict=True))
        if self.times is not None:
            facts |= {
                "seconds": round(self.times[activity.frame], 6),
                "onsets": [round(self.times[frame], 6) for frame in activity.onsets],
                "over_time": [_rounded(value) for value in activity.over_time.tolist()],
            }
        return facts


def find_onsets(strengths: Array) -> tuple[int, ...]:
    """Return the frames in which a channel wakes, from its strength in each, ``[frames]``.

    It wakes half way from its weakest to its strongest, and may do so again when it has fallen below a quarter. What
    never fires, or throughout with little change, does not wake.
    """
    if _is_constant(strengths):
        return ()
    values = np.maximum(strengths, 0.0)
    low, high = float(values.min()), float(values.max())
    onsets: list[int] = []
    is_awake = False
    for index, value in enumerate(values.tolist()):
        share = (value - low) / (high - low)
        if not is_awake and share >= _WAKES:
            onsets.append(index)
        is_awake = share >= (_SLEEPS if is_awake else _WAKES)
    return tuple(onsets)


def _is_constant(strengths: Array) -> bool:
    low, high = max(0.0, float(strengths.min())), max(0.0, float(strengths.max()))
    return high - low <= _CHANGES * high


class ActivityMeter:
    """Measures the chosen channels of each layer, picture by picture.

    What it holds grows by one number for each channel and picture.
    """

    def __init__(self, units: Mapping[str, Sequence[int]]) -> None:
        self.pictures = 0
        self._layers = {layer: _LayerMeter(layer, list(channels)) for layer, channels in units.items()}

    def add(self, maps: Mapping[str, Array]) -> None:
        """Measure the next picture, from its activations ``[h, w, C]`` by layer."""
        for name, layer in self._layers.items():
            layer.add(maps[name], self.pictures)
        self.pictures += 1

    def scale(self, layer: str) -> LayerScale:
        """Return where the scales of a layer end, over all pictures."""
        return self._layers[layer].scale

    def strongest(self, layer: str, count: int) -> list[ChannelActivity]:
        """Return the channels that fire most, strongest first; only such as fire at all."""
        return self._layers[layer].strongest(count)


@dataclass(frozen=True, slots=True)
class LayerScale:
    """The extremes of a layer.

    ``lowest`` and ``highest`` are of the RMS over all channels, which is highest in ``frame``.
    """

    lowest: float = np.inf
    highest: float = -np.inf
    frame: int = 0


class _LayerMeter:
    """Measures channels of one layer."""

    def __init__(self, name: str, channels: list[int]) -> None:
        self.scale = LayerScale()
        self._name, self._channels = name, channels
        count = len(channels)
        self._over_time: list[Array] = []
        self._mean = np.zeros(count)
        self._strength = np.full(count, -np.inf, np.float32)
        self._peak = np.full(count, -np.inf, np.float32)
        self._frame = np.zeros(count, int)
        self._position = np.zeros((count, 2), int)

    def add(self, values: Array, frame: int) -> None:
        rms = layer_map(values)
        lowest, highest = float(rms.min()), float(rms.max())
        chosen = values[..., self._channels].reshape(-1, len(self._channels))
        positions = chosen.argmax(axis=0)
        peaks = chosen[positions, np.arange(len(positions))]
        scale = self.scale
        self.scale = LayerScale(
            min(scale.lowest, lowest),
            max(scale.highest, highest),
            frame if highest > scale.highest else scale.frame,
        )
        self._peak = np.maximum(self._peak, peaks)
        means = chosen.mean(axis=0)
        strength = means if self._name == LOGITS else peaks
        self._over_time.append(strength)
        self._mean += means
        stronger = strength > self._strength
        self._strength[stronger] = strength[stronger]
        self._frame[stronger] = frame
        self._position[stronger] = np.stack(np.divmod(positions, values.shape[1]), -1)[stronger]

    def strongest(self, count: int) -> list[ChannelActivity]:
        order = np.argsort(-self._strength, kind="stable")[:count]
        over_time = np.stack(self._over_time)
        return [
            ChannelActivity(
                layer=self._name,
                channel=self._channels[index],
                strength=float(self._strength[index]),
                peak=float(self._peak[index]),
                mean=float(self._mean[index] / len(over_time)),
                position=(int(self._position[index, 0]), int(self._position[index, 1])),
                frame=int(self._frame[index]),
                over_time=over_time[:, index].copy(),
            )
            for index in order.tolist()
            if self._strength[index] > 0
        ]


def layer_map(values: Array) -> Array:
    """Return where a layer fires, ``[h, w]``: the RMS over its channels, of ``[h, w, C]``."""
    mean: Array = np.sqrt(np.mean(np.square(values), axis=-1))
    return mean


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
