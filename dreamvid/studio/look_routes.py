"""Routes of looks: what the page is built from, previews, checks, and the pictures of presets."""

from __future__ import annotations

import base64
import time
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dreamvid._version import __version__
from dreamvid.atomic import write_durably
from dreamvid.config.quality import QUALITY_SETTINGS
from dreamvid.errors import ReadError, SettingsError
from dreamvid.media.containers import CONTAINERS, STILL_SUFFIXES
from dreamvid.pipelines.build import dream_suggestions
from dreamvid.pipelines.output_clock import with_tempo
from dreamvid.studio import look, look_text, presets
from dreamvid.studio.form import FIRST_DIALS, form_fields
from dreamvid.studio.services import (
    SHELF_PICTURE,
    check_source,
    film_clock,
    in_thread,
    read_json,
    read_longest,
    read_page,
    read_seconds,
)
from dreamvid.text import printable

if TYPE_CHECKING:
    from starlette.requests import Request

    from dreamvid.config.preset import Preset
    from dreamvid.studio.library import LibraryFile
    from dreamvid.studio.services import Studio


class LookRoutes:
    """Looks, and what they are made with."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/api/studio", self._facts),
            Route("/api/presets/{name}/picture", self._preset_picture),
            Route("/api/look", self._check, methods=["POST"]),
            Route("/api/look/text", self._read_text, methods=["POST"]),
            Route("/api/preview", self._preview, methods=["POST"]),
        ]

    async def _facts(self, _: Request) -> Response:
        """Return what the page is built from: fields, presets, formats, limits."""
        shelf = await in_thread(presets.shelf)
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

    async def _preset_picture(self, request: Request) -> Response:
        """Return the picture of a preset: the one that ships, or on a file of the folder."""
        name = request.path_params["name"]
        if "source" not in request.query_params:
            return Response(await in_thread(presets.shipped_picture, name), media_type="image/webp")
        source = await self._studio.file(request.query_params["source"])
        seconds = read_seconds(request.query_params.get("time"))
        preset = presets.named_preset(name)
        path = presets.picture_file(self._studio.library, source, name, float(seconds), __version__)
        with suppress(OSError):
            return Response(path.read_bytes(), media_type="image/webp")
        ask = self._studio.preview_request(source, preset, seconds, SHELF_PICTURE)
        reply = await self._studio.previews.dream(read_page(request.query_params), ask, urgent=False)
        if reply is None:
            return JSONResponse({"superseded": True}, 409)
        if reply.error:
            raise ReadError(reply.error)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(path, reply.dreamed)
        return Response(reply.dreamed, media_type="image/webp")

    async def _check(self, request: Request) -> Response:
        """Check a look; return it as values, as YAML and as a command line."""
        body = await read_json(request)
        preset, source = await self._studio.look(body)
        return JSONResponse(
            {
                "values": look.values_of(preset),
                "yaml": look_text.to_yaml(preset),
                "command": look_text.command_line(preset, None if source is None else source.name),
            }
        )

    async def _read_text(self, request: Request) -> Response:
        """Read the YAML of the editor; return the look, or each mistake with its place."""
        text = (await read_json(request)).get("text")
        if not isinstance(text, str):
            raise SettingsError("the text is missing")
        preset, mistakes = await in_thread(look_text.read_text, text, self._studio.library)
        if preset is None:
            return JSONResponse({"mistakes": [asdict(mistake) for mistake in mistakes]}, 422)
        return JSONResponse({"values": look.values_of(preset)})

    async def _preview(self, request: Request) -> Response:
        """Dream one frame of a look."""
        body = await read_json(request)
        preset, source = await self._studio.look(body)
        check_source(preset, source)
        ask = self._studio.preview_request(
            source, preset, read_seconds(body.get("time")), read_longest(body.get("longest"))
        )
        began = time.perf_counter()
        urgent = body.get("urgent") is not False
        reply = await self._studio.previews.dream(read_page(body), ask, urgent=urgent)
        if reply is None:
            return JSONResponse({"superseded": True}, 409)
        if reply.error:
            return JSONResponse({"error": self._studio.library.shown(reply.error)}, 422)
        return JSONResponse(
            {
                "source": base64.b64encode(reply.source).decode(),
                "dreamed": base64.b64encode(reply.dreamed).decode(),
                "notes": reply.notes,
                "film": await in_thread(_film, preset, source),
                "seconds": round(time.perf_counter() - began, 3),
            }
        )


def _film(preset: Preset, source: LibraryFile | None) -> dict[str, float]:
    """Return what is made of a source: its start in the source and its length in seconds, and frames a second."""
    if preset.pipeline == "image":
        return {"start": 0.0, "seconds": 0.0, "rate": 24.0}
    clock = film_clock(with_tempo(preset), source)
    start = 0.0 if source is None else float(preset.input.start)
    return {"start": start, "seconds": float(clock.duration or 0), "rate": float(clock.fps)}
