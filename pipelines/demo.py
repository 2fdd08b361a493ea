"""Run the demonstration: render a procedural clip with sound, and dream it."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from dreamvid.checkpoint.layout import work_folder
from dreamvid.config.settings import OutputSettings
from dreamvid.pipelines.landscape import Landscape, write_wind
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.output_path import check_target, made_folder
from dreamvid.pipelines.video import dream_file
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.result import RunResult

SIZE = Size(270, 480)
RATE = Fraction(12)
SECONDS = Fraction(4)
PACE = 3.0
"""Seconds of the landscape in a second of the clip: clouds fly."""


def run_demo(folder: Path, preset: Preset, options: RunOptions = RunOptions()) -> tuple[Path, RunResult]:
    """Make ``dreamvid-demo.mp4`` and dream it into ``dreamvid-demo.dream.mp4``.

    Returns
    -------
    The path of the clip, and the result of its dream.

    Raises
    ------
    DreamvidError
        For example where the folder cannot be written.
    """
    with made_folder(folder):
        return _make_and_dream(folder, preset, options)


def _make_and_dream(folder: Path, preset: Preset, options: RunOptions) -> tuple[Path, RunResult]:
    clip, dreamed = folder / "dreamvid-demo.mp4", folder / "dreamvid-demo.dream.mp4"
    begun = work_folder(dreamed).is_dir()  # by a run whose clip, the same, may be there too
    replace_clip = check_target(clip, [dreamed], (lambda _: True) if begun else options.confirm_overwrite)
    replace_dream = check_target(dreamed, [clip], options.confirm_overwrite)
    make_clip(clip, overwrite=replace_clip)
    try:
        options = replace(options, confirm_overwrite=lambda _: replace_dream)
        return clip, dream_file(clip, dreamed, preset, options)
    except BaseException:
        if not replace_clip and not work_folder(dreamed).is_dir():
            clip.unlink(missing_ok=True)  # so that the same command can start anew
        raise


def make_clip(path: Path, *, overwrite: bool) -> None:
    """Render the landscape with its wind into a video file."""
    from dreamvid.media.output.writer import open_writer  # noqa: PLC0415  PyAV loads only when media is touched

    with tempfile.TemporaryDirectory() as scratch:
        sound = Path(scratch) / "wind.wav"
        write_wind(sound, float(SECONDS))
        info = VideoInfo(SIZE, RATE, frames=round(SECONDS * RATE), duration=SECONDS)
        writer = open_writer(
            path,
            info=info,
            output=OutputSettings(crf=14),
            streams_from=sound,
            streams_are_generated=True,
            metadata={"title": "dreamvid demonstration"},
            overwrite=overwrite,
            expected_frames=info.frames,
        )
        with writer:
            for frame in landscape_frames():
                writer.write(frame)


def landscape_frames() -> Iterator[Frame]:
    """Yield the demonstration's frames."""
    landscape = Landscape(SIZE)
    for index in range(round(SECONDS * RATE)):
        seconds = index / RATE
        yield Frame(index, seconds, landscape.frame(PACE * float(seconds)), duration=1 / RATE)
