"""The order in which a training sees its pictures: pass after pass, each shuffled anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Batches:
    """Gives the pictures of each step, which follow from the seed and the step's number alone.

    Parameters
    ----------
    codes
        All pictures, ``[N, S, S, C]`` uint8.
    batch
        Pictures in a step; may be more than there are.
    """

    def __init__(self, codes: NDArray[np.uint8], batch: int, seed: int) -> None:
        self._codes, self._batch, self._seed = codes, batch, seed
        self._orders: dict[int, NDArray[np.int64]] = {}

    def __getitem__(self, step: int) -> NDArray[np.uint8]:
        """Return the pictures of a step, from 0, ``[batch, S, S, C]``."""
        count = len(self._codes)
        places = range(step * self._batch, (step + 1) * self._batch)
        first, last = places[0] // count, places[-1] // count
        self._orders = {number: self._order(number) for number in range(first, last + 1)}
        return self._codes[[self._orders[place // count][place % count] for place in places]]

    def _order(self, number: int) -> NDArray[np.int64]:
        if number in self._orders:
            return self._orders[number]
        return np.random.default_rng([self._seed, number]).permutation(len(self._codes))
