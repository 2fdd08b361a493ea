"""What a run asks of what trains the networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray


class Trainer(Protocol):
    """Trains a generator and a discriminator; :class:`dreamvid.engine.gan.trainer.GanTrainer` is one."""

    def step(self, codes: NDArray[np.uint8], number: int) -> tuple[float, ...]:
        """Train on real pictures ``[N, S, S, C]``; return the figures of the log's columns behind ``seconds``.

        ``number`` is the step's, from 0; what follows depends on the variables, the pictures and that number alone.
        """
        ...

    def generate(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return pictures of latent vectors, ``[N, S, S, C]`` in [0, 1]."""
        ...

    def generator_bytes(self) -> bytes:
        """Return the generator that pictures come from, as a ``.keras`` file."""
        ...

    def discriminator_bytes(self) -> bytes:
        """Return the discriminator as a ``.keras`` file."""
        ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all variables by name."""
        ...

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Set all variables; raises ``ModelError`` where they do not fit."""
        ...
