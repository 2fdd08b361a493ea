"""What is added to GIF, APNG and WebP after or beside the encoder."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from PIL import Image

from dreamvid.media.still.reader import read_embedded

LONG = {"title": "A = B", "dreamvid": '{"text":"' + "ü☃<&>" * 400 + '"}'}


@pytest.mark.parametrize("name", ["o.gif", "o.apng", "o.webp"])
@pytest.mark.parametrize("frames", [1, 4])
def test_settings_come_back_whole(write: Any, name: str, frames: int) -> None:
    assert read_embedded(write(name, frames=frames, metadata=LONG).path) == LONG["dreamvid"]


@pytest.mark.parametrize("name", ["o.gif", "o.apng", "o.webp"])
def test_an_animation_without_texts_is_whole(write: Any, name: str) -> None:
    assert read_embedded(write(name).path) is None


@pytest.mark.parametrize("name", ["o.gif", "o.apng", "o.webp"])
def test_other_readers_see_frames_durations_and_an_endless_loop(write: Any, name: str) -> None:
    times = [Fraction(0), Fraction(1, 10), Fraction(3, 10)]
    written = write(name, times=times, last=Fraction(7, 10), variable=True, metadata=LONG)
    found = []
    with Image.open(written.path) as image:
        assert image.info.get("loop", 0) == 0
        for index in range(3):
            image.seek(index)
            image.load()
            found.append(image.info["duration"])
        assert getattr(image, "n_frames", 1) == 3
    assert found == pytest.approx([100, 200, 700])


def test_an_animation_of_one_frame_is_an_animation(write: Any) -> None:
    assert b"acTL" in write("o.apng", frames=1).path.read_bytes()
    assert b"ANMF" in write("o.webp", frames=1).path.read_bytes()
