"""Draw charts over time: the figures of a measured dream or a training, and how strongly channels fire."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from dreamvid.atomic import AtomicOutput
from dreamvid.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dreamvid.flow.stability_report import Report
    from dreamvid.pipelines.activity import ActivityReport

CHART_SUFFIXES = (".png", ".svg", ".pdf")

_SOURCE_COLOR, _DREAM_COLOR = "0.45", "tab:red"
# The least error that is drawn: the axis is logarithmic.
_MIN_ERROR = 1e-8
# Points up to which a line also gets markers.
_MAX_MARKED_POINTS = 49


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
    save_chart(_draw_stability(report, times), target, path)


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
    save_chart(_draw_activity(report), target, path)


def write_training_chart(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Draw losses, scores and the strength of the augmentation over a GAN's training, replacing the file.

    ``rows`` are those of its log; see :data:`dreamvid.pipelines.gan.log.COLUMNS`.

    Raises
    ------
    WriteError
        Where the file cannot be written.
    """
    save_chart(_draw_training(rows), AtomicOutput(path, overwrite=True), path)


def save_chart(figure: Any, target: AtomicOutput, path: Path) -> None:
    """Write a Matplotlib figure into a file of one of :data:`CHART_SUFFIXES`."""
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
