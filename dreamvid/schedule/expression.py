"""A number as an expression of the moment: ``1 + 0.2*sin(tau*t/4)``.

Only numbers, the names and functions below, arithmetic, comparisons, ``and``, ``or``, ``not`` and ``a if c else b``
can be written. Anything else is refused when the text is read: first by its characters, then by its syntax tree, of
which only the allowed nodes become Python closures. Nothing is ever passed to ``eval``. All values are floats, so
nothing grows: an expression takes microseconds, or fails.

Waves have a period of 1 and lie in 0..1: ``saw`` rises, ``tri`` rises and falls, ``sine`` does so smoothly,
``square`` is 1 in the first half, ``pulse(x, width)`` in the first ``width`` of it. So ``sine(b/4 + 0.25)`` has a
period of four beats, and is a quarter of it ahead. ``noise(x, seed)`` wanders smoothly in -1..1, with a new value at
each whole x; ``random(n, seed)`` is a number in 0..1 for each whole n. Both are the same on every machine.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dreamvid.errors import ScheduleError
from dreamvid.schedule.easing import lerp
from dreamvid.schedule.times import SIGNALS, TimePoint
from dreamvid.text import did_you_mean, quoted

Evaluate = Callable[[Mapping[str, float]], float]
"""Returns the value of a part of an expression, given the values of the names that the expression uses."""

_MAX_CHARACTERS = 500
_MAX_PARTS = 200
_MAX_DEPTH = 32
_MAX_ARGUMENTS = 16
_TOKEN = re.compile(
    r"""\s*(?: (?:\d++\.?\d*+|\.\d++)(?:[eE][+-]?\d++)?(?![\w.]) | [A-Za-z][A-Za-z0-9_]*+
        | \*\*|//|<=|>=|==|!=|[-+*/%<>(),] )""",
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Expression:
    """A schedule by formula; a pure function of the moment.

    ``text`` is at most 500 characters, 200 parts and 32 levels; runs of white space become one blank. ``signals`` are
    the names of the signals that it may use, ``names`` all names that it uses. A text that cannot be read, or that
    gives no number at any moment, is a ScheduleError.
    """

    text: str
    signals: frozenset[str] = field(default=frozenset(SIGNALS), compare=False, repr=False)
    names: frozenset[str] = field(init=False, compare=False, repr=False)
    _evaluate: Evaluate = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Compile the text; one that does not depend on the moment is evaluated at once."""
        text = " ".join(self.text.split())
        compiler = _Compiler(text, self.signals)
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "_evaluate", compiler.compile(_parse(text)))
        object.__setattr__(self, "names", frozenset(compiler.names))
        if self.names <= _CONSTANTS.keys():
            self.at(TimePoint(0.0, 0, 1.0))

    def __reduce__(self) -> tuple[type[Expression], tuple[str, frozenset[str]]]:
        """Copy and pickle by the text: closures cannot be pickled."""
        return Expression, (self.text, self.signals)

    @property
    def needs_duration(self) -> bool:
        """Whether it can be evaluated only where the scene's duration is known."""
        return not self.names.isdisjoint({"p", "duration"})

    def at(self, point: TimePoint) -> float:
        """Return the value at a moment.

        Raises
        ------
        ScheduleError
            Where there is no finite number: divided by zero, too large, out of a function's domain, a duration, tempo
            or signal that is not known.
        """
        try:
            result = self._evaluate(
                {name: _NAMES[name](point) if name in _NAMES else _signal(point, name) for name in self.names}
            )
        except ZeroDivisionError:
            reason = "divides by zero"
        except OverflowError:
            reason = "becomes too large"
        except ValueError:
            reason = "has no value there, like the root of a negative number"
        except ScheduleError as error:
            reason = str(error)
        else:
            if math.isfinite(result):
                return result
            reason = "is no finite number"
        raise ScheduleError(f"{quoted(self.text)} {reason} (at t = {point.t:g} s)")

    def plain(self) -> str:
        """Return the text."""
        return self.text


def _parse(text: str) -> ast.expr:
    """Return the syntax tree of a text that is short and has no character beyond arithmetic."""
    if not text:
        raise ScheduleError("expression is empty; write one such as 1 + 0.2*sin(t)")
    if len(text) > _MAX_CHARACTERS:
        raise ScheduleError(f"expression has {len(text)} characters; at most {_MAX_CHARACTERS} are possible")
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
        reason = error.msg if isinstance(error, SyntaxError) else "nested too deeply"
        raise ScheduleError(f"{quoted(text)} is no expression: {reason}") from None


class _Compiler:
    """Makes closures of the allowed nodes of a syntax tree; collects the names that it uses."""

    def __init__(self, text: str, signals: frozenset[str]) -> None:
        self.names: set[str] = set()
        self._text = quoted(text)
        self._signals = signals
        self._parts = 0

    def compile(self, node: ast.expr, depth: int = 1) -> Evaluate:  # noqa: C901, PLR0911  a case for each node
        """Return what evaluates a node; a ScheduleError for anything but arithmetic."""
        self._parts += 1
        if depth > _MAX_DEPTH:
            raise ScheduleError(f"{self._text} has more than {_MAX_DEPTH} levels; brackets part long sums")
        if self._parts > _MAX_PARTS:
            raise ScheduleError(f"{self._text} has more than {_MAX_PARTS} parts")
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return _constant(self._finite(value))
            case ast.Name(id=name):
                return self._name(name)
            case ast.Call(func=ast.Name(id=name), args=[*arguments], keywords=[]):
                return _call(self._function(name, len(arguments)), self._each(arguments, depth))
            case ast.UnaryOp(op=operation, operand=operand):
                return _call(self._operator(operation), self._each([operand], depth))
            case ast.BinOp(left=left, op=operation, right=right):
                return _call(self._operator(operation), self._each([left, right], depth))
            case ast.Compare(left=left, ops=operations, comparators=others):
                return _compare([self._operator(op) for op in operations], self._each([left, *others], depth))
            case ast.BoolOp(op=operation, values=values):
                return _first(self._each(values, depth), stop_at=isinstance(operation, ast.Or))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return _choose(*self._each([test, body, orelse], depth))
        raise ScheduleError(f"{self._text}: only numbers, names, functions and arithmetic are read")

    def _each(self, nodes: list[ast.expr], depth: int) -> list[Evaluate]:
        return [self.compile(node, depth + 1) for node in nodes]

    def _finite(self, value: float) -> float:
        try:
            result = float(value)
        except OverflowError:
            result = math.inf
        if result == math.inf:
            raise ScheduleError(f"{self._text}: a number in it is too large")
        return result

    def _name(self, name: str) -> Evaluate:
        if name in FUNCTIONS:
            raise ScheduleError(f"{self._text}: {name} is a function; write {name}(...)")
        if name not in _NAMES and name not in self._signals:
            near = did_you_mean(name, [*_NAMES, *sorted(self._signals)])
            raise ScheduleError(f"{self._text}: no such name as {quoted(name)}{near}")
        self.names.add(name)
        return operator.itemgetter(name)

    def _function(self, name: str, count: int) -> Callable[..., float]:
        if name not in FUNCTIONS:
            raise ScheduleError(
                f"{self._text}: no such function as {quoted(name)}{did_you_mean(name, FUNCTIONS)}"
            )
        function, least, most = FUNCTIONS[name]
        if not least <= count <= most:
            needed = f"{least}" if least == most else f"{least} to {most}"
            raise ScheduleError(f"{self._text}: {name} takes {needed} number{'s' * (most > 1)}, not {count}")
        return function

    def _operator(self, operation: ast.AST) -> Callable[..., float]:
        if type(operation) not in _OPERATORS:
            raise ScheduleError(f"{self._text}: numbers have no operation '{type(operation).__name__}'")
        return _OPERATORS[type(operation)]


def _constant(value: float) -> Evaluate:
    return lambda _: value


def _call(function: Callable[..., float], parts: list[Evaluate]) -> Evaluate:
    if len(parts) == 1:
        (only,) = parts
        return lambda names: function(only(names))
    return lambda names: function(*[part(names) for part in parts])


def _compare(comparisons: list[Callable[..., float]], parts: list[Evaluate]) -> Evaluate:
    """Return a chain such as ``2 < t < 3``: 1.0 where all comparisons hold, else 0.0."""
    first, *others = parts

    def evaluate(names: Mapping[str, float]) -> float:
        right = first(names)
        for compare, part in zip(comparisons, others, strict=True):
            left, right = right, part(names)
            if not compare(left, right):
                return 0.0
        return 1.0

    return evaluate


def _first(parts: list[Evaluate], *, stop_at: bool) -> Evaluate:
    """Return the first value that is true (``or``: ``wanted``) or false (``and``), else the last one."""

    def evaluate(names: Mapping[str, float]) -> float:
        value = 0.0
        for part in parts:
            value = part(names)
            if bool(value) is stop_at:
                break
        return value

    return evaluate


def _choose(test: Evaluate, body: Evaluate, otherwise: Evaluate) -> Evaluate:
    return lambda names: body(names) if test(names) else otherwise(names)


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


def _sine(x: float) -> float:
    return 0.5 - 0.5 * math.cos(math.tau * x)


def _pulse(x: float, width: float = 0.1) -> float:
    return float(_saw(x) < width)


def _hash(state: int) -> int:
    """Return a hash in 0..2**64-1: the finalizer of SplitMix64 (Steele et al. 2014)."""
    mask = 2**64 - 1
    z = (state * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def _random(n: float, seed: float = 0.0) -> float:
    return (_hash(_hash(math.floor(seed) + 1) + math.floor(n)) >> 11) * 2.0**-53


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
    "min": (min, 2, _MAX_ARGUMENTS),
    "max": (max, 2, _MAX_ARGUMENTS),
    "pow": (math.pow, 2, 2),
    "clamp": (_clamp, 3, 3),
    "lerp": (lerp, 3, 3),
    "mix": (lerp, 3, 3),
    "smoothstep": (_smoothstep, 3, 3),
    "step": (_step, 2, 2),
    "saw": (_saw, 1, 1),
    "tri": (_tri, 1, 1),
    "sine": (_sine, 1, 1),
    "square": (lambda x: _pulse(x, 0.5), 1, 1),
    "pulse": (_pulse, 1, 2),
    "noise": (_noise, 1, 2),
    "random": (_random, 1, 2),
}
"""Each function with the fewest and the most numbers that it takes."""

_OPERATORS: Final[dict[type[ast.AST], Callable[..., Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: math.pow,  # takes as long for any power, and knows no complex numbers
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: lambda x: float(not x),
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}

_CONSTANTS: Final[dict[str, Callable[[TimePoint], float]]] = {
    "pi": lambda _: math.pi,
    "tau": lambda _: math.tau,
    "e": lambda _: math.e,
}


_NAMES: Final[dict[str, Callable[[TimePoint], float]]] = {
    "t": lambda point: float(point.t),
    "f": lambda point: float(point.f),
    "p": lambda point: point.p,
    "b": lambda point: point.known_grid.beats(point.t),
    "bar": lambda point: point.known_grid.beats(point.t) / point.known_grid.beats_per_bar,
    "bpm": lambda point: point.known_grid.bpm,
    "fps": lambda point: point.fps,
    "duration": lambda point: point.known_duration,
    **_CONSTANTS,
}

NAMES: Final = tuple(_NAMES)
"""All names that an expression may use, but for those of signals."""


def _signal(point: TimePoint, name: str) -> float:
    if name in point.signals:
        return float(point.signals[name])
    if name in SIGNALS:
        raise ScheduleError(f"needs music: {name} is one of its signals")
    raise ScheduleError(f"needs the signal {name}, which is not known here")
