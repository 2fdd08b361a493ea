"""What the routes of the studio share: its parts, and how requests are read."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import anyio

from dreamvid.errors import SettingsError
from dreamvid.pipelines.output_clock import trip_clock, video_clock
from dreamvid.schedule.times import parse_time
from dreamvid.studio import look, uploads
from dreamvid.studio.preview_worker import PreviewRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.scenes import VideoClock
    from dreamvid.studio.atlases import AtlasMaker
    from dreamvid.studio.jobs import JobFolder
    from dreamvid.studio.library import Library, LibraryFile
    from dreamvid.studio.moving import MovingPreviews
    from dreamvid.studio.previews import Previews
    from dreamvid.studio.runner import JobRunner
    from dreamvid.studio.security import Access

SHELF_PICTURE = 240
"""Longest side of the pictures of presets, in px."""

_LONGEST_PREVIEW = 1280
_SHORTEST_PREVIEW = 64
_MAX_BODY = 1 << 20
_MOST_READERS = 2


class TooMuchError(SettingsError):
    """A body of a request that is larger than any that the page sends."""


@dataclass(frozen=True, slots=True)
class Studio:
    """The parts of a studio.

    ``ending`` is set when the server is to end: what it still sends ends with it. ``readers`` bounds the frames of
    sources that are decoded at the same time.
    """

    library: Library
    jobs: JobFolder
    runner: JobRunner
    previews: Previews
    access: Access
    moving: MovingPreviews
    atlases: AtlasMaker
    max_upload: int = uploads.MAX_UPLOAD
    threads: int | None = None
    device: str = "auto"
    ending: threading.Event = field(default_factory=threading.Event)
    readers: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(_MOST_READERS))

    async def file(self, file_id: object) -> LibraryFile:
        """Return the file of an id; raises a ``ReadError`` where there is none."""
        file: LibraryFile = await in_thread(self.library.file, file_id)
        return file

    async def look(self, body: dict[str, Any]) -> tuple[Preset, LibraryFile | None]:
        """Return the preset and the source of a request; a trip's source is what it starts from, in its preset."""
        preset = await in_thread(look.build_preset, body.get("values", {}), self.library)
        if preset.pipeline not in look.SHOWN_PIPELINES:
            raise SettingsError(
                "pipeline: the studio makes videos, stills and zoom trips; 'dreamvid render' makes a "
                f"{preset.pipeline}"
            )
        source = await self.file(body["source"]) if body.get("source") else None
        if source is None or preset.pipeline != "zoom":
            return preset, source
        at = f"@{float(read_seconds(body.get('time'))):.3f}s" if source.kind == "video" else ""
        return preset.override({"trip.start": f"{source.path}{at}"}), None

    def preview_request(
        self, source: LibraryFile | None, preset: Preset, seconds: Fraction, longest: int
    ) -> PreviewRequest:
        """Return what the worker is asked for."""
        return PreviewRequest(
            None if source is None else source.path,
            preset,
            seconds,
            longest,
            self.threads,
            self.device,
        )


def film_clock(preset: Preset, source: LibraryFile | None) -> VideoClock:
    """Return the clock of the video or trip of a preset whose tempo is known; without a source, it is a trip."""
    from dreamvid.media.input.probe import probe  # noqa: PLC0415  PyAV loads only when media is touched

    if source is None:
        return trip_clock(preset)
    return video_clock(preset, probe(source.path, fps=preset.output.fps).video)


async def in_thread(function: Callable[..., Any], *arguments: object) -> Any:
    """Run a function that waits for files in a thread."""
    return await anyio.to_thread.run_sync(function, *arguments)


async def read_json(request: Request) -> dict[str, Any]:
    """Return the object of a body, which is limited."""
    data = b""
    async for block in request.stream():
        data += block
        if len(data) > _MAX_BODY:
            raise TooMuchError("the request is too large")
    try:
        value = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        raise SettingsError("the request is no JSON") from None
    if not isinstance(value, dict):
        raise SettingsError("the request is no object")
    return value


def read_seconds(value: object) -> Fraction:
    """Return a time, 0 where none is given; raises a ``SettingsError`` for what is none."""
    try:
        seconds = parse_time(0 if value is None else value)
    except ValueError as error:
        raise SettingsError(f"time: {error}") from None
    return max(Fraction(0), seconds)


def read_longest(value: object) -> int:
    """Return the longest side of a preview in px, within its limits; raises a ``SettingsError`` for no number."""
    try:
        longest = int(str(480 if value is None else value))
    except ValueError:
        raise SettingsError("longest: must be a whole number of pixels") from None
    return min(max(longest, _SHORTEST_PREVIEW), _LONGEST_PREVIEW)


def read_page(values: Any) -> str:
    """Return which page a request comes from."""
    return str(values.get("page", ""))[:64]


def check_source(preset: Preset, source: LibraryFile | None) -> None:
    """Raise a ``SettingsError`` where there is nothing to dream."""
    if source is None and preset.pipeline != "zoom":
        raise SettingsError("pick a clip or a photograph first, or make a trip, which needs none")
