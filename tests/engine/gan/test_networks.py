"""The generator and the discriminator: shapes, ranges, names, and files that load as any other network's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.settings import ModelSettings
from dreamvid.engine.gan.networks import build_discriminator, build_generator, keras_bytes
from dreamvid.engine.network import load_network
from dreamvid.gan_file import GanSettings

if TYPE_CHECKING:
    from pathlib import Path


def settings(size: int = 16, channels: int = 3) -> GanSettings:
    values: dict[str, Any] = {"source": "", "fingerprint": "", "pictures": 20, "different": 20}
    return GanSettings(size=size, channels=channels, latent_size=8, width=4, batch=4, seed=0, **values)


@pytest.mark.parametrize(("size", "channels"), [(16, 1), (32, 3), (64, 3)])
def test_a_generator_makes_pictures_and_a_discriminator_one_score_of_each(size: int, channels: int) -> None:
    generator = build_generator(settings(size, channels))
    latents = np.random.default_rng(0).standard_normal((5, 8), np.float32)
    pictures = generator(100.0 * latents)
    assert pictures.shape == (5, size, size, channels)
    assert np.abs(pictures).max() <= 1.0
    assert build_discriminator(settings(size, channels))(pictures).shape == (5, 1, 1, 1)


def test_larger_pictures_have_a_map_of_scores() -> None:
    discriminator = build_discriminator(settings(16))
    assert discriminator(np.zeros((1, 64, 96, 3), np.float32)).shape == (1, 13, 21, 1)


def test_a_discriminator_dreams_by_its_layers_and_its_score(tmp_path: Path) -> None:
    path = tmp_path / "discriminator.keras"
    path.write_bytes(keras_bytes(build_discriminator(settings(16))))
    network = load_network(ModelSettings(name=str(path), input_range="-1,1"))
    assert {"down1", "down2", "whole", "score"} <= {layer.name for layer in network.layers}
    assert network.layer("score").channels == 1
