"""How a frame is dreamed, held to the frame before, and finished: one look, or several that share a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.compositing import Compositor
    from dreamvid.types import Dreamer, Frame, Stabilizer


class Look(NamedTuple):
    """All that a frame's dream takes, constant for that frame; ``settings`` are those that it was made from."""

    dreamer: Dreamer
    stabilizer: Stabilizer
    finish: Compositor
    settings: Preset | None = None


class Part(NamedTuple):
    """A scene that a frame lies in, and its share of the written frame; in a cross-fade there are several."""

    scene: int
    share: float
    look: Look


class Looks(Protocol):
    """Tells the look of every frame; a pure function, so that a run may start anywhere."""

    def at(self, frame: Frame) -> tuple[Part, ...]:
        """Return the scenes that a frame lies in, the newest last; their shares add up to 1."""
        ...


@dataclass(frozen=True, slots=True)
class OneLook:
    """The same look throughout."""

    look: Look

    def at(self, frame: Frame) -> tuple[Part, ...]:  # noqa: ARG002  part of the protocol
        """Return it."""
        return (Part(0, 1.0, self.look),)
