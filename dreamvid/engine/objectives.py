"""Evaluates an objective on the feature maps of a network, window by window.

Every term is a sum over positions of the picture, each weighted by the share of the picture that it stands
for. So the value does not depend on how the picture is cut into windows, nor on its size, and layers of
different stride weigh alike:

=========  ===========================================================================================
layer      mean over positions and channels of a^2 (or of a)
channel    mean over positions of a_c^2 (or of a_c)
neuron     a_c^2 (or a_c) at the position nearest to a place in the whole picture. The place moves along
           with shift and tiles; every window that sees it takes part.
class      the class's logit, averaged over positions: for networks that pool before their classifier (all
           of keras.applications but VGG) exactly the logit of the whole picture, since pooling and
           classifier are both linear. Where a network classifies only whole windows, their mean.
guide      mean over positions of max_j <a, g_j> / channels over the guide image's features g_j: the gradient
           at each position is the guide's feature with the largest dot product, as in Google's notebook
           (https://github.com/google/deepdream, "Controlling dreams")
=========  ===========================================================================================
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from dreamvid.engine.heads import LOGITS
from dreamvid.engine.runtime import tf
from dreamvid.errors import ObjectiveError
from dreamvid.image.resize import resize
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dreamvid.engine.extractor import Extractor
    from dreamvid.engine.network import Network
    from dreamvid.engine.tiling import View
    from dreamvid.objective import Objective, Term
    from dreamvid.types import RGB

_GUIDE_POSITIONS = 1024
"""Most features that a guide image is made into, at a layer of stride 4 or more; fewer at finer ones."""


@dataclass(frozen=True)
class BoundTerm:
    """A term with what it means in one network.

    ``term`` has weight 1. ``output`` is the place of its layer among the extractor's outputs, ``index`` its channel
    or class, ``guide`` the guide image's features, ``[positions, channels]`` float32; they are compared by
    ``guide_digest``.
    """

    term: Term
    output: int
    stride: int
    index: int | None = None
    guide: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    guide_digest: str = ""


@dataclass(frozen=True)
class BoundObjective:
    """An objective that has been checked against one network; ``outputs`` are the layers that it needs.

    Objectives that differ in nothing but their terms' weights are equal, and share what is compiled.
    """

    outputs: tuple[str, ...]
    terms: tuple[BoundTerm, ...]
    weights: NDArray[np.float32] = field(compare=False, repr=False)
    """Each term's weight, ``[terms]``; given to :meth:`value` so that it can change without a new trace."""

    @classmethod
    def bind(
        cls, objective: Objective, network: Network, guides: Mapping[str, RGB], *, precision: str = "float32"
    ) -> Self:
        """Return the objective in terms of this network.

        Parameters
        ----------
        objective
            What to ascend.
        network
            Where to look up layers, channels and classes.
        guides
            Guide images by the path that the terms name, RGB in [0, 1].
        precision
            Number format in which guide images are seen.

        Raises
        ------
        ObjectiveError
            For a layer, channel, class or guide image that there is none of.
        """
        if not objective.terms:
            raise ObjectiveError("objective is empty; name a layer, for example 'mixed4'")
        outputs: list[str] = []
        bound: list[BoundTerm] = []
        for term in objective.terms:
            if term.kind == "class":
                name, stride = LOGITS, network.extractor((LOGITS,), precision=precision).stride
                index: int | None = network.class_index(term.label)
            else:
                layer = network.layer(term.layer)
                name, stride, index = layer.name, layer.stride, term.channel
                if index is not None and index >= layer.channels:
                    raise ObjectiveError(
                        f"{network.name} has {layer.channels} channels in '{name}', 0 to {layer.channels - 1}; "
                        f"there is no channel {index}"
                    )
            if name not in outputs:
                outputs.append(name)
            plain = replace(term, weight=1.0, guide_image=None)
            bound.append(BoundTerm(plain, outputs.index(name), stride, index))
            if term.kind == "guide":
                image = _guide_image(term, guides)
                extractor = network.extractor((name,), precision=precision)
                features = _guide_features(image, extractor, stride, term)
                digest = hashlib.sha256(np.ascontiguousarray(features).tobytes()).hexdigest()
                bound[-1] = replace(bound[-1], guide=features, guide_digest=digest)
        return cls(tuple(outputs), tuple(bound), objective.weights)

    def value(self, features: Sequence[Any], weights: Any, view: View, *, inside: bool) -> Any:
        """Return the weighted sum over a batch of windows, a float32 scalar.

        Parameters
        ----------
        features
            One float32 ``[N, h, w, C]`` for each of ``outputs``.
        weights
            ``[terms]`` float32.
        view
            Where the windows lie in the picture.
        inside
            Count only what each window keeps (its tile), so that windows add up to the picture's value; else
            all that the windows see, so that the gradient within their tiles is whole.
        """
        values = [_term_value(bound, features[bound.output], view, inside=inside) for bound in self.terms]
        return tf.reduce_sum(tf.stack(values) * weights)


def _term_value(bound: BoundTerm, feature: Any, view: View, *, inside: bool) -> Any:
    term = bound.term
    if term.kind == "neuron":
        assert term.at is not None
        chosen = view.place(term.at, tf.shape(feature), bound.stride, inside=inside)
        return tf.reduce_sum(_activation(term, feature[..., bound.index]) * chosen)
    if term.kind == "class" and feature.shape[1:3] == (1, 1):
        return tf.reduce_sum(feature[..., bound.index]) * view.share_of_tile()
    if bound.guide is not None:
        positions = _likeness(feature, bound.guide)
    elif bound.index is not None:
        positions = _activation(term, feature[..., bound.index])
    else:
        positions = _activation(term, feature)
        if inside:
            positions = tf.reduce_sum(positions, axis=-1)
        positions /= feature.shape[-1]
    if inside:
        positions *= view.inside(tf.shape(feature), bound.stride)
    return tf.reduce_sum(positions) * view.share(bound.stride)


def _activation(term: Term, values: Any) -> Any:
    return values if term.reduce == "mean" else tf.square(values)


def _likeness(feature: Any, guide: NDArray[np.float32]) -> Any:
    """Return ``[N, h, w]``: the dot product with the guide's best matching feature, over channels."""
    scores = tf.tensordot(tf.stop_gradient(feature), tf.constant(guide.T), axes=1)
    best = tf.gather(tf.constant(guide), tf.argmax(scores, axis=-1, output_type=tf.int32))
    return tf.reduce_mean(feature * best, axis=-1)


def _guide_image(term: Term, guides: Mapping[str, RGB]) -> RGB:
    image = term.guide_image if term.guide_image is not None else guides.get(term.guide)
    if image is None:
        raise ObjectiveError(f"guide image '{term.guide}' was not given")
    if image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:  # noqa: PLR2004  height, width, RGB
        raise ObjectiveError(
            f"guide image '{term.guide}' has shape {image.shape}; (height, width, 3) is needed"
        )
    return image


def _guide_features(image: RGB, extractor: Extractor, stride: int, term: Term) -> NDArray[np.float32]:
    """Return the features of a guide image at the extractor's only layer, ``[positions, channels]``."""
    size = extractor.fixed_size or _guide_size(Size(*image.shape[:2]), stride)
    seen = np.clip(resize(np.asarray(image, np.float32), size), 0.0, 1.0)
    (feature,) = extractor(tf.constant(seen[None]))
    found: NDArray[np.float32] = np.asarray(feature, np.float32).reshape(-1, feature.shape[-1])
    if not np.isfinite(found).all():
        raise ObjectiveError(f"guide image '{term.guide}' has no finite features in layer '{term.layer}'")
    return found


def _guide_size(size: Size, stride: int) -> Size:
    """Return the guide's size, shrunk where it would make too many features."""
    positions = min(_GUIDE_POSITIONS, _GUIDE_POSITIONS * stride * stride // 16)
    factor = min(1.0, math.sqrt(positions * stride * stride / (size.height * size.width)))
    return Size(max(1, round(size.height * factor)), max(1, round(size.width * factor)))
