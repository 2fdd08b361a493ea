"""What is added to GIF, APNG and WebP after or beside the encoder."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from PIL import Image

from dreamvid.media.animation import read_texts

LONG = {"dreamvid": '{"text":"' + "ü☃" * 400 + '"}', "title": "A = B"}


@pytest.mark.parametrize("name", ["o.gif", "o.apng"])
@pytest.mark.parametrize("frames", [1, 4])
def test_texts_come_back_whole(write: Any, name: str, frames: int) -> None:
    assert read_texts(write(name, frames=frames, metadata=LONG).path) == LONG


def test_texts_of_other_files_are_none(write: Any) -> None:
    assert read_texts(write("o.mp4").path) == {}


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


def test_a_webp_carries_its_texts_as_xmp(write: Any) -> None:
    written = write("o.webp", metadata={"dreamvid": '{"a":"<&>"}'})
    with Image.open(written.path) as image:
        assert b'{"a":"&lt;&amp;&gt;"}' in image.info["xmp"]


def test_an_animation_of_one_frame_is_an_animation(write: Any) -> None:
    assert b"acTL" in write("o.apng", frames=1).path.read_bytes()
    assert b"ANMF" in write("o.webp", frames=1).path.read_bytes()
