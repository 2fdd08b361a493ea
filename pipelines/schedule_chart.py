"""Draw the signals and schedules of a preset over time."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from dreamvid.atomic import AtomicOutput
from dreamvid.pipelines.charts import check_chart_path, save_chart
from dreamvid.pipelines.masks import open_masks
from dreamvid.pipelines.music import music_of, soundtrack
from dreamvid.pipelines.scenes import VideoClock, scene_spans
from dreamvid.pipelines.schedule_curves import UNKNOWN_LENGTH, moments_of, weights_at
from dreamvid.pipelines.signals import Clip, open_signals
from dreamvid.pipelines.tempo import Music, duration_setting, in_tempo
from dreamvid.schedule.expression import Expression
from dreamvid.schedule.lengths import known_seconds
from dreamvid.schedule.objective_schedule import ObjectiveSchedule
from dreamvid.schedule.times import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.scenes import SceneSpan
    from dreamvid.types import SeekableSource

_RATE = Fraction(24)
# Moments at which schedules are drawn, frames at which signals are, at most, and bars that are marked.
_SCHEDULE_POINTS = 600
_MAX_FRAMES = 20_000
_MAX_BARS = 64


class _Chart(NamedTuple):
    """What is drawn: a preset whose tempo is known, the clock of its output, and the names of the signals."""

    preset: Preset
    clock: VideoClock
    signals: tuple[str, ...]


def write_schedule_chart(
    path: Path,
    preset: Preset,
    *,
    source: Path | None = None,
    duration: str | None = None,
    overwrite: bool = False,
) -> None:
    """Draw all signals and scheduled values of a preset over time, scene after scene, into a file.

    Parameters
    ----------
    source
        The clip that is dreamed, where signals or the tempo are taken from it.
    duration
        Length that is drawn; None is that of the trip or the clip, else 10 s.

    Raises
    ------
    DreamvidError
        Where a schedule gives no number, a signal cannot be read, or the file cannot be written.
    """
    check_chart_path(path)
    target = AtomicOutput(path, inputs=[] if source is None else [source], overwrite=overwrite)
    with _open(preset, source, duration) as chart:
        figure = _draw(chart)
    save_chart(figure, target, path)


@contextmanager
def _open(preset: Preset, source: Path | None, duration: str | None) -> Iterator[_Chart]:
    path = duration_setting(preset.pipeline)
    section, _, name = path.partition(".")
    group = None if section == "input" else section
    if duration is not None:
        preset = preset.override({path: duration})
    clip = None if source is None or group is not None else _open_clip(preset, source)
    rate = preset.output.fps or (_RATE if clip is None else clip.info.rate)
    with_music = None if group is None else getattr(preset, group)
    music = None if with_music is None else music_of(with_music)
    if clip is not None and source is not None:
        music = Music(source, preset.input.start)
    preset = in_tempo(preset, rate, path, music)
    seconds = known_seconds(getattr(getattr(preset, section), name))
    if seconds is None:
        seconds = UNKNOWN_LENGTH if clip is None or clip.info.duration is None else clip.info.duration
    measured = None
    if clip is not None and source is not None:
        masks = open_masks(preset, rate=rate)
        measured = Clip(clip, masks, source, preset.input.start, clip.info)
    signals = open_signals(preset, rate=rate, duration=seconds, clip=measured)
    with nullcontext() if with_music is None else soundtrack(with_music, seconds, rate) as track:
        clock = VideoClock(
            rate, seconds, signals.over(None if track is None else track.signals), preset.tempo.grid
        )
        used = _used_names(preset)
        yield _Chart(
            preset,
            clock,
            (*preset.signals, *(name for name in SIGNALS if name in used and name not in preset.signals)),
        )


def _open_clip(preset: Preset, source: Path) -> SeekableSource:
    from dreamvid.media.input.source import open_source  # noqa: PLC0415  PyAV loads only when media is touched

    length = preset.input.duration if isinstance(preset.input.duration, Fraction) else None
    return open_source(source, start=preset.input.start, duration=length, fps=preset.output.fps)


def _used_names(preset: Preset) -> set[str]:
    """Return the names that the expressions of a preset use."""
    schedules = [each.schedule for scene in preset.in_scenes() for each in scene.preset.schedules().values()]
    return {name for each in schedules if isinstance(each, Expression) for name in each.names}


def _draw(chart: _Chart) -> Any:
    from matplotlib.figure import Figure  # noqa: PLC0415  only charts need it; without pyplot, no display

    spans = scene_spans(chart.preset, chart.clock)
    names = list(dict.fromkeys(name for span in spans for name in _series(span, chart.clock, 2)))
    panels = list(dict.fromkeys(name.partition(": ")[0] for name in names))
    titles = [*(f"signal {name}" for name in chart.signals), *panels] or ["nothing is on a schedule"]
    figure = Figure(figsize=(9, 1.2 + 1.8 * len(titles)), layout="constrained")
    axes = dict(zip(titles, figure.subplots(len(titles), 1, sharex=True, squeeze=False)[:, 0], strict=True))
    for name in chart.signals:
        axes[f"signal {name}"].plot(*_signal_line(name, chart.clock), color="0.35")
    for span in spans:
        for name, (times, values) in _series(span, chart.clock, _SCHEDULE_POINTS).items():
            panel, _, label = name.partition(": ")
            axes[panel].plot(times, values, label=label or None)
    for title, axis in axes.items():
        axis.set_title(title, loc="left", fontsize="medium", parse_math=False)
        axis.grid(alpha=0.3)
        for bar in _bars(chart.clock):
            axis.axvline(bar, color="0.85", linewidth=0.8, zorder=0)
        for span in spans[1:]:
            axis.axvline(span.start, color="0.6", linestyle=":")
        if axis.get_legend_handles_labels()[1]:
            axis.legend(loc="upper right", fontsize="small")
    axes[titles[-1]].set_xlabel("s")
    return figure


def _signal_line(name: str, clock: VideoClock) -> tuple[list[float], list[float]]:
    """Return times and values of a signal, at the frames of the output."""
    assert clock.duration is not None
    assert clock.signals is not None
    frames = max(1, round(clock.duration * clock.fps))
    times = [frame / float(clock.fps) for frame in range(0, frames, -(-frames // _MAX_FRAMES))]
    return times, [clock.signals(t)[name] for t in times]


def _bars(clock: VideoClock) -> list[float]:
    """Return the times of the bars, where they are not too many to be marked."""
    if clock.grid is None or clock.duration is None:
        return []
    bar = clock.grid.length(1, "bar")
    count = int((float(clock.duration) - clock.grid.first) / bar) + 1
    return [clock.grid.first + index * bar for index in range(count)] if count <= _MAX_BARS else []


def _series(span: SceneSpan, clock: VideoClock, points: int) -> dict[str, tuple[list[float], list[float]]]:
    """Return times and values by name; the terms of an objective share the panel ``objective``."""
    times, moments = moments_of(span, clock, points)
    series = {
        path: (times, [value.at(moment) for moment in moments])
        for path, value in span.scene.preset.schedules().items()
    }
    schedule = span.scene.preset.objective
    if isinstance(schedule, ObjectiveSchedule):
        for term, weights in weights_at(schedule, moments).items():
            series[f"objective: {term}"] = (times, weights)
    return series
