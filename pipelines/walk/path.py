"""Paths through latent space: great circles from seed to seed, and smooth random loops.

Latent vectors are standard normal, so that nearly all of them lie close to a sphere of radius ``sqrt(size)``; far
inside it, the generator was never trained. Both kinds of paths stay near the sphere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dreamvid.schedule.easing import Easing

    Latent = NDArray[np.float32]
    """``[size]``, standard normal."""

# Sine of the angle between two vectors below which the great circle through them is not defined.
_PARALLEL = 1e-6
# Standard deviations of the spectrum of a noise path at which it is cut off.
_SPECTRUM_END = 3.0
# Positions that are searched for the slowest moment of a noise path.
_SEARCHED = 1024


class LatentPath(Protocol):
    """A path through latent space."""

    def at(self, position: float) -> Latent:
        """Return the latent vector at a position: 0 is the beginning, 1 the end, which of a loop is the beginning."""
        ...


@dataclass(frozen=True, slots=True)
class SeedPath:
    """A path from vector to vector along great circles (Shoemake 1985, "Animating rotation with quaternion curves").

    The length of the vectors changes in proportion (White 2016, "Sampling Generative Networks"). Each way from one to
    the next takes the same share; ``easing`` is its course. ``closed`` leads back to the first.
    """

    vectors: Sequence[Latent]
    easing: Easing
    closed: bool

    def at(self, position: float) -> Latent:
        """Return the latent vector at a position; see :meth:`LatentPath.at`."""
        ways = len(self.vectors) if self.closed else len(self.vectors) - 1
        if ways == 0:
            return self.vectors[0]
        place = (position % 1.0 if self.closed else position) * ways
        start = min(int(place), ways - 1)
        following = self.vectors[(start + 1) % len(self.vectors)]
        return slerp(self.vectors[start], following, self.easing(place - start))


@dataclass(frozen=True, slots=True)
class NoisePath:
    """A smooth closed path whose every number is a periodic Gaussian process.

    ``cosines`` and ``sines``, ``[K, size]`` float64, are the amplitudes of 1 to K turns in the loop; ``start`` is
    the position on it where the walk begins.
    """

    cosines: NDArray[np.float64]
    sines: NDArray[np.float64]
    start: float = 0.0

    @classmethod
    def random(cls, seed: int, size: int, frequency: float) -> Self:
        """Return a random path that begins where it is slowest.

        The amplitudes of k turns are normal with variance proportional to ``exp(-(k / frequency)^2 / 2)``; all
        variances add up to 1, so that the vector at each position is standard normal.
        """
        random = np.random.default_rng(seed)
        turns = np.arange(1, 2 + math.ceil(_SPECTRUM_END * frequency), dtype=np.float64)
        variance = np.exp(-np.square(turns / frequency) / 2.0)
        scale = np.sqrt(variance / variance.sum())[:, None]
        cosines, sines = (scale * random.standard_normal((len(turns), size)) for _ in range(2))
        angles = 2.0 * np.pi * np.outer(np.arange(_SEARCHED) / _SEARCHED, turns)
        waves = np.hstack([-turns * np.sin(angles), turns * np.cos(angles)])  # the derivative by the position
        amplitudes = np.vstack([cosines, sines])
        squared_speeds = np.sum(waves @ (amplitudes @ amplitudes.T) * waves, axis=1)
        return cls(cosines, sines, int(np.argmin(squared_speeds)) / _SEARCHED)

    def at(self, position: float) -> Latent:
        """Return the latent vector at a position; see :meth:`LatentPath.at`."""
        turns = np.arange(1, len(self.cosines) + 1, dtype=np.float64)
        angles = 2.0 * np.pi * (turns * (position + self.start) % 1.0)
        return np.asarray(np.cos(angles) @ self.cosines + np.sin(angles) @ self.sines, np.float32)


def slerp(start: Latent, end: Latent, share: float) -> Latent:
    """Return the vector at a share of the great circle from ``start`` to ``end``; a share beyond 0..1 goes on.

    The shorter way is taken; it is straight where no great circle is defined: between vectors of one direction, of
    opposite ones, or of no length.
    """
    a, b = (vector.astype(np.float64) for vector in (start, end))
    lengths = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    product = lengths[0] * lengths[1]
    angle = math.acos(min(max(float(a @ b) / product, -1.0), 1.0)) if product > 0.0 else 0.0
    if math.sin(angle) < _PARALLEL:
        return np.asarray(a + share * (b - a), np.float32)
    ways = math.sin((1.0 - share) * angle), math.sin(share * angle)
    direction = (ways[0] * a / lengths[0] + ways[1] * b / lengths[1]) / math.sin(angle)
    return np.asarray(direction * (lengths[0] + share * (lengths[1] - lengths[0])), np.float32)
