"""List presets, and check whether one would run: text, schedules, mask, and objectives against its networks."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from dreamvid.config.loader import file_exists, find_presets
from dreamvid.config.preset import load_preset
from dreamvid.errors import DreamvidError, PresetError, SettingsError
from dreamvid.objective import Objective
from dreamvid.pipelines.build import best_objective, check_objective, load_network, step_cost
from dreamvid.pipelines.masks import mask_file
from dreamvid.pipelines.scenes import VideoClock, check_schedules, scene_spans
from dreamvid.pipelines.tempo import assume_tempo, bars_seconds, in_seconds
from dreamvid.schedule.fields import constant
from dreamvid.schedule.lengths import known_seconds
from dreamvid.schedule.objective_schedule import AUTO, ObjectiveSchedule
from dreamvid.schedule.times import START

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamvid.config.fields import Keys
    from dreamvid.config.loader import PresetFile
    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.scenes import SceneSpan

_log = logging.getLogger(__name__)

# Length (s) and frame rate (fps) of a video that is not known.
_SECONDS = Fraction(10)
_RATE = Fraction(24)

SpeedClass = Literal["fast", "medium", "slow"]

# Cost of a gradient step of a network of the user's own, as a multiple of dreamnet's.
_OWN_STEP_COST = 4.0
# Cost of a trip's keyframe as a multiple of a frame's: 1.5 times the steps on 1.5 times the size.
_KEYFRAME_COST = 3.4
# Gradients of dreamnet over the whole picture per frame: up to the first is fast, from the second on slow.
_FAST_COST, _SLOW_COST = 8.0, 40.0


@dataclass(frozen=True, slots=True)
class PresetEntry:
    """A preset in the list; ``problem`` says why it cannot be used, where it cannot."""

    name: str
    path: Path
    preset: Preset | None
    problem: str = ""


def list_presets() -> list[PresetEntry]:
    """Return all presets by name, those that cannot be read among them."""
    entries = []
    for name, path in sorted(find_presets().items()):
        try:
            entries.append(PresetEntry(name, path, load_preset(path).preset))
        except SettingsError as error:
            entries.append(PresetEntry(name, path, None, str(error).partition("\n")[0]))
    return entries


def speed_class(preset: Preset) -> SpeedClass:
    """Return how long a preset takes for a frame, compared to others, on the same machine."""
    work = max(_cost(scene.preset) for scene in preset.in_scenes())
    return "fast" if work <= _FAST_COST else "slow" if work >= _SLOW_COST else "medium"


def check_preset(ref: str | Path) -> Preset:
    """Return a preset that would run, as far as can be told without its input.

    Networks are built with random weights, so nothing is downloaded. A video of unknown length counts as ten
    seconds; scenes that begin later make it longer.

    Raises
    ------
    PresetError
        One line for each mistake.
    SettingsError
        Where there is no such preset, or the file cannot be read.
    """
    file = load_preset(ref)
    mistakes = list(_mistakes(file.preset))
    if mistakes:
        raise PresetError(file.lines((_inherited(file, keys), text) for keys, text in mistakes))
    return file.preset


def _mistakes(preset: Preset) -> Iterator[tuple[Keys, str]]:
    """Yield what is wrong, by its keys within the preset."""
    mask = mask_file(preset.mask)
    if mask is not None and not file_exists(mask):
        yield ("mask", "source"), f"there is no file '{mask}'"
    generator = preset.walk.generator
    if preset.pipeline == "walk" and generator is not None and not file_exists(generator):
        yield ("walk", "generator"), f"there is no file '{generator}'"
    for name, signal in preset.signals.items():
        if signal.file is not None and not file_exists(signal.file):
            yield ("signals", name, "source"), f"there is no file '{signal.file}'"
    clock = _assumed_clock(preset)
    scenes = [("scenes", str(index)) if preset.scenes else () for index in range(max(1, len(preset.scenes)))]
    try:
        spans = scene_spans(preset, clock)
    except SettingsError as error:
        yield _parted(error)
    else:
        for keys, span in zip(scenes, spans, strict=True):
            yield from ((keys + inner, text) for inner, text in _check_schedules(span, clock, keys))
    for keys, scene in zip(scenes, preset.in_scenes(), strict=True):
        yield from ((keys + inner, text) for inner, text in _check_objective(scene.preset))


def _assumed_clock(preset: Preset) -> VideoClock:
    """Return a clock on which all signals of the preset's own are 0."""
    assumed = in_seconds(assume_tempo(preset))
    signals = dict.fromkeys(preset.signals, 0.0)
    return VideoClock(
        preset.output.fps or _RATE,
        bars_seconds(assumed.tempo) or known_seconds(assumed.input.duration) or _length(preset),
        (lambda _: signals) if signals else None,
        assumed.tempo.grid,
    )


def _inherited(file: PresetFile[Preset], keys: Keys) -> Keys:
    """Return the keys of a scene's setting; of the preset's own, where the scene has none."""
    is_own = keys[:1] != ("scenes",) or file.sets(keys) or not file.sets(keys[2:])
    return keys if is_own else keys[2:]


def _length(preset: Preset) -> Fraction:
    last = max((scene.start.amount for scene in preset.scenes if scene.start.unit == "s"), default=0.0)
    return _SECONDS + Fraction(last)


def _parted(error: SettingsError) -> tuple[Keys, str]:
    path, _, message = str(error).partition(": ")
    return tuple(path.split(".")), message


def _check_schedules(span: SceneSpan, clock: VideoClock, scene: Keys) -> Iterator[tuple[Keys, str]]:
    """Yield what is wrong with a scene's schedules, each taken for constant from then on."""
    preset = span.scene.preset
    changing = {*preset.schedules(), "objective"}
    while True:
        only = replace(span, scene=replace(span.scene, preset=preset))
        try:
            warnings = check_schedules([only], clock)
        except SettingsError as error:
            keys, message = _parted(error)
            yield keys, message
            path = ".".join(keys)
            if path not in changing:
                break
            changing.remove(path)
            preset = preset.override({path: _constant(preset, path)})
        else:
            for text in warnings:
                _log.warning("%s", ".".join((*scene, text)))
            break


def _constant(preset: Preset, path: str) -> object:
    if isinstance(preset.objective, ObjectiveSchedule) and path == "objective":
        return preset.objective.at(START)
    return preset.schedules()[path].at(START)


def _check_objective(preset: Preset) -> Iterator[tuple[Keys, str]]:
    """Yield what of an objective the network does not have."""
    terms = () if preset.objective == AUTO else preset.objective.terms
    weights = preset.model.weights
    try:
        network = load_network(
            preset.model, with_classes=Objective(terms).needs_classifier, seed_weights=weights is None
        )
    except DreamvidError as error:
        yield ("model", "weights" if weights else "name"), str(error)
        return
    for term in terms or best_objective(network).terms:
        single = Objective((term,))
        try:
            check_objective(single, network)
        except DreamvidError as error:
            yield _place(preset.objective, term.layer or term.argument), str(error)


def _place(objective: Objective | ObjectiveSchedule | str, name: str) -> Keys:
    """Return the keys of the keyframe, weight or turn that names something."""
    plain: Any = objective.plain() if isinstance(objective, ObjectiveSchedule) else {}
    if "cycle" in plain:
        return next(
            (("objective", "cycle", str(n)) for n, stop in enumerate(plain["cycle"]) if name in stop),
            ("objective",),
        )
    return next(
        (("objective", str(key)) for key, value in plain.items() if name in f"{key} {value}"), ("objective",)
    )


def _cost(preset: Preset) -> float:
    """Return the gradients of dreamnet over a whole picture that one frame takes, by the settings at the start."""
    preset = in_seconds(assume_tempo(preset)).at(START)
    areas = sum(preset.octaves.scale ** (-2 * octave) for octave in range(preset.octaves.count))
    steps = float(constant(preset.ascent.steps))
    if preset.pipeline == "zoom":
        key, rate = preset.trip.keyframe, float(preset.output.fps or 24)
        grown = max(1, round(constant(preset.trip.rate) * steps * constant(preset.look.strength) / rate))
        steps = grown if key is None else _KEYFRAME_COST * steps / (float(known_seconds(key)) * rate)
    if preset.pipeline == "walk" and not preset.walk.dream:
        return 0.0
    if preset.pipeline in {"video", "walk"}:
        carried = preset.stability.steps
        share = 1.0 - constant(preset.stability.steadiness)
        steps = max(1.0, round(steps * share)) if carried is None else max(1.0, constant(carried))
    return areas * steps * preset.ascent.substeps * (step_cost(preset.model.name) or _OWN_STEP_COST)
