"""List the networks that are known by name: one row each.

To add a network of ``keras.applications``, add a row; :func:`register_architecture` adds one from outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dreamvid.errors import ModelError
from dreamvid.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from dreamvid.engine.preprocessing import Mode


@dataclass(frozen=True)
class ModelEntry:
    """One network that can be named.

    Attributes
    ----------
    application
        The name of its function in ``keras.applications``, or a function of the same signature; empty for the
        embedded one.
    mode
        Its preprocessing.
    objective
        What dreams well by default.
    layers
        More layers that do.
    megabytes
        Size of the weights file without the classifier.
    step_cost
        Time of a gradient step as a multiple of dreamnet's, for estimates.
    """

    name: str
    family: str
    application: str | Callable[..., Any]
    mode: Mode
    objective: str
    layers: tuple[str, ...]
    megabytes: int
    step_cost: float
    summary: str

    @property
    def download(self) -> bool:
        """Whether its weights must be downloaded, or given with ``--weights``."""
        return bool(self.application)


_ENTRIES = [
    ModelEntry(
        "dreamnet", "Inception-like", "", "tf", "mixed5, mixed4:0.5",
        ("mixed1", "mixed2", "mixed3", "mixed4", "mixed5"), 0, 1.0,
        "embedded, small and fast: people, animals, roofs, fruit; nothing to download",
    ),
    ModelEntry(
        "inceptionv3", "Inception", "InceptionV3", "tf", "mean(mixed3), mean(mixed5)",
        ("mixed2", "mixed3", "mixed4", "mixed5", "mixed7"), 84, 2.0,
        "the classic of the TensorFlow tutorial: dogs, eyes, pagodas, swirls",
    ),
    ModelEntry(
        "vgg16", "VGG", "VGG16", "caffe", "block4_conv3",
        ("block3_conv3", "block4_conv2", "block4_conv3", "block5_conv2"), 56, 8.0,
        "crisp, painterly texture; heavy",
    ),
    ModelEntry(
        "vgg19", "VGG", "VGG19", "caffe", "block4_conv4",
        ("block3_conv4", "block4_conv3", "block4_conv4", "block5_conv3"), 77, 10.0,
        "like vgg16, a little richer and slower",
    ),
    ModelEntry(
        "resnet50v2", "ResNet", "ResNet50V2", "tf", "conv4_block4_out",
        ("conv3_block3_out", "conv4_block2_out", "conv4_block4_out", "conv5_block1_out"), 90, 4.0,
        "dense patterns, faces and fur in the deeper blocks",
    ),
    ModelEntry(
        "mobilenetv2", "MobileNet", "MobileNetV2", "tf", "block_10_expand_relu",
        ("block_5_expand_relu", "block_8_expand_relu", "block_10_expand_relu", "block_13_expand_relu"), 9, 1.0,
        "light and fast: fine, graphic texture",
    ),
    ModelEntry(
        "xception", "Xception", "Xception", "tf", "block8_sepconv2_act",
        ("block4_sepconv2_act", "block6_sepconv2_act", "block8_sepconv2_act", "block10_sepconv2_act"), 80, 4.0,
        "soft, organic growth",
    ),
    ModelEntry(
        "inceptionresnetv2", "Inception", "InceptionResNetV2", "tf", "mixed_6a",
        ("mixed_5b", "block35_10_ac", "mixed_6a", "block17_10_ac", "mixed_7a"), 209, 4.0,
        "deep and slow: intricate animals and buildings",
    ),
    ModelEntry(
        "densenet121", "DenseNet", "DenseNet121", "torch", "pool4_conv",
        ("pool3_conv", "conv4_block12_concat", "pool4_conv", "conv5_block8_concat"), 28, 4.0,
        "ornaments and feathers",
    ),
    ModelEntry(
        "efficientnetv2s", "EfficientNet", "EfficientNetV2S", "bytes", "block4c_add",
        ("block3c_add", "block4c_add", "block5e_add", "block6e_add"), 78, 4.0,
        "modern and restrained: smooth, calligraphic forms",
    ),
]  # fmt: skip


def known_models() -> tuple[ModelEntry, ...]:
    """Return every network that can be named, the embedded one first."""
    return tuple(_ENTRIES)


def register_architecture(entry: ModelEntry) -> None:
    """Add a network that can be named from now on; a ``ModelError`` where the name is taken."""
    if any(_plain(entry.name) == _plain(known.name) for known in _ENTRIES):
        raise ModelError(f"model '{entry.name}' is known already")
    _ENTRIES.append(entry)


def find_model(name: str) -> ModelEntry:
    """Return the entry of this name, whatever its case; hyphens and underscores do not count.

    Raises
    ------
    ModelError
        With the nearest name, where there is none.
    """
    plain = _plain(name)
    for entry in _ENTRIES:
        if plain == _plain(entry.name):
            return entry
    known = [entry.name for entry in _ENTRIES]
    raise ModelError(
        f"model '{name}' is unknown{did_you_mean(name, known)}; known are {', '.join(known)}, "
        "and any .keras or .h5 file"
    )


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "").replace("_", "")
