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
_MOST_PREVIEWS = 2

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


@dataclass(frozen=True, slots=True)
class _Run:
    id: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def video(self) -> Path:
        return self.folder / "preview.mp4"

    @property
    def log(self) -> Path:
        return self.folder / "preview.log"

    def end(self) -> None:
        """End it where it still runs, and remove its files."""
        self.process.kill()  # nothing of it is kept
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)


class MovingPreviews:
    """Renders one moving preview for each page, in a process of its own; a new one ends the one before.

    There are two at most; that of a third page takes the place of the one that began first.
    """

    def __init__(
        self, folder: Path, command: Callable[[Path, Path, Path, int | None], RenderCommand] = render_command
    ) -> None:
        self._folder = folder
        self._command = command
        self._runs: dict[str, _Run] = {}
        self._lock = threading.Lock()

    def begin(self, source: Path, preset: Preset, threads: int | None = None, page: str = "") -> str:
        """Begin a preview for a page; return its id."""
        with self._lock:
            self._end(page)
            while len(self._runs) >= _MOST_PREVIEWS:
                self._end(next(iter(self._runs)))
            name = uuid4().hex
            folder = self._folder / name
            folder.mkdir(parents=True)
            file = folder / "preview.yaml"
            file.write_text(look_text.to_yaml(preset), encoding="utf-8")
            with (folder / "preview.log").open("wb") as log:
                process = subprocess.Popen(  # noqa: S603  our own command
                    self._command(file, source, folder / "preview.mp4", threads),
                    cwd=source.parent,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C in the server's terminal is for the server
                    env={**os.environ, "PYTHONUNBUFFERED": "1"},
                )
            self._runs[page] = _Run(name, folder, process)
            return name

    def status(self, preview_id: str) -> MovingStatus:
        """Return how far a preview is; raises a ``ReadError`` where a newer one has taken its place."""
        run = self._run(preview_id)
        code = run.process.poll()
        log = read_log(run.log)
        error = ""
        if code:
            error = log.error or f"the moving preview ended unexpectedly (exit code {code})"
        return MovingStatus(log.done, log.frames, code == 0, error)

    def file(self, preview_id: str) -> Path:
        """Return the video of a preview that is finished."""
        if not self.status(preview_id).finished:
            raise ReadError("this moving preview is not finished")
        return self._run(preview_id).video

    def cancel(self, preview_id: str) -> None:
        """End a preview, and remove its files."""
        with self._lock:
            for page, run in list(self._runs.items()):
                if run.id == preview_id:
                    self._end(page)

    def clear(self) -> None:
        """End all previews, and remove all files, those of a server that was killed, too."""
        with self._lock:
            for page in list(self._runs):
                self._end(page)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, preview_id: str) -> _Run:
        with self._lock:
            for run in self._runs.values():
                if run.id == preview_id:
                    return run
        raise ReadError("this moving preview was given up")

    def _end(self, page: str) -> None:
        run = self._runs.pop(page, None)
        if run is not None:
            run.end()
