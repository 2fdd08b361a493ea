from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from dreamvid.media.color.pixel_formats import depth, has_alpha, is_hdr
from dreamvid.media.color.rgb import RgbConverter, from_rgb, to_rgb
from dreamvid.types import Size

if TYPE_CHECKING:
    from dreamvid.types import RGB

Draw = Callable[..., "RGB"]

LOSSLESS = [
    "rgb24",
    "bgr24",
    "bgr0",
    "gbrp",
    "rgba",
    "bgra",
    "argb",
    "gbrap",
    "rgb48le",
    "rgb48be",
    "gbrp16le",
    "rgba64le",
]


def codes(height: int = 20, width: int = 31) -> RGB:
    """Every kind of 8-bit color."""
    return (np.random.default_rng(1).integers(0, 256, (height, width, 3)) / np.float32(255)).astype(
        np.float32
    )


@pytest.mark.parametrize("pix_fmt", LOSSLESS)
def test_rgb_formats_lose_nothing(pix_fmt: str) -> None:
    rgb, alpha = codes(), codes()[..., 0]
    back, opacity = to_rgb(from_rgb(rgb, alpha, pix_fmt=pix_fmt))
    np.testing.assert_array_equal(back, rgb)
    assert back.dtype == np.float32
    if has_alpha(pix_fmt):
        assert opacity is not None
        np.testing.assert_array_equal(opacity, alpha)
    else:
        assert opacity is None


@pytest.mark.parametrize("matrix", ["bt709", "bt601"])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize(("pix_fmt", "bits"), [("yuv444p", 8), ("yuv444p10le", 10), ("yuva444p12le", 12)])
def test_yuv_keeps_colors_to_its_depth(matrix: Any, pix_fmt: str, bits: int, *, full_range: bool) -> None:
    rgb = codes()
    back, _ = to_rgb(from_rgb(rgb, pix_fmt=pix_fmt, matrix=matrix, full_range=full_range))
    error = (back - rgb) * 255
    assert np.abs(error).max() <= 2.01 / 2 ** (bits - 8)
    assert abs(error.mean()) < 0.06


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv420p10le", "yuva420p", "nv12", "p010le"])
def test_subsampled_chroma_keeps_smooth_pictures(pix_fmt: str, draw: Draw) -> None:
    rgb = draw(3, Size(120, 160))
    back, _ = to_rgb(from_rgb(rgb, pix_fmt=pix_fmt))
    assert np.abs(back - rgb).mean() * 255 < 0.8
    assert np.abs((back - rgb).mean(axis=(0, 1))).max() * 255 < 0.3


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le", "rgb24", "gbrp10le"])
def test_black_and_white_are_exact(pix_fmt: str) -> None:
    for value in (0.0, 1.0):
        back, _ = to_rgb(from_rgb(np.full((16, 16, 3), value, np.float32), pix_fmt=pix_fmt))
        np.testing.assert_allclose(back, value, atol=1e-6)


def test_ten_bits_stay_ten_bits() -> None:
    ramp = np.tile(np.linspace(0.2, 0.3, 80, dtype=np.float32)[None, :, None], (16, 1, 3))
    deep, _ = to_rgb(from_rgb(ramp, pix_fmt="yuv420p10le"))
    shallow, _ = to_rgb(from_rgb(ramp, pix_fmt="yuv420p"))
    assert len(np.unique(deep[0, :, 0])) > 70
    assert len(np.unique(shallow[0, :, 0])) < 30
    assert np.abs(deep - ramp).max() < 1 / 1000


def test_values_are_rounded_and_clipped() -> None:
    rgb = np.array([[[-0.5, 0.4999 / 255, 0.5001 / 255], [1.5, 254.4 / 255, 254.6 / 255]]], np.float32)
    picture = from_rgb(rgb, pix_fmt="rgb24").to_ndarray()
    assert picture.tolist() == [[[0, 0, 1], [255, 254, 255]]]


@pytest.mark.parametrize(("matrix", "code"), [("bt709", 1), ("bt601", 6)])
def test_frames_are_tagged(matrix: Any, code: int) -> None:
    frame = from_rgb(codes(), pix_fmt="yuv420p", matrix=matrix)
    assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (code, code, code)
    assert frame.color_range == 1
    assert from_rgb(codes(), pix_fmt="yuv420p", full_range=True).color_range == 2
    rgb_frame = from_rgb(codes(), pix_fmt="gbrp")
    assert (rgb_frame.colorspace, rgb_frame.color_range) == (0, 2)


@pytest.mark.parametrize(("lines", "matrix"), [(718, "bt601"), (720, "bt709")])
def test_untagged_pictures_are_taken_for_what_their_height_suggests(
    lines: int, matrix: Any, draw: Draw
) -> None:
    rgb = draw(3, Size(lines, 64))
    frame = from_rgb(rgb, pix_fmt="yuv444p", matrix=matrix)
    frame.colorspace, frame.color_range = 2, 0
    assert np.abs(to_rgb(frame)[0] - rgb).max() * 255 < 2.1


def test_alpha_stays_full_range_beside_limited_colors() -> None:
    alpha = np.tile(np.linspace(0, 1, 32, dtype=np.float32), (16, 1))
    for pix_fmt in ("yuva420p", "yuva444p10le", "yuva422p"):
        _, back = to_rgb(from_rgb(np.zeros((16, 32, 3), np.float32), alpha, pix_fmt=pix_fmt))
        assert back is not None
        assert np.abs(back - alpha).max() <= 0.51 / 255


def test_no_alpha_means_opaque() -> None:
    _, alpha = to_rgb(from_rgb(codes(), pix_fmt="yuva420p"))
    assert alpha is not None
    assert alpha.min() == 1


@pytest.mark.parametrize("pix_fmt", ["gray", "gray10le", "gray16le", "ya8", "ya16le"])
def test_gray_formats(pix_fmt: str) -> None:
    ramp = np.tile(np.linspace(0, 1, 32, dtype=np.float32)[None, :, None], (16, 1, 3))
    back, alpha = to_rgb(from_rgb(ramp, pix_fmt=pix_fmt))
    assert np.abs(back - ramp).max() * 255 < 1.1
    assert (alpha is not None) == pix_fmt.startswith("ya")


def pq(rgb: RGB, white: float) -> RGB:
    """Show SDR on an HDR screen: BT.1886 light, BT.2020 primaries, ST 2084 with white at some cd/m2."""
    to_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
    light = (rgb.astype(np.float64) ** 2.4) @ to_2020.T * white / 10000
    power = light**0.1593017578125
    signal: RGB = (((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375).astype(np.float32)
    return signal


def test_hdr_is_mapped_to_what_it_shows(draw: Draw) -> None:
    """Not to gray mud, which PQ taken for SDR looks like."""
    rgb = draw(5, Size(96, 128))
    frame = from_rgb(
        pq(rgb, 203), pix_fmt="yuv444p10le"
    )  # BT.2408's white; then swap BT.709's matrix for BT.2020's
    frame = frame.reformat(format="gbrp10le")
    hdr = frame.reformat(format="yuv420p10le", dst_colorspace="bt2020", dst_color_range=1)
    hdr.colorspace, hdr.color_trc, hdr.color_primaries, hdr.color_range = 9, 16, 9, 1
    converter = RgbConverter()
    mapped, _ = converter.convert(hdr)
    again, _ = converter.convert(hdr)
    np.testing.assert_array_equal(mapped, again)
    hdr.color_trc = hdr.color_primaries = 1
    raw, _ = converter.convert(hdr)
    assert np.corrcoef(mapped.ravel(), rgb.ravel())[0, 1] > 0.97
    assert np.abs(mapped - rgb).mean() < np.abs(raw - rgb).mean() / 2


@pytest.mark.parametrize("pix_fmt", ["rgba", "gbrap12le", "yuva444p10le"])
def test_wide_colors_are_narrowed_and_alpha_stays(pix_fmt: str) -> None:
    alpha = np.tile(np.linspace(0, 1, 32, dtype=np.float32), (16, 1))
    rgb = np.tile(np.array([0.8, 0.4, 0.3], np.float32), (16, 32, 1))
    frame = from_rgb(rgb, alpha, pix_fmt=pix_fmt)
    frame.color_primaries, frame.color_trc = 9, 1  # BT.2020
    narrowed, opacity = to_rgb(frame)
    assert opacity is not None
    assert np.abs(opacity - alpha).max() < 0.51 / 255
    assert narrowed[0, 0, 0] > 0.83  # the same red lies further out in BT.709
    gray = from_rgb(np.full((16, 32, 3), 0.5, np.float32), alpha, pix_fmt=pix_fmt)
    gray.color_primaries, gray.color_trc = 9, 1
    np.testing.assert_allclose(to_rgb(gray)[0], 0.5, atol=2.5 / 255)


def test_what_counts_as_hdr() -> None:
    assert is_hdr(16)
    assert is_hdr(18)
    assert not is_hdr(1)


def test_depth_and_alpha_of_formats() -> None:
    assert [depth(name) for name in ("yuv420p", "pal8", "rgb8", "p010le", "gbrap16le")] == [8, 8, 8, 10, 16]
    assert [has_alpha(name) for name in ("bgra", "pal8", "bgr0", "yuva420p", "ya8", "yuv420p")] == [
        True,
        True,
        False,
        True,
        True,
        False,
    ]


def test_a_palette_is_read() -> None:
    indices = np.array([[0, 1], [1, 0]], np.uint8)
    palette = np.zeros((256, 4), np.uint8)
    palette[0], palette[1] = (255, 255, 0, 0), (128, 0, 255, 0)  # ARGB: red, half-opaque green
    rgb, alpha = to_rgb(av.VideoFrame.from_ndarray((indices, palette), format="pal8"))  # type: ignore[arg-type]  # a pair, as its docs say
    np.testing.assert_array_equal(rgb[0], [[1, 0, 0], [0, 1, 0]])
    assert alpha is not None
    assert alpha[0].tolist() == [1, np.float32(128 / 255)]
