"""Presets from strangers: each loads, or is refused in lines with their places; none hangs, none runs anything.

Good presets are changed at random, always in the same way, and loaded under an audit hook of the interpreter that
hears of every file, process, connection and piece of code.
"""

from __future__ import annotations

import random
import re
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from dreamvid.config.loader import FOLDERS, find_presets
from dreamvid.config.preset import load_preset
from dreamvid.errors import PresetError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEED = "strangers"
MANY = 240
SECONDS = 2.0
LINE = re.compile(r"(?P<name>[a-z]+)\.yaml:(?P<line>\d+):(?P<column>\d+): .{3,403}")
EVIL = (
    "os.",
    "subprocess.",
    "socket.",
    "ctypes.",
    "shutil.",
    "urllib.",
    "pty.",
    "webbrowser.",
    "winreg.",
    "marshal.",
)
HARMLESS = ("os.listdir", "os.scandir")

BASES = {
    "base": """\
description: What the others stand on
octaves: {count: 4, scale: 1.3}
ascent: {steps: 12, step_size: 0.01, smoothing: 1.5}
look: {blend: screen, strength: 0.9}
""",
    "journeys": """\
description: From paint to faces
extends: base.yaml
objective: {0s: mixed0, 20%: mixed1, 4s: {value: "mixed4:0.5, mixed3#12", ease: bounce}, end: mixed5, ease: in-out}
ascent: {steps: {0s: 3, end: 9, ease: [0.1, 0, 0.9, 1]}, step_size: "0.01 + 0.004*sin(tau*t/4)", l2: {1:05: 0.1}}
stability: {steadiness: 0.5, steps: 3, decay: 0.85, blend: {0s: 0.1, 120f: 0.2}}
input: {start: 2.5, duration: "1:05"}
output: {fps: 23.976, depth: "10", audio: no, width: 640}
""",
    "scenes": """\
# Several parts
description: "Three scenes: 'quoted', no, 1:05"
objective: mixed4
octaves: 4
mask: luma
run: {seed: 7, tile: auto, precision: float32}
scenes:
  - start: 0s
    look: {strength: {0s: 0, 2s: 1}}
  - start: 25%
    transition: 1.5
    ease: cubic
    extends: base.yaml
    objective: {cycle: [mixed1, "mixed2, mixed3:0.5", mixed4], every: 1f, fade: 0s}
  - {start: 90%, model: vgg16, objective: {block1_conv1: 1, "block2_conv1#3": {0s: 0, 4s: 1}}, stability: {decay: ~}}
""",
    "weights": """\
description: >
  A folded text
  of two lines
inputs:
- clip.mp4
- 'takes/*.mov'
model: {name: dreamnet, input_range: "-1,1"}
objective:
  mixed3: 1
  mean(mixed4)#7: {0s: 0, 50%: 1, end: 0}
  class:tabby: "0.5 + 0.5*noise(t, 3)"
  guide:photo.jpg@mixed5: -1
look:
  strength: &share {0f: 0.2, 48f: 1, ease: out}
  keep_color: lab
stability:
  steadiness: *share
""",
}

SCALARS = [
    *(f"'a{' ' * 4000}('", f"'a:{'1' * 4000}x'", f"'{'guide:' * 600}'", f"'{'a#1@' * 1000}'"),
    *(
        "__import__('os').system('touch pwned')",
        "().__class__.__bases__[0].__subclasses__()",
        "9**9**9**9",
        "exec('1')",
    ),
    *(
        "lambda: 0",
        "open('/etc/passwd').read()",
        "t.__class__",
        "[x for x in (1,)]",
        "sin(" * 60,
        "1/0",
        "1/t",
        "(" * 400,
    ),
    *(
        "!!python/object/apply:os.system [touch pwned]",
        "!!python/name:os.system ''",
        "!!binary aGk=",
        "!!set {a}",
        "!x y",
    ),
    *(
        "1e999",
        "-1e999",
        ".nan",
        ".inf",
        "-.inf",
        "9" * 63,
        "9" * 5000,
        "-1",
        "0",
        "1e-320",
        "0x" + "f" * 60,
        "1_" * 20,
    ),
    *(
        "~",
        "true",
        "no",
        "[]",
        "{}",
        "[1, 2]",
        "{a: b}",
        "{0s: 1}",
        "{0s: 1, 0s: 2}",
        "{0s: {value: 1, ease: x}}",
        "''",
    ),
    *(
        "*share",
        "*nowhere",
        "&a [*a]",
        "&b {b: *b}",
        "@x",
        "`x`",
        "%x",
        "|",
        ">",
        "? x",
        "- x",
        ": x",
        "#",
        "'",
        '"',
        '"\\ud800"',
    ),
    *(
        "1:05",
        "1:60:60",
        "120f",
        "1.5f",
        "101%",
        "end",
        "4s",
        "-4s",
        "1e3s",
        "soon",
        "auto",
        "mixed4, auto",
        "mean(mixed",
    ),
    *(
        "guide:" * 500,
        "a@" * 500,
        "x" * 20_000,
        "\\x00",
        "\x1b[31m",
        "\u202e",
        "😀" * 100,
        "../" * 1000,
        "/dev/zero",
        "/etc/passwd",
    ),
    *(
        "base.yaml",
        "journeys.yaml",
        "scenes.yaml",
        "nowhere.yaml",
        "base",
        "/dev/stdin.yaml",
        "~root",
        "$HOME",
        "http://x.yaml",
    ),
    *(
        "[" * 300,
        "{" * 300,
        "[" * 20 + "1" + "]" * 20,
        "{cycle: []}",
        "{cycle: [a], every: 1e-300s}",
        "bezier(0,0,0)",
        "1000000s",
    ),
]
KEYS = [
    "extends",
    "<<",
    "scenes",
    "look",
    "strenght",
    "__class__",
    "__proto__",
    "1",
    "~",
    "? [a]",
    "0s",
    "x" * 300,
    '"\\n"',
    "é",
]
LINES = [
    "- " * 3000,
    "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c]",
    "---",
    "...",
    "%YAML 1.1",
    "%TAG ! tag:evil,2000:",
    "\t",
    "extends: base.yaml",
    "".join(f"k{number}: 1\n" for number in range(3000)),
    "look: {strength: {" + ", ".join(f"{number}s: 0.5" for number in range(1200)) + "}}",
    "objective: {cycle: [" + ", ".join(f"m{number}" for number in range(2000)) + "]}",
    "scenes: [" + "{start: 0s, extends: base.yaml}, " * 1500 + "]",
    "#" * 100_000,
    "x" * 100_000,
    "\n".join(" " * depth + "a:" for depth in range(200)),
]


def cut_off(chance: random.Random, text: str) -> str:
    return text[: chance.randrange(len(text) + 1)]


def flip_letters(chance: random.Random, text: str) -> str:
    letters = list(text)
    for _ in range(chance.randint(1, 8)):
        if letters:
            place = chance.randrange(len(letters))
            letters[place] = chr(ord(letters[place]) ^ (1 << chance.randrange(7)))
    return "".join(letters)


def change_scalar(chance: random.Random, text: str) -> str:
    found = list(re.finditer(r"(?<=[:,\[] )[^\s,{}\[\]]+(?=[\s,}\]])", text))
    if not found:
        return text + chance.choice(SCALARS)
    place = chance.choice(found)
    return text[: place.start()] + chance.choice(SCALARS) + text[place.end() :]


def change_key(chance: random.Random, text: str) -> str:
    found = list(re.finditer(r"[\w%]+(?=: )", text))
    place = chance.choice(found) if found else None
    return chance.choice(KEYS).join([text[: place.start()], text[place.end() :]]) if place else text


def change_lines(chance: random.Random, text: str) -> str:
    lines = text.splitlines()
    here, there = (chance.randrange(len(lines) + 1) for _ in range(2))
    match chance.randrange(5):
        case 0:
            lines[here:there] = []
        case 1:
            lines[here:here] = lines[there : there + 2]
        case 2:
            lines.insert(here, chance.choice(LINES))
        case 3:
            lines[here:] = [" " * chance.randint(1, 30) + line for line in lines[here:]]
        case _:
            chance.shuffle(lines)
    return "\n".join(lines)


def swap_with_another(chance: random.Random, text: str) -> str:
    other = chance.choice(list(BASES.values()))
    return cut_off(chance, text) + other[chance.randrange(len(other)) :]


MUTATIONS = [
    cut_off,
    flip_letters,
    change_scalar,
    change_scalar,
    change_scalar,
    change_key,
    change_lines,
    swap_with_another,
]


def mutant(number: int) -> bytes:
    """Return a good preset, changed in one to three ways, sometimes in its bytes too."""
    chance = random.Random(f"{SEED}/{number}")  # noqa: S311  the same each time, that is the point
    text = chance.choice(list(BASES.values()))
    for _ in range(chance.choice([1, 1, 2, 3])):
        text = chance.choice(MUTATIONS)(chance, text)
    data = text.encode("utf-8", "surrogatepass")
    match chance.randrange(12):
        case 0:
            data = text.encode(chance.choice(["utf-16", "utf-16-le", "utf-8-sig", "utf-32"]), "surrogatepass")
        case 1:
            place = chance.randrange(len(data) + 1)
            data = data[:place] + chance.randbytes(chance.randint(1, 9)) + data[place:]
        case 2:
            data = data.replace(b"\n", chance.choice([b"\r\n", b"\r", b"\n\0", b"\xc2\x85"]))
    return data


class Ear:
    """Hears what the interpreter does while it listens; a hook can never be removed, so there is one."""

    events: list[tuple[str, tuple[Any, ...]]] | None = None
    is_hooked = False

    @classmethod
    def hear(cls, event: str, details: tuple[Any, ...]) -> None:
        if cls.events is not None:
            cls.events.append((event, details))

    @classmethod
    @contextmanager
    def listening(cls) -> Iterator[list[tuple[str, tuple[Any, ...]]]]:
        if not cls.is_hooked:
            sys.addaudithook(cls.hear)
            cls.is_hooked = True
        events: list[tuple[str, tuple[Any, ...]]] = []
        cls.events = events
        try:
            yield events
        finally:
            cls.events = None


def misdeeds(events: list[tuple[str, tuple[Any, ...]]], folder: Path) -> list[str]:
    """Return what no preset may do: run code, start programs, connect, write, or read what is no preset."""
    found = []
    for event, details in events:
        is_code = event in {"exec", "import"} or (
            event == "compile" and details[1] not in {"<unknown>", b"<unknown>"}
        )
        is_open = event == "open" and not (
            str(details[0]).startswith(str(folder)) and str(details[0]).endswith(".yaml")
        )
        is_write = event == "open" and (set(str(details[1] or "r")) & set("wax+") or int(details[2]) & 0x3)
        if is_code or is_open or is_write or (event.startswith(EVIL) and event not in HARMLESS):
            found.append(f"{event} {details!r}"[:200])
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("strangers")
    for name, text in BASES.items():
        (place / f"{name}.yaml").write_text(text, encoding="utf-8")
    return place


@pytest.fixture(autouse=True)
def _alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDERS, str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    monkeypatch.chdir(folder)
    find_presets()  # whatever is imported at its first use is imported now
    load_preset("scenes")


@pytest.mark.parametrize("name", BASES)
def test_what_is_changed_is_good_at_first(name: str) -> None:
    with Ear.listening() as events:
        load_preset(name)
    assert [str(details[0]) for event, details in events if event == "open"]


def test_the_ear_hears(folder: Path) -> None:
    with Ear.listening() as events:
        exec("1")  # noqa: S102  what must never happen elsewhere
    assert misdeeds(events, folder)


@pytest.mark.parametrize("number", range(MANY))
def test_a_changed_preset_loads_or_is_refused_in_lines(number: int, folder: Path) -> None:
    data = mutant(number)
    path = folder / "mine.yaml"
    path.write_bytes(data)
    said: tuple[str, ...] = ()
    begun = time.process_time()
    with Ear.listening() as events:
        try:
            load_preset(path)
        except PresetError as error:
            said = error.lines
    took = time.process_time() - begun
    assert not misdeeds(events, folder)
    assert not (folder / "pwned").exists()
    assert took < SECONDS
    assert len(said) <= 101
    for line in said:
        assert line.isprintable()
        match = LINE.fullmatch(line.removeprefix(f"{folder}/"))
        assert match, line
        source = data if match["name"] == "mine" else (folder / f"{match['name']}.yaml").read_bytes()
        assert (
            1 <= int(match["line"]) <= 2 + len(re.split(rb"\r\n|[\r\n]|\xc2\x85|\xe2\x80[\xa8\xa9]", source))
        )


def test_enough_of_the_changed_presets_are_of_either_kind(folder: Path) -> None:
    path, loaded = folder / "mine.yaml", 0
    for number in range(0, MANY, 4):
        path.write_bytes(mutant(number))
        try:
            load_preset(path)
        except PresetError:
            continue
        loaded += 1
    assert 5 <= loaded <= MANY // 4 - 20
