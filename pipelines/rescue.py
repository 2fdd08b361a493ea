"""Frames whose dream comes out as no picture: each is caught where it happens, and spoils none that follow.

Such a frame shows what was carried to it, dreamed no further, or, where nothing was, its source. What it hands on is
that, or nothing, in which case the next frame starts anew.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dreamvid.errors import NonFiniteDreamError, NothingDreamedError

if TYPE_CHECKING:
    from dreamvid.pipelines.known import KnownDreams
    from dreamvid.pipelines.look import Look
    from dreamvid.types import RGB, Carry, Frame, InitialDetail, Motion

_log = logging.getLogger(__name__)

_HOPELESS = 24
"""Frames after which a run that has not dreamed a single one is given up."""
_TOLD = 3
"""Frames that are told of one by one."""


class Settled(NamedTuple):
    """A frame's dream in one scene, and what it hands on; None starts the next one anew."""

    dreamed: RGB
    carry: Carry | None


@dataclass(slots=True)
class Rescue:
    """Dreams the frames of one run, and counts those that came out as no picture.

    Dreams that are ``known`` are taken as they are; with ``remembers``, all further ones become so.
    """

    dreamed: int = 0
    lost: int = 0
    known: KnownDreams | None = None
    remembers: bool = False

    def settle(
        self, look: Look, frame: Frame, picture: RGB, *, motion: Motion | None, carry: Carry | None
    ) -> Settled:
        """Dream a frame in one scene, and hold it to that scene's last frame.

        Raises
        ------
        NothingDreamedError
            Where not one of the run's first 24 frames has come out as a picture.
        """
        seed = _sound(look.stabilizer.prepare(motion, carry), look)
        try:
            made = self._settled(look, frame, picture, seed=seed, carry=carry)
        except NonFiniteDreamError as error:
            self.lost += 1
            if not self.dreamed and self.lost >= _HOPELESS:
                raise NothingDreamedError(str(error)) from error
            return self._instead(error, frame, picture, seed=seed, carry=carry)
        self.dreamed += 1
        return Settled(made.dreamed, made)

    def _settled(
        self, look: Look, frame: Frame, picture: RGB, *, seed: InitialDetail, carry: Carry | None
    ) -> Carry:
        """Dream a frame and settle it; a BrokenDreamError for what is no picture."""
        raw = None if self.known is None else self.known.find(look.dreamer, picture, seed)
        if raw is None:
            raw = look.dreamer.dream(
                picture,
                detail=seed.detail,
                steps=seed.steps,
                effort=seed.effort,
                frame_index=None if seed.detail is None else frame.index,
            )
        if not np.isfinite(raw).all():
            raise NonFiniteDreamError("its dream holds what is no finite number; try --precision float32")
        if self.known is not None and self.remembers:
            self.known.remember(look.dreamer, picture, seed, raw)
        settled = look.stabilizer.stabilize(picture, raw, seed, carry)
        if not np.isfinite(settled.dreamed).all():
            raise NonFiniteDreamError("its dream holds what is no finite number once it is settled")
        return settled

    def finish(self) -> None:
        """Say how many frames were lost.

        Raises
        ------
        NothingDreamedError
            Where all of them were.
        """
        if self.lost and not self.dreamed:
            raise NothingDreamedError(
                "no frame came out as a picture; try --precision float32, or another model"
            )
        if self.lost > _TOLD:
            _log.warning("%d frames in all came out as no picture", self.lost)

    def _instead(
        self,
        error: NonFiniteDreamError,
        frame: Frame,
        picture: RGB,
        *,
        seed: InitialDetail,
        carry: Carry | None,
    ) -> Settled:
        carried = carry is not None and seed.detail is not None
        _log.warning(
            "frame %d at %.2f s shows %s: %s",
            frame.index,
            frame.pts,
            "what was carried to it" if carried else "its source",
            error,
            extra={"repeats": _TOLD},
        )
        if carry is None or seed.detail is None:
            return Settled(picture, None)
        dreamed = np.clip(picture + seed.detail, 0.0, 1.0)
        return Settled(dreamed, replace(carry, source=picture, dreamed=dreamed))


def _sound(seed: InitialDetail, look: Look) -> InitialDetail:
    """Return a seed, or that of a new shot where its detail holds what is no finite number."""
    if seed.detail is None or np.isfinite(seed.detail).all():
        return seed
    return look.stabilizer.prepare(None, None)
