"""Networks of the user's own: a U-Net for segmentation, a discriminator, an autoencoder, of any number of channels.

What a dream raises is checked with Keras itself, on what the network sees of the picture.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from dreamvid.cli.main import main
from dreamvid.config.preset import Preset
from dreamvid.errors import ObjectiveError
from dreamvid.media.still.reader import read_still
from dreamvid.pipelines.build import build_dreamer, describe_layers
from dreamvid.pipelines.image import dream_images
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.sweep import run_sweep

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.types import RGB

pytestmark = pytest.mark.e2e

SUFFIXES = (".keras", ".h5")
YES = RunOptions(confirm_overwrite=lambda _: True)
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@pytest.fixture(scope="module")
def unet(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A U-Net that finds bright disks in gray pictures of 128 x 128 px, saved in ``unet.path``."""
    from tests.engine.toy_networks import train_unet  # noqa: PLC0415  loads TensorFlow

    return saved(train_unet(), tmp_path_factory)


@pytest.fixture(scope="module")
def discriminator(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A discriminator of colored pictures of 32 x 32 px, saved in ``discriminator.path``."""
    from tests.engine.toy_networks import train_discriminator  # noqa: PLC0415  loads TensorFlow

    return saved(train_discriminator(), tmp_path_factory)


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An untrained autoencoder of free size, saved in ``autoencoder.path``."""
    from tests.engine.toy_networks import make_autoencoder  # noqa: PLC0415  loads TensorFlow

    return saved(make_autoencoder(), tmp_path_factory)


class Saved:
    """A Keras model, and the stem of the files that it is saved in."""

    def __init__(self, model: Any, path: Path) -> None:
        self.model = model
        self.path = path

    def named(self, suffix: str) -> str:
        return str(self.path.with_suffix(suffix))

    def answer(self, rgb: RGB) -> Any:
        """Return what the model answers to a picture."""
        return self.model.predict(rgb[None], verbose=0)[0]


def saved(model: Any, folder: pytest.TempPathFactory) -> Saved:
    path = folder.mktemp("networks") / "network"
    for suffix in SUFFIXES:
        model.save(path.with_suffix(suffix))
    return Saved(model, path)


def preset(name: str, objective: str = "auto", **more: object) -> Preset:
    values = {
        "model": {"name": name, "input_range": "0,1"},
        "objective": objective,
        "octaves": 2,
        "ascent": {"steps": 6},
        "run": {"precision": "float32"},
    }
    return Preset.build(values | more)


def noise(height: int, width: int, *, gray: bool = False) -> RGB:
    rng = np.random.default_rng(4)
    rgb = rng.normal(0.5, 0.1, (height, width, 1 if gray else 3))
    return np.clip(np.broadcast_to(rgb, (height, width, 3)), 0, 1).astype(np.float32)


def save_picture(path: Path, rgb: RGB) -> Path:
    Image.fromarray(np.rint(rgb * 255).astype(np.uint8)).save(path)
    return path


def test_the_u_net_has_learned_its_task(unet: Saved) -> None:
    from tests.engine.toy_networks import disks_in_noise  # noqa: PLC0415  loads TensorFlow

    pictures, masks = disks_in_noise(8, seed=9)
    found = unet.model.predict(pictures, verbose=0) > 0.5
    wanted = masks > 0.5
    assert (found & wanted).sum() / (found | wanted).sum() > 0.6


def test_layers_of_a_u_net_are_listed_with_the_strides_that_come_back(
    unet: Saved, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = []
    for suffix in SUFFIXES:
        with pytest.raises(SystemExit, match="0"):
            main(["models", "layers", unet.named(suffix), "--json"])
        listed.append(json.loads(capsys.readouterr().out))
    assert listed[0] == listed[1]
    found = {layer["name"]: (layer["stride"], layer["channels"]) for layer in listed[0]}
    assert [
        found[f"{name}_{level}"] for name, level in [("down", 1), ("pool", 3), ("skip", 3), ("up", 1)]
    ] == [
        (1, 16),
        (8, 32),
        (4, 80),
        (1, 16),
    ]
    assert found["bottom"] == (8, 48)
    assert found["mask"] == (1, 1)


@pytest.mark.parametrize(
    "objective", ["auto", "bottom", "skip_2", "up_2#3", "mask#0@0.3/0.7", "guide:{guide}@bottom"]
)
def test_a_u_net_dreams_by_all_its_layers_and_channels(unet: Saved, objective: str, tmp_path: Path) -> None:
    guide = save_picture(tmp_path / "guide.png", np.tile(noise(64, 1, gray=True), (1, 64, 1)))
    source = save_picture(tmp_path / "picture.png", noise(52, 70))
    chosen = preset(unet.named(".h5"), objective.format(guide=guide))
    (result,) = dream_images([source], tmp_path / "out.png", chosen, RunOptions(measure=True))
    assert result.objective_gain is not None
    assert result.objective_gain > 1.1


def test_what_raises_the_mask_of_a_u_net_is_taken_for_disks_by_keras(unet: Saved) -> None:
    picture = noise(128, 128, gray=True)
    settings = preset(unet.named(".h5"), "mean(mask)", octaves=2, ascent={"steps": 8})
    dreamer = build_dreamer(settings, YES).dreamer
    dreamed = dreamer.dream(picture)
    before, after = (float(unet.answer((rgb @ LUMA)[..., None]).mean()) for rgb in (picture, dreamed))
    assert after > before + 0.1
    assert np.abs(dreamed - dreamed.mean(-1, keepdims=True)).max() < 0.01  # gray stays gray


@pytest.mark.parametrize(
    ("channels", "color_map"),
    [(1, "gray"), (2, "false-color"), (4, "gray"), (4, "false-color"), (5, "false-color")],
)
def test_networks_of_any_number_of_channels_dream(channels: int, color_map: str, tmp_path: Path) -> None:
    from tests.engine.toy_networks import make_autoencoder  # noqa: PLC0415  loads TensorFlow

    path = tmp_path / "own.keras"
    make_autoencoder(channels).save(path)
    model = {"name": str(path), "input_range": "0,1", "color_map": color_map}
    dreamer = build_dreamer(preset("", "code#1", model=model), YES).dreamer
    picture = noise(40, 60)
    change = dreamer.dream(picture) - picture
    tint = np.abs(change - change.mean(-1, keepdims=True)).mean() / np.abs(change).mean()
    assert np.abs(change).mean() > 0.01
    assert (tint < 0.15) == (color_map == "gray")


@pytest.mark.parametrize("objective", ["mean(score)", "class:0", "mean(score)#0@0.5/0.5"])
def test_a_discriminator_s_score_is_raised_and_lowered(discriminator: Saved, objective: str) -> None:
    picture = noise(32, 32)
    scores = [float(discriminator.answer(picture)[0])]
    for weight in ("", ":-1"):
        chosen = preset(
            discriminator.named(".keras"), objective + weight, octaves=1, ascent={"steps": 10, "jitter": 0}
        )
        scores.append(float(discriminator.answer(build_dreamer(chosen, YES).dreamer.dream(picture))[0]))
    assert scores[2] < scores[0] - 0.5
    assert scores[1] > scores[0] + 0.5


def test_a_discriminator_of_fixed_size_dreams_pictures_of_any_size(
    discriminator: Saved, tmp_path: Path
) -> None:
    source = save_picture(tmp_path / "picture.png", noise(70, 101))
    for objective in ("leaky_1", "conv_3#5", "score"):
        results = dream_images(
            [source],
            tmp_path / "out.png",
            preset(discriminator.named(".h5"), objective),
            RunOptions(measure=True, confirm_overwrite=lambda _: True),
        )
        gain = next(results).objective_gain
        assert gain is not None
        assert gain > 1.05


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_autoencoder_dreams_by_its_code_and_refuses_classes(
    autoencoder: Saved, suffix: str, tmp_path: Path
) -> None:
    names = [layer["name"] for layer in describe_layers(preset(autoencoder.named(suffix)).model)]
    assert names == ["encode_1", "code", "decode_1", "picture"]
    source = save_picture(tmp_path / "picture.png", noise(50, 70))
    for objective in ("code#3", "decode_1"):
        options = RunOptions(measure=True, confirm_overwrite=lambda _: True)
        (result,) = dream_images(
            [source], tmp_path / "out.png", preset(autoencoder.named(suffix), objective), options
        )
        assert result.objective_gain is not None
        assert result.objective_gain > 1.1
    with pytest.raises(ObjectiveError, match="no classifier"):
        build_dreamer(preset(autoencoder.named(suffix), "class:0"), YES)


def test_seven_layers_of_a_u_net_are_shown_on_one_sheet_from_both_kinds_of_files(
    unet: Saved, tmp_path: Path
) -> None:
    from tests.engine.toy_networks import UNET_LAYERS  # noqa: PLC0415  loads TensorFlow

    source = save_picture(tmp_path / "noise.png", noise(64, 64, gray=True))
    sheets = []
    for suffix in SUFFIXES:
        sweep = {"layers": ",".join(UNET_LAYERS), "channels": "random:1", "labels": False}
        output = tmp_path / f"sheet{suffix}.png"
        settings = preset(unet.named(suffix), octaves=1, ascent={"steps": 3}, sweep=sweep)
        assert run_sweep(source, output, settings, YES).frames == 7
        sheets.append(read_still(output).rgb)
    assert np.array_equal(sheets[0], sheets[1])
    cells = [sheets[0][4 + 68 * row : 68 + 68 * row, 4:68] for row in range(2)]
    assert np.abs(cells[0] - cells[1]).mean() > 0.01
