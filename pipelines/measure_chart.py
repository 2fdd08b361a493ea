"""A chart of a measured dream over time."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from dreamvid.atomic import AtomicOutput
from dreamvid.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from dreamvid.flow.stability_report import Report

SUFFIXES = (".png", ".svg", ".pdf")

_SOURCE, _DREAM = "0.45", "tab:red"
_LEAST = 1e-8
"""The least error that is drawn: the axis is logarithmic."""


def check_suffix(path: Path) -> None:
    """Refuse what is no chart.

    Raises
    ------
    WriteError
        For another suffix than those of :data:`SUFFIXES`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise WriteError(f"{path}: a chart is .png, .svg or .pdf, not '{path.suffix}'")


def write_chart(
    path: Path, report: Report, times: Sequence[float], inputs: Sequence[Path], *, overwrite: bool
) -> None:
    """Draw warping error, dream RMS and brightness over ``times`` (seconds, one a frame) into a picture file.

    Raises
    ------
    WriteError
        Where it cannot be written.
    """
    target = AtomicOutput(path, inputs=inputs, overwrite=overwrite)
    data = io.BytesIO()
    _draw(report, times).savefig(data, format=path.suffix.lower().removeprefix("."), dpi=110)
    target.write(data.getvalue())


def _draw(report: Report, times: Sequence[float]) -> Any:
    from matplotlib.figure import Figure  # noqa: PLC0415  only charts need it; without pyplot, no display

    figure = Figure(figsize=(9, 7), layout="constrained")
    errors, rms, brightness = figure.subplots(3, 1, sharex=True, height_ratios=(2, 1, 1))
    for lag, line in zip((row.lag for row in report.lags), ("-", ":", "--", "-."), strict=False):
        pairs = [frame.pair(lag) for frame in report.series]
        for name, color, values in (
            ("source", _SOURCE, [None if pair is None else pair.source for pair in pairs]),
            ("dream", _DREAM, [None if pair is None else pair.dreamed for pair in pairs]),
        ):
            _line(errors, times, values, f"{name}, lag {lag}", color, line=line)
    errors.set_yscale("log")
    errors.set_ylabel("warping error E")
    _line(rms, times, [frame.dream_rms for frame in report.series], "dream", _DREAM)
    rms.set_ylabel("dream RMS")
    rms.set_ylim(0, 1.15 * max(_LEAST, *(frame.dream_rms for frame in report.series)))
    for number, (name, color) in enumerate((("source", _SOURCE), ("dream", _DREAM))):
        _line(brightness, times, [frame.brightness[number] for frame in report.series], name, color)
    brightness.set_ylabel("brightness")
    brightness.set_xlabel("seconds")
    for axes in (errors, brightness):
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, fontsize=8)
    for axes in (errors, rms, brightness):
        axes.grid(color="0.92")
        for cut in report.cuts:
            axes.axvline(times[cut], color="0.75", linewidth=0.8)
    return figure


def _line(
    axes: Any,
    times: Sequence[float],
    values: Sequence[float | None],
    label: str,
    color: str,
    *,
    line: str = "-",
) -> None:
    """Draw a line with gaps where there is no value; a dot where it is one point long."""
    known = [float("nan") if value is None else max(value, _LEAST) for value in values]
    mark = "." if len(known) < 50 else None  # noqa: PLR2004  few enough to be told apart
    axes.plot(times, known, line, color=color, label=label, linewidth=1.3, marker=mark, markersize=4)
