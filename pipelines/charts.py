"""Draw charts over time: the figures of a measured dream or a training, and the schedules of a preset."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from dreamvid.atomic import AtomicOutput
from dreamvid.errors import WriteError
from dreamvid.pipelines.scenes import scene_spans
from dreamvid.schedule.objective_schedule import ObjectiveSchedule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.flow.stability_report import Report
    from dreamvid.pipelines.activity import ActivityReport
    from dreamvid.pipelines.scenes import SceneSpan, VideoClock

CHART_SUFFIXES = (".png", ".svg", ".pdf")

_SOURCE_COLOR, _DREAM_COLOR = "0.45", "tab:red"
# The least error that is drawn: the axis is logarithmic.
_MIN_ERROR = 1e-8
# Points up to which a line also gets markers.
_MAX_MARKED_POINTS = 49
_SCHEDULE_POINTS = 600
# Length, in seconds, of a span that has no end.
_OPEN_SPAN = 10.0


def check_chart_path(path: Path) -> None:
    """Raise a ``WriteError`` for another suffix than those of :data:`CHART_SUFFIXES`."""
    if path.suffix.lower() not in CHART_SUFFIXES:
        raise WriteError(f"{path}: a chart is .png, .svg or .pdf, not '{path.suffix}'")


def write_stability_chart(
    path: Path, report: Report, times: Sequence[float], inputs: Sequence[Path], *, overwrite: bool
) -> None:
    """Draw warping error, dream RMS and brightness over ``times`` (seconds, one a frame) into a file.

    Raises
    ------
    WriteError
        Where the file cannot be written.
    """
    target = AtomicOutput(path, inputs=inputs, overwrite=overwrite)
    _save(_draw_stability(report, times), target, path)


def write_schedule_chart(path: Path, preset: Preset, clock: VideoClock, *, overwrite: bool) -> None:
    """Draw all scheduled values of a preset over time, scene after scene, into a file.

    Raises
    ------
    DreamvidError
        Where a schedule gives no number, or the file cannot be written.
    """
    check_chart_path(path)
    target = AtomicOutput(path, inputs=[], overwrite=overwrite)
    _save(_draw_schedules(preset, clock), target, path)


def write_activity_chart(
    path: Path, report: ActivityReport, inputs: Sequence[Path], *, overwrite: bool
) -> None:
    """Draw how strongly the channels of a video fire over time, layer by layer, into a file.

    Raises
    ------
    WriteError
        Where the file cannot be written.
    """
    target = AtomicOutput(path, inputs=inputs, overwrite=overwrite)
    _save(_draw_activity(report), target, path)


def write_training_chart(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Draw losses, scores and the strength of the augmentation over a GAN's training, replacing the file.

    ``rows`` are those of its log; see :data:`dreamvid.pipelines.gan.log.COLUMNS`.

    Raises
    ------
    WriteError
        Where the file cannot be written.
    """
    _save(_draw_training(rows), AtomicOutput(path, overwrite=True), path)


def _save(figure: Any, target: AtomicOutput, path: Path) -> None:
    data = io.BytesIO()
    figure.savefig(data, format=path.suffix.lower().removeprefix("."), dpi=110)
    target.write(data.getvalue())


def _draw_stability(report: Report, times: Sequence[float]) -> Any:
    from matplotlib.figure import Figure  # noqa: PLC0415  only charts need it; without pyplot, no display

    figure = Figure(figsize=(9, 7), layout="constrained")
    errors, rms, brightness = figure.subplots(3, 1, sharex=True, height_ratios=(2, 1, 1))
    for lag, style in zip((row.lag for row in report.lags), ("-", ":", "--", "-."), strict=False):
        pairs = [frame.pair(lag) for frame in report.series]
        for name, color, values in (
            ("source", _SOURCE_COLOR, [None if pair is None else pair.source for pair in pairs]),
            ("dream", _DREAM_COLOR, [None if pair is None else pair.dreamed for pair in pairs]),
        ):
            _plot_line(errors, times, values, f"{name}, lag {lag}", color, style=style)
    errors.set_yscale("log")
    errors.set_ylabel("warping error E")
    _plot_line(rms, times, [frame.dream_rms for frame in report.series], "dream", _DREAM_COLOR)
    rms.set_ylabel("dream RMS")
    rms.set_ylim(0, 1.15 * max(_MIN_ERROR, *(frame.dream_rms for frame in report.series)))
    for index, (name, color) in enumerate((("source", _SOURCE_COLOR), ("dream", _DREAM_COLOR))):
        _plot_line(brightness, times, [frame.brightness[index] for frame in report.series], name, color)
    brightness.set_ylabel("brightness")
    brightness.set_xlabel("seconds")
    for axes in (errors, brightness):
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, fontsize=8)
    for axes in (errors, rms, brightness):
        axes.grid(color="0.92")
        for cut in report.cuts:
            axes.axvline(times[cut], color="0.75", linewidth=0.8)
    return figure


def _draw_activity(report: ActivityReport) -> Any:
    from matplotlib.figure import Figure  # noqa: PLC0415  only charts need it; without pyplot, no display

    times, layers = report.times or (), report.layers
    figure = Figure(figsize=(10, 1 + 2.2 * len(layers)), layout="constrained")
    rows = figure.subplots(len(layers), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (layer, channels) in zip(rows, layers.items(), strict=True):
        axes.set_title(layer, loc="left", fontsize="medium", parse_math=False)
        axes.grid(color="0.92")
        for shown in channels:
            strengths = shown.activity.over_time.tolist()
            marker = "." if len(strengths) <= _MAX_MARKED_POINTS else None
            (line,) = axes.plot(times, strengths, linewidth=1.3, marker=marker, label=shown.title)
            onsets = shown.activity.onsets
            axes.plot(
                [times[frame] for frame in onsets],
                [strengths[frame] for frame in onsets],
                "^",
                color=line.get_color(),
                markersize=8,
            )
        if channels:
            axes.set_ylim(bottom=min(0.0, *(float(c.activity.over_time.min()) for c in channels)))
            legend = axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8)
            for text in legend.get_texts():
                text.set_parse_math(False)
    rows[-1].set_xlabel("seconds; a triangle marks where a channel wakes")
    return figure


def _draw_training(rows: Sequence[Mapping[str, float]]) -> Any:
    from matplotlib.figure import Figure  # noqa: PLC0415  only charts need it; without pyplot, no display

    steps = [row["step"] for row in rows]
    marker = "." if len(steps) <= _MAX_MARKED_POINTS else None
    figure = Figure(figsize=(9, 7), layout="constrained")
    for axes, label, columns in zip(
        figure.subplots(3, 1, sharex=True),
        ("loss", "score", "augmentation"),
        (
            {"discriminator_loss": "discriminator", "generator_loss": "generator"},
            {"real_score": "real pictures", "generated_score": "generated pictures"},
            {"strength": "strength"},
        ),
        strict=True,
    ):
        for column, name in columns.items():
            axes.plot(steps, [row[column] for row in rows], label=name, linewidth=1.3, marker=marker)
        axes.set_ylabel(label)
        axes.grid(color="0.92")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, fontsize=8)
    axes.set_ylim(0, 1)
    axes.set_xlabel("step")
    return figure


def _plot_line(
    axes: Any,
    times: Sequence[float],
    values: Sequence[float | None],
    label: str,
    color: str,
    *,
    style: str = "-",
) -> None:
    """Draw a line with gaps where there is no value; with markers where a single point would not show."""
    plotted = [float("nan") if value is None else max(value, _MIN_ERROR) for value in values]
    marker = "." if len(plotted) <= _MAX_MARKED_POINTS else None
    axes.plot(times, plotted, style, color=color, label=label, linewidth=1.3, marker=marker, markersize=4)


def _draw_schedules(preset: Preset, clock: VideoClock) -> Any:
    from matplotlib.figure import Figure  # noqa: PLC0415  only charts need it; without pyplot, no display

    spans = scene_spans(preset, clock)
    names = list(dict.fromkeys(name for span in spans for name in _series(span, clock, 2)))
    panels = list(dict.fromkeys(name.partition(": ")[0] for name in names)) or ["nothing is on a schedule"]
    figure = Figure(figsize=(9, 1.2 + 1.8 * len(panels)), layout="constrained")
    axes = dict(zip(panels, figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0], strict=True))
    for span in spans:
        for name, (times, values) in _series(span, clock, _SCHEDULE_POINTS).items():
            panel, _, label = name.partition(": ")
            axes[panel].plot(times, values, label=label or None)
    for panel, axis in axes.items():
        axis.set_title(panel, loc="left", fontsize="medium")
        axis.grid(alpha=0.3)
        for span in spans[1:]:
            axis.axvline(span.start, color="0.6", linestyle=":")
        if axis.get_legend_handles_labels()[1]:
            axis.legend(loc="upper right", fontsize="small")
    axes[panels[-1]].set_xlabel("s")
    return figure


def _series(span: SceneSpan, clock: VideoClock, points: int) -> dict[str, tuple[list[float], list[float]]]:
    """Return times and values by name; the terms of an objective share the panel ``objective``."""
    fps = float(clock.fps)
    length = _OPEN_SPAN if span.end is None else span.end - span.start
    times = [span.start + length * k / max(points - 1, 1) for k in range(points)]
    points_in_time = [span.point(t, round(t * fps), clock) for t in times]
    series: dict[str, tuple[list[float], list[float]]] = {}
    for path, value in span.scene.preset.schedules().items():
        series[path] = (times, [value.at(point) for point in points_in_time])
    schedule = span.scene.preset.objective
    if isinstance(schedule, ObjectiveSchedule):
        objectives = [schedule.at(point) for point in points_in_time]
        for index, term in enumerate(schedule.terms):
            weights = [objective.terms[index].weight for objective in objectives]
            series[f"objective: {term}"] = (times, weights)
    return series
