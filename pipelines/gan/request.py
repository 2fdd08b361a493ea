"""What a training is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from dreamvid.config.gan import GanTrainingSettings

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_MINUTES = 10.0


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """One training.

    Attributes
    ----------
    source
        A video, a folder of pictures, an IDX or ``.npz`` file, or ``digits``.
    minutes, steps
        How long it is trained in all, over all its runs, whichever is reached first; None is no limit.
    start, duration
        The part of a video, in seconds.
    """

    source: Path
    settings: GanTrainingSettings = field(default_factory=GanTrainingSettings)
    minutes: float | None = DEFAULT_MINUTES
    steps: int | None = None
    start: Fraction = Fraction(0)
    duration: Fraction | None = None
