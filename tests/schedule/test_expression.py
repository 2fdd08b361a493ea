"""Expressions: what they compute, and what they refuse."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import math
import pickle
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamvid.errors import ScheduleError
from dreamvid.schedule.expression import FUNCTIONS, NAMES, Expression
from dreamvid.schedule.times import SIGNALS, TimePoint

MOMENT = TimePoint(t=2.5, f=60, fps=24.0, duration=10.0, signals=dict.fromkeys(SIGNALS, 0.5))
REALS = st.floats(-1e6, 1e6)


def value(text: str, t: float = 0.0) -> float:
    return Expression(text).at(TimePoint(t, round(24 * t), 24.0))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2*3 - 4/8", 6.5),
        ("-2**2", -4.0),
        ("2**-1", 0.5),
        ("7 // 2", 3.0),
        ("-1 % 3", 2.0),
        (".5 + 5. + 1e-1", 5.6),
        ("t", 2.5),
        ("f", 60.0),
        ("p", 0.25),
        ("fps", 24.0),
        ("duration", 10.0),
        ("cos(pi)", -1.0),
        ("tau/pi", 2.0),
        ("log(e)", 1.0),
        ("log(8, 2)", 3.0),
        ("beat + onset + rms + bass + mid + treble", 3.0),
        ("sqrt(16) + abs(-1) + exp(0)", 6.0),
        ("floor(-1.5) + ceil(1.2) + round(2.6)", 3.0),
        ("min(3, 1, 2) + max(1, 2)", 3.0),
        ("pow(2, 3)", 8.0),
        ("clamp(5, 0, 1) + clamp(-5, 0, 1)", 1.0),
        ("lerp(1, 3, 0.5) + mix(0, 4, 0.25)", 3.0),
        ("smoothstep(0, 2, 1)", 0.5),
        ("smoothstep(1, 1, 0) + smoothstep(1, 1, 1)", 1.0),
        ("step(1, 0.9) + step(1, 1)", 1.0),
        ("saw(1.25) + saw(-0.25)", 1.0),
        ("tri(0.5) + tri(1.25) + tri(3)", 1.5),
        ("square(0.4) + square(0.6) + square(1)", 2.0),
        ("pulse(0.05) + pulse(0.2) + pulse(2.2, 0.3)", 2.0),
        ("1 if t < 2 else 3", 3.0),
        ("1 if 2 < t < 3 and not f == 0 or p != p else 0", 1.0),
        ("(t > 1) * 4 + (t >= 9)", 4.0),
        ("1\n  + 1", 2.0),
    ],
)
def test_it_computes(text: str, expected: float) -> None:
    result = Expression(text).at(MOMENT)
    assert type(result) is float
    assert result == pytest.approx(expected)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_gives_a_float_for_the_fewest_and_the_most_numbers(name: str) -> None:
    for count in FUNCTIONS[name][1:]:
        arguments = ", ".join(f"{i + 1}.5" for i in range(count))
        assert type(Expression(f"{name}({arguments})").at(MOMENT)) is float


@given(
    st.floats(0.0, 1e4),
    st.sampled_from(["1 + 0.2*sin(t)", "noise(t*3, 2)", "tri(t) if t > 3 else random(t)"]),
)
def test_the_same_moment_gives_the_same_value(t: float, text: str) -> None:
    first = value(text, t)
    value(text, t + 1.0)
    assert value(text, t) == first


def test_threads_do_not_meet() -> None:
    expressions = [Expression(f"t*{i} + f") for i in range(8)]

    def evaluate(job: int) -> float:
        return expressions[job % 8].at(TimePoint(float(job), job, 24.0))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(evaluate, range(4000))) == [
                float(job * (job % 8) + job) for job in range(4000)
            ]
    finally:
        sys.setswitchinterval(interval)


def test_names_are_those_that_are_used() -> None:
    assert Expression("1 + bass*sin(t)").names == {"bass", "t"}
    assert Expression("2").names == frozenset()


@pytest.mark.parametrize("text", ["p", "1/duration", "0 if t > 0 else p"])
def test_a_share_of_the_scene_needs_its_duration(text: str) -> None:
    expression = Expression(text)
    assert expression.needs_duration
    with pytest.raises(ScheduleError, match="duration, which is not known"):
        expression.at(TimePoint(1.0, 24, 24.0))


def test_time_alone_needs_no_duration() -> None:
    assert not Expression("t + f/fps").needs_duration


def test_a_signal_needs_music() -> None:
    with pytest.raises(ScheduleError, match=r"'1 \+ beat' needs music"):
        Expression("1 + beat").at(TimePoint(1.0, 24, 24.0))


@pytest.mark.parametrize(
    ("t", "duration", "p"), [(2.0, 8.0, 0.25), (9.0, 8.0, 1.0), (-1.0, 8.0, 0.0), (0.0, 0.0, 0.0)]
)
def test_p_lies_in_the_scene(t: float, duration: float, p: float) -> None:
    assert TimePoint(t, 0, 24.0, duration).p == p


@given(REALS, st.integers(-5, 5))
def test_noise_is_small_smooth_and_new_at_each_whole_number(x: float, seed: int) -> None:
    here, near = (Expression(f"noise(t, {seed})").at(TimePoint(u, 0, 1.0)) for u in (x, x + 1e-4))
    assert -1.0 <= here <= 1.0
    assert abs(here - near) <= 4e-4  # the fade's steepest slope is 15/8, its widest range 2


@given(st.integers(-1000, 1000))
def test_noise_has_no_kinks(n: int) -> None:
    before, here, after = (value("noise(t)", n + h) for h in (-1e-3, 0.0, 1e-3))
    assert before == pytest.approx(here, abs=1e-7)
    assert after == pytest.approx(here, abs=1e-7)


def test_noise_and_random_are_the_same_on_every_machine() -> None:
    assert [value(f"random({n}, 3)") for n in (0, 1, -2)] == [
        0.1911219929811362,
        0.07584083630058824,
        0.6886500043700526,
    ]
    assert [value(f"noise({x}, 1)") for x in (0, 0.5, -7.25)] == [
        -0.0459150484583819,
        -0.10390176666235618,
        -0.5900449370259127,
    ]


def test_random_is_even_and_seeded() -> None:
    values = [value(f"random({n})") for n in range(2000)]
    assert all(0.0 <= v < 1.0 for v in values)
    assert sum(values) / 2000 == pytest.approx(0.5, abs=0.03)
    assert sum(v * v for v in values) / 2000 == pytest.approx(1 / 3, abs=0.03)
    assert value("random(5, 1)") != value("random(5, 2)") != value("random(6, 1)")
    assert value("random(5.9)") == value("random(5)")


HOSTILE = [
    *r"""().__class__  t.real  t .real  1 .real  1.real  (1).__class__.__bases__[0]  sin.__self__  __builtins__
    __import__('os')  __import__  _  eval('1')  eval(1)  exec  print(t)  globals()  import os  (t := 3)  t = 3
    lambda: 3  (lambda: 3)()  [1][0]  t[0]  {1: 2}  {1}  [t for t in (1, 2)]  (t for t in t)  'a'*9  "a"  f'{t}'
    b'a'  '%s' % t  sin(*t)  sin(**t)  sin(x=t)  (yield t)  await t  ...  1, 2  (1, 2)  ()  t; t  True  None  not
    False + 1  1j  t in t  t not in t  t is t  t is not t  t @ t  ~1  1 << 9  1 >> 2  1 | 2  1 & 3  1 ^ 2  0x10  0b1
    1_000  07  2t  1or 2  1if t else 2  1e  1.2.3  #  t # t  t\  $t  t?  t t  x  tt  sin  sin + 1  t(3)  sin(t)(t)
    sin()  sin(1, 2)  min(1)  clamp(1, 2)  sinn(t)  (t > 1)(t)  9**9**9  9**9**9**9  10**400  2**1024  pow(9, 999)
    1e308*10  -1e308*10  1e308*10 - 1e308*10  1e999  1/0  1//0  1%0  0**-1  (-1)**0.5  sqrt(-1)  log(0)  log(2, 1)
    exp(1000)  sin(1e308*10)  floor(1e308*10)  round(1e308*10 - 1e308*10)  random(1e308*10)
    floor(1e200)*floor(1e200)*0  round(1e200)*ceil(1e200)*0""".replace("\n    ", "  ").split("  "),
    *(
        "",
        " \n ",
        "t\x00",
        "t\u200b",
        "\ud800",
        "1\u22121",
        "\uff53in(t)",
        "\u0455in(t)",
        "\U0001d42d",
        "\u0661",
    ),
    *(
        "(" * 240 + "t" + ")" * 240,
        "(" * 499,
        "-" * 499 + "t",
        "not " * 120 + "t",
        "2**" * 160 + "2",
        "if" * 200,
    ),
    *("+".join("t" * 99), "sin(" * 33 + "t" + ")" * 33, f"max({','.join('t' * 17)})", "9" * 400, "t" * 501),
    *("1+" * 10**6 + "1", f"max({','.join(['max(t,t,t,t,t,t,t,t,t,t,t,t,t,t)'] * 14)})"),
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_number_is_refused_when_it_is_read(text: str) -> None:
    began = time.process_time()
    with pytest.raises(ScheduleError) as caught:
        Expression(text)
    assert time.process_time() - began < 0.5
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_the_longest_and_deepest_are_still_read() -> None:
    assert value("1 +" + " " * 600 + "1") == 2.0
    assert value("sin(" * 31 + "t" + ")" * 31) == 0.0
    assert value("+".join(["1"] * 32)) == 32.0
    assert value("max(" + ",".join(["max(1,2,3,4,5,6,7,8,9)"] * 16) + ")") == 9.0


@pytest.mark.parametrize("text", ["9.0**t**t", "1e300**t", "exp(t*t)", "1e308*t*t"])
def test_what_becomes_too_large_is_refused_where_it_does(text: str) -> None:
    expression = Expression(text)
    expression.at(TimePoint(0.5, 0, 24.0))
    with pytest.raises(ScheduleError, match=r"\(at t = 1000 s\)"):
        expression.at(TimePoint(1000.0, 0, 24.0))


@pytest.mark.parametrize(
    ("text", "t", "why"),
    [
        ("1/(t - 2)", 2.0, "divides by zero"),
        ("1 % (t - 2)", 2.0, "divides by zero"),
        ("exp(t)", 1e4, "too large"),
        ("t*1e308", 100.0, "no finite number"),
        ("t*1e308 - t*1e308", 100.0, "no finite number"),
        ("log(t)", 0.0, "no value"),
        ("(t - 3)**0.5", 0.0, "no value"),
    ],
)
def test_an_error_names_expression_and_time(text: str, t: float, why: str) -> None:
    expression = Expression(text)
    with pytest.raises(ScheduleError, match=why) as caught:
        expression.at(TimePoint(t, 0, 24.0))
    assert f"'{text}'" in str(caught.value)
    assert f"t = {t:g} s" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("sinn(t)", "did you mean 'sin'"),
        ("1 + bas", "did you mean 'bass'"),
        ("tua*t", "did you mean 'tau'"),
        ("sin*t", r"write sin\(\.\.\.\)"),
        ("t^2", r"a power is written \*\*"),
        ("sin(1, 2)", "sin takes 1 number, not 2"),
        ("pulse()", "pulse takes 1 to 2 numbers, not 0"),
        ("2*(t + 1", "never closed"),
        ("1 + 2t", "cannot read '2t'"),
    ],
)
def test_a_slip_gets_a_hint(text: str, hint: str) -> None:
    with pytest.raises(ScheduleError, match=hint):
        Expression(text)


@given(st.text(max_size=40))
def test_any_text_gives_a_number_or_an_error_of_ours(text: str) -> None:
    with contextlib.suppress(ScheduleError):
        assert math.isfinite(Expression(text).at(MOMENT))


OPERATIONS = st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "<", "=="])


def calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def call(name: str) -> st.SearchStrategy[str]:
        least = FUNCTIONS[name][1]
        return st.lists(inner, min_size=least, max_size=least).map(
            lambda given: f"{name}({', '.join(given)})"
        )

    return st.sampled_from(list(FUNCTIONS)).flatmap(call)


FORMULAS = st.recursive(
    st.sampled_from([*NAMES, "0", "2.5", "1e200"]),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, OPERATIONS, inner),
        st.builds("({} if not {} else -{})".format, inner, inner, inner),
        calls(inner),
    ),
    max_leaves=8,
)


@given(FORMULAS, REALS)
def test_any_formula_gives_a_number_or_an_error_of_ours(text: str, t: float) -> None:
    with contextlib.suppress(ScheduleError):
        assert math.isfinite(Expression(text).at(dataclasses.replace(MOMENT, t=t)))


def test_an_expression_is_a_value() -> None:
    expression = Expression(" 1 +\n  sin(t) ")
    assert expression == Expression("1 + sin(t)")
    assert hash(expression) == hash(Expression("1 + sin(t)"))
    assert Expression(expression.plain()) == expression
    assert repr(expression) == "Expression(text='1 + sin(t)')"
    for twin in (pickle.loads(pickle.dumps(expression)), copy.deepcopy(expression)):  # noqa: S301  our own
        assert twin == expression
        assert twin.at(MOMENT) == expression.at(MOMENT)
