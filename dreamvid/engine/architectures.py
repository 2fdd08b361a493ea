"""The networks that are known by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dreamvid.errors import ModelError
from dreamvid.text import did_you_mean

if TYPE_CHECKING:
    from dreamvid.engine.preprocessing import Mode


@dataclass(frozen=True)
class ModelEntry:
    """One network that can be named.

    ``application`` is its function in ``keras.applications`` (empty for the embedded one), ``mode`` its
    preprocessing, ``objective`` what dreams well by default, ``layers`` more that do, ``megabytes`` the size of
    the weights file without the classifier.
    """

    name: str
    family: str
    application: str
    mode: Mode
    objective: str
    layers: tuple[str, ...]
    megabytes: int
    summary: str

    @property
    def download(self) -> bool:
        """Whether its weights must be downloaded, or given with ``--weights``."""
        return bool(self.application)


_ENTRIES = (
    ModelEntry(
        "dreamnet", "Inception-like", "", "tf", "mixed5, mixed4:0.5",
        ("mixed1", "mixed2", "mixed3", "mixed4", "mixed5"), 0,
        "embedded, small and fast: people, animals, roofs, fruit; nothing to download",
    ),
    ModelEntry(
        "inceptionv3", "Inception", "InceptionV3", "tf", "mean(mixed3), mean(mixed5)",
        ("mixed2", "mixed3", "mixed4", "mixed5", "mixed7"), 84,
        "the classic of the TensorFlow tutorial: dogs, eyes, pagodas, swirls",
    ),
    ModelEntry(
        "vgg16", "VGG", "VGG16", "caffe", "block4_conv3",
        ("block3_conv3", "block4_conv2", "block4_conv3", "block5_conv2"), 56,
        "crisp, painterly texture; heavy",
    ),
    ModelEntry(
        "vgg19", "VGG", "VGG19", "caffe", "block4_conv4",
        ("block3_conv4", "block4_conv3", "block4_conv4", "block5_conv3"), 77,
        "like vgg16, a little richer and slower",
    ),
    ModelEntry(
        "resnet50v2", "ResNet", "ResNet50V2", "tf", "conv4_block4_out",
        ("conv3_block3_out", "conv4_block2_out", "conv4_block4_out", "conv5_block1_out"), 90,
        "dense patterns, faces and fur in the deeper blocks",
    ),
    ModelEntry(
        "mobilenetv2", "MobileNet", "MobileNetV2", "tf", "block_10_expand_relu",
        ("block_5_expand_relu", "block_8_expand_relu", "block_10_expand_relu", "block_13_expand_relu"), 9,
        "light and fast: fine, graphic texture",
    ),
    ModelEntry(
        "xception", "Xception", "Xception", "tf", "block8_sepconv2_act",
        ("block4_sepconv2_act", "block6_sepconv2_act", "block8_sepconv2_act", "block10_sepconv2_act"), 80,
        "soft, organic growth",
    ),
    ModelEntry(
        "inceptionresnetv2", "Inception", "InceptionResNetV2", "tf", "mixed_6a",
        ("mixed_5b", "block35_10_ac", "mixed_6a", "block17_10_ac", "mixed_7a"), 209,
        "deep and slow: intricate animals and buildings",
    ),
    ModelEntry(
        "densenet121", "DenseNet", "DenseNet121", "torch", "pool4_conv",
        ("pool3_conv", "conv4_block12_concat", "pool4_conv", "conv5_block8_concat"), 28,
        "ornaments and feathers",
    ),
    ModelEntry(
        "efficientnetv2s", "EfficientNet", "EfficientNetV2S", "bytes", "block4c_add",
        ("block3c_add", "block4c_add", "block5e_add", "block6e_add"), 78,
        "modern and restrained: smooth, calligraphic forms",
    ),
)  # fmt: skip


def known_models() -> tuple[ModelEntry, ...]:
    """Return every network that can be named, the embedded one first."""
    return _ENTRIES


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
