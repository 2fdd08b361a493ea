"""Generators of ``.gan`` and of Keras files: what they take and give, and one line for all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.preset import Preset
from dreamvid.config.settings import ModelSettings
from dreamvid.engine.gan.generator import load_generator
from dreamvid.engine.network import load_network
from dreamvid.engine.objectives import BoundObjective
from dreamvid.engine.runtime import keras
from dreamvid.errors import DreamvidError, ModelError, ObjectiveError
from dreamvid.gan_file import latent_vectors
from dreamvid.media.input.source import open_source
from dreamvid.objective import parse
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.walk.run import run_walk
from dreamvid.types import Size

from .gan_files import make_generator, write_gan_file
from .toy_networks import make_discriminator as make_own_discriminator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

layers = keras.layers
LATENT = latent_vectors([1], 8)[0]


def saved(model: Any, path: Path) -> Path:
    model.save(path)
    return path


@pytest.mark.parametrize(("channels", "size"), [(3, 16), (1, 16)])
def test_a_gan_makes_pictures_in_rgb(tmp_path: Path, channels: int, size: int) -> None:
    generator = load_generator(write_gan_file(tmp_path / "some.gan", channels=channels))
    assert (generator.latent_size, generator.size) == (8, Size(size, size))
    picture = generator.picture(LATENT)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.float32
    assert 0.0 <= picture.min() < 0.5 < picture.max() <= 1.0
    assert np.array_equal(picture, generator.picture(LATENT))
    assert np.ptp(picture, axis=-1).max() == 0.0 if channels == 1 else np.ptp(picture, axis=-1).max() > 0.0


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(
    ("activation", "pixels"), [("tanh", (-1.0, 1.0)), ("sigmoid", (0.0, 1.0)), ("linear", (-1.0, 1.0))]
)
def test_a_keras_generator_says_its_range_by_its_last_activation(
    tmp_path: Path,
    suffix: str,
    activation: str,
    pixels: tuple[float, float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = make_generator(activation=activation)
    picture = load_generator(saved(model, tmp_path / f"own{suffix}")).picture(LATENT)
    low, high = pixels
    expected = np.clip((np.asarray(model(LATENT[None]))[0] - low) / (high - low), 0.0, 1.0)
    np.testing.assert_allclose(picture, expected, atol=1e-5)
    assert any("taken to run from -1 to 1" in message for message in caplog.messages) == (
        activation == "linear"
    )


def test_a_generator_may_take_a_vector_as_a_pixel_and_give_any_shape(tmp_path: Path) -> None:
    latent = keras.Input((1, 1, 8))
    picture = layers.Conv2DTranspose(3, (12, 20), activation="sigmoid")(latent)
    generator = load_generator(saved(keras.Model(latent, picture), tmp_path / "pixel.keras"))
    assert (generator.latent_size, generator.size) == (8, Size(12, 20))
    assert generator.picture(LATENT).shape == (12, 20, 3)


def conditional() -> Any:
    latent, label = keras.Input((8,)), keras.Input((1,), dtype="int32")
    value = layers.Concatenate()([latent, layers.Flatten()(layers.Embedding(10, 8)(label))])
    return keras.Model([latent, label], layers.Reshape((4, 4, 3))(layers.Dense(48)(value)))


def labels_alone() -> Any:
    label = keras.Input((1,), dtype="int32")
    return keras.Model(
        label, layers.Reshape((4, 4, 3))(layers.Dense(48)(layers.Flatten()(layers.Embedding(10, 8)(label))))
    )


def vector_to_vector() -> Any:
    latent = keras.Input((8,))
    return keras.Model(latent, layers.Dense(48)(latent))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (conditional, "has 2 inputs; a generator with conditions cannot be walked"),
        (labels_alone, "not a vector of noise"),
        (vector_to_vector, "gives (batch, 48) of float32, not a picture"),
        (make_own_discriminator, "takes (batch, 32, 32, 3) of float32, not a vector of noise"),
        (lambda: make_generator(channels=2), "gives (batch, 16, 16, 2)"),
    ],
)
def test_what_is_no_generator_is_one_line(tmp_path: Path, make: Callable[[], Any], message: str) -> None:
    path = saved(make(), tmp_path / "other.keras")
    with pytest.raises(ModelError) as caught:
        load_generator(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.999])
def test_a_damaged_file_is_one_line(tmp_path: Path, share: float) -> None:
    path = write_gan_file(tmp_path / "some.gan")
    data = path.read_bytes()
    path.write_bytes(data[: round(share * len(data))])
    for load in (load_generator, lambda path: load_network(ModelSettings(name=str(path)))):
        with pytest.raises(DreamvidError, match=r"some\.gan") as caught:
            load(path)
        assert "\n" not in str(caught.value)


def test_what_a_gan_holds_under_another_name_is_one_line(tmp_path: Path) -> None:
    swapped = write_gan_file(
        tmp_path / "swapped.gan", generator=make_own_discriminator(), discriminator=make_generator()
    )
    with pytest.raises(ModelError, match=r"swapped\.gan: is no generator"):
        load_generator(swapped)
    with pytest.raises(ModelError, match=r"swapped\.gan \(discriminator\.keras\): its input has shape"):
        load_network(ModelSettings(name=str(swapped)))
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"video")
    with pytest.raises(ModelError, match=r"clip\.mp4: must be a \.gan, \.keras or \.h5 file"):
        load_generator(clip)


# The discriminator


def test_a_gan_as_model_is_its_discriminator(tmp_path: Path) -> None:
    network = load_network(ModelSettings(name=str(write_gan_file(tmp_path / "some.gan", channels=1))))
    assert [layer.name for layer in network.layers] == [
        "down1",
        "relu1",
        "down2",
        "relu2",
        "whole",
        "relu_whole",
        "score",
    ]
    assert network.classes == ("score",)
    assert network.input_channels == 1
    assert np.ptp(
        network.loaded.input_map(np.array([[[[0.0] * 3, [1.0] * 3]]], np.float32))
    ) == pytest.approx(2.0)
    assert network.fixed_size is None


def test_score_is_the_score_of_a_discriminator(tmp_path: Path, detectors: Path) -> None:
    gan = load_network(ModelSettings(name=str(write_gan_file(tmp_path / "some.gan"))))
    assert BoundObjective.bind(parse("score"), gan, {}).outputs == ("logits",)
    assert BoundObjective.bind(parse("class:score"), gan, {}).outputs == ("logits",)
    own = load_network(ModelSettings(name=str(saved(make_own_discriminator(), tmp_path / "own.keras"))))
    (bound,) = BoundObjective.bind(parse("score:2"), own, {}).terms
    assert (bound.term.kind, bound.term.layer) == ("layer", "score")
    with pytest.raises(ObjectiveError, match=r"detectors\.keras is no discriminator"):
        BoundObjective.bind(parse("score"), load_network(ModelSettings(name=str(detectors))), {})


def test_weights_of_a_gan_are_its_own(tmp_path: Path) -> None:
    path = write_gan_file(tmp_path / "some.gan")
    with pytest.raises(ModelError, match=r"leave out --weights"):
        load_network(ModelSettings(name=str(path), weights=path))


def test_a_walk_is_dreamed_by_its_own_discriminator(tmp_path: Path) -> None:
    gan = str(write_gan_file(tmp_path / "some.gan"))
    settings = {
        "walk": {"generator": gan, "seeds": "1,2", "duration": "1"},
        "model": gan,
        "octaves": 1,
        "ascent": {"steps": 10},
        "output": {"width": 48, "fps": 4, "codec": "ffv1"},
        "run": {"precision": "float32"},
    }
    scores = []
    network = load_network(ModelSettings(name=gan))
    for dream in (False, True):
        preset = Preset.build(settings).override({"walk.dream": dream})
        result = run_walk(tmp_path / f"{dream}.mkv", preset, RunOptions(device="cpu"))
        assert result.frames == 4
        pictures = np.stack([frame.rgb for frame in open_source(result.output)])
        scores.append(np.asarray(network.extractor(("logits",))(pictures)[0]).mean(axis=(1, 2, 3)))
    assert result.resolved["objective"] == "score"
    assert (scores[1] > scores[0]).all()
