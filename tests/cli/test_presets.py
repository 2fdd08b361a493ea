"""``dreamvid presets``: list, show, check and schema."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from dreamvid.cli.main import main
from dreamvid.config.loader import FOLDERS, find_presets
from dreamvid.config.preset import Preset
from dreamvid.config.schema import preset_schema

if TYPE_CHECKING:
    from pathlib import Path

RICH = """\
description: "Rich: no, 1:05, 'quotes' # and ü"
objective: {0s: mixed3, 4s: {value: "mixed4:0.5, mixed3#12", ease: bounce}, end: mixed5, ease: in-out}
octaves: 4
ascent: {steps: {0s: 3, end: 9, ease: [0.1, 0, 0.9, 1]}, step_size: "0.01 + 0.004*sin(t)"}
look: {strength: {0: 0.2, 1:05: 1}, blend: screen}
stability: {steadiness: 0.5, decay: 0.9}
mask: luma
inputs: [clip.mp4]
input: {start: 2.5, duration: "1:05"}
output: {fps: 23.976, depth: "10", audio: no}
scenes:
- {start: 0s, look: {strength: 0.5}, octaves: 3}
- {start: 25%, transition: 1.5, ease: cubic, objective: {cycle: [mixed1, mixed2], every: 1f}, stability: {decay: ~}}
- {start: 90%, objective: {mixed1: 1, "mixed2#3": {0s: 0, 4s: 1}}}
"""


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv(FOLDERS, str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return folder


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["presets", *map(str, arguments)])
    captured = capsys.readouterr()
    assert isinstance(left.value.code, int)
    return left.value.code, captured.out, captured.err


def test_all_presets_are_listed(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(shelf, "mine", "description: A look of my own\noctaves: 2\nascent: {steps: 1}")
    put(shelf, "heavy", "description: For the night\nmodel: vgg19\nascent: {steps: 99}\npipeline: image")
    code, out, err = run(capsys, "list")
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line.strip().split(maxsplit=3) for line in out.splitlines() if line.strip()}
    assert rows["mine"] == ["mine", "video", "fast", "A look of my own"]
    assert rows["heavy"] == ["heavy", "image", "slow", "For the night"]
    assert find_presets().keys() <= rows.keys()


def test_presets_that_cannot_be_read_are_listed_with_their_problem(
    shelf: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(shelf, "broken", "octaves: 4\nlook: [1\n")
    put(shelf, "wrong", "octaves: 99\nlooks: 1\n")
    put(shelf, "orphan", "extends: nowhere\n")
    (shelf / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    put(shelf, "good", "")
    closed = put(shelf, "closed", "")

    def refuse(self: Path, *_: object) -> object:
        if self == closed:
            raise PermissionError(13, "Permission denied", str(self))
        return open(self, "rb")  # noqa: PTH123  what is replaced

    monkeypatch.setattr(type(closed), "open", refuse)
    code, out, _ = run(capsys, "list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert "broken.yaml:3:1: is no YAML" in rows["broken"]["description"]
    assert "wrong.yaml:1:1: octaves.count: must be from 1 to 16" in rows["wrong"]["description"]
    assert "orphan.yaml:1:1: extends: nowhere: there is no such preset" in rows["orphan"]["description"]
    assert "is UTF-16" in rows["binary"]["description"]
    assert "closed.yaml: cannot be read (Permission denied)" in rows["closed"]["description"]
    assert rows["broken"]["speed"] == "?"
    assert rows["good"]["speed"] != "?"


@pytest.mark.parametrize(
    "name", ["two words", "[bold]x", "ünï-cödé", "new\nline", "\x1b[31mred", "-dash", "🌀"]
)
def test_odd_names_are_listed_on_one_line(name: str, shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(shelf, name, 'description: "[red]loud[/red] \\e[31m\\n"')
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
    code, out, _ = run(capsys, "list")
    assert code == 0
    assert any(line.strip().startswith(shown) and "[red]loud[/red]" in line for line in out.splitlines())
    assert "\x1b" not in out
    _, out, _ = run(capsys, "list", "--json")
    assert shown in {row["name"] for row in json.loads(out)}


def test_names_that_are_no_text_are_listed(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        (shelf / os.fsdecode(b"\xff\xfe.yaml")).write_text("octaves: 3", encoding="utf-8")
    except OSError:
        pytest.skip("this file system takes text only")
    for option, shown in (([], "\N{REPLACEMENT CHARACTER}"), (["--json"], "\\ufffd")):
        code, out, _ = run(capsys, "list", *option)
        assert code == 0
        assert 2 * shown in out


def test_a_preset_is_shown_as_a_preset_of_the_same_settings(
    shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(shelf, "base", "ascent: {smoothing: 2}\noctaves: {scale: 1.7}\n")
    put(shelf, "rich", f"extends: base.yaml\n{RICH}")
    code, out, err = run(capsys, "show", "rich")
    assert (code, err) == (0, "")
    again, preset = Preset.load(put(shelf.parent, "again", out)), Preset.load("rich")
    assert again == preset
    assert [scene.preset for scene in again.in_scenes()] == [scene.preset for scene in preset.in_scenes()]
    assert (again.octaves.scale, again.ascent.smoothing) == (1.7, 2)
    assert "normalize: mean-abs" in out
    assert "extends" not in out


def test_every_preset_that_ships_is_shown_as_itself(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in find_presets():
        _, out, _ = run(capsys, "show", name)
        assert Preset.load(put(shelf, "again", out)) == Preset.load(name)


def test_what_no_preset_is_cannot_be_shown(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(shelf, "nightowl", "octaves: 99\nlook: {strength: 7}")
    code, out, err = run(capsys, "show", "nihgtowl")
    assert (code, out) == (1, "")
    assert "did you mean 'nightowl'?" in err
    code, out, err = run(capsys, "show", "nightowl")
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 2


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_schedules_are_drawn(shelf: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    put(shelf, "rich", RICH)
    put(shelf, "constant", "octaves: 3")
    for name in ("rich", "constant"):
        chart = shelf / f"{name}.{suffix}"
        code, out, err = run(capsys, "show", name, "--plot", chart, "--duration", "0:20")
        assert (code, out, err) == (0, f"{chart}\n", "")
        assert chart.read_bytes()[:5] in {b"\x89PNG\r", b"<?xml"}
    code, _, err = run(capsys, "show", "rich", "--plot", chart)
    assert code == 1
    assert "exists" in err
    assert run(capsys, "show", "rich", "--plot", chart, "-y")[0] == 0


def test_signals_and_bars_are_drawn(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shelf / "heart.csv").write_text("t,x\n0,0\n1,1\n")
    text = "tempo: {bpm: 120, bars: 2}\nsignals: {heart: heart.csv}\nlook: {strength: heart*sine(b/4)}"
    name = put(shelf, "stage", text)
    chart = shelf / "stage.svg"
    code, out, _ = run(capsys, "show", name, "--plot", chart)
    assert (code, out) == (0, f"{chart}\n")
    assert b"signal heart" in chart.read_bytes()
    assert run(capsys, "check", "--text-only", name)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--input", "clip.mp4"], "--plot"),
        (["--plot", "chart.xyz"], "chart.xyz"),
        (["--plot", "nowhere/chart.png"], "nowhere"),
        (["--plot", "chart.png", "--duration", "soon"], "input.duration"),
        (["--duration", "4s"], "--plot"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(
    arguments: list[str], says: str, shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "show", put(shelf, "rich", RICH), *arguments)
    assert code == 1
    assert says in err
    assert len(err.splitlines()) == 1


def test_good_presets_pass(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(shelf, "rich", RICH)
    put(shelf, "new\nline", "")
    code, out, err = run(capsys, "check", "--text-only", path, "rich", "new\nline")
    assert (code, out, err) == (0, f"{path}: good\nrich: good\nnew\N{REPLACEMENT CHARACTER}line: good\n", "")


@pytest.mark.e2e
def test_every_mistake_of_every_file_is_told_and_good_ones_pass(
    shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, wrong = put(shelf, "good", ""), put(shelf, "wrong", "octaves: 99\nlook: {strenght: 1}\n")
    broken, gone = put(shelf, "broken", "look: [1\n"), shelf / "gone.yaml"
    code, out, err = run(capsys, "check", "--text-only", wrong, gone, good, broken, "nowhere")
    assert code == 1
    assert out == f"{good}: good\n"
    told = err.splitlines()
    assert told[:3] == [
        f"{wrong}:1:1: octaves.count: must be from 1 to 16, not '99'",
        f"{wrong}:2:8: look.strenght: no such setting (did you mean 'look.strength'?)",
        f"{gone}: there is no such preset file",
    ]
    assert told[3].startswith(f"{broken}:2:1: is no YAML")
    assert told[4].startswith("nowhere: there is no such preset")


def test_nothing_to_check_is_a_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "check")
    assert code == 2
    assert "FILE" in err


@pytest.mark.e2e
def test_names_that_the_network_lacks_are_told_with_their_lines(
    shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(
        shelf,
        "base",
        "\nobjective: {0s: mixed3, 4s: nosuch, end: 'mixed4#99999'}\nlook: {strength: 1/(t-5)}\n",
    )
    path = put(
        shelf,
        "mine",
        "extends: base.yaml\n"
        'ascent: {l2: 1/(t-2), steps: "5 + 9999*t"}\n'
        "mask: nowhere.png\n"
        "scenes:\n"
        "- {start: 0s}\n"
        '- {start: 6s, look: {blend: screen}, objective: "mixedd4, class:tabbyy"}\n'
        "- {start: 8s, model: vgg61, objective: mixed3}\n"
        "- {start: 9s, objective: {cycle: [mixed3, bad], every: 1f}}\n",
    )
    code, out, err = run(capsys, "check", path)
    lines = [line.replace(f"{shelf}{os.sep}", "") for line in err.splitlines()]
    mistakes = [line for line in lines if not line.startswith("note: ")]
    assert (code, out) == (1, "")
    assert [line.partition(": ")[0] for line in mistakes] == [
        *(
            "mine.yaml:2:10",
            "mine.yaml:3:1",
            "mine.yaml:6:38",
            "mine.yaml:6:38",
            "mine.yaml:7:15",
            "mine.yaml:8:43",
        ),
        *("base.yaml:2:25", "base.yaml:2:37", "base.yaml:3:8"),
    ]
    assert mistakes[0].endswith("ascent.l2: '1/(t-2)' divides by zero (at t = 2 s)")
    assert mistakes[1].endswith("mask.source: there is no file 'nowhere.png'")
    assert mistakes[2].endswith(
        "scenes.1.objective: dreamnet has no layer 'mixedd4' (did you mean 'mixed4'?)"
    )
    assert "class:tabbyy" in mistakes[3]
    assert "scenes.2.model.name: model 'vgg61' is unknown" in mistakes[4]
    assert "scenes.3.objective.cycle.1: dreamnet has no layer 'bad'" in mistakes[5]
    assert "objective.4s: dreamnet has no layer 'nosuch'" in mistakes[6]
    assert "objective.end: dreamnet has 480 channels in 'mixed4'" in mistakes[7]
    assert "look.strength: '1/(t-5)' divides by zero" in mistakes[8]
    assert (
        f"note: {path}: scenes.0.ascent.steps: is 10004 at 1 s; it is held at 10000".replace(
            f"{shelf}{os.sep}", ""
        )
        in lines
    )


@pytest.mark.e2e
def test_without_the_network_names_are_not_looked_up(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(shelf, "mine", "objective: nosuch\nmodel: vgg61\n")
    assert run(capsys, "check", "--text-only", path)[0] == 0
    code, _, err = run(capsys, "check", path)
    assert code == 1
    assert err.startswith(f"{path}:2:1: model.name: model 'vgg61' is unknown (did you mean 'vgg")


@pytest.mark.e2e
def test_a_good_preset_passes_with_the_network(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(shelf, "rich", RICH)
    code, out, _ = run(capsys, "check", path)
    assert (code, out) == (0, f"{path}: good\n")


@pytest.mark.e2e
def test_scenes_out_of_order_are_told(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(shelf, "mine", "scenes:\n- {start: 0s}\n- {start: 5s}\n- {start: 4s}\nmodel: vgg61\n")
    code, _, err = run(capsys, "check", path)
    assert code == 1
    first, second = err.splitlines()
    assert first == f"{path}:4:4: scenes.2.start: must be after the scene before, which starts at 5 s"
    assert second.startswith(f"{path}:5:1: model.name: ")


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "schema")
    assert (code, err) == (0, "")
    assert json.loads(out) == preset_schema()


@pytest.mark.parametrize("command", ["list", "show", "check", "schema"])
def test_every_command_has_a_help_text(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    assert "Usage" in out
