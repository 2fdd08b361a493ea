"""What the documents say is true: examples run, commands are documented, the set-up commands are two."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import make_reference
from dreamvid.cli.main import app

ROOT = Path(__file__).resolve().parent.parent


def load(path: Path) -> object:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def test_the_readme_has_exactly_two_set_up_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = load(ROOT / "tools/readme_commands.py").setup_commands(readme)  # type: ignore[attr-defined]  # a script
    assert len(re.findall(r"```sh\n", readme)) == 2
    assert all(len(command.splitlines()) == 1 for command in commands.values())


@pytest.mark.parametrize("name", sorted(str(c.name) for c in app.registered_commands))
def test_every_command_is_documented(name: str) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8") + (ROOT / "docs/guide.md").read_text(
        encoding="utf-8"
    )
    assert f"dreamvid {name}" in text


def test_links_in_the_documents_lead_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_reference_of_settings_is_current() -> None:
    assert make_reference.PAGE.read_text(encoding="utf-8") == make_reference.page()
