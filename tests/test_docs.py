"""The documentation is correct: examples run, and commands, options, settings and links exist."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

import make_reference
from dreamvid.cli.main import app
from dreamvid.config.fields import field_paths
from dreamvid.config.preset import Preset
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.zoom.run import run_zoom

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {page.name: page.read_text(encoding="utf-8") for page in PAGES}
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]
COMMANDS = sorted(
    {line for text in TEXTS.values() for line in re.findall(r"^ {4}(dreamvid .*)$", text, re.MULTILINE)}
)


def load(path: Path) -> object:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands() -> dict[str, Any]:
    """Return click's commands by name; those of a group as ``group command``."""
    root: Any = typer.main.get_command(app)
    result: dict[str, Any] = {}
    for name, command in root.commands.items():
        if command.hidden:
            continue
        inner = getattr(command, "commands", None)
        result |= {name: command} if inner is None else {f"{name} {key}": one for key, one in inner.items()}
    return result


def options(command: Any) -> set[str]:
    return {flag for parameter in command.params for flag in [*parameter.opts, *parameter.secondary_opts]} | {
        "--help",
        "-h",
    }


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.e2e
def test_the_example_dreams() -> None:
    changed = load(ROOT / "docs/examples/dream_array.py").main()  # type: ignore[attr-defined]  # a script
    assert set(changed) == {"layers", "ladybug"}
    assert all(0.01 < rms < 0.5 for rms in changed.values())


@pytest.mark.e2e
def test_the_example_of_a_trip_travels(tmp_path: Path) -> None:
    frames = load(ROOT / "docs/examples/zoom_trip.py").main(tmp_path)  # type: ignore[attr-defined]  # a script
    assert frames == 6
    assert (tmp_path / "spiral.mp4").is_file()


@pytest.mark.e2e
def test_the_preset_for_the_stage_makes_its_loop_as_it_lies(tmp_path: Path) -> None:
    pytest.importorskip("mido", reason="an extra")
    small = {"output.width": 64, "output.height": 36, "output.fps": 1, "octaves": 1, "ascent.steps": 1}
    preset = Preset.load(ROOT / "docs/examples/stage.yaml").override(small)
    result = run_zoom(tmp_path / "stage.mkv", preset, RunOptions())
    assert result.frames == 15  # 8 bars at 128 beats per minute last 15 seconds


def test_the_readme_has_exactly_two_set_up_commands() -> None:
    set_up = load(ROOT / "tools/readme_commands.py").setup_commands(TEXTS["README.md"])  # type: ignore[attr-defined]  # a script
    assert len(re.findall(r"```sh\n", TEXTS["README.md"])) == 2
    assert all(len(command.splitlines()) == 1 for command in set_up.values())


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_is_documented(name: str) -> None:
    assert any(f"dreamvid {name}" in text for text in TEXTS.values())


def test_the_readme_links_to_every_page() -> None:
    for page in PAGES[1:]:
        assert f"(docs/{page.name})" in TEXTS["README.md"]


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_in_the_documents_exist_with_their_options(line: str) -> None:
    words = shlex.split(re.split(r" {2,}|\s->\s", line)[0])[1:]
    known = commands()
    if words == ["COMMAND", "--help"]:
        return
    name = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
    assert {word for word in words if re.match(r"-{1,2}[a-z]", word)} <= options(known[name])


@pytest.mark.parametrize("name", TEXTS)
def test_options_and_settings_in_the_documents_exist(name: str) -> None:
    known = {"--only", "--generate", "--head", "--address", "--resources"}.union(  # of benchmarks and of Ray
        *(options(command) for command in commands().values())
    )
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXTS[name])) <= known
    paths = set(field_paths(Preset))
    groups = "|".join(sorted({path.split(".")[0] for path in paths if "." in path}))
    named = set(re.findall(rf"(?<=`)(?:{groups})\.[a-z_.0-9]+(?=[`=])", TEXTS[name]))
    named |= set(re.findall(rf"--set \"?((?:{groups})\.[a-z_.0-9]+)=", TEXTS[name]))
    assert named <= paths | {path.rpartition(".")[0] for path in paths}


@pytest.mark.parametrize(
    "page", [ROOT / "CONTRIBUTING.md", ROOT / "docs/architecture.md"], ids=lambda page: page.stem
)
def test_modules_in_the_documents_exist(page: Path) -> None:
    for path in re.findall(r"`([a-z_]+/[a-z_/]*(?:\.py)?)`", page.read_text(encoding="utf-8")):
        if "poster" not in path:  # the example of a new pipeline
            folders = (ROOT, ROOT / "dreamvid", ROOT / "dreamvid/media")
            assert any((folder / path).exists() for folder in folders), path


@pytest.mark.parametrize(
    "example", [text for page in TEXTS.values() for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
)
def test_presets_in_the_documents_are_valid(example: str, tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(example, encoding="utf-8")
    Preset.load(file)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target, _, anchor in re.findall(r"\]\(([^)#]*)(#?)([^)]*)\)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            page = (document.parent / target) if target else document
            assert page.exists(), f"{document.name}: {target}"
            assert not anchor or anchor in anchors(page), f"{document.name}: {target}#{anchor}"


def test_the_reference_of_settings_is_current() -> None:
    assert make_reference.PAGE.read_text(encoding="utf-8") == make_reference.page()
