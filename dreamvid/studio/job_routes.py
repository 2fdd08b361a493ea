"""Routes of jobs: the queue, and the events by which the page follows it."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import anyio
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from dreamvid.checkpoint.layout import FRAMES, work_folder
from dreamvid.config.fields import named_files
from dreamvid.config.quality import parse_quality, with_quality
from dreamvid.errors import DreamvidError, ReadError, SettingsError
from dreamvid.media.containers import CONTAINERS, STILL_SUFFIXES
from dreamvid.pipelines.preview_frame import read_preview
from dreamvid.studio import look_text, uploads
from dreamvid.studio.jobs import Job
from dreamvid.studio.preview_worker import encode_picture
from dreamvid.studio.services import SHELF_PICTURE, check_source, in_thread, read_json
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from dreamvid.config.preset import Preset
    from dreamvid.studio.library import LibraryFile
    from dreamvid.studio.services import Studio

_EVENT_PERIOD = 0.5


class JobRoutes:
    """The queue."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/api/jobs", self._list),
            Route("/api/jobs", self._add, methods=["POST"]),
            Route("/api/jobs/{id}", self._change, methods=["POST"]),
            Route("/api/jobs/{id}/frame", self._frame),
            Route("/api/events", self._events),
        ]

    async def _list(self, _: Request) -> Response:
        return JSONResponse({"jobs": await in_thread(self._jobs)})

    async def _add(self, request: Request) -> Response:
        """Add a look over a file to the queue."""
        body = await read_json(request)
        preset, source = await self._studio.look(body)
        check_source(preset, source)
        quality = parse_quality(str(body.get("quality", "normal"))[:40], draft=False)
        job = await in_thread(self._queue, preset.override(with_quality({}, quality)), source, body)
        self._studio.runner.wake()
        return JSONResponse({"id": job.id, "output": printable(job.output)})

    async def _change(self, request: Request) -> Response:
        """Pause, go on with, cancel or move a job."""
        body = await read_json(request)
        await in_thread(self._act, request.path_params["id"], body.get("action"))
        self._studio.runner.wake()
        return JSONResponse({"jobs": await in_thread(self._jobs)})

    async def _frame(self, request: Request) -> Response:
        """Return the newest frame that a job keeps, or else the first one of its source."""
        job = await in_thread(self._studio.jobs.job, request.path_params["id"])
        async with self._studio.readers:
            picture = await in_thread(self._newest_frame, job)
        return Response(picture, media_type="image/webp")

    async def _events(self, request: Request) -> Response:
        """Send the jobs whenever they change, and a word whenever the folder does."""

        async def stream() -> AsyncIterator[str]:
            last, seen = "", 0
            while not self._studio.ending.is_set() and not await request.is_disconnected():
                jobs = json.dumps(await in_thread(self._jobs))
                if jobs != last:
                    yield f"event: jobs\ndata: {jobs}\n\n"
                    last = jobs
                changed = await in_thread(self._folder_changed)
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
                    "error": library.shown(status.error),
                    "seconds_left": None if status.seconds_left is None else round(status.seconds_left),
                }
            )
        return entries

    def _queue(self, preset: Preset, source: LibraryFile | None, body: dict[str, Any]) -> Job:
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
        return jobs.add(job, look_text.to_yaml(preset))

    def _act(self, job_id: str, action: object) -> None:
        jobs = self._studio.jobs
        job = jobs.job(job_id)
        if action == "pause":
            jobs.write(replace(job, paused=True))
        elif action in {"go on", "start over"}:
            if not jobs.is_running(job):
                if action == "start over":
                    jobs.discard_work(job)
                with suppress(OSError):  # what the last run said is over
                    jobs.file(job, ".log").unlink(missing_ok=True)
            jobs.write(replace(job, paused=False, killed=""))
        elif action == "cancel":
            jobs.write(replace(job, cancelled=True))
        elif action in {"up", "down"}:
            self._move(job, -1 if action == "up" else 1)
        else:
            raise SettingsError(
                "a job can be paused, gone on with, started over, cancelled, or moved up and down"
            )

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
        chunks = sorted(work_folder(self._studio.jobs.output(job)).glob(f"*{FRAMES}"))
        for chunk in reversed(chunks):
            with suppress(DreamvidError, OSError):
                return encode_picture(read_preview(chunk, Fraction(0), SHELF_PICTURE * 2))
        source = None if job.source is None else self._studio.library.named(job.source)
        if source is None:
            raise ReadError("no frame is kept yet")
        return encode_picture(read_preview(source.path, Fraction(0), SHELF_PICTURE * 2))
