"""What trips start from: noise like nature's, colors, and a picture of any kind of file."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import imageio.v3 as iio
import numpy as np
import pytest

from dreamvid.errors import DreamvidError, ReadError, SettingsError
from dreamvid.media.input.source import open_source
from dreamvid.pipelines.zoom.start_image import StartImage, parse_start_image, pink_noise, read_start_image
from dreamvid.types import RGB, Size

SIZE = Size(96, 160)


def read(text: str, size: Size | None = SIZE, seed: int = 0) -> RGB:
    picture = read_start_image(parse_start_image(text), size, seed)
    assert picture.dtype == np.float32
    assert np.isfinite(picture).all()
    assert picture.min() >= 0.0
    assert picture.max() <= 1.0
    assert size is None or picture.shape == (*size, 3)
    return picture


def ramp(
    height: int = 40, width: int = 60, top: int = 255, kind: str = "uint8"
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8 | np.uint16]]:
    y, x = np.mgrid[0.0 : 1.0 : height * 1j, 0.0 : 1.0 : width * 1j]
    return np.round(np.dstack([x, y, 1 - x]) * top).astype(kind)


def test_noise_falls_with_frequency() -> None:
    lab = cv2.cvtColor(pink_noise(Size(256, 256), 3), cv2.COLOR_RGB2Lab)
    power = np.abs(np.fft.fft2(lab[..., 0] - lab[..., 0].mean())) ** 2
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None])
    edges = np.geomspace(4 / 256, 0.4, 9)
    bands = [(frequency >= low) & (frequency < high) for low, high in pairwise(edges)]
    levels = [np.log(power[band].mean()) for band in bands]
    middles = np.log(np.sqrt(edges[:-1] * edges[1:]))
    slope = np.polyfit(middles, levels, 1)[0] / 2  # of amplitude
    assert slope == pytest.approx(-1.0, abs=0.12)


def test_noise_is_about_mid_gray_and_colorful() -> None:
    noise = pink_noise(SIZE, 0)
    assert 0.35 < noise.mean() < 0.6
    assert np.ptp(noise, axis=-1).mean() > 0.08


def test_the_same_seed_is_the_same_noise_and_another_is_another() -> None:
    assert np.array_equal(read("noise", seed=4), read("noise", seed=4))
    assert np.abs(read("noise", seed=4) - read("noise", seed=5)).mean() > 0.05


@pytest.mark.parametrize("size", [Size(16, 16), Size(17, 31), Size(2, 64), Size(1, 1)])
def test_noise_of_any_size(size: Size) -> None:
    assert read("noise", size).shape == (*size, 3)


@pytest.mark.parametrize(
    ("text", "color"),
    [
        ("#204060", (0x20, 0x40, 0x60)),
        ("#f80", (255, 136, 0)),
        ("#ABCDEF", (0xAB, 0xCD, 0xEF)),
        ("#000", (0, 0, 0)),
    ],
)
def test_a_color_is_plain(text: str, color: tuple[int, int, int]) -> None:
    assert np.abs(read(text) - np.array(color) / 255).max() < 0.005


@pytest.mark.parametrize("text", ["#204060-#ff8800", "#204060 - #f80"])
def test_a_gradient_goes_from_the_top_left_to_the_bottom_right(text: str) -> None:
    picture = read(text)
    assert picture[0, 0] == pytest.approx(np.array([0x20, 0x40, 0x60]) / 255, abs=0.01)
    assert picture[-1, -1] == pytest.approx(np.array([0xFF, 0x88, 0x00]) / 255, abs=0.01)
    lightness = cv2.cvtColor(picture, cv2.COLOR_RGB2Lab)[..., 0]
    assert (np.diff(lightness, axis=1) > 0).all()


@pytest.mark.parametrize("text", ["#xyz", "#12345", "#", "#204060-", "#204060-red", "#1234567"])
def test_what_is_no_color_is_one_line(text: str) -> None:
    with pytest.raises(SettingsError, match="is not a color such as"):
        parse_start_image(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("noise", StartImage("noise")),
        ("photo.jpg", StartImage("photo.jpg", Path("photo.jpg"))),
        ("clip.mp4@12.5s", StartImage("clip.mp4@12.5s", Path("clip.mp4"), Fraction(25, 2))),
        ("clip.mp4@1:05", StartImage("clip.mp4@1:05", Path("clip.mp4"), Fraction(65))),
        ("a@b.mp4@3", StartImage("a@b.mp4@3", Path("a@b.mp4"), Fraction(3))),
        ("a@b.png", StartImage("a@b.png", Path("a@b.png"))),
    ],
)
def test_what_texts_stand_for(text: str, expected: StartImage) -> None:
    assert parse_start_image(text) == expected


def test_a_file_whose_name_ends_like_a_time_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("take@12").touch()
    Path("#fine").touch()
    assert parse_start_image("take@12") == StartImage("take@12", Path("take@12"))
    assert parse_start_image("#fine").file == Path("#fine")


def test_a_time_that_is_none_is_one_line() -> None:
    with pytest.raises(SettingsError, match=r"the time in 'clip\.mp4@1:2:3:4' must be seconds"):
        parse_start_image("clip.mp4@1:2:3:4")


@pytest.mark.parametrize(
    "name",
    ["a.png", "a.jpg", "a.webp", "a.bmp", "a.tiff", "a.gif", "a.ppm", "a.tga", "a.jp2", "spaced ünï@1.png"],
)
def test_pictures_of_many_formats(name: str, tmp_path: Path) -> None:
    iio.imwrite(tmp_path / name, ramp())
    picture = read(str(tmp_path / name), None)
    assert picture.shape == (40, 60, 3)
    assert np.abs(picture - ramp() / 255).mean() < 0.06


@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
def test_sixteen_bits_are_kept(name: str, tmp_path: Path) -> None:
    codes = ramp(top=65535, kind="uint16")
    assert cv2.imwrite(str(tmp_path / name), codes[..., ::-1])
    assert np.abs(read(str(tmp_path / name), None) - codes / 65535).max() < 1e-4


def test_gray_and_palettes_are_pictures(tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "gray.png", ramp()[..., 0])
    gray = read(str(tmp_path / "gray.png"))
    assert np.ptp(gray, axis=-1).max() == 0.0


def test_what_is_transparent_is_gray_whatever_is_hidden_in_it(tmp_path: Path) -> None:
    pixels = np.dstack([np.zeros((20, 20, 3), np.uint8), np.zeros((20, 20), np.uint8)])
    pixels[:, 10:] = (255, 0, 0, 255)
    iio.imwrite(tmp_path / "logo.png", pixels)
    picture = read(str(tmp_path / "logo.png"), None)
    assert np.abs(picture[:, :10] - 0.5).max() < 0.01
    assert np.abs(picture[:, 10:] - (1.0, 0.0, 0.0)).max() < 0.01


def test_a_picture_is_cropped_about_its_center(tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "tall.png", ramp(120, 60))
    picture = read(str(tmp_path / "tall.png"), Size(60, 60))
    assert picture[..., 1].mean() == pytest.approx(0.5, abs=0.01)
    assert picture[0, 0, 1] == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("at", [0, 3, 7])
def test_a_frame_of_a_video_is_the_one_at_that_time(clip: Path, at: int) -> None:
    frames = [frame.rgb for frame in open_source(clip)]
    time = float(at / Fraction(12000, 1001)) + 0.001 * (at > 0)
    found = read(f"{clip}@{time:.3f}s", None)
    errors = [float(np.abs(found - frame).mean()) for frame in frames]
    assert int(np.argmin(errors)) in {at, at + 1}
    assert min(errors) < 1e-6


def test_a_video_without_a_time_is_its_first_frame(clip: Path) -> None:
    first = next(iter(open_source(clip))).rgb
    assert np.array_equal(read(str(clip), None), first)


def test_the_first_picture_of_an_animation_is_taken_and_one_at_a_time_too(tmp_path: Path) -> None:
    shades = np.stack([np.full((32, 32, 3), shade, np.uint8) for shade in (20, 120, 220)])
    iio.imwrite(tmp_path / "a.gif", shades, duration=100, loop=0)
    assert read(str(tmp_path / "a.gif"), None).mean() == pytest.approx(20 / 255, abs=0.02)
    assert read(f"{tmp_path / 'a.gif'}@0.2s", None).mean() == pytest.approx(220 / 255, abs=0.02)


@pytest.mark.parametrize("time", ["100", "1:00:00"])
def test_a_time_beyond_the_end_is_one_line(clip: Path, time: str) -> None:
    with pytest.raises(DreamvidError) as caught:
        read(f"{clip}@{time}")
    assert "clip.mp4" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_picture_has_one_moment_only(tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "a.png", ramp())
    assert read(f"{tmp_path / 'a.png'}@0s", None).shape == (40, 60, 3)
    with pytest.raises(ReadError, match=r"a\.png is one picture, which has no frame at 5 s"):
        read(f"{tmp_path / 'a.png'}@5s")


def test_a_folder_of_pictures_is_no_start_image(tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "0.png", ramp())
    iio.imwrite(tmp_path / "1.png", ramp())
    with pytest.raises(ReadError):
        read(str(tmp_path))


@pytest.mark.parametrize("name", ["missing.png", "missing.mp4@3s", ".", "text.png", "text.txt", "empty.png"])
def test_what_cannot_be_read_is_one_line(name: str, tmp_path: Path) -> None:
    for text in ("text.png", "text.txt"):
        (tmp_path / text).write_text("no picture", encoding="utf-8")
    (tmp_path / "empty.png").touch()
    with pytest.raises(ReadError) as caught:
        read(str(tmp_path / name))
    assert "\n" not in str(caught.value)
    assert "dreamvid image" not in str(caught.value)
