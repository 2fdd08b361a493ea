"""Routes of files: list, take, show, play, and bring back their look."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING

from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from dreamvid.errors import ReadError
from dreamvid.pipelines.preview_frame import read_preview
from dreamvid.studio import look_restore, uploads
from dreamvid.studio.library import WITHOUT_PICTURES
from dreamvid.studio.preview_worker import encode_picture
from dreamvid.studio.services import in_thread, read_longest, read_seconds
from dreamvid.text import printable

if TYPE_CHECKING:
    from starlette.requests import Request

    from dreamvid.studio.services import Studio

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


class FileRoutes:
    """The files of the folder."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/api/files", self._list),
            Route("/api/files", self._upload, methods=["POST"]),
            Route("/api/files/{id}/frame", self._frame),
            Route("/api/files/{id}/content", self._content),
            Route("/api/files/{id}/look", self._restore),
        ]

    async def _list(self, _: Request) -> Response:
        return JSONResponse(await in_thread(self._studio.library.listing))

    async def _upload(self, request: Request) -> Response:
        """Take a file into the folder; its bytes are the body."""
        name = request.query_params.get("name", "")
        length = request.headers.get("content-length", "")
        announced = int(length) if length.isdecimal() else None
        library = self._studio.library
        file = await uploads.receive(
            library, name, request.stream(), announced=announced, limit=self._studio.max_upload
        )
        facts = await in_thread(library.facts, file)
        return JSONResponse({"id": file.id, "name": printable(file.name), "kind": file.kind, **facts})

    async def _frame(self, request: Request) -> Response:
        """Return a file's own picture at a time."""
        file = await self._studio.file(request.path_params["id"])
        time, longest = (
            read_seconds(request.query_params.get("time")),
            read_longest(request.query_params.get("longest")),
        )
        if file.kind in WITHOUT_PICTURES:
            raise ReadError(f"{printable(file.name)} has no picture")

        def read() -> bytes:
            return encode_picture(read_preview(file.path, time, longest))

        async with self._studio.readers:
            return Response(await in_thread(read), media_type="image/webp")

    async def _content(self, request: Request) -> Response:
        """Return a file as it is, or the part of it that a player asks for."""
        file = await self._studio.file(request.path_params["id"])
        if file.kind in {"folder", "network", "signal"}:
            raise ReadError(f"{printable(file.name)} cannot be played")
        suffix = file.path.suffix.lower()
        kind = _MEDIA_TYPES.get(suffix) or mimetypes.guess_type(f"x{suffix}")[0] or "application/octet-stream"
        if kind.partition("/")[0] not in {"video", "image", "audio"} or kind == "image/svg+xml":
            kind = "application/octet-stream"
        name = file.name if "download" in request.query_params else None
        return FileResponse(file.path, media_type=kind, filename=name)

    async def _restore(self, request: Request) -> Response:
        """Return the look that a dreamed file was made with."""
        file = await self._studio.file(request.path_params["id"])
        restored = await in_thread(look_restore.restore, file, self._studio.library)
        source = restored.source
        return JSONResponse(
            {
                "values": restored.values,
                "source": None if source is None else source.id,
                "notes": restored.notes,
                "name": printable(file.name),
            }
        )
