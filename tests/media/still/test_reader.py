from __future__ import annotations

import struct
import subprocess
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from dreamvid.errors import ReadError
from dreamvid.media.still.reader import open_image, read_embedded, read_still

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

GRADIENT = Image.linear_gradient("L").resize((48, 32))
COLORS = Image.merge(
    "RGB", [GRADIENT, GRADIENT.rotate(180), GRADIENT.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
)


def codes(channels: int, *, deep: bool = False, seed: int = 3) -> NDArray[Any]:
    top, kind = (65536, np.uint16) if deep else (256, np.uint8)
    return np.random.default_rng(seed).integers(0, top, (12, 17, channels)).astype(kind)


# Reading what others wrote.


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation(tmp_path: Path, tag: int, form: str) -> None:
    big = np.kron(codes(3)[:4, :6], np.ones((16, 16, 1), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = tag
    path = tmp_path / "a"
    options = {"lossless": True} if form == "WEBP" else {}
    Image.fromarray(big).save(path, form, exif=exif, **options)
    with Image.open(path) as image:
        image.load()
        upright = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    np.testing.assert_array_equal(np.rint(read_still(path).rgb * 255), upright)


@pytest.mark.parametrize("tag", range(1, 9))
def test_avif_keeps_alpha_and_orientation(tmp_path: Path, tag: int) -> None:
    codes = np.zeros((32, 48, 4), np.uint8)
    codes[:16, :, 0], codes[:, 24:, 1], codes[:, :24, 3] = 255, 255, 255
    exif = Image.Exif()
    exif[0x0112] = tag
    image = Image.fromarray(codes)
    image.save(tmp_path / "a.avif", exif=exif, quality=100, subsampling="4:4:4")
    image.getexif()[0x0112] = tag
    upright = np.asarray(ImageOps.exif_transpose(image)) / 255
    found = read_still(tmp_path / "a.avif")
    assert found.alpha is not None
    assert np.abs(found.rgb - upright[..., :3]).mean() < 0.01
    assert np.abs(found.alpha - upright[..., 3]).mean() < 0.01


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_2000_of_more_than_8_bits(tmp_path: Path, channels: int) -> None:
    values = np.random.default_rng(3).integers(0, 65536, (40, 40, channels)).astype(np.uint16)
    values[0, 0] = 65535
    path = tmp_path / "a.jp2"
    cv2.imwrite(str(path), values[..., ::-1], [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])
    found = read_still(path)
    assert found.depth == 16
    np.testing.assert_array_equal(np.rint(found.rgb * 65535), np.broadcast_to(values, found.rgb.shape))
    data = bytearray(path.read_bytes())
    data[data.index(b"\xff\x4f\xff\x51") + 42] = 11
    path.write_bytes(data)
    assert "JPEG 2000 with 12 bits" in refusal(path)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_of_others(tmp_path: Path, suffix: str, channels: int) -> None:
    values = codes(channels, deep=True)
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), values[..., [2, 1, 0, 3][: max(channels, 1)]] if channels > 2 else values)
    found = read_still(path)
    assert (found.depth, found.gray) == (16, channels == 1)
    order = [2, 1, 0] if channels > 2 else [0, 0, 0]
    written = values[..., [2, 1, 0, 3][:channels]] if channels > 2 else values
    np.testing.assert_array_equal(np.rint(found.rgb * 65535), written[..., order])


def test_a_palette_with_a_clear_color(tmp_path: Path) -> None:
    image = Image.new("P", (4, 2))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putdata([0, 1] * 4)
    image.save(tmp_path / "a.png", transparency=1)
    found = read_still(tmp_path / "a.png")
    assert found.rgb[0, 0].tolist() == [1, 0, 0]
    assert found.alpha is not None
    assert found.alpha[0].tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "CMYK", "LAB", "I", "F", "RGBA"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    gray = Image.linear_gradient("L")
    image = (
        Image.merge("LAB", [gray, *[Image.new("L", gray.size, 128)] * 2])
        if mode == "LAB"
        else gray.convert(mode)
    )
    if mode in {"I", "F"}:
        image = Image.fromarray(
            (np.asarray(gray) / 255 * (65535 if mode == "I" else 1)).astype(
                np.int32 if mode == "I" else np.float32
            )
        )
    image.save(tmp_path / "a.tif")
    found = read_still(tmp_path / "a.tif")
    assert found.rgb.shape == (256, 256, 3)
    assert found.rgb[-1].mean() - found.rgb[0].mean() > 0.8
    assert found.gray == (mode in {"1", "L", "LA", "I", "F"})


def test_only_the_first_frame_of_an_animation_is_taken(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    images = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:])
    assert read_still(tmp_path / "a.gif").rgb[0, 0].tolist() == [1, 0, 0]
    assert ["2 pictures" in note for note in caplog.messages] == [True]


# What is no picture, and what would harm.


def refusal(path: Path) -> str:
    with pytest.raises(ReadError) as caught:
        read_still(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "no.png")
    assert "is a folder" in refusal(tmp_path)
    (tmp_path / "empty.png").touch()
    assert "is empty" in refusal(tmp_path / "empty.png")
    (tmp_path / "text.png").write_text("hello")
    assert "not a picture" in refusal(tmp_path / "text.png")
    Image.fromarray(codes(3)).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:200])
    assert "damaged" in refusal(tmp_path / "cut.png")
    Image.fromarray(np.kron(codes(3), np.ones((20, 20, 1), np.uint8))).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:3000])
    assert "damaged" in refusal(tmp_path / "cut.jpg")
    (tmp_path / "a.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    assert "not a picture" in refusal(tmp_path / "a.eps")


def test_decompression_bombs_are_refused(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")):
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    (tmp_path / "bomb.png").write_bytes(data)
    assert "at most 200 megapixels are read" in refusal(tmp_path / "bomb.png")


def test_nothing_embedded(tmp_path: Path) -> None:
    Image.fromarray(codes(3)).save(tmp_path / "a.png")
    assert read_embedded(tmp_path / "a.png") is None


@pytest.mark.parametrize(
    "head", [b"\0\0\0\x18ftypmp42", b"\x1aE\xdf\xa3" + b"\0" * 9, b"RIFF\0\0\0\0AVI LIST"]
)
def test_a_video_is_sent_to_the_right_command(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(head + bytes(100))
    with pytest.raises(ReadError, match="dreamvid video"):
        read_still(path)


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
    with pytest.raises(ReadError, match=r"not a picture|does not read"):
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
    for image in (GRADIENT, COLORS):
        image.save(tmp_path / "a.png", pnginfo=texts)
        found = read_still(tmp_path / "a.png")
        np.testing.assert_array_equal(np.rint(found.rgb * 255), np.asarray(image.convert("RGB")))
    assert found.icc is None
    assert found.metadata["title"] == "6"


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_the_clear_gray_of_a_png(tmp_path: Path, bits: int) -> None:
    top = 2**bits - 1
    row = b"\0" + (bytes([0b10101010]) if bits < 8 else struct.pack(">3B" if bits == 8 else ">3H", top, 0, 7))
    clear = {1: 1, 2: 2, 4: 10, 8: 7, 16: 7}[bits]
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in (
        (b"IHDR", struct.pack(">IIBBBBB", 3 if bits >= 8 else 8 // bits, 1, bits, 0, 0, 0, 0)),
        (b"tRNS", struct.pack(">H", clear)),
        (b"IDAT", zlib.compress(row)),
        (b"IEND", b""),
    ):
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    (tmp_path / "a.png").write_bytes(data)
    found = read_still(tmp_path / "a.png")
    assert found.alpha is not None
    np.testing.assert_array_equal(found.alpha, np.rint(found.rgb[..., 0] * top) != clear)
    assert found.gray
    assert (found.alpha == 0).any()


def test_adobe_cmyk_jpegs_are_not_inverted(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (255, 0, 0, 0)).save(tmp_path / "a.jpg", quality=100)
    assert b"Adobe" in (tmp_path / "a.jpg").read_bytes()
    np.testing.assert_allclose(read_still(tmp_path / "a.jpg").rgb[4, 4], [0, 1, 1], atol=0.01)


@pytest.mark.parametrize(
    "form", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "TGA", "ICO"]
)
def test_every_format_that_the_documentation_lists_is_read(tmp_path: Path, form: str) -> None:
    image = Image.new("RGB", (32, 32), (200, 100, 50))
    image.save(tmp_path / "a", form)
    found = read_still(tmp_path / "a")
    np.testing.assert_allclose(
        found.rgb, np.broadcast_to(np.array([200, 100, 50]) / 255, (32, 32, 3)), atol=0.02
    )


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"v/1\x01\2\0\0\0", "OpenEXR"),
        (b"#?RADIANCE\n", "Radiance HDR"),
        (b"\xff\x0a", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "raw file"),
        (b"FUJIFILMCCD-RAW", "raw file"),
        (b"IIRO\x08\0\0\0", "raw file"),
        (b"IIU\0\x18\0\0\0", "raw file"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"<?xml version='1.0'?>\n<svg xmlns='x'>", "SVG"),
        (b"8BPS\0\1", "Photoshop"),
        (b"gimp xcf file", "GIMP"),
        (b"%PDF-1.4", "PDF"),
    ],
)
def test_other_pictures_are_named(tmp_path: Path, head: bytes, kind: str) -> None:
    (tmp_path / "a.png").write_bytes(head + bytes(300))
    text = refusal(tmp_path / "a.png")
    assert kind in text
    assert text.endswith("which dreamvid does not read; save it as PNG, TIFF or JPEG")


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "AVIF", "TIFF"])
def test_of_several_pictures_the_first_is_taken(
    tmp_path: Path, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    images = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    images[0].save(tmp_path / "a", form, save_all=True, append_images=images[1:])
    np.testing.assert_allclose(read_still(tmp_path / "a").rgb[0, 0], [1, 0, 0], atol=0.02)
    assert [text.endswith("holds 2 pictures; the first is taken") for text in caplog.messages] == [True]
