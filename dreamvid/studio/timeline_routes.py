"""Routes of the timeline: a look over time, and what is known of the clip and the music under it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dreamvid.errors import ReadError, SettingsError
from dreamvid.pipelines.clip_analysis import Part, analyse_sound, find_cuts, sample_signals
from dreamvid.pipelines.output_clock import TRIP_RATE, with_tempo
from dreamvid.pipelines.signals import signal_files
from dreamvid.schedule.easing import EASINGS
from dreamvid.schedule.lengths import known_seconds
from dreamvid.schedule.times import SIGNALS
from dreamvid.studio import timeline
from dreamvid.studio.analyses import PATIENCE, Analyses, Analysis
from dreamvid.studio.services import check_source, film_clock, in_thread, read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from fractions import Fraction

    from starlette.requests import Request

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.scenes import VideoClock
    from dreamvid.studio.library import LibraryFile
    from dreamvid.studio.services import Studio

_FEWEST_MOMENTS, _MOST_MOMENTS = 2, 2000
_FOLDER = "analysis"


class TimelineRoutes:
    """Timelines of looks."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._analyses = Analyses(studio.library.state_folder / _FOLDER)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/api/timeline", self._describe, methods=["POST"]),
            Route("/api/timeline/analysis/{key}", self._analysis),
        ]

    async def close(self) -> None:
        """End what is analyzed."""
        await self._analyses.close()

    async def _describe(self, request: Request) -> Response:
        """Return a look over time, and the keys of what is analyzed under it."""
        body = await read_json(request)
        preset, source = await self._studio.look(body)
        check_source(preset, source)
        if preset.pipeline == "image":
            raise SettingsError("a still does not change over time")
        count = _moments(body.get("moments"))
        keys: dict[str, str] = {}
        sound = self._sound(preset, source)
        if sound is not None:
            keys["sound"] = await self._ask(sound)
        heard = self._analyses.result(keys.get("sound", "")) or {}
        found = heard.get("tempo")
        timed = with_tempo(preset, found)
        clock = await in_thread(film_clock, timed, source)
        if source is not None:
            keys["shots"] = await self._ask(_cuts(timed, source))
        if preset.signals and clock.duration is not None:
            keys["signals"] = await self._ask(_signals(timed, source, clock))
        own = self._analyses.result(keys.get("signals", "")) or {}
        signals = {**(heard.get("signals") or {}), **(own.get("signals") or {})}
        clock = clock._replace(signals=_signals_at(preset, signals, float(clock.fps)))
        described = await in_thread(timeline.describe, timed, clock, count)
        return JSONResponse(
            {
                **described,
                "offset": 0.0 if source is None else float(preset.input.start),
                "assumed": preset.tempo.bpm == "auto" and not found,
                "analyses": keys,
                "easings": list(EASINGS),
            }
        )

    async def _analysis(self, request: Request) -> Response:
        """Return what an analysis has found; 202 while it is under way."""
        key = request.path_params["key"]
        found = self._analyses.result(key)
        if found is None:
            if self._analyses.is_asked(key):
                return JSONResponse({"waiting": True}, 202)
            raise ReadError("there is no such analysis")
        shown = {name: value for name, value in found.items() if name != "signals"}
        if "error" in shown:
            shown["error"] = self._studio.library.shown(shown["error"])
        return JSONResponse(shown)

    async def _ask(self, analysis: Analysis) -> str:
        try:
            return await self._analyses.ask(analysis)
        except OSError as error:
            raise ReadError(f"a file of the look cannot be read ({error.strerror})") from None

    def _sound(self, preset: Preset, source: LibraryFile | None) -> Analysis | None:
        """Return the analysis of a trip's music, or of a clip's sound; None where there is neither."""
        if preset.pipeline == "zoom":
            if preset.trip.music is None:
                return None
            rate = preset.output.fps or TRIP_RATE
            seconds = known_seconds(with_tempo(preset).trip.duration)
            return _of_part(analyse_sound, Part(preset.trip.music, preset.trip.music_start, seconds), rate)
        if source is None or source.kind != "video" or not self._studio.library.facts(source).get("sound"):
            return None
        return _of_part(analyse_sound, Part(source.path, preset.input.start))


def _of_part(run: Callable[..., dict[str, Any]], part: Part, *others: object) -> Analysis:
    return Analysis(run, (part, *others), (part.file,), repr((part.start, part.seconds, others)))


def _cuts(preset: Preset, source: LibraryFile) -> Analysis:
    return _of_part(find_cuts, Part(source.path, preset.input.start, _seconds(preset)), PATIENCE)


def _signals(preset: Preset, source: LibraryFile | None, clock: VideoClock) -> Analysis:
    """Return the analysis of a preset's own signals."""
    assert clock.duration is not None
    path = None if source is None else source.path
    about = preset.model_dump(mode="json", include={"signals", "mask", "input", "output"})
    return Analysis(
        sample_signals,
        (preset, path, clock.fps, clock.duration),
        (*([path] if path else []), *signal_files(preset).values()),
        json.dumps([about, str(clock.fps), str(clock.duration)], sort_keys=True),
    )


def _seconds(preset: Preset) -> Fraction | None:
    """Return the length that is dreamed of a clip; None is all."""
    return known_seconds(with_tempo(preset).input.duration)


def _signals_at(
    preset: Preset, signals: Mapping[str, list[float]], rate: float
) -> Callable[[float], Mapping[str, float]] | None:
    """Return the signals at a time, 0 where they are not known yet; None where the look has none."""
    names = (*preset.signals, *(SIGNALS if preset.pipeline == "zoom" and preset.trip.music else ()))
    if not names:
        return None

    def at(t: float) -> dict[str, float]:
        index = round(t * rate)
        return {
            name: values[index] if index < len(values := signals.get(name, ())) else 0.0 for name in names
        }

    return at


def _moments(value: object) -> int:
    """Return the moments at which curves are drawn."""
    if not isinstance(value, int):
        raise SettingsError("moments: must be a whole number")
    return min(max(value, _FEWEST_MOMENTS), _MOST_MOMENTS)
