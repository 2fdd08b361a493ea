"""A chart of a preset's schedules over time."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from dreamvid.atomic import AtomicOutput
from dreamvid.pipelines.measure_chart import check_suffix
from dreamvid.pipelines.scenes import SceneSpan, VideoClock, scene_spans
from dreamvid.schedule.objective_schedule import ObjectiveSchedule

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.config.preset import Preset

_POINTS = 600


def write_schedules(path: Path, preset: Preset, clock: VideoClock, *, overwrite: bool) -> None:
    """Draw what changes over time in a preset, scene after scene, into a picture file.

    Raises
    ------
    DreamvidError
        Where a schedule gives no number, or the file cannot be written.
    """
    check_suffix(path)
    target = AtomicOutput(path, inputs=[], overwrite=overwrite)
    data = io.BytesIO()
    _draw(preset, clock).savefig(data, format=path.suffix.lower().removeprefix("."), dpi=110)
    target.write(data.getvalue())


def _draw(preset: Preset, clock: VideoClock) -> Any:
    from matplotlib.figure import Figure  # noqa: PLC0415  only charts need it; without pyplot, no display

    found = scene_spans(preset, clock)
    names = list(dict.fromkeys(name for span in found for name in _series(span, clock, 2)))
    panels = list(dict.fromkeys(name.partition(": ")[0] for name in names)) or ["nothing is on a schedule"]
    figure = Figure(figsize=(9, 1.2 + 1.8 * len(panels)), layout="constrained")
    axes = dict(zip(panels, figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0], strict=True))
    for span in found:
        for name, (times, values) in _series(span, clock, _POINTS).items():
            panel, _, line = name.partition(": ")
            axes[panel].plot(times, values, label=line or None)
    for panel, axis in axes.items():
        axis.set_title(panel, loc="left", fontsize="medium")
        axis.grid(alpha=0.3)
        for span in found[1:]:
            axis.axvline(span.start, color="0.6", linestyle=":")
        if axis.get_legend_handles_labels()[1]:
            axis.legend(loc="upper right", fontsize="small")
    axes[panels[-1]].set_xlabel("s")
    return figure


def _series(span: SceneSpan, clock: VideoClock, points: int) -> dict[str, tuple[list[float], list[float]]]:
    """Return times and values by name; the terms of an objective share the panel ``objective``."""
    fps = float(clock.fps)
    length = 10.0 if span.end is None else span.end - span.start
    times = [span.start + length * k / max(points - 1, 1) for k in range(points)]
    moments = [span.point(t, round(t * fps), clock) for t in times]
    found: dict[str, tuple[list[float], list[float]]] = {}
    for path, value in span.scene.preset.schedules().items():
        found[path] = (times, [value.at(moment) for moment in moments])
    changing = span.scene.preset.objective
    if isinstance(changing, ObjectiveSchedule):
        weights = [changing.at(moment) for moment in moments]
        for index, term in enumerate(changing.terms):
            found[f"objective: {term}"] = (times, [objective.terms[index].weight for objective in weights])
    return found
