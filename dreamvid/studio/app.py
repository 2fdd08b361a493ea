"""The routes of the studio: what the page asks for, as JSON, pictures and files."""

from __future__ import annotations

import asyncio
import base64
import json
import mimetypes
import threading
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from importlib import resources
from typing import TYPE_CHECKING, Any

import anyio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from dreamvid._version import __version__
from dreamvid.atomic import write_durably
from dreamvid.config.fields import named_files
from dreamvid.config.quality import QUALITY_SETTINGS, parse_quality, with_quality
from dreamvid.errors import DreamvidError, ReadError, SettingsError
from dreamvid.media.containers import CONTAINERS, STILL_SUFFIXES
from dreamvid.pipelines.build import dream_suggestions
from dreamvid.pipelines.preview_frame import read_preview
from dreamvid.schedule.times import parse_time
from dreamvid.studio import look, presets, uploads
from dreamvid.studio.form import FIRST_DIALS, form_fields
from dreamvid.studio.jobs import Job, JobFolder
from dreamvid.studio.preview_worker import PreviewRequest, encode_picture
from dreamvid.studio.security import AccessMiddleware
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from dreamvid.config.preset import Preset
    from dreamvid.studio.library import Library, LibraryFile
    from dreamvid.studio.previews import Previews
    from dreamvid.studio.runner import JobRunner
    from dreamvid.studio.security import Access

_PAGE = resources.files("dreamvid.studio.page")
_PAGE_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_LONGEST_PREVIEW = 1280
_SHORTEST_PREVIEW = 64
_SHELF_PICTURE = 240
_MAX_BODY = 1 << 20
_EVENT_PERIOD = 0.5
_MOST_READERS = 2
"""Frames of sources that are decoded at the same time."""

_MEDIA_TYPES = {
    ".mkv": "video/x-matroska",
    ".m4v": "video/mp4",
    ".apng": "image/apng",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
    ".flac": "audio/flac",
}


@dataclass(frozen=True, slots=True)
class Studio:
    """What the routes work with."""

    library: Library
    jobs: JobFolder
    runner: JobRunner
    previews: Previews
    access: Access
    max_upload: int = uploads.MAX_UPLOAD
    threads: int | None = None
    device: str = "auto"
    ending: threading.Event = field(default_factory=threading.Event)
    """Set when the server is to end: what it still sends ends with it."""


class TooMuchError(SettingsError):
    """A body of a request that is larger than any that the page sends."""


def make_app(studio: Studio) -> Starlette:
    """Return the application; its lifespan starts and ends the job runner and the previews."""
    routes = _Routes(studio)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        uploads.remove_abandoned(studio.library)
        studio.runner.start()
        try:
            yield
        finally:
            await studio.previews.close()
            await asyncio.to_thread(studio.runner.close)

    return Starlette(
        routes=[
            Route("/", routes.index),
            Route("/favicon.ico", routes.icon),
            Route("/page/{name}", routes.page_file),
            Route("/api/session", routes.session, methods=["POST"]),
            Route("/api/studio", routes.studio_facts),
            Route("/api/presets/{name}/picture", routes.preset_picture),
            Route("/api/files", routes.files),
            Route("/api/files", routes.upload, methods=["POST"]),
            Route("/api/files/{id}/frame", routes.frame),
            Route("/api/files/{id}/content", routes.content),
            Route("/api/files/{id}/look", routes.restore),
            Route("/api/look", routes.check_look, methods=["POST"]),
            Route("/api/look/text", routes.read_text, methods=["POST"]),
            Route("/api/preview", routes.preview, methods=["POST"]),
            Route("/api/jobs", routes.list_jobs),
            Route("/api/jobs", routes.add_job, methods=["POST"]),
            Route("/api/jobs/{id}", routes.change_job, methods=["POST"]),
            Route("/api/jobs/{id}/frame", routes.job_frame),
            Route("/api/events", routes.events),
        ],
        middleware=[Middleware(AccessMiddleware, access=studio.access)],
        exception_handlers={
            DreamvidError: _explain,
            ClientDisconnect: _explain,
            Exception: _explain_unforeseen,
        },
        lifespan=lifespan,
    )


async def _explain(_: Request, error: Exception) -> Response:
    """Answer with the line that the command line would print."""
    if isinstance(error, look.LookError):
        return JSONResponse({"error": str(error), "mistakes": error.mistakes}, 422)
    status = 413 if isinstance(error, uploads.UploadTooLargeError | TooMuchError) else 400
    return JSONResponse({"error": " ".join(str(error).split()) or "the page has gone"}, status)


async def _explain_unforeseen(_: Request, error: Exception) -> Response:
    text = f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:300] or 'no message'}"
    return JSONResponse({"error": text}, 500)


class _Routes:
    """The handlers of the routes."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._readers = anyio.Semaphore(_MOST_READERS)

    async def index(self, _: Request) -> Response:
        return self._page("index.html")

    async def icon(self, _: Request) -> Response:
        return self._page("icon.svg")

    async def page_file(self, request: Request) -> Response:
        return self._page(request.path_params["name"])

    async def session(self, request: Request) -> Response:
        """Exchange the token of the link for the cookie of the page."""
        body = await _json(request)
        access = self._studio.access
        if not access.takes(body.get("token")):
            return JSONResponse({"error": "open the link that the studio printed when it started"}, 401)
        response = JSONResponse({"good": True})
        response.set_cookie(access.cookie, access.session, httponly=True, samesite="strict", path="/")
        return response

    async def studio_facts(self, _: Request) -> Response:
        """Return what the page is built from: fields, presets, formats, limits."""
        shelf = await _in_thread(presets.shelf)
        return JSONResponse(
            {
                "version": __version__,
                "folder": printable(self._studio.library.folder.name),
                "fields": form_fields(),
                "first": FIRST_DIALS,
                "presets": shelf,
                "suggestions": dream_suggestions(),
                "qualities": list(QUALITY_SETTINGS),
                "video_formats": [suffix for suffix in CONTAINERS if suffix],
                "still_formats": list(STILL_SUFFIXES),
                "max_upload": self._studio.max_upload,
            }
        )

    async def preset_picture(self, request: Request) -> Response:
        """Return the picture of a preset: the one that ships, or on a file of the folder."""
        name = request.path_params["name"]
        if "source" not in request.query_params:
            return Response(await _in_thread(presets.shipped_picture, name), media_type="image/webp")
        source = await self._file(request.query_params["source"])
        seconds = _seconds(request.query_params.get("time"))
        preset = presets.named_preset(name)
        path = presets.picture_file(self._studio.library, source, name, float(seconds), __version__)
        with suppress(OSError):
            return Response(path.read_bytes(), media_type="image/webp")
        ask = self._request(source, preset, seconds, _SHELF_PICTURE)
        reply = await self._studio.previews.dream(_page_name(request.query_params), ask, urgent=False)
        if reply is None:
            return JSONResponse({"superseded": True}, 409)
        if reply.error:
            raise ReadError(reply.error)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(path, reply.dreamed)
        return Response(reply.dreamed, media_type="image/webp")

    async def files(self, _: Request) -> Response:
        return JSONResponse(await _in_thread(self._studio.library.listing))

    async def upload(self, request: Request) -> Response:
        """Take a file into the folder; its bytes are the body."""
        name = request.query_params.get("name", "")
        length = request.headers.get("content-length", "")
        announced = int(length) if length.isdecimal() else None
        library = self._studio.library
        file = await uploads.receive(
            library, name, request.stream(), announced=announced, limit=self._studio.max_upload
        )
        facts = await _in_thread(library.facts, file)
        return JSONResponse({"id": file.id, "name": printable(file.name), "kind": file.kind, **facts})

    async def frame(self, request: Request) -> Response:
        """Return a file's own picture at a time."""
        file = await self._file(request.path_params["id"])
        time, longest = (
            _seconds(request.query_params.get("time")),
            _longest(request.query_params.get("longest")),
        )
        if file.kind in {"music", "network"}:
            raise ReadError(f"{printable(file.name)} has no picture")

        def read() -> bytes:
            return encode_picture(read_preview(file.path, time, longest))

        async with self._readers:
            return Response(await _in_thread(read), media_type="image/webp")

    async def content(self, request: Request) -> Response:
        """Return a file as it is, or the part of it that a player asks for."""
        file = await self._file(request.path_params["id"])
        if file.kind in {"folder", "network"}:
            raise ReadError(f"{printable(file.name)} cannot be played")
        suffix = file.path.suffix.lower()
        kind = _MEDIA_TYPES.get(suffix) or mimetypes.guess_type(f"x{suffix}")[0] or "application/octet-stream"
        if kind.partition("/")[0] not in {"video", "image", "audio"} or kind == "image/svg+xml":
            kind = "application/octet-stream"
        name = file.name if "download" in request.query_params else None
        return FileResponse(file.path, media_type=kind, filename=name)

    async def restore(self, request: Request) -> Response:
        """Return the look that a dreamed file was made with."""
        file = await self._file(request.path_params["id"])
        restored = await _in_thread(look.restore, file, self._studio.library)
        source = restored.source
        return JSONResponse(
            {
                "values": restored.values,
                "source": None if source is None else source.id,
                "notes": restored.notes,
                "name": printable(file.name),
            }
        )

    async def check_look(self, request: Request) -> Response:
        """Check a look; return it as values, as YAML and as a command line."""
        body = await _json(request)
        preset, source = await self._look(body)
        return JSONResponse(
            {
                "values": look.values_of(preset),
                "yaml": look.to_yaml(preset),
                "command": look.command_line(preset, None if source is None else source.name),
            }
        )

    async def read_text(self, request: Request) -> Response:
        """Read the YAML of the editor; return the look, or each mistake with its place."""
        text = (await _json(request)).get("text")
        if not isinstance(text, str):
            raise SettingsError("the text is missing")
        preset, mistakes = await _in_thread(look.read_text, text, self._studio.library)
        if preset is None:
            return JSONResponse({"mistakes": [asdict(mistake) for mistake in mistakes]}, 422)
        return JSONResponse({"values": look.values_of(preset)})

    async def preview(self, request: Request) -> Response:
        """Dream one frame of a look."""
        body = await _json(request)
        preset, source = await self._look(body)
        _check_source(preset, source)
        ask = self._request(source, preset, _seconds(body.get("time")), _longest(body.get("longest")))
        began = time.perf_counter()
        reply = await self._studio.previews.dream(_page_name(body), ask)
        if reply is None:
            return JSONResponse({"superseded": True}, 409)
        if reply.error:
            return JSONResponse({"error": reply.error}, 422)
        return JSONResponse(
            {
                "source": base64.b64encode(reply.source).decode(),
                "dreamed": base64.b64encode(reply.dreamed).decode(),
                "seconds": round(time.perf_counter() - began, 3),
            }
        )

    async def list_jobs(self, _: Request) -> Response:
        return JSONResponse({"jobs": await _in_thread(self._jobs)})

    async def add_job(self, request: Request) -> Response:
        """Add a look over a file to the queue."""
        body = await _json(request)
        preset, source = await self._look(body)
        _check_source(preset, source)
        quality = parse_quality(str(body.get("quality", "normal"))[:40], draft=False)
        job = await _in_thread(self._add, preset.override(with_quality({}, quality)), source, body)
        self._studio.runner.wake()
        return JSONResponse({"id": job.id, "output": printable(job.output)})

    async def change_job(self, request: Request) -> Response:
        """Pause, go on with, cancel or move a job."""
        body = await _json(request)
        await _in_thread(self._change, request.path_params["id"], body.get("action"))
        self._studio.runner.wake()
        return JSONResponse({"jobs": await _in_thread(self._jobs)})

    async def job_frame(self, request: Request) -> Response:
        """Return the newest frame that a job keeps."""
        job = await _in_thread(self._studio.jobs.job, request.path_params["id"])
        async with self._readers:
            picture = await _in_thread(self._newest_frame, job)
        return Response(picture, media_type="image/webp")

    async def events(self, request: Request) -> Response:
        """Send the jobs whenever they change, and a word whenever the folder does."""

        async def stream() -> AsyncIterator[str]:
            last, seen = "", 0
            while not self._studio.ending.is_set() and not await request.is_disconnected():
                jobs = json.dumps(await _in_thread(self._jobs))
                if jobs != last:
                    yield f"event: jobs\ndata: {jobs}\n\n"
                    last = jobs
                changed = await _in_thread(self._folder_changed)
                if changed != seen:
                    yield f"event: files\ndata: {changed}\n\n"
                    seen = changed
                await anyio.sleep(_EVENT_PERIOD)

        return StreamingResponse(stream(), media_type="text/event-stream")

    def _folder_changed(self) -> int:
        try:
            return self._studio.library.folder.stat().st_mtime_ns
        except OSError:
            return 0

    def _jobs(self) -> list[dict[str, Any]]:
        library, entries = self._studio.library, []
        for job in self._studio.jobs.jobs():
            status = self._studio.jobs.status(job)
            made = library.named(job.output) if status.state == "done" else None
            entries.append(
                {
                    "id": job.id,
                    "name": printable(job.name),
                    "pipeline": job.pipeline,
                    "source": None if job.source is None else printable(job.source),
                    "output": printable(job.output),
                    "result": None if made is None else made.id,
                    **asdict(status),
                    "seconds_left": None if status.seconds_left is None else round(status.seconds_left),
                }
            )
        return entries

    def _add(self, preset: Preset, source: LibraryFile | None, body: dict[str, Any]) -> Job:
        jobs = self._studio.jobs
        suffix = str(body.get("format") or (".png" if preset.pipeline == "image" else ".mp4"))
        known = (
            STILL_SUFFIXES if preset.pipeline == "image" else tuple(suffix for suffix in CONTAINERS if suffix)
        )
        if suffix not in known:
            raise SettingsError(f"--output: the format must be one of {' '.join(known)}")
        name = str(body.get("name") or "dream")[:60]
        file = dict(named_files(preset.trip)).get("start") if source is None else source.path
        stem = "trip" if file is None else file.stem
        label = uploads.safe_name(f"{name}.png").removesuffix(".png")
        output = jobs.free_output(f"{stem}.{label}", suffix)
        order = max((job.order for job in jobs.jobs()), default=0.0) + 1.0
        job = Job(
            id="",
            name=name,
            pipeline=preset.pipeline,
            source=None if source is None else source.name,
            output=output,
            order=order,
            created=time.time(),
        )
        return jobs.add(job, look.to_yaml(preset))

    def _change(self, job_id: str, action: object) -> None:
        jobs = self._studio.jobs
        job = jobs.job(job_id)
        if action == "pause":
            jobs.write(replace(job, paused=True))
        elif action == "go on":
            if not jobs.is_running(job):
                with suppress(OSError):  # what the last run said is over
                    jobs.file(job, ".log").unlink(missing_ok=True)
            jobs.write(replace(job, paused=False, killed=""))
        elif action == "cancel":
            jobs.write(replace(job, cancelled=True))
        elif action in {"up", "down"}:
            self._move(job, -1 if action == "up" else 1)
        else:
            raise SettingsError("a job can be paused, gone on with, cancelled, or moved up and down")

    def _move(self, job: Job, places: int) -> None:
        """Exchange a job's place in the queue with its neighbor's."""
        jobs = self._studio.jobs
        queue = [each for each in jobs.jobs() if jobs.status(each).state != "done"]
        index = next((index for index, each in enumerate(queue) if each.id == job.id), None)
        if index is None or not 0 <= index + places < len(queue):
            return
        other = queue[index + places]
        jobs.write(replace(job, order=other.order))
        jobs.write(replace(other, order=job.order))

    def _newest_frame(self, job: Job) -> bytes:
        from dreamvid.checkpoint.layout import FRAMES, work_folder  # noqa: PLC0415  only here

        chunks = sorted(work_folder(self._studio.jobs.output(job)).glob(f"*{FRAMES}"))
        for chunk in reversed(chunks):
            with suppress(DreamvidError, OSError):
                return encode_picture(read_preview(chunk, Fraction(0), _SHELF_PICTURE * 2))
        raise ReadError("no frame is kept yet")

    def _request(
        self, source: LibraryFile | None, preset: Preset, seconds: Fraction, longest: int
    ) -> PreviewRequest:
        return PreviewRequest(
            None if source is None else source.path,
            preset,
            seconds,
            longest,
            self._studio.threads,
            self._studio.device,
        )

    async def _file(self, file_id: object) -> LibraryFile:
        file: LibraryFile = await _in_thread(self._studio.library.file, file_id)
        return file

    async def _look(self, body: dict[str, Any]) -> tuple[Preset, LibraryFile | None]:
        """Return the preset and the source of a request; a trip's source is what it starts from, in its preset."""
        preset = await _in_thread(look.build_preset, body.get("values", {}), self._studio.library)
        if preset.pipeline not in look.SHOWN_PIPELINES:
            raise SettingsError(
                "pipeline: the studio makes videos, stills and zoom trips; 'dreamvid render' makes a "
                f"{preset.pipeline}"
            )
        source = await self._file(body["source"]) if body.get("source") else None
        if source is None or preset.pipeline != "zoom":
            return preset, source
        at = f"@{float(_seconds(body.get('time'))):.3f}s" if source.kind == "video" else ""
        return preset.override({"trip.start": f"{source.path}{at}"}), None

    @staticmethod
    def _page(name: str) -> Response:
        suffix = name[name.rfind(".") :] if "." in name else ""
        file = _PAGE / name
        if "/" in name or "\\" in name or suffix not in _PAGE_TYPES or not file.is_file():
            return JSONResponse({"error": "there is no such page"}, 404)
        return Response(file.read_bytes(), media_type=_PAGE_TYPES[suffix])


def _check_source(preset: Preset, source: LibraryFile | None) -> None:
    if source is None and preset.pipeline != "zoom":
        raise SettingsError("pick a clip or a photograph first, or make a trip, which needs none")


async def _in_thread(function: Callable[..., Any], *arguments: object) -> Any:
    return await anyio.to_thread.run_sync(function, *arguments)


async def _json(request: Request) -> dict[str, Any]:
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


def _seconds(value: object) -> Fraction:
    try:
        seconds = parse_time(0 if value is None else value)
    except ValueError as error:
        raise SettingsError(f"time: {error}") from None
    return max(Fraction(0), seconds)


def _longest(value: object) -> int:
    try:
        longest = int(str(480 if value is None else value))
    except ValueError:
        raise SettingsError("longest: must be a whole number of pixels") from None
    return min(max(longest, _SHORTEST_PREVIEW), _LONGEST_PREVIEW)


def _page_name(values: Any) -> str:
    return str(values.get("page", ""))[:64]
