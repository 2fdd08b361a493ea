"""A generator of blobs and a dreamer of noise, which take no network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import cv2
import numpy as np
import pytest

from dreamvid.config.preset import Preset
from dreamvid.pipelines.build import LoadedDreamer
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from dreamvid.pipelines.options import RunOptions
    from dreamvid.pipelines.scenes import BuildDreamer
    from dreamvid.types import RGB, StepMap


class Blobs:
    """A generator whose pictures are low-pass mixes of its latent vector's numbers, sixteen by sixteen."""

    latent_size = 12
    size = Size(16, 16)

    def __init__(self) -> None:
        self.basis = np.random.default_rng(0).standard_normal((self.latent_size, *self.size, 3))
        self.basis = np.stack([cv2.GaussianBlur(each, (0, 0), 2.0) for each in self.basis])

    def picture(self, latent: NDArray[np.float32]) -> RGB:
        return np.asarray(1.0 / (1.0 + np.exp(-3.0 * np.tensordot(latent, self.basis, 1))), np.float32)


class NoiseDreamer:
    """Adds noise to what it is given, detail included, which depends on the frame's index."""

    def dream(
        self,
        image: RGB,
        *,
        detail: RGB | None = None,
        steps: int | None = None,
        step_map: StepMap | None = None,  # noqa: ARG002  part of the protocol
        frame_index: int | None = None,
    ) -> RGB:
        base = image if detail is None else image + detail
        noise = np.random.default_rng(frame_index or 0).standard_normal(image.shape)
        amount = 0.02 * (steps or 4)
        return np.asarray(base + amount * cv2.GaussianBlur(noise, (0, 0), 1.0), np.float32)

    def with_settings(self, **_: Any) -> Self:
        return self


def _build(preset: Preset, _: RunOptions) -> LoadedDreamer:
    assert preset.walk.dream
    dreamer: Any = NoiseDreamer()
    return LoadedDreamer(dreamer, lambda _: {"precision": "float32"}, {})


@pytest.fixture
def build_stub() -> BuildDreamer:
    """Give what builds dreamers of noise."""
    return _build


@pytest.fixture
def generator(tmp_path: Path) -> Path:
    """Return a file that stands for a generator's."""
    path = tmp_path / "blobs.gan"
    path.write_bytes(b"blobs")
    return path


@pytest.fixture
def build_preset(generator: Path) -> Callable[..., Preset]:
    """Give a preset of a walk of two seconds in 24 frames of 48 by 48, with changes such as ``walk__loop=False``."""
    tiny = {
        "pipeline": "walk",
        "objective": "mixed3",
        "run": {"precision": "float32"},
        "stability": {"flow": {"scale": 64}},
        "output": {"width": 48, "fps": "12", "codec": "ffv1"},
        "walk": {"generator": str(generator), "seeds": "1,5,9", "duration": "2"},
    }

    def build(**changes: object) -> Preset:
        return Preset.build(tiny).override(
            {name.replace("__", "."): value for name, value in changes.items()}
        )

    return build
