"""A frame on its way through the frame loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dreamvid.pipelines.scenes import SceneShare
    from dreamvid.types import RGB, Frame, Mask, Motion


@dataclass(frozen=True, slots=True)
class FrameTask:
    """A frame, and what the stages of the loop add to it.

    Attributes
    ----------
    frame
        As it was decoded.
    picture
        What is dreamed: the frame at the dreamed size.
    parts
        The scenes that show it, and the settings of each.
    motions
        The motion since the frame before, for each of those scenes; None where nothing is carried.
    starts_shot
        Whether it is a shot's first frame.
    mask
        Where its dream shows, at the frame's size; None is everywhere.
    """

    frame: Frame
    picture: RGB
    parts: tuple[SceneShare, ...] = ()
    motions: tuple[Motion | None, ...] = ()
    starts_shot: bool = False
    mask: Mask | None = None
