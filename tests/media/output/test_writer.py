"""Pictures and times through every suffix and codec."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from dreamvid.config.settings import OutputSettings
from dreamvid.errors import SettingsError, WriteError
from dreamvid.media.input.image_sequence import list_frames
from dreamvid.media.input.source import open_source
from dreamvid.media.output.writer import check_output, default_output, open_writer
from dreamvid.types import Frame, Size, VideoInfo

NTSC = Fraction(30000, 1001)
VARIED = [Fraction(0), Fraction(1, 30), Fraction(1, 10), Fraction(1, 2), Fraction(3, 4)]
LAST = Fraction(1, 4)
EVERY = [
    ("o.mp4", "h264"),
    ("o.mp4", "h265"),
    ("o.mp4", "vp9"),
    ("o.mp4", "av1"),
    ("o.mov", "h264"),
    ("o.mov", "h265"),
    ("o.mov", "prores"),
    ("o.mkv", "h264"),
    ("o.mkv", "h265"),
    ("o.mkv", "vp9"),
    ("o.mkv", "av1"),
    ("o.mkv", "prores"),
    ("o.mkv", "ffv1"),
    ("o.webm", "vp9"),
    ("o.webm", "av1"),
    ("o.gif", "auto"),
    ("o.apng", "auto"),
    ("o.webp", "auto"),
    ("o", "auto"),
]
TICKS = {
    ".mkv": Fraction(1, 1000),
    ".webm": Fraction(1, 1000),
    ".webp": Fraction(1, 1000),
    ".gif": Fraction(1, 100),
}


def read(path: Path) -> list[Frame]:
    return list(open_source(path))


def rounded(times: list[Fraction], suffix: str) -> list[Fraction]:
    tick = TICKS.get(suffix)
    return times if tick is None else [round(time / tick) * tick for time in times]


@pytest.mark.parametrize(("name", "codec"), EVERY)
def test_every_suffix_and_codec_gives_the_pictures_back(
    write: Any, read_index: Any, name: str, codec: str
) -> None:
    written = write(name, frames=6, codec=codec, speed="medium")
    frames = read(written.path)
    assert [read_index(frame.rgb) for frame in frames] == list(range(6))
    assert [path.name for path in written.path.parent.iterdir()] == [name]


@pytest.mark.parametrize(("name", "codec"), EVERY)
def test_one_frame_is_enough(write: Any, name: str, codec: str) -> None:
    (frame,) = read(write(name, frames=1, codec=codec).path)
    assert frame.pts == 0


@pytest.mark.parametrize(
    ("name", "codec"), [each for each in EVERY if "." in each[0] and "webp" not in each[0]]
)
@pytest.mark.parametrize("rate", [Fraction(24), NTSC])
def test_times_are_exact_or_the_nearest_tick(write: Any, name: str, codec: str, rate: Fraction) -> None:
    written = write(name, frames=40, rate=rate, codec=codec, size=Size(16, 16))
    expected = rounded([index / rate for index in range(40)], written.path.suffix)
    if written.path.suffix == ".apng":  # FFmpeg's reader counts in 1/100000 s
        assert [float(t) for t in written.times()] == pytest.approx([float(t) for t in expected], abs=1e-3)
    else:
        assert written.times() == expected


@pytest.mark.parametrize("name", ["o.mp4", "o.mov"])
@pytest.mark.parametrize(
    "rate", [Fraction(24), NTSC, Fraction(25, 2), Fraction(24000, 1001), Fraction(1000, 7)]
)
def test_the_rate_of_mp4_and_mov_is_exact(write: Any, name: str, rate: Fraction) -> None:
    written = write(name, frames=30, rate=rate)
    with av.open(str(written.path)) as container:
        stream: Any = container.streams.video[0]
        assert stream.average_rate == rate
        assert stream.duration * stream.time_base == 30 / rate


@pytest.mark.parametrize("name", ["o.mp4", "o.mov", "o.mkv", "o.webm", "o.gif", "o.apng", "o.webp", "o"])
def test_uneven_times_and_the_last_duration_are_kept(write: Any, name: str) -> None:
    written = write(name, times=VARIED, last=LAST, variable=True)
    frames = read(written.path)
    suffix = written.path.suffix
    exact = rounded(VARIED, suffix)
    assert [float(f.pts) for f in frames] == pytest.approx([float(t) for t in exact], abs=1e-4)
    assert frames[-1].duration == LAST


def test_a_fast_gif_keeps_its_frames_apart_and_warns(write: Any) -> None:
    written = write("o.gif", frames=30, rate=Fraction(90), size=Size(16, 16))
    assert len(set(written.times())) == 30
    assert written.said("browsers")


def test_a_gif_shows_again_what_its_first_frame_showed(tmp_path: Path) -> None:
    grays = [0.8, 0.2, 0.2, 0.8]
    info = VideoInfo(Size(16, 16), Fraction(10))
    with open_writer(tmp_path / "o.gif", info=info, output=OutputSettings()) as writer:
        for index, gray in enumerate(grays):
            writer.write(Frame(index, Fraction(index, 10), np.full((16, 16, 3), gray, np.float32)))
    assert [float(frame.rgb.mean()) for frame in read(tmp_path / "o.gif")] == pytest.approx(grays, abs=0.01)


def test_a_gif_faster_than_its_clock_is_refused(write: Any, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="at most 100 frames a second, not 120"):
        write("o.gif", rate=Fraction(120))
    assert not list(tmp_path.iterdir())


def test_a_crowd_of_frames_in_a_gif_is_stretched_but_whole(write: Any) -> None:
    times = [Fraction(index, 1000) for index in range(6)] + [Fraction(1)]
    written = write("o.gif", times=times, variable=True)
    assert written.times() == [*(Fraction(index, 100) for index in range(6)), Fraction(1)]


@pytest.mark.parametrize("frames", range(1, 9))
def test_few_frames_are_decoded_in_an_order_that_makes_sense(write: Any, frames: int) -> None:
    written = write(codec="h265", frames=frames, speed="medium")
    with av.open(str(written.path)) as container:
        packets = [(p.dts, p.pts) for p in container.demux(video=0) if p.pts is not None]
    assert all(dts is not None and dts <= pts for dts, pts in packets)
    assert [dts for dts, _ in packets] == sorted({dts for dts, _ in packets if dts is not None})


@pytest.mark.parametrize("name", ["o.webm", "o.mov", "o.mkv", "o.apng", "o.webp", "o"])
def test_alpha_is_carried(write: Any, name: str) -> None:
    alpha = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (48, 1))
    frames = read(write(name, frames=3, alpha=alpha).path)
    for frame in frames:
        assert frame.alpha is not None
        assert np.abs(frame.alpha - alpha).max() < 0.02


def test_a_gif_keeps_what_is_seen_through(write: Any) -> None:
    alpha = np.zeros((48, 64), np.float32)
    alpha[:, 32:] = 1
    frames = read(write("o.gif", frames=3, alpha=alpha).path)
    for frame in frames:
        assert frame.alpha is not None
        assert np.array_equal(frame.alpha, alpha)


@pytest.mark.parametrize(("name", "codec"), [("o.mp4", "auto"), ("o.mkv", "h264"), ("o.webm", "av1")])
def test_where_alpha_cannot_be_held_it_is_flattened_onto_black(write: Any, name: str, codec: str) -> None:
    alpha = np.zeros((48, 64), np.float32)
    alpha[:, 32:] = 1
    written = write(name, frames=2, alpha=alpha, codec=codec)
    assert written.said("no alpha", "black")
    frame = read(written.path)[0]
    assert frame.rgb[:, :28].max() < 0.05
    assert frame.rgb[:, 40:].min() > 0.05


@pytest.mark.parametrize(("name", "codec"), EVERY)
def test_odd_sizes_are_kept_or_padded_and_told(write: Any, draw: Any, name: str, codec: str) -> None:
    size = Size(119, 161)
    written = write(name, frames=2, size=size, codec=codec)
    found = Size(*read(written.path)[0].rgb.shape[:2])
    padded = {"h264": Size(120, 162), "h265": Size(120, 162), "prores": Size(119, 162)}
    assert found == padded.get(codec, size)
    assert written.said("padded", str(found)) == (found != size)
    if codec == "h264":
        rgb = read(written.path)[0].rgb
        assert np.abs(rgb[:119, :161] - draw(0, size)).mean() < 0.02
        assert np.abs(rgb[:119, 161] - rgb[:119, 160]).max() < 0.1


@pytest.mark.parametrize(
    ("name", "codec"), [each for each in EVERY if each[0].endswith((".mp4", ".mov", ".mkv", ".webm"))]
)
@pytest.mark.parametrize("sar", [Fraction(2), Fraction(4, 3), Fraction(8, 9), Fraction(40, 33)])
def test_the_sample_aspect_ratio_is_carried(write: Any, name: str, codec: str, sar: Fraction) -> None:
    written = write(name, frames=2, sar=sar, codec=codec)
    source = open_source(written.path)
    assert source.info.sar == sar
    assert len(list(source)) == 2


@pytest.mark.parametrize(
    ("name", "settings", "levels"),
    [
        ("o.mkv", {"codec": "ffv1"}, 255),
        ("o.mkv", {"codec": "ffv1", "depth": "10"}, 1023),
        ("o.apng", {}, 255),
        ("o.apng", {"depth": "10"}, 65535),
        ("o", {}, 255),
    ],
)
@pytest.mark.parametrize("transparent", [False, True])
def test_lossless_is_lossless(
    write: Any, name: str, settings: dict[str, str], levels: int, *, transparent: bool
) -> None:
    noise = np.random.default_rng(1)
    pictures = [noise.random((48, 64, 3)).astype(np.float32) for _ in range(3)]
    alpha = noise.random((48, 64)).astype(np.float32) if transparent else None
    frames = read(write(name, frames=3, pictures=pictures, alpha=alpha, **settings).path)
    for frame, picture in zip(frames, pictures, strict=True):
        assert np.abs(frame.rgb * levels - np.rint(picture * levels)).max() < 0.01
        if alpha is not None:
            assert frame.alpha is not None
            assert np.abs(frame.alpha * levels - np.rint(alpha * levels)).max() < 0.01


@pytest.mark.parametrize("transparent", [False, True])
def test_a_deep_folder_holds_sixteen_bits(write: Any, *, transparent: bool) -> None:
    noise = np.random.default_rng(2)
    rgb, alpha = noise.random((48, 64, 3)).astype(np.float32), noise.random((48, 64)).astype(np.float32)
    written = write("o", frames=1, pictures=[rgb], alpha=alpha if transparent else None, depth="10")
    found = cv2.imread(str(written.path / "000001.png"), cv2.IMREAD_UNCHANGED)
    assert found is not None
    assert np.array_equal(found[..., 2::-1], np.rint(rgb * 65535))
    if transparent:
        assert np.array_equal(found[..., 3], np.rint(alpha * 65535))


def test_pngs_say_that_they_are_srgb(write: Any) -> None:
    assert b"sRGB" in (write("o", frames=1).path / "000001.png").read_bytes()[:200]


@pytest.mark.parametrize(
    ("name", "codec"), [("o.mp4", "h264"), ("o.mp4", "h265"), ("o.webm", "av1"), ("o.mkv", "ffv1")]
)
def test_ten_bits_are_ten_bits(write: Any, name: str, codec: str) -> None:
    source = open_source(write(name, codec=codec, depth="10").path)
    assert source.info.depth == 10


def test_equal_frames_stay_apart(write: Any, draw: Any) -> None:
    same = [draw(0)] * 6
    for name in ("o.gif", "o.apng", "o.webp", "o.mp4", "o.webm"):
        assert len(read(write(name, frames=6, pictures=same).path)) == 6, name


@pytest.mark.parametrize(
    ("name", "codec"), [e for e in EVERY if e[0].endswith((".mp4", ".mkv")) and e[1] != "ffv1"]
)
def test_colors_are_tagged_as_they_are_converted(write: Any, name: str, codec: str) -> None:
    written = write(name, codec=codec)
    with av.open(str(written.path)) as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_range) == (1, 1)
        assert (frame.color_primaries, frame.color_trc) == (1, 1)


def test_h265_in_mp4_is_tagged_for_apple_players(write: Any) -> None:
    written = write(codec="h265")
    with av.open(str(written.path)) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


def test_mp4_has_its_index_in_front(write: Any) -> None:
    data = write().path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("speed", ["fast", "medium", "slow"])
@pytest.mark.parametrize(
    ("name", "codec"),
    [("o.mp4", "h264"), ("o.mp4", "h265"), ("o.webm", "vp9"), ("o.webm", "av1"), ("o.webp", "auto")],
)
def test_every_speed_is_understood(write: Any, name: str, codec: str, speed: str) -> None:
    assert write(name, frames=2, codec=codec, speed=speed).path.stat().st_size


def test_a_better_crf_makes_a_larger_file(write: Any) -> None:
    noise = [np.random.default_rng(i).random((48, 64, 3)).astype(np.float32) for i in range(4)]
    sizes = [
        write(f"{crf}.{suffix}", frames=4, pictures=noise, crf=crf).path.stat().st_size
        for suffix in ("mp4", "webm")
        for crf in (10, 40)
    ]
    assert sizes[0] > 1.5 * sizes[1]
    assert sizes[2] > 1.5 * sizes[3]


def test_a_folder_lists_exact_times_and_where_the_sound_is(write: Any, clicking: Any) -> None:
    written = write("o", rate=NTSC, streams_from=clicking(), metadata={"dreamvid": "{}"})
    listed = json.loads((written.path / "frames.json").read_text())
    assert listed["frames"][3] == {"file": "000004.png", "pts": "1001/10000"}
    assert listed["frames"][-1]["duration"] == "1001/30000"
    assert listed["sound"] == "source.mp4"
    assert listed["metadata"] == {"dreamvid": "{}"}


def test_a_folder_gives_its_sound_back(write: Any, clicking: Any, listen: Any) -> None:
    folder = write("frames", frames=36, streams_from=clicking()).path
    (heard,) = listen(write("again.mp4", frames=36, streams_from=folder).path)
    assert heard.click == pytest.approx(0.7, abs=0.004)


@pytest.mark.parametrize(
    ("source", "alpha", "codec", "expected"),
    [
        ("a.mp4", False, "auto", "a.dream.mp4"),
        ("a.b.AVI", False, "auto", "a.b.dream.mp4"),
        ("a.mov", True, "auto", "a.dream.webm"),
        ("a.mov", True, "prores", "a.dream.mov"),
        ("a.mp4", False, "prores", "a.dream.mov"),
        ("a.mp4", False, "vp9", "a.dream.webm"),
        ("a.mp4", False, "ffv1", "a.dream.mkv"),
        ("a.mp4", False, "av1", "a.dream.mp4"),
        ("a.gif", True, "auto", "a.dream.gif"),
        ("a.apng", True, "auto", "a.dream.apng"),
        ("a.png", True, "auto", "a.dream.apng"),
        ("a.webp", True, "auto", "a.dream.webp"),
        ("a.gif", False, "h264", "a.dream.mp4"),
        ("folder", False, "auto", "folder.dream"),
        ("folder.v2", False, "ffv1", "folder.v2.dream.mkv"),
    ],
)
def test_the_default_output_follows_kind_alpha_and_codec(
    tmp_path: Path, source: str, codec: Any, expected: str, *, alpha: bool
) -> None:
    path = tmp_path / source
    if source.startswith("folder"):
        path.mkdir()
    info = VideoInfo(Size(48, 64), Fraction(24), has_alpha=alpha)
    assert default_output(path, info=info, output=OutputSettings(codec=codec)) == tmp_path / expected


def test_a_folder_named_by_default_can_be_written(write: Any) -> None:
    assert (write("clip.dream").path / "000001.png").is_file()


@pytest.mark.parametrize("name", ["o.avi", "o.mp5", "o.png", "o.txt"])
def test_an_unknown_suffix_is_refused_before_anything_is_written(
    write: Any, tmp_path: Path, name: str
) -> None:
    with pytest.raises(WriteError, match="cannot write"):
        write(name)
    assert not list(tmp_path.iterdir())


def test_a_picture_of_another_size_is_refused(write: Any, draw: Any) -> None:
    with pytest.raises(WriteError, match="64x48"):
        write(pictures=[draw(0, Size(48, 66))] * 5)


def test_a_codec_that_the_container_cannot_hold_names_those_that_can(write: Any) -> None:
    with pytest.raises(SettingsError, match=r"\.mp4 cannot hold prores; use \.mov or \.mkv"):
        write(codec="prores")


def test_what_has_no_name_is_one_line() -> None:
    info = VideoInfo(Size(16, 16), Fraction(10))
    for path in (Path(), Path("/")):
        with pytest.raises(WriteError, match="names no output"):
            check_output(path, info=info, output=OutputSettings())


@pytest.mark.parametrize(
    ("name", "codec"), [("o.mp4", "h264"), ("o.mp4", "h265"), ("o.webm", "vp9"), ("o.mp4", "av1")]
)
def test_the_same_frames_become_the_same_video(write: Any, name: str, codec: str) -> None:
    size, random = Size(120, 160), np.random.default_rng(0)
    base = cv2.GaussianBlur(random.random((240, 320, 3), dtype=np.float32), (0, 0), 3)
    base = (base - base.min()) / np.ptp(base)
    pictures = [np.ascontiguousarray(base[i : i + 120, 2 * i : 2 * i + 160]) for i in range(24)]
    found = set()
    for _ in range(8):  # libx264 with AVX-512 made up to 5 of them in 40
        written = write(
            name, frames=24, size=size, pictures=pictures, codec=codec, speed="medium", overwrite=True
        )
        found.add(b"".join(frame.rgb.tobytes() for frame in read(written.path)))
    assert len(found) == 1


def test_a_folder_counts_from_any_number_in_names_of_its_own(write: Any) -> None:
    written = write("o", frames=3, frame_name="take%03d_b.png", first_number=998)
    names = sorted(path.name for path in written.path.iterdir())
    assert names == ["frames.json", "take1000_b.png", "take998_b.png", "take999_b.png"]
    assert [entry.file for entry in list_frames(written.path, None).frames] == [
        "take998_b.png",
        "take999_b.png",
        "take1000_b.png",
    ]
