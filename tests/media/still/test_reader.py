from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from dreamvid.errors import ReadError, WriteError
from dreamvid.media.still.reader import Still, read_embedded, read_still
from dreamvid.media.still.writer import write_still

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SETTINGS = '{"preset": "Grüße = 1", "seed": 7}'


def codes(channels: int, *, deep: bool = False, seed: int = 3) -> NDArray[Any]:
    top, kind = (65536, np.uint16) if deep else (256, np.uint8)
    return np.random.default_rng(seed).integers(0, top, (12, 17, channels)).astype(kind)


def still(channels: int, *, deep: bool = False) -> Still:
    values = (codes(channels, deep=deep) / np.float32(65535 if deep else 255)).astype(np.float32)
    gray = channels < 3
    rgb = np.repeat(values[..., :1], 3, axis=2) if gray else np.ascontiguousarray(values[..., :3])
    alpha = np.ascontiguousarray(values[..., -1]) if channels in {2, 4} else None
    return Still(rgb, alpha, 16 if deep else 8, gray)


# Writing and reading back.


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF"])
def test_lossless_formats_give_back_what_was_written(
    tmp_path: Path, channels: int, suffix: str, *, deep: bool
) -> None:
    path = tmp_path / f"a{suffix}"
    written = still(channels, deep=deep)
    write_still(path, written, metadata={"dreamvid": SETTINGS, "title": "x"}, overwrite=False)
    found = read_still(path)
    np.testing.assert_array_equal(found.rgb, written.rgb)
    assert (found.alpha is None) == (written.alpha is None)
    if written.alpha is not None and found.alpha is not None:
        np.testing.assert_array_equal(found.alpha, written.alpha)
    assert found.depth == written.depth
    assert found.gray == written.gray or (deep and channels == 2)
    assert read_embedded(path) == SETTINGS
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp", ".bmp"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_other_formats_keep_the_picture(tmp_path: Path, suffix: str, channels: int) -> None:
    smooth = np.zeros((32, 48, 3), np.float32)
    smooth[..., 0] = np.linspace(0, 1, 48)
    smooth[..., 1:] = smooth[..., :1] if channels == 1 else 0.5
    alpha = np.full((32, 48), 0.5, np.float32) if channels == 4 else None
    path = tmp_path / f"a{suffix}"
    write_still(
        path, Still(smooth, alpha, 16, channels == 1), metadata={"dreamvid": SETTINGS}, overwrite=False
    )
    found = read_still(path)
    keeps_alpha = suffix == ".webp" and alpha is not None
    expected = smooth if alpha is None or keeps_alpha else smooth * 0.5
    assert np.abs(found.rgb - expected).mean() < 0.01
    assert (found.alpha is not None) == keeps_alpha
    assert read_embedded(path) == (None if suffix == ".bmp" else SETTINGS)


def test_a_gray_picture_that_gained_color_is_written_in_color(tmp_path: Path) -> None:
    dreamed = replace(still(3), gray=True)
    write_still(tmp_path / "a.png", dreamed, overwrite=False)
    np.testing.assert_array_equal(read_still(tmp_path / "a.png").rgb, dreamed.rgb)


def test_existing_files_are_replaced_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"mine")
    with pytest.raises(WriteError, match="exists"):
        write_still(path, still(3), overwrite=False)
    assert path.read_bytes() == b"mine"
    write_still(path, still(3), overwrite=True)
    assert read_still(path).depth == 8


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.png"
    path.write_bytes(b"mine")
    monkeypatch.setattr("os.write", full)
    with pytest.raises(WriteError, match="full"):
        write_still(path, still(3), overwrite=True)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["a.xyz", "a", "no/folder/a.png"])
def test_targets_that_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(WriteError) as caught:
        write_still(tmp_path / name, still(3), overwrite=False)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "head", [b"\0\0\0\x18ftypmp42", b"\x1aE\xdf\xa3" + b"\0" * 9, b"RIFF\0\0\0\0AVI LIST"]
)
def test_a_video_is_sent_to_the_right_command(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(head + bytes(100))
    with pytest.raises(ReadError, match="dreamvid video"):
        read_still(path)


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


# Color profiles.


def matrix_profile(gamma: float, colorants: list[tuple[float, float, float]], kind: bytes = b"RGB ") -> bytes:
    """Build an ICC profile of one gamma and three colorants (or gray without)."""

    def fixed(*values: float) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(v * 65536) for v in values))

    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + b"\0\0"
    tags = [(b"wtpt", b"XYZ \0\0\0\0" + fixed(0.9642, 1.0, 0.8249))]
    if kind == b"GRAY":
        tags.append((b"kTRC", curve))
    else:
        tags += [(b"rgb"[i : i + 1] + b"XYZ", b"XYZ \0\0\0\0" + fixed(*c)) for i, c in enumerate(colorants)]
        tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    table, body, offset = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags:
        table += struct.pack(">4sII", name, offset + len(body), len(data))
        body += data
    size = offset + len(body)
    header = (
        struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"mntr", kind, b"XYZ ").ljust(36, b"\0")
        + b"acsp"
    )
    header = header.ljust(68, b"\0") + fixed(0.9642, 1.0, 0.8249)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


ADOBE = [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)]


@pytest.mark.parametrize("kind", [b"RGB ", b"GRAY"])
def test_profiles_are_applied_as_littlecms_does(tmp_path: Path, kind: bytes) -> None:
    profile = matrix_profile(2.19921875, ADOBE, kind)
    values = np.tile(np.linspace(20, 235, 60).astype(np.uint8)[None, :, None], (20, 1, 3)).copy()
    values[..., 1] = 128
    image = Image.fromarray(values) if kind == b"RGB " else Image.fromarray(values[..., 0])
    image.save(tmp_path / "a.png", icc_profile=profile)
    target = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(
        image, ImageCms.ImageCmsProfile(BytesIO(profile)), target, outputMode="RGB"
    )
    found = read_still(tmp_path / "a.png")
    assert found.icc == profile
    assert np.abs(found.rgb * 255 - np.asarray(converted)).max() < 1.6
    assert np.abs(found.rgb * 255 - np.asarray(image.convert("RGB"))).max() > 3


def test_a_profile_keeps_16_bits(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(30000, 31000, dtype=np.uint16)[None, :, None], (2, 1, 3))
    _, data = cv2.imencode(".png", ramp)
    plain = data.tobytes()
    packed = zlib.compress(matrix_profile(1.8, ADOBE))
    chunk = b"iCCPx\0\0" + packed
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "a.png").write_bytes(plain[:33] + chunk + plain[33:])
    found = read_still(tmp_path / "a.png")
    assert len(np.unique(found.rgb[0, :, 1])) > 900


def test_srgb_profiles_change_nothing(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(codes(3)).save(tmp_path / "a.png", icc_profile=profile)
    np.testing.assert_array_equal(np.rint(read_still(tmp_path / "a.png").rgb * 255), codes(3))


@pytest.mark.parametrize("profile", [b"no profile", bytes(200), matrix_profile(2.2, ADOBE)[:150]])
def test_broken_profiles_are_passed_over(tmp_path: Path, profile: bytes) -> None:
    Image.fromarray(codes(3)).save(tmp_path / "a.png", icc_profile=profile)
    np.testing.assert_array_equal(np.rint(read_still(tmp_path / "a.png").rgb * 255), codes(3))


# What is no picture.


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
