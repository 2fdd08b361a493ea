from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from dreamvid.media.still.reader import read_still

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def codes(channels: int, *, deep: bool = False, seed: int = 3) -> NDArray[Any]:
    top, kind = (65536, np.uint16) if deep else (256, np.uint8)
    return np.random.default_rng(seed).integers(0, top, (12, 17, channels)).astype(kind)


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
