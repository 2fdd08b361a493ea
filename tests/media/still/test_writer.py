from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PIL import Image

from dreamvid.errors import WriteError
from dreamvid.media.still.reader import Still, read_embedded, read_still
from dreamvid.media.still.writer import encode_png, write_still

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


# PNG files.


@pytest.mark.parametrize(("channels", "kind"), [(c, k) for c in (1, 3, 4) for k in (np.uint8, np.uint16)])
def test_codes_are_kept(channels: int, kind: type[np.uint8 | np.uint16]) -> None:
    codes = np.random.default_rng(0).integers(0, np.iinfo(kind).max, (7, 5, channels)).astype(kind)
    found = cv2.imdecode(np.frombuffer(encode_png(codes, {}), np.uint8), cv2.IMREAD_UNCHANGED)
    assert found is not None
    assert found.dtype == kind
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    np.testing.assert_array_equal(found.reshape(7, 5, channels)[..., order], codes)


def test_gray_with_alpha_is_kept() -> None:
    codes = np.random.default_rng(0).integers(0, 256, (7, 5, 2)).astype(np.uint8)
    with Image.open(BytesIO(encode_png(codes, {}))) as image:
        assert image.mode == "LA"
        np.testing.assert_array_equal(np.asarray(image), codes)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_texts_and_color_space_are_inside(channels: int) -> None:
    texts = {"dreamvid": '{"Grüße": 1}\n', "title": "☁"}
    with Image.open(BytesIO(encode_png(np.zeros((2, 3, channels), np.uint8), texts))) as image:
        image.load()
        assert {key: image.info[key] for key in texts} == texts
        assert image.info["srgb"] == 0


def test_what_no_png_can_hold_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"\S"):
        encode_png(np.zeros((0, 3, 3), np.uint8), {})
