from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from PIL import Image

from dreamvid.errors import DamagedError, ReadError
from dreamvid.media.input.probe import probe
from dreamvid.media.input.source import open_source
from dreamvid.media.still.reader import read_still

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from dreamvid.types import RGB

DELAYS = [40, 120, 1000, 80]


def save(path: Path, frames: list[NDArray[Any]], **options: Any) -> None:
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(
        path,
        "AVIF",
        save_all=True,
        append_images=images[1:],
        quality=100,
        subsampling="4:4:4",
        speed=10,
        **options,
    )


@pytest.fixture
def animation(tmp_path: Path, draw: Callable[..., RGB]) -> Path:
    """Four frames with mixed delays; the left third is clear."""
    frames = []
    for index in range(4):
        codes = np.rint(draw(index) * 255).astype(np.uint8)
        alpha = np.full((48, 64, 1), 255, np.uint8)
        alpha[:, :20] = 0
        frames.append(np.concatenate([codes, alpha], axis=2))
    save(tmp_path / "a.avif", frames, duration=DELAYS)
    return tmp_path / "a.avif"


def test_times_colors_and_alpha(
    animation: Path, draw: Callable[..., RGB], read_index: Callable[[RGB], int]
) -> None:
    info = probe(animation)
    assert (info.kind, info.video.frames, info.video.has_alpha) == ("animation", 4, True)
    assert info.video.variable_rate
    frames = list(open_source(animation))
    assert [f.pts for f in frames] == [0, Fraction(40, 1000), Fraction(160, 1000), Fraction(1160, 1000)]
    assert [f.duration for f in frames] == [Fraction(delay, 1000) for delay in DELAYS]
    assert [read_index(f.rgb[:, 20:]) for f in frames] == [0, 1, 2, 3]
    for index, frame in enumerate(frames):
        assert np.abs(frame.rgb - draw(index))[:, 20:].max() < 0.03
        assert frame.alpha is not None
        assert (frame.alpha[:, :20] < 0.01).all()
        assert (frame.alpha[:, 20:] > 0.99).all()


def test_cut_and_resampled(animation: Path, read_index: Callable[[RGB], int]) -> None:
    source = open_source(animation, start=Fraction(1, 20), duration=Fraction(1), fps=Fraction(10))
    assert [read_index(f.rgb[:, 20:]) for f in source] == [1, *[2] * 9]


def test_an_opaque_animation_of_an_even_rate(tmp_path: Path, draw: Callable[..., RGB]) -> None:
    save(tmp_path / "a.avif", [np.rint(draw(i) * 255).astype(np.uint8) for i in range(5)], duration=40)
    info = probe(tmp_path / "a.avif").video
    assert (info.rate, info.frames, info.duration) == (Fraction(25), 5, Fraction(1, 5))
    assert not info.has_alpha
    assert not info.variable_rate
    assert [f.alpha for f in open_source(tmp_path / "a.avif")] == [None] * 5


def test_the_profile_is_applied(tmp_path: Path) -> None:
    header = bytes(16) + b"GRAYXYZ ".ljust(20, b"\0") + b"acsp".ljust(92, b"\0")
    linear = header + struct.pack(">I4sII", 1, b"kTRC", 144, 12) + b"curv" + bytes(8)
    codes = np.full((48, 64, 3), 128, np.uint8)
    save(tmp_path / "moving", [codes, codes], duration=40, icc_profile=linear)
    Image.fromarray(codes).save(tmp_path / "still", "AVIF", quality=100, icc_profile=linear)
    for rgb in (next(iter(open_source(tmp_path / "moving"))).rgb, read_still(tmp_path / "still").rgb):
        assert np.abs(rgb - 0.7372).max() < 0.01  # sRGB of linear 0.5


@pytest.mark.parametrize(
    ("code", "expected"),
    [(1, [0.6, 0.4, 0.2]), (12, [0.6345, 0.3887, 0.1502]), (9, [0.7003, 0.3665, 0.1423])],
)
def test_wide_primaries_are_converted(tmp_path: Path, code: int, expected: list[float]) -> None:
    codes = np.tile(np.array([153, 102, 51], np.uint8), (48, 64, 1))
    save(tmp_path / "moving", [codes, codes], duration=40)
    Image.fromarray(codes).save(tmp_path / "still", "AVIF", quality=100)
    for path, read in (
        (tmp_path / "moving", lambda path: next(iter(open_source(path)))),
        (tmp_path / "still", read_still),
    ):
        data = path.read_bytes()
        place = data.index(b"colrnclx") + 9
        path.write_bytes(data[:place] + bytes([code]) + data[place + 1 :])
        np.testing.assert_allclose(read(path).rgb[9, 9], expected, atol=0.012)


def test_damage(animation: Path) -> None:
    data = bytearray(animation.read_bytes())
    with av.open(animation) as container:
        third = container.streams.video[2].index_entries[2]
    data[third.pos : third.pos + third.size] = bytes([255]) * third.size
    animation.write_bytes(data)
    with pytest.raises(DamagedError, match="damaged at") as caught:
        list(open_source(animation))
    assert "\n" not in str(caught.value)
    assert len(list(open_source(animation, keep_going=True))) == 2
    animation.write_bytes(data[: len(data) // 4])
    with pytest.raises(ReadError, match="damaged"):
        probe(animation)


def test_a_still_avif_is_no_video(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8)).save(tmp_path / "still.avif")
    with pytest.raises(ReadError, match="dreamvid image"):
        probe(tmp_path / "still.avif")


@pytest.mark.parametrize("read", [probe, read_still])
def test_heic_is_named_and_refused(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    header = b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf"
    (tmp_path / "a.heic").write_bytes(header + bytes(600))
    with pytest.raises(ReadError, match="is HEIC, which dreamvid does not read; save it as PNG"):
        read(tmp_path / "a.heic")


@pytest.mark.parametrize("read", [probe, read_still])
def test_a_pillow_without_avif_is_named(
    animation: Path, read: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("PIL.AvifImagePlugin.SUPPORTED", False)
    monkeypatch.setattr("PIL.features.check", lambda name: name != "avif")
    with pytest.raises(ReadError, match="built without"):
        read(animation)


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_is_refused(animation: Path, transfer: int) -> None:
    data = animation.read_bytes()
    place = data.index(b"colrnclx") + 11
    animation.write_bytes(data[:place] + bytes([transfer]) + data[place + 1 :])
    for read in (probe, read_still):
        with pytest.raises(ReadError, match="HDR"):
            read(animation)
