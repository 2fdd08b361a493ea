from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import pytest
from PIL import Image

from dreamvid.errors import SettingsError
from dreamvid.pipelines.api import dream
from dreamvid.pipelines.arrays import as_picture

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from dreamvid.types import RGB

GRADIENT = np.linspace(0, 1, 5 * 7 * 3).reshape(5, 7, 3)
TOPS: dict[DTypeLike, int] = {
    np.uint8: 255, np.uint16: 65535, ">u2": 65535, np.int16: 255, np.int32: 255, np.int64: 255, np.uint32: 255,
    np.float16: 1, np.float32: 1, np.float64: 1, ">f4": 1, ml_dtypes.bfloat16: 1,
}  # fmt: skip


class Tensor:
    """Stands for the tensors of TensorFlow, PyTorch and JAX."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._values = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001  NumPy's protocol
        return np.array(self._values, dtype=dtype, copy=copy)


class Unchanged:
    """A dreamer that returns what it gets."""

    def dream(self, image: RGB, **_: object) -> RGB:
        return image


def codes(dtype: DTypeLike) -> NDArray[Any]:
    values = GRADIENT * TOPS[dtype]
    return (np.round(values) if TOPS[dtype] > 1 else values).astype(dtype)


@pytest.mark.parametrize("dtype", TOPS)
@pytest.mark.parametrize("wrap", [np.asarray, Tensor])
def test_every_dtype_comes_back(dtype: DTypeLike, wrap: Any) -> None:
    values = codes(dtype)
    picture = as_picture(wrap(values))
    assert picture.rgb.dtype == np.float32
    np.testing.assert_allclose(picture.rgb, GRADIENT, atol=0.003)
    result = picture.restore(picture.rgb)
    assert result.dtype == values.dtype
    np.testing.assert_allclose(result, values, atol=1e-7)


@pytest.mark.parametrize("dtype", TOPS)
def test_alpha_comes_back_unchanged_and_gray_becomes_rgb(dtype: DTypeLike) -> None:
    values = codes(dtype)
    rgba = np.dstack([values, values[::-1, :, 0]])
    result = dream(rgba, dreamer=Unchanged())
    np.testing.assert_allclose(result, rgba, atol=1e-7)
    np.testing.assert_array_equal(result[..., 3], rgba[..., 3])
    for gray in (values[..., 0], values[..., [0]]):
        picture = as_picture(gray)
        result = picture.restore(picture.rgb)
        np.testing.assert_allclose(result, np.repeat(values[..., [0]], 3, axis=2), atol=1e-7)


def test_nested_lists() -> None:
    dreamed = dream([[[0, 128, 255], [1, 2, 3]]], dreamer=Unchanged())
    assert dreamed.tolist() == [[[0, 128, 255], [1, 2, 3]]]
    dreamed = dream([[0.0, 0.5], [1.0, 0.25]], dreamer=Unchanged())
    assert dreamed[..., 0].tolist() == [[0.0, 0.5], [1.0, 0.25]]


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"]
)
def test_pillow_images_of_8_bits(mode: str) -> None:
    straight = {"La": "LA", "PA": "LA", "RGBa": "RGBA"}.get(mode, mode)
    image = Image.fromarray(codes(np.uint8)).convert(straight).convert(mode)
    dreamed = dream(image, dreamer=Unchanged())
    assert dreamed.dtype == np.uint8
    expected = image.convert("LA") if mode == "La" else image
    transparent = straight in {"LA", "RGBA"}
    np.testing.assert_array_equal(dreamed, np.asarray(expected.convert("RGBA" if transparent else "RGB")))


def test_pillow_palettes_with_a_clear_color() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putdata([0, 1])
    image.info["transparency"] = 1
    dreamed = dream(image, dreamer=Unchanged())
    assert dreamed.tolist() == [[[255, 0, 0, 255], [0, 255, 0, 0]]]


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I", "F"])
def test_pillow_images_of_more_bits(mode: str) -> None:
    gray = codes(np.uint16)[..., 0]
    values = {"I": gray.astype(np.int32), "F": GRADIENT[..., 0].astype(np.float32)}.get(mode, gray)
    if mode == "I;16B":
        image = Image.frombytes(mode, (7, 5), gray.astype(">u2").tobytes())
    else:
        image = Image.fromarray(values)
        assert image.mode == mode
    dreamed = dream(image, dreamer=Unchanged())
    assert dreamed.dtype.kind == ("f" if mode == "F" else "u")
    np.testing.assert_array_equal(dreamed[..., 1], values)


WRONG: list[tuple[Any, str]] = [
    ("photo.jpg", "use dream_image"),
    (Path("photo.jpg"), "use dream_image"),
    (None, "integers or floats|has the shape"),
    (7, "has the shape"),
    (np.zeros((0, 5, 3), np.uint8), "is empty"),
    ([], "has the shape"),
    (np.zeros((3, 5, 7), np.uint8), r"not \[3, 5, 7\]; put the channels last"),
    (np.zeros((1, 5, 7, 3), np.uint8), "one by one"),
    (np.zeros((5, 7, 2), np.uint8), "has the shape"),
    (np.zeros((5, 7, 3), bool), "not of bool"),
    (np.zeros((5, 7, 3), complex), "not of complex128"),
    (np.zeros((5, 7, 3), object), "not of object"),
    (np.full((5, 7, 3), 300), "must lie in 0..255, not in 300..300"),
    (np.full((5, 7, 3), -1, np.int8), "must lie in 0..255"),
    (np.full((5, 7, 3), 200.0), "must lie in 0..1, not in 200..200"),
    (np.full((5, 7, 3), np.nan, np.float32), "NaN"),
    ([[[0.1, 0.2, 0.3]], [[0.1, 0.2]]], "array of numbers"),
]


@pytest.mark.parametrize(("image", "reason"), WRONG)
def test_what_is_no_picture_is_one_line(image: Any, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason) as caught:
        dream(image, dreamer=Unchanged())
    assert "\n" not in str(caught.value)


def test_a_tensor_that_is_no_array_says_why() -> None:
    class Graph:
        def __array__(self, *_: Any, **__: Any) -> NDArray[Any]:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.\nUse detach().")

    with pytest.raises(SettingsError, match="requires grad") as caught:
        as_picture(Graph())
    assert "\n" not in str(caught.value)
