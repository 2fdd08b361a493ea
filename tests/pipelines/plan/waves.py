"""A dream that depends on everything that a dream may depend on, and takes no network."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.pipelines.build import LoadedDreamer

if TYPE_CHECKING:
    from dreamvid.types import RGB, StepMap


@dataclass
class Waves:
    """Adds waves; ``seconds`` is how long a frame takes."""

    seconds: float = 0.0

    def dream(
        self,
        image: RGB,
        *,
        detail: RGB | None = None,
        steps: int | None = None,
        step_map: StepMap | None = None,
        frame_index: int | None = None,
    ) -> RGB:
        time.sleep(self.seconds)
        base = image if detail is None else image + detail
        phase = np.float32(frame_index or 0) + np.float32(steps or 0)
        strength = np.float32(0.02) * (1.0 if step_map is None else step_map[..., None])
        waves = base + strength * np.sin(40.0 * base + phase)
        return np.asarray(np.clip(waves, 0.0, 1.0), np.float32)


def load_waves(*_: object, seconds: float = 0.0) -> LoadedDreamer:
    """Load the dream."""
    resolved = {"precision": "float32", "device": "a processor", "objective": "waves"}
    return LoadedDreamer(Waves(seconds), lambda _: dict(resolved), {})  # type: ignore[arg-type]  # no network
