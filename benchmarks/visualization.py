"""(o) Visualization: channels of one layer from noise, as one batch and one by one.

One by one means a visualizer of its own for each channel, whose function is traced anew, as where the channel is
compiled in; and, for information, one visualizer that is called for each channel.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from figures import Figure, interleave, ratios

from dreamvid.config.settings import ModelSettings
from dreamvid.config.visualization import VisualizationSettings
from dreamvid.pipelines.build import build_visualizer
from dreamvid.pipelines.options import RunOptions

if TYPE_CHECKING:
    from dreamvid.engine.visualizer import FeatureVisualizer

PART = "o visualization"
LAYER = "mixed4"
CHANNELS = range(16)


def measure(*, rounds: int) -> list[Figure]:
    """Return the times of both ways, and their ratios."""
    shared = _visualizer()
    runs = {
        "one batch": lambda: _visualizer().visualize(CHANNELS),
        "one by one": lambda: [_visualizer().visualize([channel]) for channel in CHANNELS],
        "one batch, traced before": lambda: shared.visualize(CHANNELS),
        "one by one, traced before": lambda: [shared.visualize([channel]) for channel in CHANNELS],
    }
    seconds = interleave(runs, rounds)
    figures = [
        Figure(PART, f"{len(CHANNELS)} channels of {LAYER}: {name}", statistics.median(each), "s")
        for name, each in seconds.items()
    ]
    ratio, low, high = ratios(seconds["one by one"], seconds["one batch"])
    figures.append(Figure(PART, "one by one / one batch", ratio, "x", "at least", 4.0, low, high))
    ratio, low, high = ratios(seconds["one by one, traced before"], seconds["one batch, traced before"])
    figures.append(Figure(PART, "the same, traced before", ratio, "x", low=low, high=high))
    return figures


def _visualizer() -> FeatureVisualizer:
    return build_visualizer(ModelSettings(), LAYER, VisualizationSettings(), RunOptions())
