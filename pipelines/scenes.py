"""Resolve scenes, cross-fades and schedules to the settings of one frame."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dreamvid.config.preset import Preset, Scene
from dreamvid.config.scene import SceneSettings
from dreamvid.errors import ScheduleError, SettingsError
from dreamvid.pipelines.build import (
    LoadedDreamer,
    build_dreamer,
    build_stabilizer,
    choose_channels,
    needs_picture,
)
from dreamvid.pipelines.compositing import make_compositor
from dreamvid.pipelines.octave_limit import limit_octaves
from dreamvid.pipelines.options import RunOptions
from dreamvid.schedule.fields import constant
from dreamvid.schedule.objective_schedule import ObjectiveSchedule
from dreamvid.schedule.times import START, TimeOffset, TimePoint
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from dreamvid.pipelines.compositing import Compositor
    from dreamvid.schedule.lengths import Length
    from dreamvid.schedule.times import BeatGrid
    from dreamvid.types import RGB, Dreamer, Frame, Stabilizer, VideoInfo

_log = logging.getLogger(__name__)

_MAX_CHECKED = 2000  # moments of a scene at which its schedules are checked
_UNKNOWN_DURATION = 10.0  # seconds for which those of a scene without a known end are checked
_MAX_TURNOVER = 0.5
_ASCENT_SCHEDULES = {
    f"ascent.{name}"
    for name in ("steps", "step_size", "color", "precondition", "variety", "total_variation", "l2")
}


class VideoClock(NamedTuple):
    """A video's frame rate, its duration in seconds where it is known, its signals at a time, and its beats."""

    fps: Fraction
    duration: Fraction | None
    signals: Callable[[float], Mapping[str, float]] | None = None
    grid: BeatGrid | None = None

    @classmethod
    def of(
        cls,
        info: VideoInfo,
        signals: Callable[[float], Mapping[str, float]] | None = None,
        grid: BeatGrid | None = None,
    ) -> VideoClock:
        """Return the clock of a video."""
        duration = info.duration
        if duration is None and info.frames is not None:
            duration = info.frames / info.rate
        return cls(info.rate, duration, signals, grid)


@dataclass(frozen=True, slots=True)
class SceneSpan:
    """When a scene shows, in seconds: from ``start`` to ``end``, faded in during the first ``fade``.

    ``end`` is when the next scene has taken over; None at the end of a video of unknown duration.
    """

    scene: Scene
    start: float
    fade: float
    end: float | None

    def point(self, t: float, f: int, clock: VideoClock) -> TimePoint:
        """Return the moment of this scene at a time (seconds) and frame of the video."""
        fps, duration = float(clock.fps), None if self.end is None else self.end - self.start
        signals = {} if clock.signals is None else clock.signals(t)
        return TimePoint(
            max(0.0, t - self.start),
            max(0, f - round(self.start * fps)),
            fps,
            duration,
            signals,
            None if clock.grid is None else clock.grid.since(self.start),
        )

    def weight(self, t: float) -> float:
        """Return the fade-in weight at a time (seconds); 0 to 1, but for easings that overshoot."""
        return self.scene.settings.ease((t - self.start) / self.fade) if t < self.start + self.fade else 1.0


def scene_spans(preset: Preset, clock: VideoClock) -> list[SceneSpan]:
    """Return when each scene of a preset shows.

    Raises
    ------
    SettingsError
        Where a scene does not begin after the one before, or outside a video of known duration.
    """
    scenes = preset.in_scenes()
    fps, duration = float(clock.fps), None if clock.duration is None else float(clock.duration)
    starts: list[float] = []
    fades: list[float] = []
    for index, scene in enumerate(scenes):
        name = "start"
        try:
            starts.append(scene.settings.start.seconds(fps, duration, clock.grid) if index else 0.0)
            name = "transition"
            fades.append(_fade(scene.settings.transition, clock))
        except ScheduleError as error:
            raise SettingsError(f"scenes.{index}.{name}: {error}") from None
        if index and starts[-1] <= starts[-2]:
            raise SettingsError(
                f"scenes.{index}.start: must be after the scene before, which starts at {starts[-2]:g} s"
            )
    spans = []
    for index, (scene, start) in enumerate(zip(scenes, starts, strict=True)):
        is_last = index == len(scenes) - 1
        end = duration if is_last else starts[index + 1] + fades[index + 1]
        if end is not None and duration is not None:
            end = max(min(end, duration), start)
        spans.append(SceneSpan(scene, start, fades[index] if index else 0.0, end))
    return spans


def _fade(transition: Length, clock: VideoClock) -> float:
    """Return the length of a cross-fade in seconds."""
    if isinstance(transition, TimeOffset):
        return transition.length(float(clock.fps), None, clock.grid)
    return float(transition)


class FrameSettings(NamedTuple):
    """All that a scene's dream of one frame takes; ``preset`` holds the constants that it was made from."""

    dreamer: Dreamer
    stabilizer: Stabilizer
    compositor: Compositor
    preset: Preset = Preset()


class SceneShare(NamedTuple):
    """A scene that shows in a frame, by its index, and its share of the frame; in a cross-fade there are several."""

    scene: int
    share: float
    settings: FrameSettings


@dataclass(frozen=True, slots=True)
class LoadedScene:
    """A scene whose network is loaded; ``first`` are the settings at its start, ``size`` is that of the video."""

    preset: Preset
    loaded: LoadedDreamer
    first: FrameSettings
    size: Size

    @classmethod
    def of(cls, preset: Preset, loaded: LoadedDreamer, size: Size, rate: Fraction) -> LoadedScene:
        """Return the scene of a preset; ``rate`` is the video's, in frames a second."""
        start = preset.at(START)
        compositor = make_compositor(start, size, video=True)
        first = FrameSettings(loaded.dreamer, build_stabilizer(start, rate=rate), compositor, start)
        return cls(preset, loaded, first, size)

    @property
    def carries(self) -> bool:
        """Whether detail is carried from frame to frame."""
        schedules = self.preset.schedules()
        return "stability.steadiness" in schedules or constant(self.preset.stability.steadiness) > 0

    def at(self, point: TimePoint) -> FrameSettings:
        """Return the settings of a moment; what does not change is shared by all frames."""
        if self.preset.is_constant():
            return self.first
        preset, scheduled = self.preset.at(point), self.preset.schedules().keys()
        objective = self.preset.objective if isinstance(self.preset.objective, ObjectiveSchedule) else None
        turnover = 0.0 if objective is None else _turnover(objective, point)
        dreamer, stabilizer, compositor, _ = self.first
        ascent_changes = not scheduled.isdisjoint(_ASCENT_SCHEDULES)
        if ascent_changes or objective is not None:
            dreamer = self.loaded.dreamer.with_settings(
                objective=None if objective is None else objective.at(point),
                ascent=preset.ascent if ascent_changes else None,
            )
        if turnover or ascent_changes or any(path.startswith("stability.") for path in scheduled):
            stabilizer = build_stabilizer(preset, rate=point.fps, turnover=turnover)
        if any(path.startswith("look.") for path in scheduled):
            compositor = make_compositor(preset, self.size, video=True)
        return FrameSettings(dreamer, stabilizer, compositor, preset)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The settings of every frame; a pure function of the frame, so that a run may start anywhere."""

    clock: VideoClock
    spans: tuple[SceneSpan, ...]
    scenes: tuple[LoadedScene, ...]

    @classmethod
    def single(cls, settings: FrameSettings) -> Timeline:
        """Return the timeline of one scene with the same settings throughout."""
        span = SceneSpan(Scene(SceneSettings(), settings.preset), 0.0, 0.0, None)
        loaded = LoadedDreamer(settings.dreamer, lambda _: {}, {})  # type: ignore[arg-type]  # it is never varied
        scene = LoadedScene(settings.preset, loaded, settings, Size(1, 1))
        return cls(VideoClock(Fraction(1), None), (span,), (scene,))

    @property
    def carries(self) -> bool:
        """Whether any scene carries detail from frame to frame."""
        return any(scene.carries for scene in self.scenes)

    @property
    def files(self) -> dict[str, Path]:
        """The files that the scenes were made from, by role; those of later scenes have its index."""
        files: dict[str, Path] = {}
        for index, scene in enumerate(self.scenes):
            new = {role: path for role, path in scene.loaded.files.items() if path not in files.values()}
            files |= {(role if index == 0 else f"{role}.{index}"): path for role, path in new.items()}
        return files

    def resolved(self, size: Size) -> dict[str, object]:
        """Return what settings that were ``auto`` became, for pictures of a size."""
        each = [scene.loaded.resolved(size) for scene in self.scenes]
        return each[0] if len(each) == 1 else {**each[0], "scenes": each}

    def at(self, frame: Frame) -> tuple[SceneShare, ...]:
        """Return the scenes that show in a frame, the newest last; their shares add up to 1."""
        t, fps = float(frame.pts), float(self.clock.fps)
        started = [index for index, span in enumerate(self.spans) if span.start <= t + 0.5 / fps] or [0]
        shares: dict[int, float] = {}
        remaining = 1.0
        for index in reversed(started):
            share = remaining * self.spans[index].weight(t)
            if share > 0.0 or not shares:
                shares[index] = share
            remaining -= share
            if remaining <= 0.0:
                break
        return tuple(
            SceneShare(
                index,
                shares[index],
                self.scenes[index].at(self.spans[index].point(t, frame.index, self.clock)),
            )
            for index in sorted(shares)
        )


BuildDreamer = Callable[[Preset, RunOptions], LoadedDreamer]
"""Loads the dreamer of a scene."""


def load_timeline(
    preset: Preset,
    options: RunOptions,
    clock: VideoClock,
    size: Size,
    build: BuildDreamer = build_dreamer,
    *,
    first_picture: Callable[[], RGB] | None = None,
) -> Timeline:
    """Return the timeline of a preset, all checked: every model loads, every schedule gives numbers.

    Parameters
    ----------
    size
        The size of the video's frames.
    build
        Returns the dreamer of a scene.
    first_picture
        Reads the picture by which all scenes' channels are chosen, where an objective leaves them to it.

    Raises
    ------
    DreamvidError
        In one line.
    """
    spans = scene_spans(preset, clock)
    for warning in check_schedules(spans, clock):
        _log.warning("%s", warning)
    presets = limit_octaves([span.scene.preset for span in spans], size)
    if first_picture is not None and any(needs_picture(preset) for preset in presets):
        picture = first_picture()
        presets = [choose_channels(preset, options, picture) for preset in presets]
    scenes = tuple(LoadedScene.of(preset, build(preset, options), size, clock.fps) for preset in presets)
    return Timeline(clock, tuple(spans), scenes)


def check_schedules(spans: Sequence[SceneSpan], clock: VideoClock) -> list[str]:
    """Evaluate every schedule at up to 2000 moments; return a warning for each that leaves its field's range.

    Within that range it is held.

    Raises
    ------
    SettingsError
        Where one gives no number, or needs a duration that is not known.
    """
    warnings = []
    for index, span in enumerate(spans):
        where = f"scenes.{index}." if len(spans) > 1 else ""
        points = list(_points(span, clock))
        for path, setting in span.scene.preset.schedules().items():
            try:
                beyond = [p for p in points if not setting.bounds.contain(setting.schedule.at(p))]
            except ScheduleError as error:
                raise SettingsError(f"{where}{path}: {error}") from None
            if beyond:
                value = setting.schedule.at(beyond[0])
                limited = setting.bounds.fit(value)
                warnings.append(
                    f"{where}{path}: is {value:g} at {beyond[0].t:g} s; it is held at {limited:g}"
                )
        if isinstance(span.scene.preset.objective, ObjectiveSchedule):
            try:
                for point in points:
                    span.scene.preset.objective.at(point)
            except SettingsError as error:
                raise SettingsError(f"{where}objective: {error}") from None
    return warnings


def _points(span: SceneSpan, clock: VideoClock) -> Iterator[TimePoint]:
    """Yield moments spread over a scene: all its frames, where they are few."""
    fps = float(clock.fps)
    seconds = _UNKNOWN_DURATION if span.end is None else span.end - span.start
    frames = max(1, round(seconds * fps))
    stride = max(1, -(-frames // _MAX_CHECKED))
    first = round(span.start * fps)
    for frame in range(0, frames, stride):
        yield span.point(span.start + frame / fps, first + frame, clock)


def _turnover(objective: ObjectiveSchedule, point: TimePoint) -> float:
    """Return the share of the detail that a change of the objective exchanges in a frame, 0 to 0.5.

    Twice the share of the weights that has moved since the frame before, so that when all of it has, an eighth of
    the old dream is left.
    """
    before = replace(point, t=max(0.0, point.t - 1.0 / point.fps), f=max(0, point.f - 1))
    now, then = (np.array([term.weight for term in objective.at(p).terms]) for p in (point, before))
    now, then = (weights / max(float(np.abs(weights).sum()), 1e-9) for weights in (now, then))
    return min(_MAX_TURNOVER, float(np.abs(now - then).sum()))


def first_still(preset: Preset) -> Preset:
    """Return a preset as constants for a still picture: its first scene, at its start."""
    scene = preset.in_scenes()[0].preset
    still = scene.at(START)
    if not isinstance(scene.objective, ObjectiveSchedule):
        return still
    # Weights to the six digits of the text form, as ever: a replay gives the same picture.
    return still.override({"objective": str(still.objective)})
