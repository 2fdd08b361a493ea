"""Routes of networks: what layers and classes one has, and the pictures of their units."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dreamvid.config.fields import named_files
from dreamvid.errors import ReadError, SettingsError
from dreamvid.pipelines.atlas.overview import describe_network
from dreamvid.pipelines.atlas.reading import read_atlas, read_picture
from dreamvid.pipelines.units import LOGITS
from dreamvid.studio.analyses import Analyses, Analysis
from dreamvid.studio.atlases import PAGE_UNITS, AtlasPage, AtlasStatus, folder_atlases
from dreamvid.studio.services import in_thread, read_json
from dreamvid.text import printable

if TYPE_CHECKING:
    from starlette.requests import Request

    from dreamvid.config.settings import ModelSettings
    from dreamvid.pipelines.atlas.reading import KeptPicture, ReadAtlas, ReadUnit
    from dreamvid.studio.services import Studio

_FOLDER = "networks"
_MADE_ID_LENGTH = 32
_SHOWN = ("video", "still", "folder")
"""Files in which a network may find examples."""


class AtlasRoutes:
    """Networks and their atlases."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._analyses = Analyses(studio.library.state_folder / _FOLDER)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/api/network", self._describe, methods=["POST"]),
            Route("/api/atlas", self._open, methods=["POST"]),
            Route("/api/atlas/{id}", self._units),
            Route("/api/atlas/{id}/stop", self._stop, methods=["POST"]),
            Route("/api/atlas/{id}/picture", self._picture),
        ]

    async def close(self) -> None:
        """End what is being made."""
        await in_thread(self._studio.atlases.stop)
        await self._analyses.close()

    async def _describe(self, request: Request) -> Response:
        """Return the layers and classes of the network of a look, and its atlases in the folder."""
        preset, _ = await self._studio.look(await read_json(request))
        analysis = network_analysis(preset.model)
        try:
            key = await self._analyses.ask(analysis)
        except OSError:
            raise ReadError(f"{printable(preset.model.name)} is no longer in the folder") from None
        found = self._analyses.result(key)
        if found is None:
            return JSONResponse({"pending": True})
        if "error" in found:
            raise ReadError(found["error"])
        atlases = await in_thread(folder_atlases, self._studio.library, preset.model)
        return JSONResponse({**found, "page": PAGE_UNITS, "atlases": atlases})

    async def _open(self, request: Request) -> Response:
        """Begin a page of a layer's units, or go on with it; return its id."""
        body = await read_json(request)
        preset, _ = await self._studio.look(body)
        found = self._analyses.result(network_analysis(preset.model).key) or {}
        layer, first = body.get("layer"), body.get("first", 0)
        counts = {each["name"]: int(each["channels"]) for each in found.get("layers", [])}
        counts[LOGITS] = len(found.get("classes", []))
        count = counts.get(layer, 0) if isinstance(layer, str) else 0
        if not count:
            raise SettingsError("the network has no such layer")
        if not isinstance(first, int) or not 0 <= first < count:
            raise SettingsError(f"the layer has units 0 to {count - 1}")
        examples = await self._studio.file(body["examples"]) if body.get("examples") else None
        if examples is not None and (examples.kind not in _SHOWN or layer == LOGITS):
            raise SettingsError(
                "examples are found for layers, in a clip, a photograph or a folder of pictures"
            )
        end = min(first + PAGE_UNITS, count)
        page = AtlasPage(preset.model, str(layer), first, end, examples)
        studio = self._studio
        return JSONResponse(
            {"id": await in_thread(studio.atlases.begin, page, studio.threads, studio.device)}
        )

    async def _units(self, request: Request) -> Response:
        """Return where an atlas is, and the units of a layer that it has by now."""
        atlas_id, layer = request.path_params["id"], request.query_params.get("layer", "")
        status = AtlasStatus("done")
        if _is_made(atlas_id):
            status = await in_thread(self._studio.atlases.status, atlas_id)
        atlas = await self._read(atlas_id)
        units = [_unit_facts(unit) for unit in atlas.units.get(layer, ())]
        return JSONResponse({**asdict(status), "units": units})

    async def _stop(self, request: Request) -> Response:
        """Stop the making of a page; what it has is kept."""
        await in_thread(self._studio.atlases.stop, request.path_params["id"])
        return JSONResponse({"good": True})

    async def _picture(self, request: Request) -> Response:
        """Return the picture of a unit, or of one of its examples (counted from 0)."""
        query = request.query_params
        atlas = await self._read(request.path_params["id"])
        picture = _find(atlas, query.get("layer", ""), query.get("unit", ""), query.get("example"))
        return Response(await in_thread(read_picture, picture), media_type="image/webp")

    async def _read(self, atlas_id: str) -> ReadAtlas:
        if _is_made(atlas_id):
            atlas: ReadAtlas = await in_thread(self._studio.atlases.read, atlas_id)
            return atlas
        file = await self._studio.file(atlas_id)
        return await in_thread(read_atlas, file.path)  # type: ignore[no-any-return]


def network_analysis(model: ModelSettings) -> Analysis:
    """Return what describes a network in the background."""
    files = tuple(path for _, path in named_files(model))
    return Analysis(describe_network, (model,), files, model.model_dump_json())


def _is_made(atlas_id: str) -> bool:
    """Return whether an id is that of an atlas which the studio makes; others are those of files in the folder."""
    return len(atlas_id) == _MADE_ID_LENGTH


def _unit_facts(unit: ReadUnit) -> dict[str, Any]:
    return {
        "unit": unit.unit,
        "title": unit.title,
        "objective": unit.objective,
        "reason": unit.reason,
        "examples": [{"source": printable(each.source), "seconds": each.seconds} for each in unit.examples],
    }


def _find(atlas: ReadAtlas, layer: str, unit: str, example: str | None) -> KeptPicture:
    found = next((each for each in atlas.units.get(layer, ()) if str(each.unit) == unit), None)
    if found is not None and example is None:
        return found.picture
    pictures = {str(rank): each.picture for rank, each in enumerate(found.examples)} if found else {}
    if example not in pictures:
        raise ReadError("the atlas has no such picture")
    return pictures[example]
