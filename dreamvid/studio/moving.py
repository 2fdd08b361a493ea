"""Moving previews: two seconds of a video, small, rendered by the command line's own pipeline; the newest wins."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING
from uuid import uuid4

from dreamvid.config.settings import output_size
from dreamvid.errors import ReadError, SettingsError
from dreamvid.pipelines.octave_limit import limit_octaves
from dreamvid.schedule.lengths import known_seconds
from dreamvid.studio import look_text
from dreamvid.studio.jobs import read_log

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.types import Size

SECONDS = Fraction(2)
"""Length of a moving preview."""

_PATIENCE = 5.0

RenderCommand = list[str]


@dataclass(frozen=True, slots=True)
class MovingStatus:
    """How far a moving preview is; ``frames`` is None until it is known, ``error`` is empty while all is well."""

    done: int = 0
    frames: int | None = None
    finished: bool = False
    error: str = ""


def moving_preset(preset: Preset, size: Size, time: Fraction, longest: int) -> Preset:
    """Return a preset that renders the seconds from a time on with the look of the render, small.

    As in the still preview the largest octaves are left out, and the output is as large as the largest that is left.

    Parameters
    ----------
    size
        That of the source.
    time
        Seconds from the first frame that is used, ``input.start``.
    longest
        Longest side of the result in px.

    Raises
    ------
    SettingsError
        For presets that change over time, whose times would begin with the preview.
    """
    if preset.pipeline != "video":
        raise SettingsError("the moving preview is for videos")
    if preset.scenes or preset.signals or preset.schedules():
        raise SettingsError(
            "the moving preview is for looks that do not change over time; their times would begin with it"
        )
    size = output_size(size, preset.output)
    largest = min(longest, preset.octaves.largest or longest)
    (small,) = limit_octaves([preset.override({"octaves.largest": largest})], size)
    width = small.output.dream_width or size.width
    used = known_seconds(preset.input.duration)
    seconds = SECONDS if used is None or used <= time else min(SECONDS, used - time)
    return small.override(
        {
            "input.start": preset.input.start + time,
            "input.duration": seconds,
            "input.loop": False,
            "output": {"width": min(width, size.width), "fps": preset.output.fps},
        }
    )


def render_command(preset: Path, source: Path, output: Path, threads: int | None) -> RenderCommand:
    """Return the command that renders a moving preview."""
    return [
        *(sys.executable, "-m", "dreamvid", "render", str(preset), "-i", str(source), "-o", str(output)),
        *("--progress", "json", *(["--threads", str(threads)] if threads else [])),
    ]


class MovingPreviews:
    """Renders one moving preview at a time, in a process of its own; a new one ends the one before, and its files."""

    def __init__(
        self, folder: Path, command: Callable[[Path, Path, Path, int | None], RenderCommand] = render_command
    ) -> None:
        self._folder = folder
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._id = ""
        self._lock = threading.Lock()

    def begin(self, source: Path, preset: Preset, threads: int | None = None) -> str:
        """Begin a preview; return its id."""
        with self._lock:
            self._end()
            self._folder.mkdir(parents=True, exist_ok=True)
            name = uuid4().hex
            file = self._folder / f"{name}.yaml"
            file.write_text(look_text.to_yaml(preset), encoding="utf-8")
            with (self._folder / f"{name}.log").open("wb") as log:
                self._process = subprocess.Popen(  # noqa: S603  our own command
                    self._command(file, source, self._folder / f"{name}.mp4", threads),
                    cwd=source.parent,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C in the server's terminal is for the server
                    env={**os.environ, "PYTHONUNBUFFERED": "1"},
                )
            self._id = name
            return name

    def status(self, preview_id: str) -> MovingStatus:
        """Return how far a preview is; raises a ``ReadError`` where a newer one has taken its place."""
        with self._lock:
            process = self._process
            if process is None or preview_id != self._id:
                raise ReadError("this moving preview was given up")
            code = process.poll()
        log = read_log(self._folder / f"{preview_id}.log")
        error = ""
        if code:
            error = log.error or f"the moving preview ended unexpectedly (exit code {code})"
        return MovingStatus(log.done, log.frames, code == 0, error)

    def file(self, preview_id: str) -> Path:
        """Return the video of a preview that is finished."""
        if not self.status(preview_id).finished:
            raise ReadError("this moving preview is not finished")
        return self._folder / f"{preview_id}.mp4"

    def cancel(self, preview_id: str | None = None) -> None:
        """End a preview, or whichever there is, and remove its files."""
        with self._lock:
            if preview_id is None or preview_id == self._id:
                self._end()

    def _end(self) -> None:
        process, self._process, self._id = self._process, None, ""
        if process is not None:
            process.kill()  # nothing of it is kept
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)
        shutil.rmtree(self._folder, ignore_errors=True)
