"""How steady a dreamed video is against its source: figures, a chart over time, both side by side."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING

from dreamvid.errors import WriteError
from dreamvid.pipelines.measure_pairs import Cut, open_couple
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.output_path import check_target

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.flow.stability_report import Report
    from dreamvid.pipelines.options import ConfirmOverwrite

_log = logging.getLogger(__name__)

_FAINT = 0.005
"""Dream RMS under which the noise of a codec counts for as much as the dream."""


def measure_files(
    source: Path,
    dreamed: Path,
    options: RunOptions = RunOptions(),
    *,
    cut: Cut | None = None,
    plot: Path | None = None,
    compare: Path | None = None,
) -> Report:
    """Measure a dreamed video against its source.

    Parameters
    ----------
    source, dreamed
        Videos, animations or folders of PNGs; see :func:`~dreamvid.pipelines.measure_pairs.open_couple` for how the
        two are brought together.
    cut
        The part and rate of the source that was dreamed, where the dream doesn't say so itself.
    plot
        A chart over time to write (.png, .svg, .pdf).
    compare
        A video to write: source left, dream right, with the source's sound.

    Raises
    ------
    DreamvidError
        In one line: for what is no video, frames that are not the same in number and time, and outputs that cannot
        be written. Nothing half-written is left.
    """
    from dreamvid.flow.stability import StabilityMeter  # noqa: PLC0415  OpenCV loads only when asked
    from dreamvid.pipelines.measure_chart import check_suffix, write_chart  # noqa: PLC0415  so does PyAV

    couple = open_couple(source, dreamed, cut or Cut(), keep_going=options.keep_going)
    inputs = (source, dreamed)
    if plot is not None and compare is not None and plot.resolve() == compare.resolve():
        raise WriteError(f"{plot}: chart and comparison are one file; name two")
    if plot is not None:
        check_suffix(plot)
    replace_plot, replace_compare = (
        path is not None and _may_replace(path, inputs, options.confirm_overwrite) for path in (plot, compare)
    )
    meter, times = StabilityMeter(), list[float]()
    with ExitStack() as open_files:
        comparison = None
        if compare is not None:
            from dreamvid.pipelines.measure_compare import Comparison  # noqa: PLC0415  loads moviepy

            comparison = open_files.enter_context(
                Comparison(compare, couple, source, overwrite=replace_compare)
            )
        options.progress.start(couple.info.frames, dreamed.name)
        for one, other, frame in couple:
            meter.add(one, other)
            times.append(float(frame.pts))
            if comparison is not None:
                comparison.add(one, other, frame)
            options.progress.frame(frame.index)
    report = meter.report()
    if report.dream_rms < _FAINT:
        _log.warning("hardly a dream (RMS %.4f): its flicker index says little", report.dream_rms)
    if plot is not None:
        write_chart(plot, report, times, inputs, overwrite=replace_plot)
    return report


def _may_replace(output: Path, inputs: tuple[Path, Path], confirm_overwrite: ConfirmOverwrite) -> bool:
    return check_target(output, inputs, confirm_overwrite)
