"""The package as it is installed: explicit list, public names, floors of the import."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import dreamvid

ROOT = Path(__file__).resolve().parent.parent


def test_the_explicit_package_list_has_every_folder() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = set(config["tool"]["setuptools"]["packages"])
    folders = {"dreamvid", "dreamvid.pipelines", "dreamvid.presets"}
    for base, prefix in ((ROOT / "dreamvid", "dreamvid"), (ROOT / "pipelines", "dreamvid.pipelines")):
        for init in base.rglob("__init__.py"):
            parts = init.parent.relative_to(base).parts
            folders.add(".".join([prefix, *parts]))
    assert listed == folders


@pytest.mark.parametrize("name", dreamvid.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(dreamvid, name) is not None


def test_public_names_are_the_ones_that_dir_shows() -> None:
    assert dir(dreamvid) == sorted(dreamvid.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = dreamvid.nothing


def test_every_public_function_and_class_is_documented() -> None:
    for name in dreamvid.__all__:
        thing = getattr(dreamvid, name)
        if callable(thing):
            assert thing.__doc__, name


def test_importing_the_library_loads_nothing_heavy() -> None:
    script = (
        "import sys, dreamvid; dreamvid.layer('mixed4'); "
        "print([m for m in ('tensorflow', 'cv2', 'av') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_only_the_headless_opencv_is_required() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needs = [need for need in config["project"]["dependencies"] if "opencv" in need]
    assert len(needs) == 1
    assert needs[0].startswith("opencv-python-headless")
