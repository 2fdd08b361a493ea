"""The table of pipelines: how each is run, where its output goes, and which options its commands take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from dreamvid.errors import DreamvidError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.options import RunOptions
    from dreamvid.pipelines.result import RunResult

OptionGroup = Literal["source video", "encoding"]
"""Options of a run that belong together; those of settings are with the fields of the preset."""


class SourceSetting(NamedTuple):
    """Where a pipeline's source is a setting: its dotted path, and the role of its file."""

    path: str
    role: str


class Pipeline(NamedTuple):
    """One way from a preset to an output.

    ``run`` takes the source (None where there is none), the output (None is the default), the preset and the options
    of the run. ``default_output`` returns the output of a source beside it. ``source_setting`` is None where the
    source is no setting of the preset.
    """

    run: Callable[[Path | None, Path | None, Preset, RunOptions], RunResult]
    default_output: Callable[[Path | None, Preset], Path]
    options: frozenset[OptionGroup]
    source_setting: SourceSetting | None = None


def _run_video(source: Path | None, output: Path | None, preset: Preset, options: RunOptions) -> RunResult:
    from dreamvid.pipelines.video import dream_file  # noqa: PLC0415  loads OpenCV

    assert source is not None
    return dream_file(source, output, preset, options)


def _video_output(source: Path | None, preset: Preset) -> Path:
    from dreamvid.media.input.probe import probe  # noqa: PLC0415  loads PyAV
    from dreamvid.media.output.writer import default_output  # noqa: PLC0415  the same

    assert source is not None
    try:
        info = probe(source, fps=preset.output.fps).video
        return default_output(source, info=info, output=preset.output)
    except DreamvidError:
        return source.parent / f"{source.stem}.dream.mp4"  # running it says what is wrong with the source


def _run_image(source: Path | None, output: Path | None, preset: Preset, options: RunOptions) -> RunResult:
    from dreamvid.pipelines.image import dream_images  # noqa: PLC0415  loads OpenCV

    assert source is not None
    (result,) = dream_images([source], output, preset, options)
    return result


def _image_output(source: Path | None, preset: Preset) -> Path:  # noqa: ARG001  always PNG
    assert source is not None
    return source.parent / f"{source.stem}.dream.png"


def _run_zoom(source: Path | None, output: Path | None, preset: Preset, options: RunOptions) -> RunResult:
    from dreamvid.pipelines.zoom.run import run_zoom  # noqa: PLC0415  loads OpenCV

    start = {} if source is None else {"trip.start": str(source)}
    return run_zoom(output, preset.override(start), options)


def _zoom_output(source: Path | None, preset: Preset) -> Path:
    from dreamvid.pipelines.zoom.run import default_output  # noqa: PLC0415  loads OpenCV
    from dreamvid.pipelines.zoom.start_image import StartImage  # noqa: PLC0415  the same

    return default_output(StartImage("noise" if source is None else str(source), source), preset.output)


def _run_sweep(source: Path | None, output: Path | None, preset: Preset, options: RunOptions) -> RunResult:
    from dreamvid.pipelines.sweep import run_sweep  # noqa: PLC0415  loads OpenCV

    assert source is not None
    return run_sweep(source, output, preset, options)


def _sweep_output(source: Path | None, preset: Preset) -> Path:
    from dreamvid.pipelines.sweep import default_output  # noqa: PLC0415  loads OpenCV

    assert source is not None
    return default_output(source, preset.output)


def _run_walk(source: Path | None, output: Path | None, preset: Preset, options: RunOptions) -> RunResult:
    from dreamvid.pipelines.walk.run import run_walk  # noqa: PLC0415  loads OpenCV

    return run_walk(output, _with_generator(source, preset), options)


def _walk_output(source: Path | None, preset: Preset) -> Path:
    from dreamvid.pipelines.walk.plan import default_output, generator_file  # noqa: PLC0415  loads OpenCV

    return default_output(generator_file(_with_generator(source, preset)), preset.output)


def _with_generator(source: Path | None, preset: Preset) -> Preset:
    return preset if source is None else preset.override({"walk.generator": str(source)})


PIPELINES: dict[str, Pipeline] = {
    "video": Pipeline(_run_video, _video_output, frozenset({"source video", "encoding"})),
    "image": Pipeline(_run_image, _image_output, frozenset()),
    "zoom": Pipeline(_run_zoom, _zoom_output, frozenset({"encoding"}), SourceSetting("trip.start", "start")),
    "sweep": Pipeline(_run_sweep, _sweep_output, frozenset({"encoding"})),
    "walk": Pipeline(
        _run_walk, _walk_output, frozenset({"encoding"}), SourceSetting("walk.generator", "generator")
    ),
}
"""By the name that ``pipeline`` has in a preset."""
