"""The gallery of the presets: its page is what its script writes, and its pictures are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

import make_gallery
from dreamvid.config.preset import load_preset

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_the_gallery_is_what_its_script_writes() -> None:
    assert (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8") == make_gallery.page(), (
        "run python tools/make_gallery.py --page"
    )


def test_the_pictures_of_the_gallery_exist_and_are_large_long_and_light_enough() -> None:
    page = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    named = set(re.findall(r"images/gallery/[\w.-]+", page))
    assert named
    assert all((ROOT / "docs" / name).is_file() for name in named)
    for path in make_gallery.PICTURES.glob("*.webp"):
        with Image.open(path) as picture:
            assert picture.width >= 480
            picture.seek(picture.n_frames - 1)
            picture.load()  # which reads its times
            assert 3000 <= picture.info["timestamp"] + picture.info["duration"] <= 6000
    assert sum(path.stat().st_size for path in make_gallery.PICTURES.iterdir()) <= 12_000_000


def test_a_preset_is_shown_with_its_command_once_it_has_a_moving_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = tmp_path / "docs"
    monkeypatch.setattr(make_gallery, "PAGE", docs / "gallery.md")
    monkeypatch.setattr(make_gallery, "PICTURES", docs / "gallery")
    (docs / "gallery").mkdir(parents=True)
    command = make_gallery.command("palace", load_preset("palace").preset)
    assert "gallery/palace" not in make_gallery.page()
    (docs / "gallery" / "palace.jpg").touch()
    assert "![palace](gallery/palace.jpg)" in make_gallery.page()
    assert command not in make_gallery.page()
    (docs / "gallery" / "palace.webp").touch()
    assert 'srcset="gallery/palace.jpg"><img src="gallery/palace.webp"' in make_gallery.page()
    assert f"    {command}\n" in make_gallery.page()
