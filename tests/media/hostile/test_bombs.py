"""Small files that pretend to be enormous: each is refused in one line, at once, and in little memory."""

from __future__ import annotations

import json
import struct
import zlib
from fractions import Fraction
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageCms

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    ReadAll = Callable[..., list[Any]]

SECONDS, MEGABYTES = 5.0, 1000.0
HUGE = 1 << 28


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *extra: bytes, depth: int = 8) -> bytes:
    """Return a PNG of this size, whose picture is there only where it is small."""
    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    rows = b"".join(b"\0" + bytes(width * 3 * depth // 8) for _ in range(height if height < 1000 else 1))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    )


@cache
def zeros(size: int) -> bytes:
    """Return so many zeros, compressed."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()


def tiff(width: int, height: int) -> bytes:
    tags = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 200),
        (277, 1),
        (278, height),
        (279, 10),
    ]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(100)


def webp_head(width: int, height: int) -> bytes:
    canvas = b"".join(side.to_bytes(3, "little") for side in (width, height))
    return b"RIFF" + struct.pack("<I", 110) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\2\0\0\0" + canvas


BITMAP = struct.pack("<IIIIiiHHIIiiII", 1000, 0, 54, 40, 40000, 40000, 1, 24, 0, 0, 0, 0, 0, 0)
IMAGE = b"," + bytes(9) + b"\x02\x01\x44\0;"
BOXES = b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 \0\0\0\0jp2 \0\0\0\x2djp2h\0\0\0\x16ihdr"

STILLS: dict[str, Callable[[], bytes]] = {
    "wide.png": lambda: png(30000, 30000),
    "deep.png": lambda: png(30000, 30000, depth=16),
    "wide.tif": lambda: tiff(60000, 60000),
    "wide.bmp": lambda: b"BM" + BITMAP,
    "wide.gif": lambda: b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + IMAGE,
    "wide.webp": lambda: webp_head(16383, 16383) + bytes(80),
    "wide.ppm": lambda: b"P6 50000 50000 255\n" + bytes(100),
    "wide.jp2": lambda: BOXES + struct.pack(">IIHBBBB", 90000, 90000, 3, 7, 7, 0, 0) + b"\0\0\0\x0fcolr\1",
}


@pytest.mark.parametrize("name", STILLS)
def test_a_still_that_claims_to_be_enormous_is_refused(name: str, tmp_path: Path, read_all: ReadAll) -> None:
    path = tmp_path / name
    path.write_bytes(STILLS[name]())
    (result,) = read_all([path], still=True)
    assert result.kind == "ReadError", result
    assert result.error.isprintable()
    assert result.seconds < SECONDS
    assert result.megabytes < MEGABYTES


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", ["zTXt", "iTXt", "iCCP"])
def test_texts_and_profiles_that_unfold_are_refused_or_left(
    kind: str, depth: int, tmp_path: Path, read_all: ReadAll
) -> None:
    body = {"zTXt": b"a\0\0", "iTXt": b"a\0\1\0\0\0", "iCCP": b"a\0\0"}[kind] + zeros(HUGE)
    path = tmp_path / "text.png"
    path.write_bytes(png(8, 8, *[chunk(kind.encode(), body)] * 4, depth=depth))
    (result,) = read_all([path], still=True)
    assert result.kind in {None, "ReadError"}, result
    assert result.error is None or result.error.isprintable()
    assert result.seconds < SECONDS
    assert result.megabytes < MEGABYTES


def test_damaged_color_profiles_harm_nobody(
    tmp_path: Path, read_all: ReadAll, damage: Callable[[bytes, str], bytes]
) -> None:
    whole = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    curve = whole.replace(b"para", b"curv\0\0\0\0\xff\xff\xff\xff")
    paths = []
    for number, profile in enumerate([curve, *(damage(whole, f"icc/{n}") for n in range(60))]):
        stream = BytesIO()
        Image.effect_noise((16, 16), 30).convert("RGB").save(stream, "png", icc_profile=profile)
        paths.append(tmp_path / f"{number}.png")
        paths[-1].write_bytes(stream.getvalue())
    for path, result in zip(paths, read_all(paths, still=True), strict=True):
        assert result.kind in {None, "ReadError"}, f"{path}: {result}"
        assert result.seconds < SECONDS


def test_damaged_stills_are_read_or_refused_in_one_line(
    tmp_path: Path, read_all: ReadAll, damage: Callable[[bytes, str], bytes]
) -> None:
    paths: list[Path] = []
    noise = Image.effect_noise((48, 32), 60).convert("RGB")
    deep = noise.convert("I;16")
    for kind, picture in [
        *(
            (kind, noise)
            for kind in ("png", "jpeg", "webp", "tiff", "bmp", "gif", "jpeg2000", "ppm", "tga", "ico")
        ),
        ("tiff", deep),
        ("png", deep),
    ]:
        stream = BytesIO()
        picture.save(stream, kind)
        for number in range(20):
            paths.append(tmp_path / f"{len(paths)}.{kind}")
            paths[-1].write_bytes(damage(stream.getvalue(), f"{kind}/{number}"))
    for path, result in zip(paths, read_all(paths, still=True), strict=True):
        assert result.kind in {None, "ReadError"}, f"{path}: {result}"
        assert result.error is None or result.error.isprintable(), result
        assert result.seconds < SECONDS
        assert result.megabytes < MEGABYTES


def apng(width: int, height: int) -> bytes:
    control = struct.pack(">IIIIIHHBB", 0, width, height, 0, 0, 1, 24, 0, 0)
    return png(width, height, chunk(b"acTL", struct.pack(">II", 1, 0)), chunk(b"fcTL", control))


def resized(data: bytes, width: int, height: int) -> bytes:
    """Return a Matroska of 64 x 48 px with another size in its header, and no checksums."""
    bare = data.replace(b"\xbf\x84", b"\xec\x84")
    return bare.replace(b"\xb0\x81\x40", b"\xb0\x82" + struct.pack(">H", width)).replace(
        b"\xba\x81\x30", b"\xba\x82" + struct.pack(">H", height)
    )


@pytest.mark.parametrize(
    ("name", "make"),
    [
        (
            "canvas.gif",
            lambda clips: clips["moving.gif"][:6] + b"\xff\xff\xff\xff" + clips["moving.gif"][10:],
        ),
        ("canvas.apng", lambda _: apng(60000, 60000)),
        (
            "canvas.webp",
            lambda clips: clips["moving.webp"][:24] + b"\xff\x3f\0" * 2 + clips["moving.webp"][30:],
        ),
        ("canvas.mkv", lambda clips: resized(clips["ffv1.mkv"], 30000, 30000)),
        ("canvas.webm", lambda clips: resized(clips["vp9.webm"], 30000, 30000)),
    ],
)
def test_a_video_that_claims_to_be_enormous_is_refused(
    name: str,
    make: Callable[[dict[str, bytes]], bytes],
    good_clips: dict[str, Path],
    tmp_path: Path,
    read_all: ReadAll,
) -> None:
    path = tmp_path / name
    path.write_bytes(make({clip: file.read_bytes() for clip, file in good_clips.items()}))
    (result,) = read_all([path])
    assert result.kind in {"ReadError", "DamagedError"} or result.sizes == [[48, 64]], result
    assert result.seconds < SECONDS
    assert result.megabytes < MEGABYTES


def test_a_rate_beyond_all_cameras_is_refused(
    write_clip_to: Callable[..., Path], tmp_path: Path, read_all: ReadAll
) -> None:
    path = write_clip_to(
        tmp_path / "fast.mp4", rate=Fraction(24), time_base=Fraction(1, 1_000_000), options={"bf": "0"}
    )
    (result,) = read_all([path])
    assert "frames a second; at most 1000 are read" in result.error


def test_a_moment_that_lasts_for_years_is_no_work(
    write_clip_to: Callable[..., Path], tmp_path: Path, read_all: ReadAll
) -> None:
    ticks = [0, 1, 2, 3, 24 * 3600 * 24 * 365 * 3]
    path = write_clip_to(
        tmp_path / "long.mkv", frames=5, ticks=ticks, time_base=Fraction(1, 24), options={"bf": "0"}
    )
    (result,) = read_all([path])
    assert (result.error, result.frames) == (None, 5)
    (result,) = read_all([path], fps=24)
    assert "million frames; at most 5 million are read" in result.error
    assert result.frames == 0
    assert result.seconds < SECONDS


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


@pytest.mark.parametrize("count", [200_000_000, 170_000_000, 20_000_000])
def test_an_index_of_endless_samples_is_refused(
    count: int, good_clips: dict[str, Path], tmp_path: Path, read_all: ReadAll
) -> None:
    data = good_clips["prores.mov"].read_bytes()
    at = data.index(b"stsz") - 4
    old = data[at : at + struct.unpack_from(">I", data, at)[0]]
    new = box(b"stsz", struct.pack(">III", 0, 1, count)).ljust(len(old), b"\0")
    new = struct.pack(">I", len(old)) + new[4:]
    data = data.replace(old, new)
    at = data.index(b"stsc") + 4
    data = data[: at + 4] + struct.pack(">IIII", 1, 1, count, 1) + data[at + 20 :]
    at = data.index(b"stts") + 4
    data = data[: at + 4] + struct.pack(">III", 1, count, 512) + data[at + 16 :]
    path = tmp_path / "index.mov"
    path.write_bytes(data)
    (result,) = read_all([path])
    assert result.kind in {"ReadError", "DamagedError"}, result
    assert result.seconds < SECONDS
    assert result.megabytes < MEGABYTES


@pytest.mark.parametrize(
    "change",
    [
        {"rate": "1e999999999"},
        {"rate": "9" * 5000},
        {"frames": [{"file": "0.png", "pts": "1e-999999999"}]},
        {"frames": [{"file": "0.png", "pts": "0"}, {"file": "0.png", "pts": "1/0"}]},
        {"frames": [{"file": "../0.png", "pts": "0"}]},
        {"sound": "/etc/passwd"},
        {"sound": "../../secret.wav"},
        {"rate": "1000000"},
        {"metadata": []},
        {"frames": {}},
    ],
    ids=str,
)
def test_a_list_of_frames_cannot_ask_for_the_impossible(
    change: dict[str, Any], tmp_path: Path, read_all: ReadAll
) -> None:
    (tmp_path / "0.png").write_bytes(png(8, 8))
    content = {"format": "dreamvid-frames", "rate": "24", "frames": [{"file": "0.png", "pts": "0"}]}
    (tmp_path / "frames.json").write_text(json.dumps(content))
    assert read_all([tmp_path])[0].frames == 1
    (tmp_path / "frames.json").write_text(json.dumps(content | change))
    (result,) = read_all([tmp_path])
    assert result.kind == "ReadError", result
    assert result.error.isprintable()
    assert result.seconds < SECONDS
