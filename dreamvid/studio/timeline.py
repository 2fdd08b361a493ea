"""A look over time, for the page: its scenes, the keyframes and curves of what changes, and where these are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dreamvid.errors import DreamvidError, SettingsError
from dreamvid.pipelines.scenes import check_schedules, scene_spans
from dreamvid.pipelines.schedule_curves import UNKNOWN_LENGTH, moments_of, weights_at
from dreamvid.schedule.easing import LINEAR
from dreamvid.schedule.expression import Expression
from dreamvid.schedule.keyframes import Keyframes
from dreamvid.schedule.objective_schedule import Keyframed, ObjectiveSchedule
from dreamvid.studio.look import LookError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamvid.config.preset import Preset
    from dreamvid.config.scene import SceneSettings
    from dreamvid.pipelines.scenes import SceneSpan, VideoClock
    from dreamvid.schedule.fields import BoundSchedule
    from dreamvid.schedule.keyframes import Key, KeyframeTrack
    from dreamvid.schedule.times import TimePoint

OBJECTIVE = "objective"

_MOST_TERMS = 12
_DIGITS = 6


def describe(preset: Preset, clock: VideoClock, count: int) -> dict[str, Any]:
    """Return the timeline of a preset, as plain JSON values; all times are seconds of the output.

    Parameters
    ----------
    preset
        With its tempo known.
    count
        Moments of each scene at which curves are drawn.

    Raises
    ------
    LookError
        Where scenes do not follow one another.
    """
    seconds = UNKNOWN_LENGTH if clock.duration is None else clock.duration
    clock = clock._replace(duration=seconds)
    try:
        spans = scene_spans(preset, clock)
    except SettingsError as error:
        path, _, text = str(error).partition(": ")
        raise LookError([(path, text)]) from None
    rows = [_row(path, spans, preset, clock, count) for path in _changing(spans)]
    grid = clock.grid
    return {
        "seconds": float(seconds),
        "rate": float(clock.fps),
        "grid": None
        if grid is None
        else {"period": grid.period, "first": grid.first, "beats_per_bar": grid.beats_per_bar},
        "scenes": [
            {
                "start": span.start,
                "fade": span.fade,
                "end": float(seconds) if span.end is None else span.end,
                "ease": span.scene.settings.ease.plain(),
                "first_beat": None if grid is None else span.start + grid.since(span.start).first,
            }
            for span in spans
        ],
        "rows": rows,
        "notes": _notes(spans, clock),
    }


def _changing(spans: Sequence[SceneSpan]) -> list[str]:
    """Return the paths of what changes over time in any scene."""
    paths = [path for span in spans for path in span.scene.preset.schedules()]
    if any(isinstance(span.scene.preset.objective, ObjectiveSchedule) for span in spans):
        paths.insert(0, OBJECTIVE)
    return list(dict.fromkeys(paths))


def _row(
    path: str, spans: Sequence[SceneSpan], preset: Preset, clock: VideoClock, count: int
) -> dict[str, Any]:
    segments = []
    for index, span in enumerate(spans):
        own = bool(preset.scenes) and _sets(preset.scenes[index], path)
        segment: dict[str, Any] = {
            "scene": index,
            "owner": index if own else None,
            "start": span.start,
            "end": float(clock.duration or 0) if span.end is None else span.end,
        }
        try:
            segment |= (
                _objective(span, clock, count) if path == OBJECTIVE else _number(path, span, clock, count)
            )
        except DreamvidError as error:
            segment |= {"kind": "text", "problem": " ".join(str(error).split())}
        segments.append(segment)
    return {"path": path, "segments": segments}


def _sets(scene: SceneSettings, path: str) -> bool:
    """Return whether a scene sets a value itself."""
    inner: Any = scene.changes()
    for key in path.split("."):
        if not isinstance(inner, dict) or key not in inner:
            return False
        inner = inner[key]
    return True


def _number(path: str, span: SceneSpan, clock: VideoClock, count: int) -> dict[str, Any]:
    section, _, name = path.rpartition(".")
    preset = span.scene.preset
    setting = preset.schedules().get(path)
    if setting is None:
        return {"kind": "constant", "values": [getattr(getattr(preset, section), name)] * 2}
    _, moments = moments_of(span, clock, count)
    values = {"values": [_rounded(setting.at(moment)) for moment in moments]}
    return {**_schedule(setting, span, moments[0]), **values}


def _schedule(setting: BoundSchedule, span: SceneSpan, moment: TimePoint) -> dict[str, Any]:
    schedule = setting.schedule
    if isinstance(schedule, Expression):
        return {"kind": "expression", "text": schedule.text}
    assert isinstance(schedule, Keyframes)
    return {"kind": "keyframes", **_track(schedule, span, moment)}


def _objective(span: SceneSpan, clock: VideoClock, count: int) -> dict[str, Any]:
    objective = span.scene.preset.objective
    if not isinstance(objective, ObjectiveSchedule):
        return {
            "kind": "constant",
            "text": objective if isinstance(objective, str) else objective.text or str(objective),
        }
    _, moments = moments_of(span, clock, count)
    terms = {
        name: [_rounded(weight) for weight in weights]
        for name, weights in list(weights_at(objective, moments).items())[:_MOST_TERMS]
    }
    if not isinstance(objective.change, Keyframed):
        return {"kind": "text", "terms": terms}
    return {"kind": "keyframes", "terms": terms, **_track(objective.change.track, span, moments[0])}


def _track(track: KeyframeTrack[Any], span: SceneSpan, moment: TimePoint) -> dict[str, Any]:
    return {
        "ease": None if track.ease == LINEAR else track.ease.plain(),
        "keys": [_key(key, span, moment) for key in track.keys],
    }


def _key(key: Key[Any], span: SceneSpan, moment: TimePoint) -> dict[str, Any]:
    value = key.value
    return {
        "time": str(key.time),
        "unit": key.time.unit,
        "seconds": _rounded(span.start + key.time.seconds(moment.fps, moment.duration, moment.grid)),
        "value": value if isinstance(value, float) else value.text or str(value),
        "ease": None if key.ease is None else key.ease.plain(),
    }


def _notes(spans: Sequence[SceneSpan], clock: VideoClock) -> list[str]:
    """Return where values are held within their ranges; what is wrong is said at its row."""
    try:
        return check_schedules(spans, clock)
    except DreamvidError:
        return []


def _rounded(value: float) -> float:
    return round(value, _DIGITS)
