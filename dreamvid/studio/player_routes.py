"""Routes of the player: whether a file flashes, what it is compared with, and how steady it is."""

from __future__ import annotations

import math
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dreamvid.errors import DreamvidError, ReadError
from dreamvid.pipelines.flashes import find_flashes
from dreamvid.pipelines.steadiness import LONGEST_SIDE, measure_steadiness
from dreamvid.studio import look_restore
from dreamvid.studio.analyses import PATIENCE, Analyses, Analysis
from dreamvid.studio.player import explain_steadiness, with_warning
from dreamvid.studio.services import in_thread, read_seconds
from dreamvid.text import printable

if TYPE_CHECKING:
    from starlette.requests import Request

    from dreamvid.studio.library import LibraryFile
    from dreamvid.studio.services import Studio

_FOLDER = "analysis"
_UNDER_WAY = {"waiting": True}


class PlayerRoutes:
    """The player of a file."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        folder = studio.library.state_folder / _FOLDER
        self._flashes, self._steadiness = Analyses(folder), Analyses(folder)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/api/files/{id}/flashes", self._find_flashes),
            Route("/api/files/{id}/source", self._find_source),
            Route("/api/files/{id}/steadiness", self._measure),
        ]

    async def close(self) -> None:
        """End what is measured."""
        await self._flashes.close()
        await self._steadiness.close()

    async def _find_flashes(self, request: Request) -> Response:
        """Return how often a file flashes, with a warning where it is too often; 202 while that is measured."""
        file = await self._studio.file(request.path_params["id"])
        found = await self._ask(
            self._flashes, Analysis(find_flashes, (file.path, PATIENCE), (file.path,), "")
        )
        return JSONResponse(_UNDER_WAY, 202) if found is None else JSONResponse(with_warning(found))

    async def _find_source(self, request: Request) -> Response:
        """Return the clip or photograph that a file was dreamed of, and where in it the dream begins (seconds)."""
        file = await self._studio.file(request.path_params["id"])
        source, start = await in_thread(self._source_of, file)
        return JSONResponse({"id": None if source is None else source.id, "start": start})

    async def _measure(self, request: Request) -> Response:
        """Return how steady a dream is; 202 while that is measured."""
        file = await self._studio.file(request.path_params["id"])
        source, _ = await in_thread(self._source_of, file)
        if source is None:
            raise ReadError("its source is not in this folder; add it to measure how steady the dream is")
        files = (source.path, file.path)
        found = await self._ask(self._steadiness, Analysis(measure_steadiness, (*files, PATIENCE), files, ""))
        if found is None:
            return JSONResponse(_UNDER_WAY, 202)
        names = " ".join(shlex.quote(printable(each.name)) for each in (source, file))
        return JSONResponse(
            {
                "figures": [asdict(figure) for figure in explain_steadiness(found)],
                "frames": found["frames"],
                "longest": LONGEST_SIDE,
                "until": found["until"],
                "command": f"dreamvid measure {names} --plot steady.png",
            }
        )

    async def _ask(self, analyses: Analyses, analysis: Analysis) -> dict[str, Any] | None:
        """Return what an analysis found, None while it is under way; raises a ``ReadError`` where it failed."""
        try:
            found = analyses.result(await analyses.ask(analysis))
        except OSError as error:
            raise ReadError(f"the file cannot be read ({error.strerror})") from None
        if found is not None and "error" in found:
            raise ReadError(found["error"])
        return found

    def _source_of(self, file: LibraryFile) -> tuple[LibraryFile | None, float]:
        """Return the source of a dream, and the time in it of the dream's first frame; None of a trip."""
        library = self._studio.library
        try:
            restored = look_restore.restore(file, library)
        except DreamvidError:  # it holds no look that the studio knows
            return None, 0.0
        source = restored.source
        if source is None or restored.values["pipeline"] == "zoom" or source.id == file.id:
            return None, 0.0
        start = float(read_seconds(restored.values.get("input", {}).get("start")))
        rate = library.facts(source).get("rate")
        # The dream begins with the frame that is shown at its start.
        return source, math.floor(start * rate + 1e-6) / rate if rate else 0.0
