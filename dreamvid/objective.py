"""Describe what a dream ascends: a weighted sum of terms, as a plain value.

The algebra follows Lucid's (https://github.com/tensorflow/lucid, ``optvis/objectives.py``)::

    0.5 * layer("mixed3") + channel("mixed4", 35) - neuron("mixed4", 7, x=0.5, y=0.5)

An objective is always ascended; a negative weight repels. It knows nothing of a network: the engine evaluates it, so
presets and command lines can be checked without TensorFlow. The text form, one term between commas, is
``[mean(]LAYER[)][#CHANNEL[@X/Y]][:WEIGHT]``, ``class:NAME_OR_INDEX[:WEIGHT]``, ``guide:FILE@LAYER[:WEIGHT]``,
``rank:strong|average|weak[:COUNT]@LAYER[:WEIGHT]``, ``score[:WEIGHT]`` (how real a discriminator takes the picture to
be) or ``surprise[:WEIGHT]``. A layer may stand in single or double quotes, in which a quote of the same kind is
doubled: ``'my layer: 1'#3``. The terms ``rank`` and ``surprise`` stand for channels that are chosen by a picture;
:meth:`Objective.replace_terms` puts those in their place. To add a kind of term, add a row to :data:`KINDS` and its
value to :mod:`dreamvid.engine.objectives`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

import numpy as np

from dreamvid.errors import ObjectiveError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from dreamvid.types import RGB

Reduce = Literal["mean-square", "mean"]
Strength = Literal["strong", "average", "weak"]

_MAX_WEIGHT = 1e6
_MAX_TERMS = 64


@dataclass(frozen=True, slots=True)
class TermKind:
    """A kind of term: how it is written and what it needs.

    A kind with an ``argument`` is written ``NAME:ARGUMENT@LAYER``, or ``NAME:ARGUMENT`` where it ``needs_classifier``
    and so looks at the class logits; an ``image`` is the path of a picture. A kind without is written by its layer,
    or by its name where it has none (``has_layer``). One that ``needs_picture`` stands for channels chosen by it.
    """

    name: str
    syntax: str
    argument: Literal["", "text", "image"] = ""
    has_channel: bool = False
    needs_classifier: bool = False
    reduce: Reduce = "mean-square"
    has_layer: bool = True
    needs_picture: bool = False

    @property
    def names_layer(self) -> bool:
        """Whether the text form names a layer."""
        return self.has_layer and not self.needs_classifier


KINDS: dict[str, TermKind] = {
    kind.name: kind
    for kind in (
        TermKind("layer", "LAYER"),
        TermKind("channel", "LAYER#CHANNEL", has_channel=True),
        TermKind("neuron", "LAYER#CHANNEL@X/Y", has_channel=True),
        TermKind("class", "class:NAME", argument="text", needs_classifier=True, reduce="mean"),
        TermKind("guide", "guide:FILE@LAYER", argument="image"),
        TermKind("rank", "rank:strong[:COUNT]@LAYER", argument="text", needs_picture=True),
        TermKind("score", "score", needs_classifier=True, reduce="mean", has_layer=False),
        TermKind("surprise", "surprise", has_layer=False, needs_picture=True),
    )
}
"""All kinds by name; :func:`dreamvid.engine.objectives.objective_value` registers what each evaluates to."""

_BY_NAME_ALONE = frozenset(kind.name for kind in KINDS.values() if not kind.has_layer)


def register_kind(kind: TermKind) -> None:
    """Add a kind with an argument; text forms can use it from now on.

    Raises
    ------
    ObjectiveError
        Where the name is taken, or the kind has no argument.
    """
    if not kind.argument or KINDS.setdefault(kind.name, kind) != kind:
        raise ObjectiveError(f"objective kind '{kind.name}' has no argument, or its name is taken")


@dataclass(frozen=True, slots=True)
class Term:
    """One summand.

    ``at`` is the neuron's relative position (x, y) in [0, 1]; ``argument`` is a class name or index or the path of
    a guide image, ``image`` the picture itself where it was given as one. ``reduce`` says whether activations count
    squared (the classic's) or plainly (the tutorial's).
    """

    kind: str
    layer: str = ""
    channel: int | None = None
    at: tuple[float, float] | None = None
    argument: str = ""
    image: RGB | None = field(default=None, compare=False, repr=False)
    reduce: Reduce = "mean-square"
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what no network could answer."""
        kind = KINDS.get(self.kind)
        if kind is None:
            raise ObjectiveError(f"objective kind '{self.kind}' is unknown; known are {', '.join(KINDS)}")
        if not abs(self.weight) <= _MAX_WEIGHT:
            raise ObjectiveError(
                f"objective weight must be between -{_MAX_WEIGHT:g} and {_MAX_WEIGHT:g}, not {self.weight:g}"
            )
        if kind.has_channel and (self.channel is None or self.channel < 0):
            raise ObjectiveError(f"objective '{self.layer}' needs a channel number of 0 or more")
        if self.at is not None and not all(0.0 <= p <= 1.0 for p in self.at):
            raise ObjectiveError(f"objective position {self.at[0]:g}/{self.at[1]:g} must lie in 0..1")
        if kind.names_layer and not self.layer:
            raise ObjectiveError("objective names no layer")
        if self.kind == "rank":
            ChannelRank.parse(self.argument)

    def __str__(self) -> str:
        """Return the text form."""
        kind, name = KINDS[self.kind], layer_text(self.layer)
        if kind.argument:
            body = f"{kind.name}:{self.argument}" + (f"@{name}" if kind.names_layer else "")
        elif not kind.names_layer:
            body = kind.name
        else:
            body = f"mean({name})" if self.reduce == "mean" else name
            if self.channel is not None:
                body += f"#{self.channel}"
            if self.at is not None:
                body += f"@{self.at[0]:g}/{self.at[1]:g}"
        return body if self.weight == 1.0 else f"{body}:{self.weight:g}"


class ChannelRank(NamedTuple):
    """What a term of kind ``rank`` asks for: ``count`` channels that a picture activates this strongly."""

    strength: Strength
    count: int = 1  # type: ignore[assignment]  # hides tuple.count

    @classmethod
    def parse(cls, text: str) -> ChannelRank:
        """Return the rank of ``strong``, ``average`` or ``weak``, with ``:COUNT`` behind it or not.

        Raises
        ------
        ObjectiveError
            For another word, or a count beyond 1 to 64.
        """
        match = re.fullmatch(r"(strong|average|weak)(?::(\d{1,3}))?", text)
        if match is None or not 1 <= int(match[2] or 1) <= _MAX_TERMS:
            raise ObjectiveError(
                f"objective 'rank:{text}': write rank:strong@LAYER, rank:average@LAYER or rank:weak@LAYER, and "
                f"rank:strong:4@LAYER for 4 channels; 1 to {_MAX_TERMS} are possible"
            )
        return cls(cast("Strength", match[1]), int(match[2] or 1))


@dataclass(frozen=True, slots=True)
class Objective:
    """A weighted sum of terms; ``+``, ``-`` and multiplication by numbers make new ones.

    ``text`` is what it was parsed from, as it was written.
    """

    terms: tuple[Term, ...]
    text: str = field(default="", compare=False, repr=False)

    @property
    def weights(self) -> NDArray[np.float32]:
        """Each term's weight, ``[terms]``."""
        return np.array([term.weight for term in self.terms], np.float32)

    @property
    def needs_classifier(self) -> bool:
        """Whether any term looks at the class logits."""
        return any(KINDS[term.kind].needs_classifier for term in self.terms)

    @property
    def needs_picture(self) -> bool:
        """Whether any term stands for channels that are chosen by a picture."""
        return any(KINDS[term.kind].needs_picture for term in self.terms)

    @property
    def image_files(self) -> tuple[str, ...]:
        """Paths of the images that the terms name, each once; not those given as arrays."""
        named = (t.argument for t in self.terms if KINDS[t.kind].argument == "image" and t.image is None)
        return tuple(dict.fromkeys(named))

    def replace_terms(self, choose: Callable[[Term], tuple[Term, ...]]) -> Objective:
        """Return the objective with each term replaced by those that ``choose`` returns for it."""
        return Objective(tuple(chosen for term in self.terms for chosen in choose(term)))

    def __add__(self, other: Objective) -> Objective:
        return Objective(self.terms + other.terms)

    def __sub__(self, other: Objective) -> Objective:
        return self + -other

    def __neg__(self) -> Objective:
        return self * -1.0

    def __mul__(self, factor: float) -> Objective:
        return Objective(tuple(replace(term, weight=term.weight * factor) for term in self.terms))

    __rmul__ = __mul__

    def __str__(self) -> str:
        """Return the text form, which :func:`parse` reads back."""
        return ", ".join(str(term) for term in self.terms)


def layer(name: str, *, reduce: Reduce = "mean-square") -> Objective:
    """Return the objective "all of a layer" (Mordvintsev et al. 2015, "Inceptionism")."""
    return Objective((Term("layer", name, reduce=reduce),))


def channel(name: str, index: int, *, reduce: Reduce = "mean-square") -> Objective:
    """Return the objective "one channel of a layer", counted from 0."""
    return Objective((Term("channel", name, channel=index, reduce=reduce),))


def neuron(name: str, index: int, *, x: float = 0.5, y: float = 0.5) -> Objective:
    """Return the objective "one channel at one place", relative from the left (x) and the top (y)."""
    return Objective((Term("neuron", name, channel=index, at=(x, y)),))


def class_logit(label: str | int) -> Objective:
    """Return the objective "the logit of a class", by name (a first synonym suffices) or index."""
    return Objective((Term("class", argument=str(label), reduce="mean"),))


def rank(strength: Strength, name: str, *, count: int = 1) -> Objective:
    """Return the objective "some channels of a layer that the picture activates strongly, averagely or weakly"."""
    return Objective((Term("rank", name, argument=strength if count == 1 else f"{strength}:{count}"),))


def score() -> Objective:
    """Return the objective "more real to a discriminator", and so more like what it was trained on."""
    return Objective((Term("score", reduce="mean"),))


def surprise() -> Objective:
    """Return the objective "a random mix of channels", chosen by the seed and the picture."""
    return Objective((Term("surprise"),))


def guide(image: str | Path | RGB, name: str) -> Objective:
    """Return the objective "look like the guide image to this layer".

    Each position is drawn to the guide's feature with which it has the largest dot product, as in Google's
    notebook (https://github.com/google/deepdream, "Controlling dreams").
    """
    if isinstance(image, np.ndarray):
        return Objective((Term("guide", name, argument="(array)", image=image),))
    return Objective((Term("guide", name, argument=str(image)),))


_QUOTES = ("'", '"')
_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*\""""
_LAYER_TERM = re.compile(
    rf"""^(?P<mean>mean\()?\s*(?P<layer>{_QUOTED}|[^\#@,()'"][^\#@,()]*?)\s*(?P<close>\))?
        (?:\#(?P<channel>\d+)(?:@(?P<x>[\d.]+)/(?P<y>[\d.]+))?)?\s*(?P<close2>\))?$""",
    re.VERBOSE | re.DOTALL,
)
_ARGUMENT_TERM = re.compile(rf"^(?P<argument>.*)@\s*(?P<layer>{_QUOTED})$", re.DOTALL)
_TERM_TEXT = re.compile(rf"\s*(?:mean\(\s*)?(?:{_QUOTED})?(?:@\s*(?:{_QUOTED})|[^,])*", re.DOTALL)
"""A term up to the next comma outside of quotes, which count where a layer may stand."""
_WEIGHT = re.compile(r"^(?P<body>.+):\s*(?P<weight>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$", re.DOTALL)


def layer_text(name: str) -> str:
    """Return a layer's name as an objective's text names it: in quotes where it could be read as more than a name."""
    is_plain = name == name.strip() and not re.search(r"""[#@,:()'"]|\s\s""", name)
    return name if is_plain and name not in _BY_NAME_ALONE else "'" + name.replace("'", "''") + "'"


def parse(text: str) -> Objective:
    """Return the objective that the text form describes.

    Raises
    ------
    ObjectiveError
        Where a term cannot be read; the message quotes it.
    """
    parts = _split_terms(text)
    if not text.strip():
        raise ObjectiveError("objective is empty; name a layer, for example 'mixed4'")
    if len(parts) > _MAX_TERMS:
        raise ObjectiveError(f"objective has {len(parts)} terms; at most {_MAX_TERMS} are possible")
    return Objective(tuple(_parse_term(part) for part in parts), text)


def _split_terms(text: str) -> list[str]:
    parts: list[str] = []
    position = 0
    while position <= len(text):
        match = _TERM_TEXT.match(text, position)
        assert match is not None  # the pattern takes nothing too
        parts.append(match[0].strip())
        position = match.end() + 1
    return parts


def _unquoted(name: str) -> str:
    """Return a layer's name without the quotes around it, where there are any."""
    return name[1:-1].replace(name[0] * 2, name[0]) if name[:1] in _QUOTES else name


def _parse_term(text: str) -> Term:
    body, weight = _split_weight(text)
    kind = KINDS.get(body.partition(":")[0]) if ":" in body else None
    if kind is not None and kind.argument:
        return _parse_argument(text, body.partition(":")[2], kind, weight)
    if body in _BY_NAME_ALONE:
        return Term(body, reduce=KINDS[body].reduce, weight=weight)
    match = _LAYER_TERM.match(body)
    if match is None or bool(match["mean"]) != bool(match["close"] or match["close2"]):
        raise ObjectiveError(
            f"objective '{text}' cannot be read; write LAYER, LAYER#CHANNEL or mean(LAYER), "
            f"and a name with , : # @ ( ) or quotes in quotes, such as {layer_text('my layer: 1')}"
        )
    reduce: Reduce = "mean" if match["mean"] else "mean-square"
    name = _unquoted(match["layer"])
    if match["channel"] is None:
        return Term("layer", name, reduce=reduce, weight=weight)
    index = int(match["channel"])
    if match["x"] is None:
        return Term("channel", name, channel=index, reduce=reduce, weight=weight)
    try:
        at = (float(match["x"]), float(match["y"]))
    except ValueError:
        raise ObjectiveError(f"objective '{text}' has a position that is no number") from None
    return Term("neuron", name, channel=index, at=at, reduce=reduce, weight=weight)


def _parse_argument(text: str, rest: str, kind: TermKind, weight: float) -> Term:
    argument, _, name = rest.rpartition("@") if kind.names_layer else (rest, "", "")
    argument, name = argument.strip(), name.strip()
    quoted = _ARGUMENT_TERM.match(rest) if kind.names_layer else None
    if quoted is not None:
        argument, name = quoted["argument"].strip(), _unquoted(quoted["layer"])
    elif name[:1] in _QUOTES:
        name = ""
    if not argument or not (name or not kind.names_layer):
        raise ObjectiveError(f"objective '{text}' must read {kind.syntax}")
    return Term(kind.name, name, argument=argument, reduce=kind.reduce, weight=weight)


def _split_weight(text: str) -> tuple[str, float]:
    match = _WEIGHT.match(text)
    if match is None or (match["body"] in KINDS and KINDS[match["body"]].argument):
        return text, 1.0
    return match["body"].strip(), float(match["weight"])
