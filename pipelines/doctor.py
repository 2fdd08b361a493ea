"""Facts about this machine: device, precision and why, codecs, packages, the folder of weights."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any

from dreamvid.pipelines.build import diagnose_engine

if TYPE_CHECKING:
    from dreamvid.config.settings import ModelSettings

_PACKAGES = ("av", "imageio", "numpy", "opencv-python-headless", "pillow", "pydantic", "tifffile", "typer")


def examine(model: ModelSettings, *, device: str = "auto") -> dict[str, Any]:
    """Return the facts by name; load TensorFlow and time one gradient step of each number format.

    Raises
    ------
    DreamvidError
        Where the network or the device cannot be had.
    """
    from dreamvid.media.output.codecs import available_encoders  # noqa: PLC0415  PyAV loads only when asked

    return {
        **diagnose_engine(model, device),
        "encoders": available_encoders(),
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed under this name"
