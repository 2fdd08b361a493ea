from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dreamvid.errors import ReadError
from dreamvid.media.input.image_sequence import (
    FRAME_LIST_NAME,
    FrameEntry,
    FrameList,
    natural_key,
    read_frame_list,
)
from dreamvid.media.input.probe import probe
from dreamvid.media.input.source import open_source
from dreamvid.types import RGB, Frame, Size

MakeFolder = Callable[..., Path]


def read(folder: Path, fps: Fraction | None = None) -> list[Frame]:
    return list(open_source(folder, fps=fps))


def test_natural_order() -> None:
    names = ["f10.png", "f2.png", "F1.png", "f2b.png", "10.png", "9.png", "f02.png"]
    assert sorted(names, key=natural_key) == [
        "9.png",
        "10.png",
        "F1.png",
        "f02.png",
        "f2.png",
        "f2b.png",
        "f10.png",
    ]


def test_pictures_come_in_natural_order_at_24_fps(make_folder: MakeFolder, draw: Callable[..., RGB]) -> None:
    folder = make_folder(["f1.png", "f2.png", "f10.PNG"])
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"")
    frames = read(folder)
    assert [f.pts for f in frames] == [0, Fraction(1, 24), Fraction(2, 24)]
    for index, frame in enumerate(frames):
        assert np.abs(frame.rgb - draw(index)).max() <= 0.501 / 255


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".tif", ".webp", ".bmp", ".png"])
def test_pictures_of_any_kind_and_first_number_are_a_sequence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str
) -> None:
    for index in range(4):
        Image.new("RGB", (64, 48), (60 * index, 40, 20)).save(tmp_path / f"DSC_{997 + index}{suffix}")
    source = open_source(tmp_path)
    assert [round(255 * float(frame.rgb[..., 0].mean())) for frame in source] == pytest.approx(
        [0, 60, 120, 180], abs=2
    )
    assert (source.info.frames, source.info.has_alpha) == (4, False)
    assert not caplog.messages


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ((0, 1, 2, 4, 5, 9), "numbers 3, 6-8 are missing"),
        ((10, 20, 30, 50), "numbers 40 are missing"),
        ((5, 6, 7), None),
        ((0, 2, 4, 6), None),
        ((7,), None),
    ],
)
def test_gaps_in_the_numbers_are_said(
    make_folder: MakeFolder, caplog: pytest.LogCaptureFixture, numbers: tuple[int, ...], missing: str | None
) -> None:
    folder = make_folder([f"f_{number:04}.png" for number in numbers])
    assert [frame.pts for frame in read(folder)] == [Fraction(i, 24) for i in range(len(numbers))]
    assert len(caplog.messages) == (missing is not None)
    assert missing is None or missing in caplog.messages[0]


def test_pictures_of_another_kind_are_left_out_and_said(
    make_folder: MakeFolder, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make_folder(["a1.png", "a2.png"])
    for name in ("t1.jpg", "t2.jpg", "t3.jpg"):
        Image.new("RGB", (8, 8)).save(folder / name)
    assert len(read(folder)) == 2
    assert "only its .png files are read, not 3 other pictures" in caplog.text


def test_a_palette_with_a_clear_color_has_alpha(tmp_path: Path) -> None:
    opaque = Image.new("P", (8, 8), 1)
    opaque.putpalette([10, 20, 30, 200, 100, 50])
    opaque.save(tmp_path / "1.png")
    opaque.save(tmp_path / "2.png", transparency=1)
    frames = read(tmp_path)
    assert [float(frame.alpha.mean()) for frame in frames if frame.alpha is not None] == [1.0, 0.0]


def test_fps_is_the_rate_and_drops_nothing(make_folder: MakeFolder) -> None:
    folder = make_folder([f"{i}.png" for i in range(5)])
    source = open_source(folder, fps=Fraction(30000, 1001))
    assert [f.pts for f in source] == [i * Fraction(1001, 30000) for i in range(5)]
    assert (source.info.frames, source.info.rate) == (5, Fraction(30000, 1001))
    assert probe(folder, fps=Fraction(10)).video.rate == 10


def test_frames_json_gives_exact_times(make_folder: MakeFolder) -> None:
    folder = make_folder(["b.png", "a.png", "c.png"])
    names = ["b.png", "a.png", "c.png"]
    times = [Fraction(0), Fraction(1001, 30000), Fraction(1, 7)]
    listed = FrameList(
        rate=Fraction(25),
        frames=tuple(FrameEntry(n, t, Fraction(1, 50)) for n, t in zip(names, times, strict=True)),
        sar=Fraction(4, 3),
        variable_rate=True,
        sound="clip.mp4",
        metadata={"dreamvid": '{"seed": 1}'},
    )
    (folder / FRAME_LIST_NAME).write_text(listed.to_json(), encoding="utf-8")
    assert read_frame_list(folder) == listed
    frames = read(folder)
    assert [f.pts for f in frames] == times
    assert frames[-1].duration == Fraction(1, 50)
    info = probe(folder)
    assert (info.video.sar, info.video.variable_rate, info.metadata["dreamvid"]) == (
        Fraction(4, 3),
        True,
        '{"seed": 1}',
    )
    assert [f.pts for f in read(folder, Fraction(10))] == [0, Fraction(1, 10), Fraction(2, 10)]
    short = replace(listed, frames=listed.frames[1:])  # a list that begins late starts at 0 all the same
    (folder / FRAME_LIST_NAME).write_text(short.to_json(), encoding="utf-8")
    assert read(folder)[0].pts == 0


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        '{"rate": "24", "frames": []}',
        '{"rate": "24", "frames": [{"file": "gone.png", "pts": "0"}]}',
        '{"rate": "24", "frames": [{"file": "../0.png", "pts": "0"}]}',
        '{"rate": "1/0", "frames": [{"file": "0.png", "pts": "0"}]}',
        '{"rate": "24", "frames": [{"file": "0.png", "pts": "1"}, {"file": "0.png", "pts": "0"}]}',
    ],
)
def test_a_damaged_frames_json_is_one_line(make_folder: MakeFolder, text: str) -> None:
    folder = make_folder(["0.png"])
    (folder / FRAME_LIST_NAME).write_text(text)
    with pytest.raises(ReadError, match=r"frames\.json") as caught:
        probe(folder)
    assert "\n" not in str(caught.value)


def test_alpha_in_some_pictures_is_alpha_in_all(make_folder: MakeFolder) -> None:
    folder = make_folder(["0.png", "1.png"], alpha=True)
    Image.new("RGB", (64, 48)).save(folder / "0.png")
    source = open_source(folder)
    assert source.info.has_alpha
    opaque, clear = source
    assert opaque.alpha is not None
    assert clear.alpha is not None
    assert opaque.alpha.min() == 1
    assert clear.alpha.min() == 0


def test_pictures_of_another_size_are_brought_to_the_first(make_folder: MakeFolder) -> None:
    folder = make_folder(["0.png", "1.png"])
    Image.new("RGB", (200, 100), "red").save(folder / "1.png")
    frames = read(folder)
    assert [Size(*f.rgb.shape[:2]) for f in frames] == [Size(48, 64)] * 2


def test_16_bits_are_kept(make_folder: MakeFolder) -> None:
    import cv2  # noqa: PLC0415  only here

    folder = make_folder(["0.png"])
    codes = np.arange(48 * 64 * 3, dtype=np.uint16).reshape(48, 64, 3) * 7
    cv2.imwrite(str(folder / "0.png"), codes[..., ::-1])
    assert probe(folder).video.depth == 16
    np.testing.assert_array_equal(np.rint(read(folder)[0].rgb * 65535), codes)


def test_a_broken_picture_is_one_line_with_its_name(make_folder: MakeFolder) -> None:
    folder = make_folder(["0.png", "1.png"])
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:100])
    with pytest.raises(ReadError, match=r"1\.png is damaged") as caught:
        read(folder)
    assert "\n" not in str(caught.value)
