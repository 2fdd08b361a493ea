from __future__ import annotations

import subprocess
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from dreamvid.errors import ReadError
from dreamvid.media.still.reader import open_image, read_embedded, read_still

if TYPE_CHECKING:
    from pathlib import Path

GRADIENT = Image.linear_gradient("L").resize((48, 32))
COLORS = Image.merge(
    "RGB", [GRADIENT, GRADIENT.rotate(180), GRADIENT.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
)


@pytest.mark.parametrize("name", ["a.eps", "a.png", "http:x.png", "<screen>", "a.zip"])
def test_no_picture_starts_another_program(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        pytest.fail("a program was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(subprocess, "check_call", refuse)
    out = BytesIO()
    COLORS.save(out, "EPS")
    (tmp_path / name).write_bytes(out.getvalue())
    with pytest.raises(ReadError, match="not a picture"):
        read_still(tmp_path / name)


@pytest.mark.parametrize("name", ["http:x.png", "<video0>", "a.zip", "imageio:chelsea.png", "a.mp4", "none"])
def test_names_do_not_choose_how_a_picture_is_read(tmp_path: Path, name: str) -> None:
    COLORS.save(tmp_path / name, "PNG")
    np.testing.assert_array_equal(np.rint(read_still(tmp_path / name).rgb * 255), np.asarray(COLORS))


@pytest.mark.parametrize("form", ["PSD", "PCX", "SGI", "DDS"])
def test_other_formats_are_not_tried(tmp_path: Path, form: str) -> None:
    out = BytesIO(b"8BPS\0\1" + bytes(60))
    if form != "PSD":
        COLORS.save(out, form)
    (tmp_path / "a.png").write_bytes(out.getvalue())
    with pytest.raises(ReadError, match="not a picture"):
        read_still(tmp_path / "a.png")


def test_facts_of_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "a"
    COLORS.save(path, "GIF", save_all=True, append_images=[GRADIENT.convert("RGB")])
    with open_image(path) as picture:
        assert (picture.format, picture.frames, picture.is_16_bit) == ("GIF", 2, False)
        picture.reader.read(index=0)
        assert picture.read_bytes() == path.read_bytes()
        picture.reader.read(index=1)
    Image.fromarray(np.zeros((2, 2), np.uint16)).save(path, "PNG")
    with open_image(path) as picture:
        assert (picture.format, picture.frames, picture.is_16_bit) == ("PNG", 1, True)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "AVIF", "TIFF", "GIF", "BMP"])
def test_every_broken_byte_is_read_or_refused(tmp_path: Path, form: str) -> None:
    out = BytesIO()
    COLORS.save(out, form)
    whole, noise = out.getvalue(), np.random.default_rng(4)
    refusals: list[str] = []
    for _ in range(60):
        broken = bytearray(whole)
        for place in noise.integers(0, min(len(whole), 400), 3):
            broken[place] = noise.integers(256)
        (tmp_path / "a").write_bytes(broken)
        for read in (read_still, read_embedded):
            try:
                read(tmp_path / "a")
            except ReadError as error:
                refusals.append(str(error))
    assert refusals
    assert not any("\n" in refusal for refusal in refusals)


@pytest.mark.parametrize("mode", ["P", "L", "1", "CMYK"])
@pytest.mark.parametrize("tag", [2, 5, 6])
def test_all_kinds_of_pictures_are_turned(tmp_path: Path, mode: str, tag: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = tag
    image = COLORS.quantize(200) if mode == "P" else COLORS.convert(mode)
    image.save(tmp_path / "a", "JPEG" if mode == "CMYK" else "PNG", exif=exif)
    with Image.open(tmp_path / "a") as written:
        upright = np.asarray(ImageOps.exif_transpose(written).convert("RGB"))
    np.testing.assert_array_equal(np.rint(read_still(tmp_path / "a").rgb * 255), upright)


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "GIF", "TGA"])
def test_palettes(tmp_path: Path, form: str) -> None:
    image = COLORS.quantize(100)
    image.save(tmp_path / "a", form)
    np.testing.assert_array_equal(
        np.rint(read_still(tmp_path / "a").rgb * 255), np.asarray(image.convert("RGB"))
    )


def test_texts_are_texts_whatever_their_names(tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    for key in ("icc_profile", "Orientation", "comment", "title"):
        texts.add_itxt(key, "6")
    COLORS.save(tmp_path / "a.png", pnginfo=texts)
    found = read_still(tmp_path / "a.png")
    np.testing.assert_array_equal(np.rint(found.rgb * 255), np.asarray(COLORS))
    assert found.icc is None
    assert found.metadata["title"] == "6"
