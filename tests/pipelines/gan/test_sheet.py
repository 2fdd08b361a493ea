"""The preview sheet: pictures in rows, small ones enlarged."""

from __future__ import annotations

import numpy as np

from dreamvid.pipelines.gan.sheet import draw_sheet


def test_pictures_lie_in_rows() -> None:
    pictures = np.zeros((5, 16, 16, 1), np.float32)
    pictures += np.arange(5, dtype=np.float32).reshape(5, 1, 1, 1) / 8.0
    sheet = draw_sheet(pictures, columns=3)
    assert sheet.shape == (260, 392, 3)
    assert sheet[64, 64::132, 0].tolist() == [0.0, 0.125, 0.25]
    assert sheet[196, 64::132, 1].tolist() == [0.375, 0.5, 0.0]
    assert set(sheet[130].ravel().tolist()) == {0.25}


def test_colors_and_large_pictures_stay() -> None:
    picture = np.random.default_rng(0).random((1, 128, 128, 3), np.float32)
    assert np.array_equal(draw_sheet(picture, columns=1), picture[0])
