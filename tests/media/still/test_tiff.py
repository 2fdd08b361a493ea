from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
import tifffile
from PIL import Image

from dreamvid.errors import ReadError
from dreamvid.media.still.reader import Still, read_still

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import DTypeLike, NDArray

COLOR = (0.8, 0.4, 0.2)
ALPHA = 0.5
PRECISION = {"uint8": 1 / 128, "uint16": 1 / 32768, "uint32": 1e-6, "float16": 1e-3, "float32": 1e-6}


def samples(dtype: DTypeLike, color: tuple[float, ...], *extra: float) -> NDArray[Any]:
    """``[6, 9, C]`` of one color."""
    values = np.tile(np.array([*color, *extra]), (6, 9, 1))
    kind = np.dtype(dtype)
    return (values if kind.kind == "f" else np.rint(values * np.iinfo(kind).max)).astype(kind)


def write(path: Path, codes: NDArray[Any], **options: Any) -> None:
    tifffile.imwrite(path, codes, metadata=None, **options)


def check(found: Still, color: tuple[float, ...], alpha: float | None, precision: float) -> None:
    np.testing.assert_allclose(found.rgb, np.broadcast_to(color, found.rgb.shape), atol=precision)
    if alpha is None:
        assert found.alpha is None
    else:
        assert found.alpha is not None
        np.testing.assert_allclose(found.alpha, alpha, atol=precision)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float16", "float32"])
@pytest.mark.parametrize("meaning", ["assocalpha", "unassalpha", "unspecified"])
@pytest.mark.parametrize("color", [COLOR, (0.8,)])
@pytest.mark.parametrize(
    "layout", ["contig", "separate", "big-endian", "deflate", "separate deflate", "bigtiff"]
)
def test_extra_samples_are_read_by_their_meaning(
    tmp_path: Path, dtype: str, meaning: str, color: tuple[float, ...], layout: str
) -> None:
    stored = tuple(value * ALPHA for value in color) if meaning == "assocalpha" else color
    codes = samples(dtype, stored, ALPHA)
    separate = layout.startswith("separate")
    write(
        tmp_path / "a.tif",
        np.moveaxis(codes, 2, 0) if separate else codes,
        photometric="rgb" if len(color) == 3 else "minisblack",
        planarconfig="separate" if separate else "contig",
        extrasamples=[meaning],
        byteorder=">" if layout in {"big-endian", "bigtiff"} else "<",
        bigtiff=layout == "bigtiff",
        compression="zlib" if layout.endswith("deflate") else None,
    )
    found = read_still(tmp_path / "a.tif")
    precision = PRECISION[dtype]
    check(found, color, None if meaning == "unspecified" else ALPHA, precision)
    assert found.gray == (len(color) == 1)
    assert found.depth == (8 if dtype == "uint8" else 16)


@pytest.mark.parametrize("compression", ["raw", "packbits", "lzw", "deflate"])
@pytest.mark.parametrize("meaning", [None, 0, 1, 2])
def test_premultiplied_colors_of_every_compression_are_divided(
    tmp_path: Path, compression: str, meaning: int | None
) -> None:
    stored = tuple(value * ALPHA for value in COLOR) if meaning == 1 else COLOR
    encoder = av.CodecContext.create("tiff", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    frame = av.VideoFrame.from_ndarray(samples(np.uint16, stored, ALPHA), format="rgba64le")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "rgba64le"
    encoder.options = {"compression_algo": compression}
    data = b"".join(bytes(packet) for packet in encoder.encode(frame))
    (tmp_path / "a.tif").write_bytes(with_extra_samples(data, meaning))
    check(read_still(tmp_path / "a.tif"), COLOR, None if meaning == 0 else ALPHA, 1 / 32768)


def with_extra_samples(data: bytes, meaning: int | None) -> bytes:
    """Replace a TIFF's tag XResolution, which nobody needs here, by ExtraSamples."""
    with tifffile.TiffFile(BytesIO(data)) as tiff:
        tags = tiff.pages.first.tags
        entries = {tag.code: data[tag.offset : tag.offset + 12] for tag in tags}
        start = min(tag.offset for tag in tags)
    entries = {code: entry for code, entry in entries.items() if code not in {282, 338}}
    if meaning is not None:
        entries[338] = (338).to_bytes(2, "little") + b"\3\0\1\0\0\0" + bytes([meaning, 0, 0, 0])
    count = len(entries).to_bytes(2, "little")
    return data[: start - 2] + count + b"".join(entries[code] for code in sorted(entries)) + bytes(28)


@pytest.mark.parametrize("meanings", [(2, 0), (0, 2), (1, 0), (0, 0)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_of_more_extra_samples_the_alpha_is_taken(
    tmp_path: Path, meanings: tuple[int, int], dtype: DTypeLike
) -> None:
    stored = tuple(value * ALPHA for value in COLOR) if 1 in meanings else COLOR
    extra = [0.3 if meaning == 0 else ALPHA for meaning in meanings]
    path = tmp_path / "a.tif"
    write(path, samples(dtype, stored, *extra), photometric="rgb", extrasamples=meanings)
    check(read_still(path), COLOR, None if meanings == (0, 0) else ALPHA, 1 / 128)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_gray_whose_zero_is_white(tmp_path: Path, dtype: DTypeLike) -> None:
    write(tmp_path / "a.tif", samples(dtype, (0.8,))[..., 0], photometric="miniswhite")
    found = read_still(tmp_path / "a.tif")
    check(found, (0.2, 0.2, 0.2), None, 1 / 250)
    assert found.gray


@pytest.mark.parametrize("layout", ["separate", "tiled", "predictor", "several pages"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_layouts(tmp_path: Path, layout: str, dtype: DTypeLike, caplog: pytest.LogCaptureFixture) -> None:
    codes = np.random.default_rng(2).integers(0, np.iinfo(dtype).max, (40, 23, 3)).astype(dtype)
    stored: NDArray[Any] = codes
    options: dict[str, Any] = {}
    if layout == "separate":
        stored, options = np.moveaxis(codes, 2, 0), {"planarconfig": "separate"}
    elif layout == "tiled":
        options = {"tile": (16, 16)}
    elif layout == "predictor":
        options = {"predictor": True, "compression": "zlib"}
    else:
        stored = np.stack([codes, codes // 2])
    write(tmp_path / "a.tif", stored, photometric="rgb", **options)
    found = read_still(tmp_path / "a.tif")
    np.testing.assert_array_equal(np.rint(found.rgb * np.iinfo(dtype).max), codes)
    assert [("2 pictures" in text) for text in caplog.messages] == [True] * (layout == "several pages")


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("compression", ["zlib", "lzw"])
def test_16_bits_are_turned_upright(tmp_path: Path, tag: int, compression: str) -> None:
    gray = np.arange(20, dtype=np.uint16).reshape(4, 5) * 3000
    path = tmp_path / "a.tif"
    if compression == "lzw":
        Image.fromarray(gray).save(path, compression="tiff_lzw", tiffinfo={274: tag})
    else:
        write(path, gray, compression="zlib", extratags=[(274, 3, 1, tag, True)])
    upright = {
        1: gray, 2: gray[:, ::-1], 3: gray[::-1, ::-1], 4: gray[::-1],
        5: gray.T, 6: gray.T[:, ::-1], 7: gray.T[::-1, ::-1], 8: gray.T[::-1],
    }[tag]  # fmt: skip
    np.testing.assert_array_equal(np.rint(read_still(path).rgb[..., 0] * 65535), upright)


def test_clear_premultiplied_pixels_are_black(tmp_path: Path) -> None:
    codes = samples(np.uint16, (0, 0, 0), 0)
    write(tmp_path / "a.tif", codes, photometric="rgb", extrasamples=["assocalpha"])
    check(read_still(tmp_path / "a.tif"), (0, 0, 0), 0, 0)


def test_float_is_clipped_to_0_and_1(tmp_path: Path) -> None:
    codes = np.array([[[-1, 0.5, 7], [np.nan, np.inf, 1]]], np.float32)
    write(tmp_path / "a.tif", codes, photometric="rgb")
    np.testing.assert_array_equal(read_still(tmp_path / "a.tif").rgb, [[[0, 0.5, 1], [0, 1, 1]]])


def refusal(path: Path) -> str:
    with pytest.raises(ReadError) as caught:
        read_still(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.complex64])
def test_samples_that_are_no_brightness_are_refused(tmp_path: Path, dtype: DTypeLike) -> None:
    write(tmp_path / "a.tif", np.zeros((4, 5), dtype), photometric="minisblack")
    assert "cannot be read; save it as RGB" in refusal(tmp_path / "a.tif")


def test_unusual_kinds_are_called_tiff(tmp_path: Path) -> None:
    cmyk = samples(np.uint8, (0.1, 0.2, 0.3, 0.4), ALPHA)
    write(tmp_path / "a.tif", cmyk, photometric="separated", extrasamples=["unassalpha"])
    assert "is a TIFF of a kind" in refusal(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", ["DNG", "sensor", "thumbnail", "CR2"])
def test_camera_raw_files_are_refused_and_not_their_thumbnails_dreamed(tmp_path: Path, kind: str) -> None:
    path, thumbnail = tmp_path / "a.tif", np.zeros((12, 16, 3), np.uint8)
    sensor: dict[str, Any] = {"data": np.zeros((8, 8), np.uint16), "photometric": "cfa", "metadata": None}
    cfa: dict[str, Any] = {"extratags": [(33421, 3, 2, (2, 2), True), (33422, 1, 4, b"\0\1\1\2", True)]}
    with tifffile.TiffWriter(path) as tiff:
        if kind == "DNG":
            tiff.write(thumbnail, photometric="rgb", extratags=[(50706, 1, 4, b"\1\4\0\0", True)])
        elif kind == "thumbnail":
            tiff.write(thumbnail, photometric="rgb", subifds=1)
            tiff.write(**sensor, **cfa)
        elif kind == "sensor":
            tiff.write(**sensor, **cfa)
        else:
            tiff.write(thumbnail, photometric="rgb")
    if kind == "CR2":
        data = path.read_bytes()
        path.write_bytes(data[:8] + b"CR\2\0" + data[12:])
    assert "raw file; develop it" in refusal(path)


def test_damage_is_one_line(tmp_path: Path) -> None:
    codes = np.random.default_rng(2).integers(0, 65535, (40, 23, 4)).astype(np.uint16)
    for compression in (None, "zlib"):
        write(tmp_path / "a.tif", codes, photometric="rgb", compression=compression)
        data = (tmp_path / "a.tif").read_bytes()
        (tmp_path / "a.tif").write_bytes(data[: len(data) // 2])
        assert "damaged" in refusal(tmp_path / "a.tif")


def test_missing_parts_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write(path, np.full((40, 23, 3), 9, np.uint16), photometric="rgb", rowsperstrip=10)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages.first.tags["ImageLength"].overwrite(80)
    assert "damaged: parts of the picture are missing" in refusal(path)
