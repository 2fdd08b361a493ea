"""What each frame looks like: scenes, their cross-fades, and what is on a schedule, as constants for one frame."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dreamvid.errors import ScheduleError, SettingsError
from dreamvid.pipelines.build import build_dreamer, build_stabilizer
from dreamvid.pipelines.compositing import make_compositor
from dreamvid.pipelines.look import Look, Looks, OneLook, Part
from dreamvid.schedule.fields import constant
from dreamvid.schedule.objective_schedule import ObjectiveSchedule
from dreamvid.schedule.times import START, TimePoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from fractions import Fraction
    from pathlib import Path

    from dreamvid.config.preset import Preset, Scene
    from dreamvid.pipelines.build import Built
    from dreamvid.pipelines.options import RunOptions
    from dreamvid.types import Frame, Size, VideoInfo

_log = logging.getLogger(__name__)

_MOST_CHECKED = 2000
_MOST_TURNED = 0.5
_SCHEDULED_ASCENT = ("ascent.steps", "ascent.step_size", "ascent.total_variation", "ascent.l2")


class Clock(NamedTuple):
    """A video's frame rate, its duration in seconds where it is known, and its music's signals at a time."""

    fps: Fraction
    duration: Fraction | None
    signals: Callable[[float], Mapping[str, float]] | None = None

    @classmethod
    def of(cls, info: VideoInfo) -> Clock:
        """Return the clock of a video."""
        duration = info.duration
        if duration is None and info.frames is not None:
            duration = info.frames / info.rate
        return cls(info.rate, duration)


@dataclass(frozen=True, slots=True)
class Span:
    """When a scene is seen, in seconds: from ``start`` to ``end``, of which the first ``fade`` it is faded in.

    ``last`` is when the next one has taken over, None at the end of a video of unknown duration.
    """

    scene: Scene
    start: float
    fade: float
    last: float | None

    def moment(self, t: float, f: int, clock: Clock) -> TimePoint:
        """Return the moment of a frame on this scene's own clock."""
        fps, duration = float(clock.fps), None if self.last is None else self.last - self.start
        own = TimePoint(
            t=max(0.0, t - self.start), f=max(0, f - round(self.start * fps)), fps=fps, duration=duration
        )
        return own if clock.signals is None else replace(own, signals=clock.signals(t))

    def share(self, t: float) -> float:
        """Return how far it has been faded in."""
        return self.scene.settings.ease((t - self.start) / self.fade) if t < self.start + self.fade else 1.0


def spans(preset: Preset, clock: Clock) -> list[Span]:
    """Return when each scene is seen.

    Raises
    ------
    SettingsError
        Where a scene does not begin after the one before, or outside a video of known duration.
    """
    scenes = preset.in_scenes()
    fps, whole = float(clock.fps), None if clock.duration is None else float(clock.duration)
    starts = []
    for index, scene in enumerate(scenes):
        try:
            starts.append(scene.settings.start.seconds(fps, whole))
        except ScheduleError as error:
            raise SettingsError(f"scenes.{index}.start: {error}") from None
        if index and starts[-1] <= starts[-2]:
            raise SettingsError(
                f"scenes.{index}.start: must be after the scene before, which starts at {starts[-2]:g} s"
            )
    found = []
    for index, (scene, start) in enumerate(zip(scenes, starts, strict=True)):
        after = scenes[index + 1 :][:1]
        last = starts[index + 1] + float(after[0].settings.transition) if after else whole
        if last is not None and whole is not None:
            last = max(min(last, whole), start)
        found.append(Span(scene, start, float(scene.settings.transition) if index else 0.0, last))
    return found


@dataclass(frozen=True, slots=True)
class SceneLooks:
    """The look of every frame of a preset's scenes."""

    clock: Clock
    spans: tuple[Span, ...]
    looks: tuple[Callable[[TimePoint], Look], ...]

    def at(self, frame: Frame) -> tuple[Part, ...]:
        """Return the scenes that a frame lies in; see :meth:`Looks.at`."""
        t, fps = float(frame.pts), float(self.clock.fps)
        within = [i for i, span in enumerate(self.spans) if span.start <= t + 0.5 / fps] or [0]
        shares: dict[int, float] = {}
        left = 1.0
        for index in reversed(within):
            share = left * self.spans[index].share(t)
            if share > 0.0 or not shares:
                shares[index] = share
            left -= share
            if left <= 0.0:
                break
        return tuple(
            Part(
                index, shares[index], self.looks[index](self.spans[index].moment(t, frame.index, self.clock))
            )
            for index in sorted(shares)
        )


@dataclass(frozen=True, slots=True)
class BuiltLooks:
    """Looks that are ready; what ``auto`` became for pictures of a size, and the files they were made from.

    ``carries`` says whether any scene carries detail from frame to frame.
    """

    looks: Looks
    carries: bool
    first: Built
    resolved: Callable[[Size], dict[str, object]]
    files: dict[str, Path] = field(default_factory=dict)


def build_looks(preset: Preset, options: RunOptions, clock: Clock, size: Size) -> BuiltLooks:
    """Return the looks of a preset, all checked: every model loads, every schedule gives numbers.

    Raises
    ------
    DreamvidError
        In one line.
    """
    found = spans(preset, clock)
    for warning in check_schedules(found, clock):
        _log.warning("%s", warning)
    built = [build_dreamer(span.scene.preset, options) for span in found]
    makers = tuple(_maker(span.scene.preset, b, size) for span, b in zip(found, built, strict=True))
    constant = len(found) == 1 and found[0].scene.preset.is_constant()
    looks: Looks = (
        OneLook(makers[0](found[0].moment(0.0, 0, clock)))
        if constant
        else SceneLooks(clock, tuple(found), makers)
    )

    def resolved(of: Size) -> dict[str, object]:
        each = [one.resolved(of) for one in built]
        return each[0] if len(each) == 1 else {**each[0], "scenes": each}

    files: dict[str, Path] = {}
    for index, one in enumerate(built):
        new = {role: path for role, path in one.files.items() if path not in files.values()}
        files |= {(role if index == 0 else f"{role}.{index}"): path for role, path in new.items()}
    carries = any(_carries(span.scene.preset) for span in found)
    return BuiltLooks(looks, carries, built[0], resolved, files)


def _carries(preset: Preset) -> bool:
    return "stability.steadiness" in preset.schedules() or constant(preset.stability.steadiness) > 0


def _maker(preset: Preset, built: Built, size: Size) -> Callable[[TimePoint], Look]:
    """Return what makes a scene's look of a moment; what is constant is made once."""
    start = preset.at(START)
    steady = Look(built.dreamer, build_stabilizer(start), make_compositor(start, size), start)
    varying = set(preset.schedules())
    ascends = bool(varying & set(_SCHEDULED_ASCENT))
    holds = ascends or any(path.startswith("stability.") for path in varying)
    finishes = any(path.startswith("look.") for path in varying)
    changing = preset.objective if isinstance(preset.objective, ObjectiveSchedule) else None

    def make(moment: TimePoint) -> Look:
        now = preset.at(moment)
        dreamer, stabilizer, finish, _ = steady
        turnover = 0.0 if changing is None else _turnover(changing, moment)
        if ascends or changing is not None:
            dreamer = built.dreamer.vary(
                objective=None if changing is None else changing.at(moment),
                ascent=now.ascent if ascends else None,
            )
        return Look(
            dreamer,
            build_stabilizer(now, turnover=turnover) if holds or turnover else stabilizer,
            make_compositor(now, size) if finishes else finish,
            now,
        )

    return (lambda _: steady) if preset.is_constant() else make


def _turnover(objective: ObjectiveSchedule, moment: TimePoint) -> float:
    """Return the share of the detail that a change of the objective exchanges in a frame, 0 to :data:`_MOST_TURNED`.

    Twice the share of the weights that has moved since the frame before, so that when all of it has, an eighth of
    the old dream is left.
    """
    before = replace(moment, t=max(0.0, moment.t - 1.0 / moment.fps), f=max(0, moment.f - 1))
    now, then = (np.array([term.weight for term in objective.at(m).terms]) for m in (moment, before))
    now, then = (weights / max(float(np.abs(weights).sum()), 1e-9) for weights in (now, then))
    return min(_MOST_TURNED, float(np.abs(now - then).sum()))


def check_schedules(found: Sequence[Span], clock: Clock) -> list[str]:
    """Evaluate every schedule at up to 2000 moments; return a warning for each that leaves its field's range.

    Within that range it is held.

    Raises
    ------
    SettingsError
        Where one gives no number, or needs a duration that is not known.
    """
    warnings = []
    for index, span in enumerate(found):
        where = f"scenes.{index}." if len(found) > 1 else ""
        moments = list(_moments(span, clock))
        for path, value in span.scene.preset.schedules().items():
            try:
                beyond = [m for m in moments if not value.bounds.contain(value.schedule.at(m))]
            except ScheduleError as error:
                raise SettingsError(f"{where}{path}: {error}") from None
            if beyond:
                reached = value.schedule.at(beyond[0])
                warnings.append(
                    f"{where}{path}: is {reached:g} at {beyond[0].t:g} s; it is held at {value.bounds.fit(reached):g}"
                )
        if isinstance(span.scene.preset.objective, ObjectiveSchedule):
            try:
                for moment in moments:
                    span.scene.preset.objective.at(moment)
            except SettingsError as error:
                raise SettingsError(f"{where}objective: {error}") from None
    return warnings


def _moments(span: Span, clock: Clock) -> Iterator[TimePoint]:
    """Yield moments spread over a scene, all its frames where they are few; ten seconds where it has no known end."""
    fps = float(clock.fps)
    seconds = 10.0 if span.last is None else span.last - span.start
    frames = max(1, round(seconds * fps))
    stride = max(1, -(-frames // _MOST_CHECKED))
    first = round(span.start * fps)
    for frame in range(0, frames, stride):
        yield span.moment(span.start + frame / fps, first + frame, clock)


def stand_still(preset: Preset) -> Preset:
    """Return a preset as constants for a still picture: its first scene, at its start."""
    first = preset.in_scenes()[0].preset
    still = first.at(TimePoint(t=0.0, f=0, fps=24.0, duration=10.0))
    if not isinstance(first.objective, ObjectiveSchedule):
        return still
    # Weights to the six digits of the text form, as ever: a replay gives the same picture.
    return still.override({"objective": str(still.objective)})
