"""Whether a preset would run: its text, its schedules, and its objectives against the networks that it names."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from dreamvid import objective as objectives
from dreamvid.errors import DreamvidError, PresetError, SettingsError
from dreamvid.pipelines.build import read_guides
from dreamvid.pipelines.scenes import Clock, check_schedules, spans
from dreamvid.preset_file import load_preset

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.preset import Preset
    from dreamvid.types import Notify

_SECONDS = Fraction(10)
_RATE = Fraction(24)


def check_preset(ref: str | Path, *, notify: Notify) -> Preset:
    """Return a preset that would run, as far as can be told without its input.

    Networks are built with random weights, so nothing is downloaded. A video of unknown length counts as ten
    seconds; scenes that begin later make it longer.

    Raises
    ------
    PresetError
        One line for each mistake.
    """
    file = load_preset(ref)
    preset = file.preset
    lines: list[str] = []
    try:
        found = spans(preset, Clock(preset.output.fps or _RATE, preset.input.duration or _length(preset)))
        check_schedules(found, Clock(preset.output.fps or _RATE, None), notify=notify)
    except SettingsError as error:
        raise PresetError([f"{file.path}: {error}"]) from None
    for index, scene in enumerate(preset.in_scenes()):
        try:
            _check_objective(scene.preset)
        except DreamvidError as error:
            where = f"scenes.{index}: " if preset.scenes else ""
            lines.append(f"{file.path}: {where}{error}")
    if lines:
        raise PresetError(lines)
    return preset


def _length(preset: Preset) -> Fraction:
    last = max((scene.start.amount for scene in preset.scenes if scene.start.unit == "s"), default=0.0)
    return _SECONDS + Fraction(last)


def _check_objective(preset: Preset) -> None:
    from dreamvid.engine.models import load_network
    from dreamvid.engine.objectives import BoundObjective

    if preset.objective == "auto":
        return
    objective = objectives.parse(preset.objective)
    network = load_network(
        preset.model,
        with_classes=any(term.kind == "class" for term in objective.terms),
        seed_weights=preset.model.weights is None,
    )
    BoundObjective.bind(objective, network, read_guides(objective))
