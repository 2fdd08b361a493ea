"""Several stills in one run, as people have them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from dreamvid.config.preset import Preset
from dreamvid.errors import DreamvidError
from dreamvid.media.still.reader import read_still
from dreamvid.pipelines import image as pipeline
from dreamvid.pipelines.image import dream_images
from dreamvid.pipelines.options import RunOptions

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.types import RGB


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Pictures of several formats, sizes and orientations, with odd names."""
    turned = Image.Exif()
    turned[0x0112] = 6
    paths = []
    for index, name in enumerate(["a.jpg", "with space.png", "ü ☁.webp", "new\nline.tif", "b.avif"]):
        codes = np.random.default_rng(index).integers(0, 255, (24 + index, 40, 3)).astype(np.uint8)
        paths.append(tmp_path / name)
        Image.fromarray(codes).save(paths[-1], exif=turned if name == "a.jpg" else Image.Exif())
    return paths


def refused(sources: list[Path], monkeypatch: pytest.MonkeyPatch) -> str:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("too late: the network was asked for already")

    monkeypatch.setattr(pipeline, "build_dreamer", never)
    with pytest.raises(DreamvidError) as caught:
        list(dream_images(sources, sources[0].parent / "out", Preset(), RunOptions()))
    assert "\n" not in str(caught.value)
    assert not (sources[0].parent / "out").exists()
    return str(caught.value)


class Unchanged:
    """A dreamer that returns what it gets."""

    def dream(self, image: RGB, **_: object) -> RGB:
        return image


def test_photos_of_all_formats_sizes_and_names_are_dreamed(
    photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    built = SimpleNamespace(dreamer=Unchanged(), resolved=lambda _: {}, files={})
    monkeypatch.setattr(pipeline, "build_dreamer", lambda *_, **__: built)
    results = list(dream_images(photos, photos[0].parent / "out", Preset(), RunOptions()))
    assert [result.output.name for result in results] == [f"{path.stem}.dream.png" for path in photos]
    heights = [read_still(result.output).rgb.shape[0] for result in results]
    assert heights == [40, 25, 26, 27, 28]
    assert not any("\n" in result.line() for result in results)


def test_photos_of_several_sizes_have_their_own_octaves(
    photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []
    widths: list[int] = []

    class Dreamer(Unchanged):
        def dream(self, image: RGB, **_: object) -> RGB:
            widths.append(image.shape[1])
            return image

    def build(preset: Preset, _: RunOptions, **__: object) -> SimpleNamespace:
        counts.append(preset.octaves.count)
        return SimpleNamespace(dreamer=Dreamer(), resolved=lambda _: {}, files={})

    monkeypatch.setattr(pipeline, "build_dreamer", build)
    large = photos[0].with_name("large.png")
    Image.new("RGB", (160, 80)).save(large)
    preset = Preset.build({"octaves": {"count": 4, "scale": 2.0, "largest": 40}})
    results = list(dream_images([*photos[1:], large], photos[0].parent / "out", preset, RunOptions()))
    assert counts == [4, 2]  # loaded once for each number of octaves, before the first dream
    assert widths == [40] * 5
    assert results[-1].size == (80, 160)


def test_pictures_that_cannot_be_read_are_named_together(
    photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, text = photos[0].with_name("broken.jpg"), photos[0].with_name("notes.txt")
    broken.write_bytes(photos[0].read_bytes()[:400])
    text.write_text("hello")
    says = refused([photos[0], broken, *photos[1:], text], monkeypatch)
    assert "broken.jpg is damaged" in says
    assert says.endswith(f"nothing is dreamed yet: leave out {broken}, {text}")


def test_a_folder_is_told_how_to_be_given(photos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is a folder; name the pictures in it" in refused([photos[0].parent], monkeypatch)


def test_two_pictures_with_one_output_are_both_named(
    photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = photos[0].with_suffix(".png")
    twin.write_bytes(photos[1].read_bytes())
    says = refused([*photos, twin], monkeypatch)
    assert f"{photos[0]} and {twin} would be written to one file" in says
