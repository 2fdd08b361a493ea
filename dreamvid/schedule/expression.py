"""A number as an expression of the moment: ``1 + 0.2*sin(tau*t/4)``.

Only numbers, the names and functions below, arithmetic, comparisons, ``and``, ``or``, ``not`` and ``a if c else b``
can be written. Anything else is refused when the text is read, before anything is evaluated: first by its
characters, then by its syntax tree. simpleeval (https://github.com/danthedeckie/simpleeval) evaluates what is left,
in floats only, so nothing grows: an expression takes microseconds, or fails.

Waves have a period of 1 and lie in 0..1: ``saw`` rises, ``tri`` rises and falls, ``square`` is 1 in the first half,
``pulse(x, width)`` in the first ``width`` of it. ``noise(x, seed)`` wanders smoothly in -1..1, with a new value at
each whole x; ``random(n, seed)`` is a number in 0..1 for each whole n. Both are the same on every machine.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from simpleeval import SimpleEval

from dreamvid.errors import ScheduleError
from dreamvid.schedule.easing import lerp, quoted
from dreamvid.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SIGNALS: Final = ("beat", "onset", "rms", "bass", "mid", "treble")
"""Names of the music's signals."""

_LONGEST = 500
_MOST_PARTS = 200
_DEEPEST = 32
_MANY = 16
_TOKEN = re.compile(
    r"""\s*(?: (?:\d++\.?\d*+|\.\d++)(?:[eE][+-]?\d++)?(?![\w.]) | [A-Za-z][A-Za-z0-9_]*+
        | \*\*|//|<=|>=|==|!=|[-+*/%<>(),] )""",
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class TimePoint:
    """When a value is asked for.

    ``t`` is in seconds from the scene's first frame, ``f`` the frame's number in the scene, from 0; ``duration`` is
    the scene's, in seconds, None where it is not known; ``signals`` are the music's at this moment, by name.
    """

    t: float
    f: int
    fps: float
    duration: float | None = None
    signals: Mapping[str, float] = field(default_factory=dict)

    @property
    def p(self) -> float:
        """The share of the scene that is over, in 0..1; 0 in stills and in scenes without a length.

        Raises
        ------
        ScheduleError
            Where the duration is not known.
        """
        duration = self.known_duration
        return min(max(self.t / duration, 0.0), 1.0) if duration > 0.0 else 0.0

    @property
    def known_duration(self) -> float:
        """The scene's duration, in seconds; a ScheduleError where it is not known."""
        if self.duration is None:
            raise ScheduleError("needs the scene's duration, which is not known here")
        return self.duration


@dataclass(frozen=True, slots=True)
class Expression:
    """A schedule by formula; a pure function of the moment.

    ``text`` is at most 500 characters, 200 parts and 32 levels; runs of white space become one blank. ``names`` are
    all names that it uses. A text that cannot be read, or that gives no number at any moment, is a ScheduleError.
    """

    text: str
    names: frozenset[str] = field(init=False, compare=False, repr=False)
    _tree: ast.expr = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Read the text; one that does not depend on the moment is evaluated at once."""
        text = " ".join(self.text.split())
        tree = _parse(text)
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "names", _checked(tree, text))
        object.__setattr__(self, "_tree", tree)
        if self.names <= _CONSTANTS.keys():
            self.at(TimePoint(0.0, 0, 1.0))

    @property
    def needs_duration(self) -> bool:
        """Whether it can be evaluated only where the scene's duration is known."""
        return not self.names.isdisjoint({"p", "duration"})

    def at(self, moment: TimePoint) -> float:
        """Return the value at a moment.

        Raises
        ------
        ScheduleError
            Where there is no finite number: divided by zero, too large, out of a function's domain, a duration or
            signal that is not known.
        """
        try:
            result = float(_evaluate(self._tree, {name: _NAMES[name](moment) for name in self.names}))
        except ZeroDivisionError:
            why = "divides by zero"
        except OverflowError:
            why = "becomes too large"
        except ValueError:
            why = "has no value there, like the root of a negative number"
        except ScheduleError as error:
            why = str(error)
        else:
            if math.isfinite(result):
                return result
            why = "is no finite number"
        raise ScheduleError(f"{quoted(self.text)} {why} (at t = {moment.t:g} s)")

    def plain(self) -> str:
        """Return the text."""
        return self.text


def _parse(text: str) -> ast.expr:
    """Return the syntax tree of a text that is short and has no character beyond arithmetic."""
    if not text:
        raise ScheduleError("expression is empty; write one such as 1 + 0.2*sin(t)")
    if len(text) > _LONGEST:
        raise ScheduleError(f"expression has {len(text)} characters; at most {_LONGEST} are possible")
    end = 0
    while end < len(text):
        token = _TOKEN.match(text, end)
        if token is None:
            stray = text[end:].split(maxsplit=1)[0]
            hint = "; a power is written **" if stray[0] == "^" else ""
            raise ScheduleError(f"{quoted(text)}: cannot read {quoted(stray[:20])}{hint}")
        end = token.end()
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        why = error.msg if isinstance(error, SyntaxError) else "nested too deeply"
        raise ScheduleError(f"{quoted(text)} is no expression: {why}") from None


def _checked(tree: ast.expr, text: str) -> frozenset[str]:
    """Return the names that a tree uses, after making its numbers floats; refuse all but arithmetic."""
    names: set[str] = set()
    parts = 0
    stack = [(tree, 1)]
    while stack:
        node, depth = stack.pop()
        parts += 1
        if depth > _DEEPEST or parts > _MOST_PARTS:
            limit = (
                f"{_DEEPEST} levels; brackets part long sums" if depth > _DEEPEST else f"{_MOST_PARTS} parts"
            )
            raise ScheduleError(f"{quoted(text)} has more than {limit}")
        inner: list[ast.AST] = []
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                node.value = _finite(value, text)
            case ast.Name(id=name):
                names.add(_known(name, text))
            case ast.Call(func=ast.Name(id=name), args=[*arguments], keywords=[]):
                _callable(name, len(arguments), text)
                inner = list(arguments)
            case ast.BinOp() | ast.UnaryOp() | ast.BoolOp() | ast.Compare() | ast.IfExp():
                inner = list(ast.iter_child_nodes(node))
            case _:
                raise ScheduleError(f"{quoted(text)}: only numbers, names, functions and arithmetic are read")
        for child in inner:
            if isinstance(child, ast.expr):
                stack.append((child, depth + 1))
            elif type(child) not in _OPERATORS and not isinstance(child, ast.boolop):
                raise ScheduleError(f"{quoted(text)}: numbers have no operation '{type(child).__name__}'")
    return frozenset(names)


def _finite(value: float, text: str) -> float:
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if result == math.inf:
        raise ScheduleError(f"{quoted(text)}: a number in it is too large")
    return result


def _known(name: str, text: str) -> str:
    if name in FUNCTIONS:
        raise ScheduleError(f"{quoted(text)}: {name} is a function; write {name}(...)")
    if name not in _NAMES:
        raise ScheduleError(f"{quoted(text)}: no such name as {quoted(name)}{did_you_mean(name, _NAMES)}")
    return name


def _callable(name: str, given: int, text: str) -> None:
    if name not in FUNCTIONS:
        raise ScheduleError(
            f"{quoted(text)}: no such function as {quoted(name)}{did_you_mean(name, FUNCTIONS)}"
        )
    _, least, most = FUNCTIONS[name]
    if not least <= given <= most:
        count = f"{least}" if least == most else f"{least} to {most}"
        raise ScheduleError(f"{quoted(text)}: {name} takes {count} number{'s' * (most > 1)}, not {given}")


def _clamp(x: float, low: float, high: float) -> float:
    return min(max(x, low), high)


def _step(edge: float, x: float) -> float:
    return float(x >= edge)


def _smoothstep(low: float, high: float, x: float) -> float:
    if low == high:
        return _step(low, x)
    u = _clamp((x - low) / (high - low), 0.0, 1.0)
    return u * u * (3.0 - 2.0 * u)


def _saw(x: float) -> float:
    return x - math.floor(x)


def _tri(x: float) -> float:
    return 1.0 - abs(2.0 * _saw(x) - 1.0)


def _pulse(x: float, width: float = 0.1) -> float:
    return float(_saw(x) < width)


def _mixed(state: int) -> int:
    """Return a whole number in 0..2**64-1 that looks random: the finalizer of SplitMix64 (Steele et al. 2014)."""
    mask = 2**64 - 1
    z = (state * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def _random(n: float, seed: float = 0.0) -> float:
    return (_mixed(_mixed(math.floor(seed) + 1) + math.floor(n)) >> 11) * 2.0**-53


def _noise(x: float, seed: float = 0.0) -> float:
    """Return value noise with the fade of K. Perlin, "Improving Noise" (2002): twice differentiable in x."""
    left = math.floor(x)
    u = x - left
    fade = u * u * u * (u * (6.0 * u - 15.0) + 10.0)
    return 2.0 * lerp(_random(left, seed), _random(left + 1, seed), fade) - 1.0


FUNCTIONS: Final[dict[str, tuple[Callable[..., float], int, int]]] = {
    "sin": (math.sin, 1, 1),
    "cos": (math.cos, 1, 1),
    "tan": (math.tan, 1, 1),
    "exp": (math.exp, 1, 1),
    "log": (math.log, 1, 2),
    "sqrt": (math.sqrt, 1, 1),
    "abs": (abs, 1, 1),
    "floor": (lambda x: float(math.floor(x)), 1, 1),
    "ceil": (lambda x: float(math.ceil(x)), 1, 1),
    "round": (lambda x: float(round(x)), 1, 1),
    "min": (min, 2, _MANY),
    "max": (max, 2, _MANY),
    "pow": (math.pow, 2, 2),
    "clamp": (_clamp, 3, 3),
    "lerp": (lerp, 3, 3),
    "mix": (lerp, 3, 3),
    "smoothstep": (_smoothstep, 3, 3),
    "step": (_step, 2, 2),
    "saw": (_saw, 1, 1),
    "tri": (_tri, 1, 1),
    "square": (lambda x: _pulse(x, 0.5), 1, 1),
    "pulse": (_pulse, 1, 2),
    "noise": (_noise, 1, 2),
    "random": (_random, 1, 2),
}
"""Each function with the fewest and the most numbers that it takes."""

_CONSTANTS: Final[dict[str, Callable[[TimePoint], float]]] = {
    "pi": lambda _: math.pi,
    "tau": lambda _: math.tau,
    "e": lambda _: math.e,
}


def _signal(name: str) -> Callable[[TimePoint], float]:
    def read(moment: TimePoint) -> float:
        if name not in moment.signals:
            raise ScheduleError(f"needs music: {name} is one of its signals")
        return float(moment.signals[name])

    return read


_NAMES: Final[dict[str, Callable[[TimePoint], float]]] = {
    "t": lambda moment: float(moment.t),
    "f": lambda moment: float(moment.f),
    "p": lambda moment: moment.p,
    "fps": lambda moment: moment.fps,
    "duration": lambda moment: moment.known_duration,
    **_CONSTANTS,
    **{name: _signal(name) for name in SIGNALS},
}

NAMES: Final = tuple(_NAMES)
"""All names that an expression may use."""


def _as_number(compare: Callable[[float, float], bool]) -> Callable[[float, float], float]:
    return lambda left, right: float(compare(left, right))


_OPERATORS: Final[dict[type[ast.AST], Callable[..., float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: math.pow,  # which takes as long for any power, and knows no complex numbers
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: lambda x: float(not x),
    ast.Eq: _as_number(operator.eq),
    ast.NotEq: _as_number(operator.ne),
    ast.Lt: _as_number(operator.lt),
    ast.LtE: _as_number(operator.le),
    ast.Gt: _as_number(operator.gt),
    ast.GtE: _as_number(operator.ge),
}


def _restricted() -> SimpleEval:
    """Return simpleeval's evaluator without all that is no arithmetic."""
    evaluator = SimpleEval(
        operators=_OPERATORS, functions={name: entry[0] for name, entry in FUNCTIONS.items()}
    )
    kept = (ast.Constant, ast.Name, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call)
    evaluator.nodes = {kind: handler for kind, handler in evaluator.nodes.items() if kind in kept}
    return evaluator


_EVALUATOR: Final = _restricted()
_TURN: Final = threading.Lock()


def _evaluate(tree: ast.expr, names: dict[str, float]) -> float:
    """Return the tree's value; one thread at a time, as simpleeval keeps the names on the evaluator."""
    with _TURN:
        _EVALUATOR.names = names
        result: float = _EVALUATOR.eval("", previously_parsed=tree)
        return result
