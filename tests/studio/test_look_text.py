"""What the page shows as text is the look itself: read again, as YAML or by the command line, it is the same."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest

from dreamvid.cli.main import main
from dreamvid.config.loader import find_presets
from dreamvid.config.preset import Preset
from dreamvid.studio.library import Library
from dreamvid.studio.look import SHOWN_PIPELINES, build_preset, values_of
from dreamvid.studio.look_text import command_line, read_text, to_yaml

if TYPE_CHECKING:
    from pathlib import Path

PRESETS = [name for name in sorted(find_presets()) if Preset.load(name).pipeline in SHOWN_PIPELINES]
ODD: list[dict[str, Any]] = [
    {},
    {"pipeline": "zoom", "camera": {"rotation": -15, "pan_x": "0.1*sin(t)"}, "trip": {"loop": True}},
    {"output": {"audio": False, "fps": "24000/1001"}, "input": {"start": "1:05", "duration": 2.5}},
    {"look": {"strength": {"0s": 0.2, "end": {"value": 1, "ease": "in-out"}}}, "stability": {"cuts": False}},
    {"objective": {"mixed3": 1, "mixed4#35": {"0s": 0, "4s": -1}}, "model": {"input_range": "-1,1"}},
    {"objective": "'my layer: 1'#3, class:brain coral:-0.5", "stability": {"cadence": "auto"}},
    {"pipeline": "image", "ascent": {"accentuate": True, "variety": 0}, "run": {"tile": 256, "seed": 7}},
]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


def looks() -> list[Preset]:
    return [*(Preset.load(name) for name in PRESETS), *(Preset.build(values) for values in ODD)]


class TakenError(Exception):
    """Ends a command that would dream."""


def taken_by_command(line: str, monkeypatch: pytest.MonkeyPatch) -> Preset:
    """Return the preset that a command line would dream."""
    taken: list[Preset] = []

    def take(*arguments: Any, **_: Any) -> None:
        taken.append(next(argument for argument in arguments if isinstance(argument, Preset)))
        raise TakenError

    for place in ("video.prepare", "image.dream_images", "zoom.run.run_zoom"):
        monkeypatch.setattr(f"dreamvid.pipelines.{place}", take)
    program, *arguments = shlex.split(line)
    assert program == "dreamvid"
    with pytest.raises(TakenError):
        main([*arguments, "--traceback"])
    return taken[0]


def test_values_yaml_and_preset_are_one(library: Library) -> None:
    for preset in looks():
        assert build_preset(values_of(preset), library) == preset.model_copy(), values_of(preset)
        again, mistakes = read_text(to_yaml(preset), library)
        assert mistakes == []
        assert again == preset


def test_the_command_line_dreams_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for preset in looks():
        line = command_line(preset, None if preset.pipeline == "zoom" else "-clip with 'quotes'.mp4")
        if preset.scenes:
            assert line.startswith("dreamvid render look.yaml")
            continue
        taken = taken_by_command(line, monkeypatch)
        expected = preset.override({"description": ""})
        if preset.pipeline == "image":  # which is the command's matter
            taken = taken.override({"pipeline": "image"})
        assert taken.model_dump() == expected.model_dump(), line


def test_texts_of_fields_are_read_as_on_the_command_line(library: Library) -> None:
    values = {
        "look": {"strength": "{0s: 0.2, end: 1}"},
        "ascent": {"steps": "12"},
        "camera": {"zoom": "1+0.1*sin(t)"},
    }
    preset = build_preset(values, library)
    assert preset.ascent.steps == 12
    assert set(preset.schedules()) == {"look.strength", "camera.zoom"}
