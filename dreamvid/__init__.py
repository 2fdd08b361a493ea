"""DeepDream for moving pictures.

Dream an array::

    import dreamvid

    dreamed = dreamvid.dream(picture, objective=dreamvid.layer("mixed4"))

Dream a video file, with its sound::

    dreamvid.dream_video("clip.mp4", "clip.dream.mp4", preset={"octaves": 3})

Make a zoom trip, from noise or into a picture::

    dreamvid.zoom_trip("photo.jpg", "trip.mp4", preset={"trip": {"duration": 30, "loop": True}})

Nothing heavy is imported until it is used: TensorFlow loads with the first dream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dreamvid._version import __version__

if TYPE_CHECKING:
    from dreamvid.config.preset import Preset
    from dreamvid.errors import (
        DamagedError,
        DreamvidError,
        EngineError,
        MediaError,
        ModelError,
        ObjectiveError,
        ReadError,
        SettingsError,
        WorkError,
        WriteError,
    )
    from dreamvid.objective import Objective, channel, class_logit, guide, layer, neuron, parse
    from dreamvid.pipelines.api import dream, dream_image, dream_video, latent_walk, load_dreamer, zoom_trip
    from dreamvid.pipelines.build import clear_cache
    from dreamvid.pipelines.result import RunResult

__all__ = [
    "DamagedError",
    "DreamvidError",
    "EngineError",
    "MediaError",
    "ModelError",
    "Objective",
    "ObjectiveError",
    "Preset",
    "ReadError",
    "RunResult",
    "SettingsError",
    "WorkError",
    "WriteError",
    "__version__",
    "channel",
    "class_logit",
    "clear_cache",
    "dream",
    "dream_image",
    "dream_video",
    "guide",
    "latent_walk",
    "layer",
    "load_dreamer",
    "neuron",
    "parse",
    "zoom_trip",
]

_HOMES = {
    "dreamvid.errors": (
        "DamagedError DreamvidError EngineError MediaError ModelError "
        "ObjectiveError ReadError SettingsError WorkError WriteError"
    ),
    "dreamvid.objective": "Objective channel class_logit guide layer neuron parse",
    "dreamvid.pipelines.api": "dream dream_image dream_video latent_walk load_dreamer zoom_trip",
    "dreamvid.pipelines.build": "clear_cache",
    "dreamvid.pipelines.result": "RunResult",
    "dreamvid.config.preset": "Preset",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'dreamvid' has no attribute '{name}'")
    from importlib import import_module  # noqa: PLC0415  keeps the namespace of the package clean

    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
