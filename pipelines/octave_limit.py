"""Leave out the largest octaves, for speed: dream smaller pictures whose coarsest octave keeps its size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dreamvid.pipelines.compositing import dream_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamvid.config.preset import Preset
    from dreamvid.types import Size

_MIN_WIDTH = 16
_MAX_STEP_SIZE = 1.0


def limit_octaves(presets: Sequence[Preset], size: Size) -> list[Preset]:
    """Return the presets of a video's scenes with ``octaves.largest`` carried out, for frames of a size.

    ``output.dream_width`` becomes the smallest that the limits of all scenes allow, and ``octaves.count`` as much
    smaller as keeps the coarsest octave's size, by rounding within ``sqrt(octaves.scale)`` of it. As each octave adds
    to the strength of a dream, ``ascent.step_size`` grows by as much as there are fewer octaves, unless it is on a
    schedule.
    """
    width = presets[0].output.dream_width or size.width
    longest = max(size) * width / size.width
    ratio = longest / max(_longest_dreamed(preset, longest) for preset in presets)
    if ratio == 1.0:
        return list(presets)
    dream_width = max(_MIN_WIDTH, round(width / ratio))
    return [_limited(preset, ratio).override({"output.dream_width": dream_width}) for preset in presets]


def dreamed_size(preset: Preset, size: Size) -> Size:
    """Return the size at which frames of a size are dreamed; errors as for :func:`dream_size`."""
    scenes = limit_octaves([scene.preset for scene in preset.in_scenes()], size)
    return dream_size(size, scenes[0].output.dream_width) or size


def _limited(preset: Preset, ratio: float) -> Preset:
    """Return a preset for pictures whose sides are those of the originals divided by ``ratio``."""
    octaves, step_size = preset.octaves, preset.ascent.step_size
    count = max(1, octaves.count - round(math.log(ratio) / math.log(octaves.scale)))
    if isinstance(step_size, float):
        step_size = min(_MAX_STEP_SIZE, step_size * octaves.count / count)
    return preset.override({"octaves.count": count, "octaves.largest": None, "ascent.step_size": step_size})


def _longest_dreamed(preset: Preset, longest: float) -> float:
    """Return the longest side that a preset dreams of pictures whose longest side is ``longest``, in px."""
    octaves = preset.octaves
    coarsest = longest / octaves.scale ** (octaves.count - 1)
    return longest if octaves.largest is None else min(longest, max(octaves.largest, coarsest))
