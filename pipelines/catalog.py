"""What presets there are, and how long each takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dreamvid.config.loader import find_presets, load_preset
from dreamvid.errors import SettingsError
from dreamvid.schedule.fields import constant
from dreamvid.schedule.times import START

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.config.preset import Preset

SpeedClass = Literal["fast", "medium", "slow"]

_COST = {"dreamnet": 1.0, "mobilenetv2": 1.0, "inceptionv3": 2.0, "vgg16": 8.0, "vgg19": 10.0}
"""What a gradient step costs, as a multiple of dreamnet's; others are taken for :data:`_OTHERS`."""
_OTHERS = 4.0
_KEYFRAME = 3.4
"""Work of a trip's keyframe as a multiple of a frame's: 1.5 times the steps on 1.5 times the size."""
_FAST, _SLOW = 8.0, 40.0
"""Gradients of dreamnet over the whole picture per frame: up to the first is fast, from the second on slow."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A preset in the list; ``problem`` says why it cannot be used, where it cannot."""

    name: str
    path: Path
    preset: Preset | None
    problem: str = ""


def list_presets() -> list[Entry]:
    """Return all presets by name, those that cannot be read among them."""
    entries = []
    for name, path in sorted(find_presets().items()):
        try:
            entries.append(Entry(name, path, load_preset(path).preset))
        except SettingsError as error:
            entries.append(Entry(name, path, None, str(error).partition("\n")[0]))
    return entries


def speed_class(preset: Preset) -> SpeedClass:
    """Return how long a preset takes for a frame, compared to others, on the same machine."""
    work = max(_work(scene.preset) for scene in preset.in_scenes())
    return "fast" if work <= _FAST else "slow" if work >= _SLOW else "medium"


def _work(preset: Preset) -> float:
    """Return the gradients of dreamnet over a whole picture that one frame takes, by the settings at the start."""
    preset = preset.at(START)
    areas = sum(preset.octaves.scale ** (-2 * octave) for octave in range(preset.octaves.count))
    steps = float(constant(preset.ascent.steps))
    if preset.pipeline == "zoom":
        key, rate = preset.trip.keyframe, float(preset.output.fps or 24)
        grown = max(1, round(constant(preset.trip.rate) * steps * constant(preset.look.strength) / rate))
        steps = grown if key is None else _KEYFRAME * steps / (float(key) * rate)
    if preset.pipeline == "video":
        carried = preset.stability.steps
        share = 1.0 - constant(preset.stability.steadiness)
        steps = max(1.0, round(steps * share)) if carried is None else max(1.0, constant(carried))
    return areas * steps * _COST.get(preset.model.name.lower(), _OTHERS)
