from __future__ import annotations

from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from dreamvid.media.still.writer import encode_png


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
