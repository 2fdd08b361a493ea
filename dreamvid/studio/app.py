"""The application: the page's own files, its session, and the routes behind it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from importlib import resources
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dreamvid.errors import DreamvidError
from dreamvid.studio import look, uploads
from dreamvid.studio.atlas_routes import AtlasRoutes
from dreamvid.studio.file_routes import FileRoutes
from dreamvid.studio.job_routes import JobRoutes
from dreamvid.studio.look_routes import LookRoutes
from dreamvid.studio.moving_routes import MovingRoutes
from dreamvid.studio.player_routes import PlayerRoutes
from dreamvid.studio.security import AccessMiddleware
from dreamvid.studio.services import Studio, TooMuchError, read_json
from dreamvid.studio.timeline_routes import TimelineRoutes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PAGE = resources.files("dreamvid.studio.page")
_PAGE_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def make_app(studio: Studio) -> Starlette:
    """Return the application; its lifespan starts and ends the job runner and the previews."""
    timeline, atlases, player = TimelineRoutes(studio), AtlasRoutes(studio), PlayerRoutes(studio)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        uploads.remove_abandoned(studio.library)
        await asyncio.to_thread(studio.moving.clear)
        studio.runner.start()
        try:
            yield
        finally:
            await asyncio.to_thread(studio.moving.clear)
            await timeline.close()
            await atlases.close()
            await player.close()
            await studio.previews.close()
            await asyncio.to_thread(studio.runner.close)

    async def open_session(request: Request) -> Response:
        """Exchange the token of the link for the cookie of the page."""
        access = studio.access
        if not access.takes((await read_json(request)).get("token")):
            return JSONResponse({"error": "open the link that the studio printed when it started"}, 401)
        response = JSONResponse({"good": True})
        response.set_cookie(access.cookie, access.session, httponly=True, samesite="strict", path="/")
        return response

    app = Starlette(
        routes=[
            Route("/", _index),
            Route("/favicon.ico", _icon),
            Route("/page/{name}", _page_file),
            Route("/api/session", open_session, methods=["POST"]),
            *LookRoutes(studio).routes(),
            *FileRoutes(studio).routes(),
            *JobRoutes(studio).routes(),
            *MovingRoutes(studio).routes(),
            *timeline.routes(),
            *atlases.routes(),
            *player.routes(),
        ],
        middleware=[Middleware(AccessMiddleware, access=studio.access)],
        exception_handlers={
            DreamvidError: _explain,
            ClientDisconnect: _explain,
            Exception: _explain_unforeseen,
        },
        lifespan=lifespan,
    )
    app.state.library = studio.library
    return app


async def _index(_: Request) -> Response:
    return _page("index.html")


async def _icon(_: Request) -> Response:
    return _page("icon.svg")


async def _page_file(request: Request) -> Response:
    return _page(request.path_params["name"])


def _page(name: str) -> Response:
    """Return a file of the page; its names are plain."""
    suffix = name[name.rfind(".") :] if "." in name else ""
    file = _PAGE / name
    if "/" in name or "\\" in name or suffix not in _PAGE_TYPES or not file.is_file():
        return JSONResponse({"error": "there is no such page"}, 404)
    return Response(file.read_bytes(), media_type=_PAGE_TYPES[suffix])


async def _explain(request: Request, error: Exception) -> Response:
    """Answer with the line that the command line would print."""
    if isinstance(error, look.LookError):
        return JSONResponse({"error": str(error), "mistakes": error.mistakes}, 422)
    status = 413 if isinstance(error, uploads.UploadTooLargeError | TooMuchError) else 400
    line = request.app.state.library.shown(" ".join(str(error).split()))
    return JSONResponse({"error": line or "the page has gone"}, status)


async def _explain_unforeseen(_: Request, error: Exception) -> Response:
    text = f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:300] or 'no message'}"
    return JSONResponse({"error": text}, 500)
