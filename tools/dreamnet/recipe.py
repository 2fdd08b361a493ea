"""The recipe: what dreamnet is trained with, phase by phase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops


@dataclass(frozen=True)
class Phase:
    """Some passes over the photographs under one learning-rate cycle.

    ``sides`` are the pictures' sides in px, one a pass. ``peak`` is the highest learning rate, reached after the
    share ``warm_up`` of the steps. ``radius`` is that of the L2 ball, on [-1, 1] pixels of 64 x 64 pictures, in
    which each picture is changed for the worse by ``attack_steps`` steps of projected gradient before it is
    learned from (Madry et al. 2018, "Towards deep learning models resistant to adversarial attacks"); 0 trains
    plainly.
    """

    name: str
    sides: tuple[int, ...]
    peak: float
    warm_up: float = 0.2
    radius: float = 0.0
    attack_steps: int = 0


@dataclass(frozen=True)
class EmbeddedSettings:
    """A whole training."""

    phases: tuple[Phase, ...]
    batch: int = 128
    momentum: float = 0.9
    weight_decay: float = 2e-3
    label_smoothing: float = 0.1


RECIPE = EmbeddedSettings(
    phases=(
        Phase("plain", sides=(32,) * 4 + (48,) * 7 + (64,) * 10, peak=0.25),
        Phase("robust", sides=(64,) * 6, peak=0.06, warm_up=0.1, radius=0.75, attack_steps=1),
    )
)

EQUALIZED_BY = 2000
"""How many of the first photographs tell how loud each channel is; see `dreamnet.equalize`."""

EQUALIZED_IN_DREAMS = ("mixed3",)
"""Layers that one texture owned in dreams; in the others this takes faces and eyes."""

DREAMED = 24
"""How many of the first photographs are dreamed for it."""


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # Keras is untyped
    """From a twentieth of the peak up in a straight line, then down to almost nothing in half a cosine.

    After Smith and Topin 2018, "Super-convergence"; momentum stays.
    """

    def __init__(self, peak: float, steps: int, warm_up: float) -> None:
        self.peak = peak
        self.steps = steps
        self.warm_up = warm_up

    def __call__(self, step: Any) -> Any:
        """Return the rate at a step."""
        done = ops.cast(step, "float32") / self.steps
        rising = 0.05 + 0.95 * done / self.warm_up
        part = ops.clip((done - self.warm_up) / (1.0 - self.warm_up), 0.0, 1.0)
        falling = 0.5 * (1.0 + ops.cos(3.14159265 * part))
        return self.peak * ops.where(done < self.warm_up, rising, falling)

    def get_config(self) -> dict[str, float]:
        """Return what makes this schedule again."""
        return {"peak": self.peak, "steps": self.steps, "warm_up": self.warm_up}
