"""``dreamvid measure``: measure how steady a dreamed video is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreamvid.cli.options import CommonOptions, common_command
from dreamvid.cli.run import run_command
from dreamvid.config.preset import Preset
from dreamvid.errors import SettingsError
from dreamvid.pipelines.measure import DreamedPart
from dreamvid.schedule.lengths import known_seconds

if TYPE_CHECKING:
    from rich.table import Table

    from dreamvid.flow.stability_report import Drift, Report
    from dreamvid.image.flashes import FlashReport

_FILES, _PART = "Files", "Dreamed part"
_MOST_PASSAGES = 5
_FILE_HELP = "A video, GIF, APNG, WebP or AVIF animation, or a folder of pictures"


@common_command(
    "yes",
    "progress",
    keep_going="Measure the part before any damage, and warn.",
    quiet="Print nothing but the figures.",
)
def measure(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", readable=False, help=f"The source. {_FILE_HELP}.")
    ],
    dreamed: Annotated[
        Path | None,
        typer.Argument(
            metavar="DREAMED",
            readable=False,
            help="The dream of it, preferably lossless. Without it, only the flashes of SOURCE are measured.",
        ),
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw a chart over time (.png .svg .pdf).", rich_help_panel=_FILES),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT", help="Write a video with source and dream side by side.", rich_help_panel=_FILES
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Start of the dreamed part in the source (s).", rich_help_panel=_PART
        ),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Length of the dreamed part (s).", rich_help_panel=_PART),
    ] = None,
    fps: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Frame rate of the dream (fps).", rich_help_panel=_PART),
    ] = None,
    common: CommonOptions,
) -> None:
    """Measure how steady a dream is: flicker, drift, detail; and how often it flashes.

    The part and rate that were dreamed are read from the dream, where it was written by dreamvid. More than three
    flashes in a second can trigger seizures (WCAG 2.2, success criterion 2.3.1).
    """
    values = {"input.start": start, "input.duration": duration, "output.fps": fps}
    if dreamed is None:
        alone = {"--plot": plot, "--compare": compare, "--start": start, "--duration": duration, "--fps": fps}
        _measure_flashes(source, common, [name for name, value in alone.items() if value], as_json=as_json)
        return
    settings = Preset().override({path: text for path, text in values.items() if text is not None})
    with run_command(common, action="measuring") as run:
        from dreamvid.pipelines.measure import measure_files  # noqa: PLC0415  loads OpenCV and PyAV

        report = measure_files(
            source,
            dreamed,
            run.options,
            part=DreamedPart(
                None if start is None else settings.input.start,
                known_seconds(settings.input.duration),
                settings.output.fps,
            ),
            plot=plot,
            compare=compare,
        )
        run.display.done({"frames": report.frames})
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
    else:
        _show_report(report)


def _measure_flashes(source: Path, common: CommonOptions, unused: list[str], *, as_json: bool) -> None:
    """Measure a video that is compared with no other; ``unused`` are options that were given for nothing."""
    with run_command(common, action="measuring") as run:
        from dreamvid.pipelines.flashes import measure_flashes  # noqa: PLC0415  loads OpenCV and PyAV

        if unused:
            raise SettingsError(f"{unused[0]} needs two files: SOURCE and DREAMED")
        measured = measure_flashes(source, run.options)
        run.display.done({"frames": measured.frames})
    if as_json:
        facts = {"frames": measured.frames, "flashes": measured.report.to_dict()}
        typer.echo(json.dumps(facts, indent=2))
    else:
        typer.echo(_flashes(measured.report))


def _flashes(report: FlashReport) -> str:
    """Return the line on flashes."""
    line = f"flashes: at most {report.general:g} in a second, red ones {report.red:g}"
    if not report.passages:
        return line
    times = ", ".join(f"{start:.1f}-{end:.1f} s" for start, end in report.passages[:_MOST_PASSAGES])
    more = len(report.passages) - _MOST_PASSAGES
    return (
        f"{line}; more than three, the limit of WCAG 2.3.1: {times}{f' and {more} more' if more > 0 else ''}"
    )


def _show_report(report: Report) -> None:
    from rich import box  # noqa: PLC0415  rich is slow to import, and only tables need it
    from rich.console import Console  # noqa: PLC0415  the same
    from rich.table import Table  # noqa: PLC0415  the same

    console = Console(width=None if sys.stdout.isatty() else 200, markup=False)
    cuts = "no cut" if not report.cuts else f"cuts at frame {', '.join(map(str, report.cuts))}"
    frames = "1 frame" if report.frames == 1 else f"{report.frames} frames"
    typer.echo(f"{frames}, {report.size}, dream RMS {_number(report.dream_rms)}, {cuts}")
    if report.flashes is not None:
        typer.echo(_flashes(report.flashes))
    flicker = Table(
        "flicker", "pairs", "visible", "E source", "E dream", "F", "F advected", "ratio", box=box.SIMPLE_HEAD
    )
    for row in report.lags:
        errors = (_number(row.error_source), _number(row.error_dreamed))
        index = (_number(row.flicker), _number(row.flicker_advected), _number(row.ratio))
        flicker.add_row(f"lag {row.lag}", str(row.pairs), _percent(row.visible), *errors, *index)
    quarters = ("1st quarter", "2nd", "3rd", "4th")
    drift = Table("drift", *quarters, "2nd to 4th", "beyond source", box=box.SIMPLE_HEAD)
    for name, figures in (
        ("dream RMS", report.dream_rms_drift),
        ("detail", report.detail),
        ("brightness", report.brightness),
        ("saturation", report.saturation),
    ):
        _add_drift_rows(drift, name, figures)
    for table in (flicker, drift):
        for column in table.columns[1:]:
            column.justify = "right"
        console.print(table)


def _add_drift_rows(table: Table, name: str, drift: Drift) -> None:
    changes = (_percent(drift.change, signed=True), _percent(drift.beyond_source, signed=True))
    table.add_row(name, *map(_number, drift.dreamed), changes[0], changes[1] if drift.source else "-")
    if drift.source is not None:
        table.add_row(f"  {name} of the source", *map(_number, drift.source), "", "")


def _number(value: float | None) -> str:
    """Return a figure to three digits, a dash for none."""
    return "-" if value is None else f"{value:.3g}"


def _percent(value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return "-"
    return f"{100 * value:{'+' if signed else ''}.1f} %"
