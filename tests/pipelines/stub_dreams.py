"""A dreamer that dreams of blurred noise, at once: for tests of all that is about dreams."""

from __future__ import annotations

import sys
import time
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

import cv2
import numpy as np

from dreamvid.pipelines import scenes

if TYPE_CHECKING:
    from dreamvid.types import RGB, Size, StepMap

_STEP = 0.02


class StubDreamer:
    """Adds a texture that depends on seed and frame, by so much a step."""

    def __init__(self, seed: int, seconds: float = 0.0) -> None:
        self._seed, self._seconds = seed, seconds

    def dream(
        self,
        image: RGB,
        *,
        detail: RGB | None = None,  # noqa: ARG002  part of the protocol
        steps: int | None = None,
        effort: StepMap | None = None,
        frame_index: int | None = None,
    ) -> RGB:
        """Return the picture with noise added."""
        time.sleep(self._seconds)
        random = np.random.default_rng([self._seed, frame_index or 0])
        noise = cv2.GaussianBlur(random.standard_normal(image.shape).astype(np.float32), (0, 0), 1.5)
        amount = np.float32(steps or 1) if effort is None else effort[..., None]
        return np.asarray(np.clip(image + _STEP * amount * noise / noise.std(), 0.0, 1.0), np.float32)

    def vary(self, **_: Any) -> Self:
        """Return the same."""
        return self


def built(preset: Any, *_: Any, seconds: float = 0.0, **__: Any) -> Any:
    """Return what :func:`dreamvid.pipelines.build.build_dreamer` does, with a stub."""

    def resolved(size: Size) -> dict[str, object]:
        return {"objective": "noise", "precision": "float32", "device": "none", "plan": str(size)}

    return SimpleNamespace(dreamer=StubDreamer(preset.run.seed, seconds), resolved=resolved, files={})


if __name__ == "__main__":
    from dreamvid.cli.main import main

    setattr(scenes, "build_dreamer", partial(built, seconds=0.05))  # noqa: B010  it is not exported
    main(sys.argv[1:])
