from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from dreamvid.errors import DamagedError, ReadError, SettingsError
from dreamvid.media.input.source import open_source
from dreamvid.types import RGB, Frame, Size

if TYPE_CHECKING:
    from dreamvid.types import FrameSource

MakeClip = Callable[..., Path]


def read(path: Path, **options: Any) -> list[Frame]:
    return list(open_source(path, **options))


def times(frames: list[Frame]) -> list[Fraction]:
    return [frame.pts for frame in frames]


def test_frames_come_in_order_with_exact_times(make_clip: MakeClip, read_index: Callable[[RGB], int]) -> None:
    rate = Fraction(30000, 1001)
    frames = read(make_clip(rate=rate, frames=15))
    assert times(frames) == [i / rate for i in range(15)]
    assert [read_index(f.rgb) for f in frames] == list(range(15))
    assert [f.index for f in frames] == list(range(15))
    assert all(f.duration == 1 / rate for f in frames)


def test_variable_rate_keeps_each_frame_and_its_time(make_clip: MakeClip) -> None:
    ticks = [0, 20, 40, 100, 160, 400, 425, 450]
    path = make_clip(frames=8, ticks=ticks, time_base=Fraction(1, 600))
    source = open_source(path)
    assert source.info.variable_rate
    assert source.info.frames == 8
    assert times(list(source)) == [Fraction(t, 600) for t in ticks]


@pytest.mark.parametrize(("name", "codec"), [("a.gif", "gif"), ("a.apng", "apng")])
def test_animations_keep_mixed_delays(make_clip: MakeClip, name: str, codec: str) -> None:
    ticks = [0, 10, 20, 24, 28, 58, 60]
    pix_fmt = "rgb8" if codec == "gif" else "rgb24"
    path = make_clip(
        name=name, codec=codec, pix_fmt=pix_fmt, frames=7, ticks=ticks, time_base=Fraction(1, 100)
    )
    frames = read(path)
    assert [round(float(t), 3) for t in times(frames)] == [t / 100 for t in ticks]


def test_a_container_that_starts_late_starts_at_zero(make_clip: MakeClip) -> None:
    ticks = [5000 + 40 * i for i in range(6)]
    path = make_clip(name="late.mkv", frames=6, rate=Fraction(25), ticks=ticks, time_base=Fraction(1, 1000))
    assert times(read(path)) == [Fraction(i, 25) for i in range(6)]


@pytest.mark.parametrize("start", [Fraction(0), Fraction(1, 4)])
@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("b.avi", "libx264", {"bf": "2"}),
        ("pyramid.avi", "libx264", {"bf": "4", "x264-params": "b-pyramid=normal:b-adapt=0:keyint=12"}),
        ("open.avi", "libx264", {"bf": "3", "x264-params": "open-gop=1:keyint=8:b-adapt=0"}),
        ("no_b.avi", "libx264", {"bf": "0"}),
        ("b_mpeg4.avi", "mpeg4", {"bf": "2", "b": "4M"}),
        ("b.asf", "libx264", {"bf": "2"}),
        ("b.flv", "libx264", {"bf": "3"}),
    ],
)
def test_containers_without_presentation_times_keep_order_and_rate(  # noqa: PLR0917  fixtures and parameters
    make_clip: MakeClip,
    read_index: Callable[[RGB], int],
    caplog: pytest.LogCaptureFixture,
    name: str,
    codec: str,
    options: dict[str, str],
    start: Fraction,
) -> None:
    path = make_clip(name=name, codec=codec, frames=16, rate=Fraction(24), options=options)
    source = open_source(path, start=start)
    frames = list(source)
    first = round(start * 24)
    assert [read_index(frame.rgb) for frame in frames] == list(range(first, 16))
    rounding = 0 if name.endswith("avi") else 0.0011
    assert [float(time) for time in times(frames)] == pytest.approx(
        [index / 24 for index in range(16 - first)], abs=rounding
    )
    assert source.info.rate == 24
    assert not caplog.messages


def test_frames_that_an_avi_leaves_out_keep_the_others_in_their_places(make_clip: MakeClip) -> None:
    shown = [tick for tick in range(24) if tick not in {7, 8, 15}]
    path = make_clip(name="gaps.avi", frames=len(shown), ticks=shown, options={"bf": "0"})
    assert times(read(path)) == [Fraction(tick, 24) for tick in shown]


def test_iterating_twice_gives_the_same_frames(make_clip: MakeClip) -> None:
    source = open_source(make_clip())
    for one, other in zip(source, source, strict=True):
        assert one.pts == other.pts
        np.testing.assert_array_equal(one.rgb, other.rgb)


# The nine numbers of ISO 14496-12's matrix, and what a player does with the picture.
MATRICES: dict[str, tuple[list[int], Callable[[RGB], RGB]]] = {
    "quarter turn left": ([0, -1, 1, 0], np.rot90),
    "quarter turn right": ([0, 1, -1, 0], lambda p: np.rot90(p, -1)),
    "half turn": ([-1, 0, 0, -1], lambda p: p[::-1, ::-1]),
    "mirrored": ([-1, 0, 0, 1], lambda p: p[:, ::-1]),
    "upside down": ([1, 0, 0, -1], lambda p: p[::-1]),
    "transposed": ([0, 1, 1, 0], lambda p: p.swapaxes(0, 1)),
}


@pytest.mark.parametrize("case", MATRICES)
def test_orientation_is_baked_in(make_clip: MakeClip, case: str) -> None:
    (a, b, c, d), turn = MATRICES[case]
    one = 1 << 16
    matrix = [a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30]
    lying = make_clip(name="turned.mp4", frames=2, display_matrix=matrix, sar=Fraction(2))
    plain = make_clip(name="plain.mp4", frames=2)
    source = open_source(lying)
    for turned, frame in zip(source, read(plain), strict=True):
        np.testing.assert_array_equal(turned.rgb, turn(frame.rgb))
        assert turned.rgb.flags.c_contiguous
    swapped = "quarter" in case or case == "transposed"
    assert source.info.size == (Size(64, 48) if swapped else Size(48, 64))
    assert source.info.sar == (Fraction(1, 2) if swapped else Fraction(2))


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.webm", "libvpx-vp9", "yuva420p"),
        ("a.webm", "libvpx", "yuva420p"),
        ("a.mkv", "ffv1", "bgra"),
        ("a.mkv", "ffv1", "yuva444p"),
        ("a.mov", "prores_ks", "yuva444p10le"),
        ("a.mov", "png", "rgba"),
        ("a.apng", "apng", "rgba"),
    ],
)
def test_alpha_is_read(make_clip: MakeClip, name: str, codec: str, pix_fmt: str) -> None:
    options = {"auto-alt-ref": "0"} if "vpx" in codec else {}
    path = make_clip(name=name, codec=codec, pix_fmt=pix_fmt, frames=3, options=options)
    source = open_source(path)
    assert source.info.has_alpha
    frames = list(source)
    assert len(frames) == 3
    for frame in frames:
        assert frame.alpha is not None
        expected = np.tile(np.linspace(0, 1, 64), (48, 1))
        assert np.abs(frame.alpha - expected).mean() < 0.02


def test_an_opaque_gif_has_no_alpha(make_clip: MakeClip) -> None:
    path = make_clip(name="a.gif", codec="gif", pix_fmt="rgb8", frames=3, rate=Fraction(10))
    source = open_source(path)
    assert not source.info.has_alpha
    assert all(frame.alpha is None for frame in source)


def combed(frame: av.VideoFrame) -> None:
    """Shift every second line, as a moving camera with fields does."""
    for plane in frame.planes:
        rows = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, -1).copy()
        rows[1::2] = np.roll(rows[1::2], 4, axis=1)
        plane.update(rows.tobytes())


def test_interlaced_frames_are_deinterlaced_one_for_one(
    caplog: pytest.LogCaptureFixture, make_clip: MakeClip
) -> None:
    interlacing = {"x264-params": "tff=1", "flags": "+ildct+ilme", "crf": "5"}

    def stripes(index: int, size: Size) -> RGB:
        """Stripes that move by half their period from frame to frame."""
        wave = ((np.arange(size.width) - 8 * index) // 8 % 2) * 0.6 + 0.2
        return np.tile(wave[None, :, None], (size.height, 1, 3)).astype(np.float32)

    path = make_clip(frames=8, options=interlacing, make=stripes, reshape=combed)
    frames = read(path)
    assert len(frames) == 8
    assert times(frames) == [Fraction(i, 24) for i in range(8)]
    assert ["deinterlaced" in note for note in caplog.messages] == [True]
    with av.open(str(path)) as container:
        raw = next(container.decode(video=0)).to_ndarray(format="rgb24") / 255

    def comb(rgb: Any) -> float:
        return float(np.abs(rgb[1:-1:2] - (rgb[0:-2:2] + rgb[2::2]) / 2).mean())

    assert comb(frames[3].rgb) < comb(raw) / 3


def test_a_change_of_size_midway_is_scaled_to_the_first(make_clip: MakeClip, tmp_path: Path) -> None:
    small = make_clip(name="small.h264", frames=4)
    large = make_clip(name="large.h264", frames=4, size=Size(96, 128))
    both = tmp_path / "both.h264"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    frames = read(both)
    assert len(frames) == 8
    assert {f.rgb.shape for f in frames} == {(48, 64, 3)}
    assert np.abs(frames[7].rgb - frames[3].rgb).mean() < 0.03


# Cutting.


def test_a_cut_begins_with_the_frame_shown_at_its_start(
    make_clip: MakeClip, read_index: Callable[[RGB], int]
) -> None:
    path = make_clip(frames=15)
    frames = read(path, start=Fraction(51, 240), duration=Fraction(1, 4))  # inside of frame 5
    assert [read_index(f.rgb) for f in frames] == [5, 6, 7, 8, 9, 10]
    assert times(frames) == [Fraction(i, 24) for i in range(6)]
    assert [f.index for f in frames] == list(range(6))


def test_a_cut_of_an_even_rate_has_the_rounded_number_of_frames(make_clip: MakeClip) -> None:
    path = make_clip(frames=16)
    for duration in (Fraction(1, 100), Fraction(1, 5), Fraction(51, 100), Fraction(3, 5)):
        source = open_source(path, duration=duration)
        expected = max(1, round(duration * 24))
        assert len(list(source)) == source.info.frames == expected


def test_a_cut_into_a_long_frame_shortens_it(make_clip: MakeClip) -> None:
    path = make_clip(frames=4, ticks=[0, 600, 1200, 1800], time_base=Fraction(1, 600))
    frames = read(path, start=Fraction(1, 2), duration=Fraction(3, 2))
    assert times(frames) == [0, Fraction(1, 2)]
    assert [f.duration for f in frames] == [Fraction(1, 2), 1]


def test_cutting_seeks_and_gives_the_same_frames_as_reading_all(make_clip: MakeClip) -> None:
    path = make_clip(frames=96, options={"g": "12", "bf": "2"})
    whole = read(path)
    for start in (Fraction(1), Fraction(61, 24), Fraction(95, 24)):
        cut = read(path, start=start)
        assert len(cut) == 96 - start * 24
        for one, other in zip(cut, whole[int(start * 24) :], strict=True):
            np.testing.assert_array_equal(one.rgb, other.rgb)


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.webm", "a.gif", "a.apng", "a.avi"])
def test_cutting_works_in_every_container(
    make_clip: MakeClip, name: str, read_index: Callable[[RGB], int]
) -> None:
    codecs = {"a.webm": ("libvpx-vp9", "yuv420p"), "a.gif": ("gif", "rgb8"), "a.apng": ("apng", "rgb24")}
    codec, pix_fmt = codecs.get(name, ("libx264", "yuv420p"))
    path = make_clip(
        name=name, codec=codec, pix_fmt=pix_fmt, frames=15, rate=Fraction(20), options={"g": "5"}
    )
    frames = read(path, start=Fraction(1, 2), duration=Fraction(1, 5))
    assert len(frames) == 4
    assert [round(float(t), 3) for t in times(frames)] == [0, 0.05, 0.1, 0.15]
    if codec != "gif":  # whose palette is too coarse for this
        assert [read_index(f.rgb) for f in frames] == [10, 11, 12, 13]


def test_a_start_behind_the_end_is_refused(make_clip: MakeClip) -> None:
    with pytest.raises(SettingsError, match=r"lasts only 0\.5 s"):
        open_source(make_clip(), start=Fraction(1))


# Rate and size.


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(12), Fraction(30), Fraction(60000, 1001)])
def test_resampling_gives_round_duration_times_fps(make_clip: MakeClip, fps: Fraction) -> None:
    path = make_clip(frames=16)
    source = open_source(path, fps=fps)
    frames = list(source)
    assert len(frames) == source.info.frames == round(Fraction(16, 24) * fps)
    assert times(frames) == [i / fps for i in range(len(frames))]
    assert source.info.rate == fps


def test_resampling_to_the_own_rate_takes_each_frame_once(
    make_clip: MakeClip, read_index: Callable[[RGB], int]
) -> None:
    path = make_clip(name="a.mkv", frames=15, rate=Fraction(24000, 1001))  # times rounded to milliseconds
    frames = read(path, fps=Fraction(24000, 1001))
    assert [read_index(f.rgb) for f in frames] == list(range(15))


def test_resampling_a_cut(make_clip: MakeClip, read_index: Callable[[RGB], int]) -> None:
    frames = read(make_clip(frames=16), start=Fraction(1, 8), duration=Fraction(1, 4), fps=Fraction(12))
    assert [read_index(f.rgb) for f in frames] == [4, 6, 8]  # the middle of each interval of 1/12 s


def test_a_size_is_covered_and_cropped(make_clip: MakeClip) -> None:
    source = open_source(make_clip(frames=2), size=Size(30, 60))
    assert source.info.size == Size(30, 60)
    frame = next(iter(source))
    assert frame.rgb.shape == (30, 60, 3)
    assert frame.rgb.dtype == np.float32
    assert 0 <= frame.rgb.min() <= frame.rgb.max() <= 1


# Damage.


@pytest.fixture
def cut_off(make_clip: MakeClip) -> Path:
    """A clip with its index in front, of which the last third is missing."""
    path = make_clip(frames=24, container_options={"movflags": "+faststart"}, options={"g": "6", "bf": "0"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    return path


def test_damage_is_an_error_that_names_the_time(cut_off: Path) -> None:
    with pytest.raises(DamagedError, match=r"damaged at 0\.\d+ s .*--keep-going") as caught:
        read(cut_off)
    assert "\n" not in str(caught.value)


def test_keep_going_keeps_the_frames_before_the_damage(
    caplog: pytest.LogCaptureFixture, cut_off: Path, read_index: Callable[[RGB], int]
) -> None:
    frames = read(cut_off, keep_going=True)
    assert 5 < len(frames) < 24
    assert [read_index(f.rgb) for f in frames] == [i % 16 for i in range(len(frames))]
    assert [f"{len(frames)} frames before it kept" in note for note in caplog.messages] == [True]


def test_a_picture_that_does_not_decode_is_damage(
    caplog: pytest.LogCaptureFixture, make_clip: MakeClip
) -> None:
    path = make_clip(
        name="a.mkv", codec="ffv1", pix_fmt="bgr0", frames=12, options={"slicecrc": "1", "level": "3"}
    )
    data = bytearray(path.read_bytes())
    middle = len(data) * 2 // 3
    data[middle : middle + 8] = bytes(b ^ 0xFF for b in data[middle : middle + 8])
    path.write_bytes(bytes(data))
    with pytest.raises(DamagedError, match="damaged at"):
        read(path)
    assert 0 < len(read(path, keep_going=True)) < 12
    assert caplog.messages


def test_fewer_frames_than_announced_are_remarked_on(
    caplog: pytest.LogCaptureFixture, make_clip: MakeClip
) -> None:
    path = make_clip(name="a.ts", frames=40, options={"g": "5", "bf": "0"})
    whole = open_source(path)
    source = open_source(path)
    assert source.info == whole.info
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2 // 188 * 188])  # after it was looked at
    assert len(list(source)) < 40
    assert ["announced" in note for note in caplog.messages] == [True]


def test_a_truncated_matroska_is_remarked_on(caplog: pytest.LogCaptureFixture, make_clip: MakeClip) -> None:
    for sound in (None, 3.0):
        path = make_clip(name="a.mkv", frames=40, options={"g": "5", "bf": "0"}, sound=sound)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        caplog.clear()
        try:
            assert 0 < len(read(path)) < 40
        except DamagedError:
            continue  # the cut went through a picture
        assert ["announced" in note for note in caplog.messages] == [True]


def test_a_truncated_gif_is_remarked_on(caplog: pytest.LogCaptureFixture, make_clip: MakeClip) -> None:
    path = make_clip(name="a.gif", codec="gif", pix_fmt="rgb8", frames=12, rate=Fraction(10))
    assert len(read(path)) == 12
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"\x21\xf9")])  # before the last frame
    assert len(read(path)) == 11
    assert ["end mark" in note for note in caplog.messages] == [True]


def test_time_that_goes_backward_is_damage(make_clip: MakeClip, tmp_path: Path) -> None:
    one = make_clip(name="one.ts", frames=12, codec="mpeg2video")
    both = tmp_path / "both.ts"
    both.write_bytes(one.read_bytes() * 2)  # the second half counts from the beginning again
    with pytest.raises(DamagedError, match=r"backward|damaged"):
        read(both)


def test_a_video_whose_first_frame_is_damaged_is_concealed_only_when_asked(
    caplog: pytest.LogCaptureFixture, make_clip: MakeClip
) -> None:
    def noise(index: int, size: Size) -> RGB:
        return np.random.default_rng(index).random((*size, 3), dtype=np.float32)

    path = make_clip(frames=6, make=noise, options={"bf": "0"})
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 1500
    data[start : start + 300] = np.random.default_rng(0).bytes(300)
    path.write_bytes(bytes(data))
    with pytest.raises(DamagedError):
        read(path)
    assert len(read(path, keep_going=True)) == 6
    assert ["from the first frame on" in note for note in caplog.messages] == [True]


def test_the_source_tells_of_hdr(caplog: pytest.LogCaptureFixture, make_clip: MakeClip) -> None:
    path = make_clip(pix_fmt="yuv420p10le", frames=2, transfer=16, primaries=9)
    source = open_source(path)
    assert source.info.hdr
    assert ["tone-mapped" in note for note in caplog.messages] == [True]


def test_a_second_video_stream_is_mentioned_but_cover_art_is_not(make_clip: MakeClip) -> None:
    path = make_clip(cover=True, frames=3)
    assert len(read(path)) == 3


def test_a_file_that_vanishes_is_one_line(make_clip: MakeClip) -> None:
    path = make_clip()
    source: FrameSource = open_source(path)
    path.unlink()
    with pytest.raises(ReadError, match="no such file"):
        list(source)


def open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def test_abandoning_an_iteration_closes_the_file(make_clip: MakeClip) -> None:
    before = open_files()
    source = open_source(make_clip())
    frames = iter(source)
    next(frames)
    del frames
    assert open_files() == before


def test_info_is_a_plain_value(make_clip: MakeClip) -> None:
    info = open_source(make_clip()).info
    assert replace(info, frames=12) == info


def apng(bits: int, blend: int) -> bytes:
    """Three gray frames with alpha, 8 x 8."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + bytes(2 * 8 * bits // 8)
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, bits, 4, 0, 0, 0))
    file += chunk(b"acTL", struct.pack(">II", 3, 0))
    for index in range(3):
        number = max(0, 2 * index - 1)
        file += chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, 8, 8, 0, 0, 1, 25, 0, blend))
        pixels = zlib.compress(row * 8)
        file += chunk(b"fdAT", struct.pack(">I", number + 1) + pixels) if index else chunk(b"IDAT", pixels)
    return file + chunk(b"IEND", b"")


@pytest.mark.parametrize("keep_going", [False, True])
def test_a_16_bit_apng_is_read_or_named_as_what_it_is(tmp_path: Path, *, keep_going: bool) -> None:
    path = tmp_path / "a.apng"
    for bits, blend in ((8, 0), (8, 1), (16, 0)):
        path.write_bytes(apng(bits, blend))
        assert len(read(path, keep_going=keep_going)) == 3
    path.write_bytes(apng(16, 1))
    with pytest.raises(ReadError, match="blends transparent frames of 16 bits") as caught:
        read(path, keep_going=keep_going)
    assert "damaged" not in str(caught.value)
