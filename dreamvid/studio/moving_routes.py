"""Routes of moving previews: begin one, follow it, play it, give it up."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from dreamvid.errors import SettingsError
from dreamvid.pipelines.flashes import find_flashes
from dreamvid.studio.moving import moving_preset
from dreamvid.studio.player import with_warning
from dreamvid.studio.services import in_thread, read_json, read_longest, read_page, read_seconds
from dreamvid.types import Size

if TYPE_CHECKING:
    from starlette.requests import Request

    from dreamvid.studio.services import Studio

_PATIENCE = 60.0


class MovingRoutes:
    """The moving preview."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/api/moving", self._begin, methods=["POST"]),
            Route("/api/moving/{id}", self._status),
            Route("/api/moving/{id}", self._cancel, methods=["POST"]),
            Route("/api/moving/{id}/content", self._content),
            Route("/api/moving/{id}/flashes", self._flashes),
        ]

    async def _begin(self, request: Request) -> Response:
        """Begin two seconds of a look from a time on."""
        body = await read_json(request)
        preset, source = await self._studio.look(body)
        facts = None if source is None else await in_thread(self._studio.library.facts, source)
        if source is None or not facts or facts.get("kind") not in {"video", "folder"}:
            raise SettingsError("pick a clip first; the moving preview is for videos")
        size = Size(facts["height"], facts["width"])
        small = moving_preset(preset, size, read_seconds(body.get("time")), read_longest(body.get("longest")))
        studio = self._studio
        page = read_page(body)
        name = await in_thread(studio.moving.begin, source.path, small, studio.threads, page)
        return JSONResponse({"id": name})

    async def _status(self, request: Request) -> Response:
        """Return how far it is."""
        status = await in_thread(self._studio.moving.status, request.path_params["id"])
        return JSONResponse({**asdict(status), "error": self._studio.library.shown(status.error)})

    async def _cancel(self, request: Request) -> Response:
        """Give it up."""
        await in_thread(self._studio.moving.cancel, request.path_params["id"])
        return JSONResponse({"good": True})

    async def _content(self, request: Request) -> Response:
        """Return the video."""
        path = await in_thread(self._studio.moving.file, request.path_params["id"])
        return FileResponse(path, media_type="video/mp4")

    async def _flashes(self, request: Request) -> Response:
        """Return whether the video flashes too often."""
        path = await in_thread(self._studio.moving.file, request.path_params["id"])
        async with self._studio.readers:
            return JSONResponse(with_warning(await in_thread(find_flashes, path, _PATIENCE)))
