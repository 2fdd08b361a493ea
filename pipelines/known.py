"""Dreams of a preview, for those frames of the whole that are dreamed in the same way."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dreamvid.types import RGB, Dreamer, InitialDetail

_BYTES = 256 << 20
"""The most that is remembered."""


class KnownDreams:
    """Remembers what a dreamer made of pictures that it began from nothing: then nothing else decides what comes.

    Such are all frames without steadiness, and with it the first of every shot.
    """

    def __init__(self) -> None:
        self._dreams: dict[tuple[bytes, int | None], tuple[Dreamer, RGB]] = {}
        self._bytes = 0

    def find(self, dreamer: Dreamer, picture: RGB, seed: InitialDetail) -> RGB | None:
        """Return a picture's dream; None where it is not known."""
        if not self._dreams or not _from_nothing(seed):
            return None
        by, dream = self._dreams.get(_key(picture, seed), (None, None))
        return dream if by is dreamer else None

    def remember(self, dreamer: Dreamer, picture: RGB, seed: InitialDetail, dream: RGB) -> None:
        """Keep a picture's dream, while there is room."""
        if _from_nothing(seed) and self._bytes + dream.nbytes <= _BYTES:
            self._bytes += dream.nbytes
            self._dreams[_key(picture, seed)] = dreamer, dream


def _from_nothing(seed: InitialDetail) -> bool:
    return seed.detail is None and seed.effort is None


def _key(picture: RGB, seed: InitialDetail) -> tuple[bytes, int | None]:
    return hashlib.blake2b(picture.tobytes(), digest_size=16).digest(), seed.steps
