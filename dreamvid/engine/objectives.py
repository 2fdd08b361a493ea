"""Evaluate an objective on the feature maps of a network, window by window.

Every term is a sum over positions of the picture, each weighted by the share of the picture that it stands
for. So the value does not depend on how the picture is cut into windows, nor on its size, and layers of
different stride weigh alike:

=========  ===========================================================================================
layer      mean over positions and channels of a^2 (or of a)
channel    mean over positions of a_c^2 (or of a_c)
neuron     a_c^2 (or a_c) at the position nearest to a place in the whole picture. The place moves along
           with shift and tiles; every window that sees it takes part.
score      the logit of a network that has one, a discriminator, as for a class.
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
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from dreamvid.engine.graph_transforms import LOGITS
from dreamvid.engine.model_files import SCORE
from dreamvid.engine.runtime import tf
from dreamvid.errors import ObjectiveError
from dreamvid.image.resize import resize
from dreamvid.objective import KINDS, Term
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from dreamvid.engine.extractor import Extractor
    from dreamvid.engine.network import Network
    from dreamvid.engine.tiling import WindowBatch
    from dreamvid.objective import Objective
    from dreamvid.types import RGB

_MAX_GUIDE_POSITIONS = 1024
"""Most features that a guide image is made into, at a layer of stride 4 or more; fewer at finer ones."""


@dataclass(frozen=True)
class BoundTerm:
    """A term with what it means in one network; ``term`` has weight 1.

    ``output`` is the place of its layer among the extractor's outputs, ``stride`` that layer's stride in px (0 behind
    pooling over the whole picture), ``index`` its channel or class, ``guide`` the features of its image,
    ``[positions, channels]`` float32, which are compared by ``guide_digest``.
    """

    term: Term
    output: int
    stride: int
    index: int | None = None
    guide: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    guide_digest: str = ""


class TermValue(Protocol):
    """Evaluates one kind of term on a batch of windows."""

    def __call__(self, bound: BoundTerm, feature: Any, batch: WindowBatch, *, tiles_only: bool) -> Any:
        """Return a float32 scalar for ``feature``, float32 ``[N, h, w, C]``.

        With ``tiles_only`` only what lies in each window's tile counts, so that windows add up to the picture's
        value; else all that the windows see, so that the gradient within their tiles is whole.
        """
        ...


_VALUES: dict[str, TermValue] = {}


def objective_value(kind: str) -> Callable[[TermValue], TermValue]:
    """Register the value of a kind of :data:`dreamvid.objective.KINDS`."""

    def register(value: TermValue) -> TermValue:
        _VALUES[kind] = value
        return value

    return register


@dataclass(frozen=True)
class BoundObjective:
    """An objective that has been checked against one network; ``outputs`` are the layers that it needs.

    Objectives that differ in nothing but their terms' weights are equal, and share what is compiled.
    """

    outputs: tuple[str, ...]
    terms: tuple[BoundTerm, ...]
    weights: NDArray[np.float32] = field(compare=False, repr=False)
    """Each term's weight, ``[terms]``; given to :meth:`value` so that it can change without a new trace."""

    @property
    def is_local(self) -> bool:
        """Whether the gradient at a pixel depends, but for its scale, on nothing but the pixels around it."""
        return all(bound.stride > 0 and bound.term.at is None for bound in self.terms)

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
        terms: list[BoundTerm] = []
        for term in objective.terms:
            if KINDS[term.kind].needs_picture:
                raise ObjectiveError(
                    f"objective '{term}' leaves its channels to a picture, and there is none; name them"
                )
            term = resolve_score(term, network)  # noqa: PLW2901  what is looked up
            output, stride, index = _look_up(term, network, precision)
            if output not in outputs:
                outputs.append(output)
            plain = replace(term, weight=1.0, image=None)
            bound = BoundTerm(plain, outputs.index(output), stride, index)
            if KINDS[term.kind].argument == "image":
                extractor = network.extractor((output,), precision=precision)
                features = _guide_features(
                    _guide_image(term, guides), extractor, stride or extractor.stride, term
                )
                digest = hashlib.sha256(features.tobytes()).hexdigest()
                bound = replace(bound, guide=features, guide_digest=digest)
            terms.append(bound)
        return cls(tuple(outputs), tuple(terms), objective.weights)

    def value(
        self,
        features: Sequence[Any],
        weights: Any,
        batch: WindowBatch,
        *,
        tiles_only: bool,
        variety: Any = None,
    ) -> Any:
        """Return the weighted sum over a batch of windows, a float32 scalar; see :class:`TermValue`.

        ``features`` has one float32 ``[N, h, w, C]`` for each of ``outputs``, ``weights`` is ``[terms]`` float32.
        ``variety`` is the exponent of :func:`balance_channels` for terms that are whole layers; None is 0.
        """
        values = []
        for bound in self.terms:
            feature = features[bound.output]
            if bound.term.kind == "layer" and variety is not None:
                feature = balance_channels(feature, variety)
            values.append(_VALUES[bound.term.kind](bound, feature, batch, tiles_only=tiles_only))
        return tf.reduce_sum(tf.stack(values) * weights)


def resolve_score(term: Term, network: Network) -> Term:
    """Return ``score`` as a layer where a network that is no ``.gan`` has one so named; other terms as they are."""
    if term.kind != SCORE or network.classes == (SCORE,):
        return term
    is_layer = any(layer.name == SCORE for layer in (*network.layers, *network.pooled_layers))
    return Term("layer", SCORE, weight=term.weight) if is_layer else term


def balance_channels(feature: Any, exponent: Any) -> Any:
    """Return ``feature``, ``[N, h, w, C]`` float32, with strong channels weakened, window by window.

    A channel of mean square r, as a multiple of all channels' mean, is divided by (1 + r) ** exponent; then all are
    multiplied so that the mean square over them stays the same. The factors count as constants in the gradient: at 1
    it is, up to a factor, that of the sum of r / (1 + r), in which no channel counts for more than 1. 0 changes
    nothing.
    """
    power = tf.stop_gradient(tf.reduce_mean(tf.square(feature), axis=(1, 2), keepdims=True))
    mean = tf.reduce_mean(power, axis=-1, keepdims=True)
    scale = tf.pow(1.0 + tf.math.divide_no_nan(power, mean), -exponent)
    balanced = tf.reduce_mean(power * tf.square(scale), axis=-1, keepdims=True)
    return feature * scale * tf.sqrt(tf.math.divide_no_nan(mean, balanced))


@objective_value("layer")
def _layer(bound: BoundTerm, feature: Any, batch: WindowBatch, *, tiles_only: bool) -> Any:
    values = activation(bound.term, feature)
    if tiles_only:
        values = tf.reduce_sum(values, axis=-1)
    return mean_over_picture(values / feature.shape[-1], bound, batch, tiles_only=tiles_only)


@objective_value("channel")
def _channel(bound: BoundTerm, feature: Any, batch: WindowBatch, *, tiles_only: bool) -> Any:
    values = activation(bound.term, feature[..., bound.index])
    return mean_over_picture(values, bound, batch, tiles_only=tiles_only)


@objective_value("neuron")
def _neuron(bound: BoundTerm, feature: Any, batch: WindowBatch, *, tiles_only: bool) -> Any:
    assert bound.term.at is not None
    if bound.stride == 0:
        return _channel(bound, feature, batch, tiles_only=tiles_only)
    position = batch.one_hot(bound.term.at, tf.shape(feature), bound.stride, tiles_only=tiles_only)
    return tf.reduce_sum(activation(bound.term, feature[..., bound.index]) * position)


@objective_value("score")
@objective_value("class")
def _class(bound: BoundTerm, feature: Any, batch: WindowBatch, *, tiles_only: bool) -> Any:
    if feature.shape[1:3] == (1, 1):
        return tf.reduce_sum(feature[..., bound.index]) * batch.tile_share()
    return _channel(bound, feature, batch, tiles_only=tiles_only)


@objective_value("guide")
def _guide(bound: BoundTerm, feature: Any, batch: WindowBatch, *, tiles_only: bool) -> Any:
    assert bound.guide is not None
    scores = tf.tensordot(tf.stop_gradient(feature), tf.constant(bound.guide.T), axes=1)
    best = tf.gather(tf.constant(bound.guide), tf.argmax(scores, axis=-1, output_type=tf.int32))
    values = tf.reduce_mean(feature * best, axis=-1)
    return mean_over_picture(values, bound, batch, tiles_only=tiles_only)


def activation(term: Term, values: Any) -> Any:
    """Return the values squared, or plainly where the term says so."""
    return values if term.reduce == "mean" else tf.square(values)


def mean_over_picture(values: Any, bound: BoundTerm, batch: WindowBatch, *, tiles_only: bool) -> Any:
    """Return the windows' share of the mean over the positions of the picture of ``[N, h, w]``, a scalar.

    Behind pooling over the whole picture, each window's mean counts by the share of its tile.
    """
    if bound.stride == 0:
        positions = tf.cast(tf.reduce_prod(tf.shape(values)[1:3]), tf.float32)
        return tf.reduce_sum(values) / positions * batch.tile_share()
    if tiles_only:
        values *= batch.in_tiles(tf.shape(values), bound.stride)
    return tf.reduce_sum(values) * batch.feature_share(bound.stride)


def _look_up(term: Term, network: Network, precision: str) -> tuple[str, int, int | None]:
    """Return the output that a term looks at, its stride, and the channel or class."""
    if KINDS[term.kind].needs_classifier:
        index = 0 if term.kind == SCORE else network.class_index(term.argument)
        if term.kind == SCORE and len(network.classes) != 1:
            raise ObjectiveError(
                f"{network.name} is no discriminator, which gives one score; name a layer, channel or class instead"
            )
        return LOGITS, network.extractor((LOGITS,), precision=precision).stride, index
    layer = network.layer(term.layer)
    if term.channel is not None and term.channel >= layer.channels:
        raise ObjectiveError(
            f"{network.name} has {layer.channels} channels in '{layer.name}', 0 to {layer.channels - 1}; "
            f"there is no channel {term.channel}"
        )
    return layer.name, layer.stride, term.channel


def _guide_image(term: Term, guides: Mapping[str, RGB]) -> RGB:
    image = term.image if term.image is not None else guides.get(term.argument)
    if image is None:
        raise ObjectiveError(f"guide image '{term.argument}' was not given")
    if image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:  # noqa: PLR2004  height, width, RGB
        raise ObjectiveError(
            f"guide image '{term.argument}' has shape {image.shape}; (height, width, 3) is needed"
        )
    return image


def _guide_features(image: RGB, extractor: Extractor, stride: int, term: Term) -> NDArray[np.float32]:
    """Return the features of a guide image at the extractor's only layer, ``[positions, channels]``."""
    size = extractor.fixed_size or _guide_size(Size(*image.shape[:2]), stride)
    resized = np.clip(resize(np.asarray(image, np.float32), size), 0.0, 1.0)
    (feature,) = extractor(tf.constant(resized[None]))
    features: NDArray[np.float32] = np.asarray(feature, np.float32).reshape(-1, feature.shape[-1])
    if not np.isfinite(features).all():
        raise ObjectiveError(f"guide image '{term.argument}' has no finite features in layer '{term.layer}'")
    return features


def _guide_size(size: Size, stride: int) -> Size:
    """Return the guide's size, shrunk where it would make too many features."""
    positions = min(_MAX_GUIDE_POSITIONS, _MAX_GUIDE_POSITIONS * stride * stride // 16)
    factor = min(1.0, math.sqrt(positions * stride * stride / (size.height * size.width)))
    return Size(max(1, round(size.height * factor)), max(1, round(size.width * factor)))
