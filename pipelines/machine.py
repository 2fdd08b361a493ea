"""How a run may use this machine: what is no part of a look and never embedded."""

from __future__ import annotations

from dataclasses import dataclass, field

from dreamvid.limits import Limits


@dataclass(frozen=True, slots=True)
class Machine:
    """Device (``auto``, ``cpu``, ``gpu``, ``gpu:N``), CPU threads (None: all cores) and permissions.

    ``trust_model`` lets a model file bring code; ``keep_going`` keeps what comes before damage in an input;
    ``limits`` says what inputs may ask for; ``measure`` asks for the objective gain in the outcome.
    """

    device: str = "auto"
    threads: int | None = None
    trust_model: bool = False
    keep_going: bool = False
    measure: bool = False
    limits: Limits = field(default_factory=Limits)
