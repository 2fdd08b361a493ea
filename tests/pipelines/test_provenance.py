"""What is embedded: settings that read back, fingerprints, and never a path."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid._version import __version__
from dreamvid.config.preset import Preset
from dreamvid.config.settings import OutputSettings
from dreamvid.errors import WriteError
from dreamvid.media.output.writer import open_writer
from dreamvid.pipelines.provenance import KEY, fingerprint, is_delivered, settings_json
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from pathlib import Path


def embedded(preset: Preset, folder: Path) -> dict[str, object]:
    source = folder / "clip.mp4"
    source.write_bytes(b"frames")
    text = settings_json(preset, source=source, resolved={"precision": "float32"}, files={})
    value = json.loads(text)
    assert isinstance(value, dict)
    assert str(folder) not in text
    return value


def test_the_embedded_settings_read_back(tmp_path: Path) -> None:
    preset = Preset.build(
        {"objective": "mixed3:0.5, class:tabby", "octaves": 3, "output": {"fps": "24000/1001"}}
    )
    value = embedded(preset, tmp_path)
    assert Preset.model_validate(value["settings"]) == preset
    assert value["version"] == __version__
    assert value["resolved"] == {"precision": "float32"}


def test_paths_become_base_names(tmp_path: Path) -> None:
    preset = Preset.build(
        {
            "model": {"name": str(tmp_path / "my.keras"), "weights": tmp_path / "w.h5"},
            "objective": f"guide:{tmp_path}/g.jpg@mixed3",
        }
    )
    settings = embedded(preset, tmp_path)["settings"]
    assert isinstance(settings, dict)
    assert settings["model"]["name"] == "my.keras"
    assert settings["model"]["weights"] == "w.h5"
    assert settings["objective"] == "guide:g.jpg@mixed3"


def test_a_fingerprint_follows_the_content(tmp_path: Path) -> None:
    one, same, other = (tmp_path / name for name in ("a", "b", "c"))
    one.write_bytes(b"x" * 3_000_000)
    same.write_bytes(b"x" * 3_000_000)
    other.write_bytes(b"x" * 2_999_999 + b"y")
    assert fingerprint(one) == fingerprint(same) != fingerprint(other)


def test_a_folder_has_one_fingerprint_for_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"one")
    before = fingerprint(tmp_path)
    (tmp_path / "1.png").rename(tmp_path / "2.png")
    assert fingerprint(tmp_path) != before


@pytest.mark.parametrize("name", ["o.mp4", "o"])
def test_an_output_counts_as_in_place_only_where_it_was_made_last(tmp_path: Path, name: str) -> None:
    output, complete = tmp_path / name, tmp_path / f"{name}.work" / "complete.json"
    info = VideoInfo(Size(16, 32), Fraction(10))
    writer = open_writer(output, info=info, output=OutputSettings(), metadata={KEY: "{}"})
    with writer:
        writer.write(Frame(0, Fraction(0), np.zeros((16, 32, 3), np.float32)))
    made = output / "frames.json" if output.is_dir() else output
    checked: list[bool] = []

    def delivered(text: str = "{}", error: WriteError | None = None) -> bool:
        def check() -> None:
            checked.append(True)
            if error is not None:
                raise error

        return is_delivered(output, text, check)

    complete.parent.mkdir()
    assert not delivered()  # a run that has not begun may replace it
    assert delivered(error=WriteError("exists"))  # nothing but this is left where one has tidied up
    with pytest.raises(WriteError):
        delivered('{"other": 1}', error=WriteError("exists"))
    manifest = complete.with_name("manifest.json")
    manifest.write_text("{}")
    assert not delivered()  # by an earlier run: this one's work is not complete
    with pytest.raises(WriteError):
        delivered(error=WriteError("exists"))
    complete.write_text("{}")
    os.utime(complete, ns=(0, made.stat().st_mtime_ns - 1))
    checked.clear()
    assert delivered()
    assert not checked
    assert not delivered('{"other": 1}')
    os.utime(complete, ns=(0, made.stat().st_mtime_ns + 1))
    assert not delivered()
