"""What the player says of a video: whether it flashes, and how steady it is, a plain sentence for each figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# As steady as can be measured, and hardly steady, in multiples of the flicker of detail that is only warped along.
_STEADY, _UNSTEADY = 1.5, 4.0
# Flicker index from which most of a dream is new in each frame; 2 is all of it.
_NEW = 1.0
_FEW_VISIBLE = 1 / 3
_HELD, _FAINT = 0.05, 0.005


def with_warning(flashes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what :func:`~dreamvid.pipelines.flashes.find_flashes` found, and a ``warning``, empty for calm ones."""
    warning = ""
    if flashes["too_many"]:
        count, kind = max((flashes["per_second"], "flashes"), (flashes["red_per_second"], "red flashes"))
        start, end = flashes["too_many"][0]
        warning = (
            f"This video flashes more than three times a second: up to {count:g} {kind} in a second, first at "
            f"{start:.1f} to {end:.1f} s. That can trigger seizures."
        )
    return {**flashes, "warning": warning}


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a steadiness report, its value as text, and what it means."""

    name: str
    value: str
    meaning: str


def explain_steadiness(report: Mapping[str, Any]) -> list[Figure]:
    """Return the figures of :func:`dreamvid.pipelines.steadiness.measure_steadiness` that a sentence can explain."""
    drift = report["drift"]
    return [
        *(
            _flicker(lag, "Flicker" if lag["lag"] == 1 else f"Flicker over {lag['lag']} frames")
            for lag in report["lags"]
        ),
        _strength(report["dream_rms"], drift["dream_rms"]),
        _drift("Detail", drift["detail"]["change"], "It keeps its sharpness.", "It gets sharper", "It blurs"),
        _drift(
            "Brightness",
            drift["brightness"]["beyond_source"],
            "It stays with the source.",
            "The dream gets brighter",
            "The dream gets darker",
        ),
        _drift(
            "Color",
            drift["saturation"]["beyond_source"],
            "It stays with the source.",
            "The dream gets more colorful",
            "The dream gets paler",
        ),
    ]


def _flicker(lag: Mapping[str, Any], name: str) -> Figure:
    flicker, ratio = lag["flicker"], lag["ratio"]
    if flicker is None:
        return Figure(name, "-", "There are no frames to compare.")
    value = f"{flicker:.2f}" if ratio is None else f"{flicker:.2f}, {ratio:.1f} times the least"
    if lag["visible"] is not None and lag["visible"] < _FEW_VISIBLE:
        return Figure(name, value, "Too little of the picture stays in view to tell.")
    if ratio is not None and ratio <= _STEADY:
        meaning = "The dream moves as the picture does, as steadily as can be measured."
    elif flicker >= _NEW:
        meaning = "Most of the dream is new each time; raise stability to hold it."
    elif ratio is not None and ratio >= _UNSTEADY:
        meaning = "Some of the dream changes that should only move along."
    else:
        meaning = "The dream moves with the picture and changes a little on the way."
    return Figure(name, value, meaning)


def _strength(rms: float, drift: Mapping[str, Any]) -> Figure:
    if rms < _FAINT:
        return Figure("Strength", f"{rms:.3f}", "There is hardly a dream; the other figures say little.")
    changed = _drift(
        "", drift["change"], "It is held from beginning to end.", "The dream grows", "The dream fades"
    )
    return Figure("Strength", f"{rms:.2f}, {changed.value}", changed.meaning)


def _drift(name: str, change: float | None, held: str, grows: str, shrinks: str) -> Figure:
    """Return what a change from the second quarter of the film to the last one means."""
    if change is None:
        return Figure(name, "-", "The film is too short to tell.")
    percent = round(100 * change)
    value = f"{percent:+d} %" if percent else "0 %"
    if abs(change) <= _HELD:
        return Figure(name, value, held)
    return Figure(name, value, f"{grows if change > 0 else shrinks} from the first half to the end.")
