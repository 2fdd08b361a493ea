"""Masks over whole runs: files, time, luma, motion, and the source untouched outside."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

import av
import cv2
import numpy as np
import pytest
import tifffile

from dreamvid.config.preset import Preset
from dreamvid.config.settings import OutputSettings
from dreamvid.errors import DreamvidError, ReadError, SettingsError
from dreamvid.flow.stabilizer import IndependentFrames
from dreamvid.media.input import decoder
from dreamvid.media.input.source import open_source
from dreamvid.media.output.writer import open_writer
from dreamvid.media.still.reader import Still, read_still
from dreamvid.media.still.writer import write_still
from dreamvid.pipelines.api import dream, dream_image
from dreamvid.pipelines.frame_loop import dream_video
from dreamvid.pipelines.frame_task import FrameTask
from dreamvid.pipelines.masks import Masks, open_masks
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.video import dream_file
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from dreamvid.types import RGB, Alpha, Mask

SIZE = Size(48, 80)  # of the fixture's clip
RATE = Fraction(12000, 1001)
BIG = Size(120, 160)


def masks(rate: Fraction | None = RATE, **mask: Any) -> Masks:
    values = {"feather": 0, **mask}
    start = values.pop("start", 0)
    found = open_masks(Preset.build({"mask": values, "input": {"start": start}}), rate=rate)
    assert found is not None
    return found


def write(path: Path, mask: Mask, alpha: Alpha | None = None) -> str:
    write_still(path, Still(np.repeat(mask[..., None], 3, axis=2), alpha), metadata={}, overwrite=True)
    return str(path)


def left(size: Size = SIZE) -> Mask:
    mask = np.zeros(size, np.float32)
    mask[:, : size.width // 2] = 1.0
    return mask


def film(
    path: Path, shades: Sequence[float], rate: Fraction = Fraction(10), alpha: Sequence[float] | None = None
) -> str:
    """Write a video, or a folder of PNGs, of plain frames."""
    info = VideoInfo(SIZE, rate, frames=len(shades), has_alpha=alpha is not None)
    codec = OutputSettings(codec="auto" if not path.suffix else "ffv1")
    writer = open_writer(path, info=info, output=codec, streams_from=None, metadata={})
    with writer:
        for i, shade in enumerate(shades):
            opaque = None if alpha is None else np.full(SIZE, alpha[i], np.float32)
            rgb = np.full((*SIZE, 3), shade, np.float32)
            writer.write(Frame(i, i / rate, rgb, opaque, 1 / rate))
    return str(path)


def frames(count: int, rate: Fraction = Fraction(10)) -> list[FrameTask]:
    rgb = np.full((*SIZE, 3), 0.5, np.float32)
    return [FrameTask(Frame(i, i / rate, rgb), rgb, starts_shot=i == 0) for i in range(count)]


def shades(found: Iterable[FrameTask]) -> list[float]:
    result = []
    for item in found:
        assert item.mask is not None
        assert item.mask.shape == SIZE
        result.append(round(float(item.mask.mean()), 2))
    return result


def read(path: Path) -> list[RGB]:
    return [frame.rgb for frame in open_source(path)]


# Files


def test_off_is_no_mask() -> None:
    assert open_masks(Preset(), rate=RATE) is None


def test_white_is_where_dreams_show_and_inverting_turns_it_round(tmp_path: Path) -> None:
    name = write(tmp_path / "m.png", left())
    plain, inverted = (
        masks(source=name, invert=i).of_still(np.zeros((*SIZE, 3), np.float32)) for i in (0, 1)
    )
    assert np.array_equal(plain, left())
    assert np.array_equal(inverted, 1.0 - left())


def test_the_feather_lies_inside_of_the_inverted_mask_too(tmp_path: Path) -> None:
    name = write(tmp_path / "m.png", left())
    soft = masks(source=name, feather=8, invert=True).of_still(np.zeros((*SIZE, 3), np.float32))
    assert (soft[:, :40] == 0.0).all()
    assert (np.diff(soft[20, 39:48]) > 0.0).all()
    assert (soft[:, 48:] == 1.0).all()


def test_transparency_overrules_luma(tmp_path: Path) -> None:
    picture = np.zeros((*SIZE, 3), np.float32)
    clear = masks(source=write(tmp_path / "clear.png", 1.0 - left(), left())).of_still(picture)
    opaque = write(tmp_path / "opaque.png", 1.0 - left(), np.ones(SIZE, np.float32))
    assert np.array_equal(clear, left())
    assert np.array_equal(masks(source=opaque).of_still(picture), 1.0 - left())


@pytest.mark.parametrize(
    ("own", "expected"),
    [(Size(24, 40), 1 / 2), (Size(96, 160), 1 / 2), (Size(48, 160), 1 / 2), (Size(96, 80), 1 / 2)],
    ids=["smaller", "larger", "wider", "higher"],
)
def test_a_mask_of_another_size_covers_the_frame(tmp_path: Path, own: Size, expected: float) -> None:
    found = masks(source=write(tmp_path / "m.png", left(own))).of_still(np.zeros((*SIZE, 3), np.float32))
    assert found.shape == SIZE
    assert found.mean() == pytest.approx(expected, abs=0.02)


def test_a_video_is_taken_by_time_and_its_last_frame_holds(tmp_path: Path) -> None:
    name = film(tmp_path / "m.mkv", [0.0, 1.0, 0.0, 0.5])
    assert shades(masks(source=name).over(frames(6))) == [0.0, 1.0, 0.0, 0.5, 0.5, 0.5]
    assert shades(masks(source=name).over(frames(8, Fraction(20)))) == [0, 0, 1, 1, 0, 0, 0.5, 0.5]
    assert shades(masks(source=name).over(frames(3, Fraction(5)))) == [0.0, 0.0, 0.5]


def test_a_run_can_be_begun_again(tmp_path: Path) -> None:
    found = masks(source=film(tmp_path / "m.mkv", [0.0, 1.0]))
    assert shades(found.over(frames(2))) == shades(found.over(frames(2))) == [0.0, 1.0]


@pytest.mark.parametrize(
    ("name", "codec"), [("m.mkv", "ffv1"), ("m.mp4", "h264"), ("m", "auto"), ("m.webp", "auto")]
)
@pytest.mark.parametrize("start", [0, 1.25])
def test_a_run_that_begins_later_has_the_same_masks_and_seeks_them(
    tmp_path: Path, name: str, codec: str, start: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate, count = Fraction(25), 120
    info = VideoInfo(SIZE, rate, frames=count)
    output = OutputSettings.model_validate({"codec": codec})
    with open_writer(tmp_path / name, info=info, output=output, streams_from=None, metadata={}) as writer:
        for i in range(count):
            picture = np.zeros((*SIZE, 3), np.float32)
            picture[:, : 8 + i // 2] = 1.0
            writer.write(Frame(i, i / rate, picture, duration=1 / rate))
    tasks = frames(150, Fraction(30))
    found = masks(rate, source=str(tmp_path / name), start=start)
    straight = [task.mask for task in found.over(tasks)]
    sought: list[Fraction] = []
    read = decoder.read_container

    def read_container(*arguments: Any, after: Fraction = Fraction(0), **options: Any) -> Any:
        sought.append(after)
        return read(*arguments, after=after, **options)

    monkeypatch.setattr("dreamvid.media.input.source.read_container", read_container)
    for first in (1, 60, 100, 149):
        later = [task.mask for task in found.over(tasks[first:])]
        np.testing.assert_array_equal(later, straight[first:])
    if name in {"m.mkv", "m.mp4"}:
        assert max(sought) > tasks[149].frame.pts
        assert min(sought) > 0


@pytest.mark.parametrize(("start", "expected"), [("0.2", [0.0, 0.5, 0.5]), ("9", [0.5] * 3)])
def test_a_video_runs_along_with_a_source_that_is_cut(
    tmp_path: Path, start: str, expected: list[float]
) -> None:
    name = film(tmp_path / "m.mkv", [1.0, 1.0, 0.0, 0.5])
    assert shades(masks(source=name, start=start).over(frames(3))) == expected


def test_a_folder_runs_at_the_rate_of_the_source(tmp_path: Path) -> None:
    folder = tmp_path / "masks"
    folder.mkdir()
    for index in range(4):
        write(folder / f"{index}.png", np.full(SIZE, index % 2, np.float32))
    assert shades(masks(Fraction(10), source=str(folder)).over(frames(4))) == [0.0, 1.0, 0.0, 1.0]
    timed = film(tmp_path / "timed", [0.0, 1.0], Fraction(5))
    assert shades(masks(Fraction(10), source=timed).over(frames(4))) == [0.0, 0.0, 1.0, 1.0]


def test_a_video_with_transparency_masks_by_its_alpha(tmp_path: Path) -> None:
    name = film(tmp_path / "m.mkv", [1.0, 1.0, 1.0], alpha=[0.0, 1.0, 0.5])
    assert shades(masks(source=name).over(frames(3))) == [0.0, 1.0, 0.5]


def test_a_video_gives_a_still_its_first_frame(tmp_path: Path) -> None:
    found = masks(None, source=film(tmp_path / "m.mkv", [0.5, 1.0]), start="0.1")
    assert np.allclose(found.of_still(np.zeros((*SIZE, 3), np.float32)), 0.5, atol=0.01)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("nowhere.png", ""), ("luna", "(did you mean 'luma'?)"), ("Motion", "(did you mean 'motion'?)")],
)
def test_a_mask_that_is_not_there_is_one_line(tmp_path: Path, name: str, hint: str) -> None:
    with pytest.raises(ReadError) as caught:
        masks(source=str(tmp_path / name) if "." in name else name)
    assert str(caught.value).startswith("mask.source: no such file: ")
    assert str(caught.value).endswith(hint or name)
    assert "\n" not in str(caught.value)


def test_a_mask_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    broken, text = tmp_path / "broken.png", tmp_path / "notes.txt"
    write(broken, np.random.default_rng(0).random(SIZE, dtype=np.float32))
    broken.write_bytes(broken.read_bytes()[:200])
    text.write_text("a mask", encoding="utf-8")
    for path in (broken, text, tmp_path):
        with pytest.raises(ReadError, match=r"^mask\.source: .*") as caught:
            masks(source=str(path))
        assert "\n" not in str(caught.value)


def test_a_tiff_that_pillow_does_not_open_is_a_mask(tmp_path: Path) -> None:
    codes = (np.dstack([1.0 - left(), left()]) * 65535).astype(np.uint16)
    tifffile.imwrite(tmp_path / "m.tif", codes, photometric="minisblack", extrasamples=["unassalpha"])
    found = masks(source=str(tmp_path / "m.tif")).of_still(np.zeros((*SIZE, 3), np.float32))
    assert np.array_equal(found, left())


# Luma


def test_luma_follows_each_frame() -> None:
    items = frames(3)
    bright = np.ones((*SIZE, 3), np.float32)
    items[1] = FrameTask(Frame(1, Fraction(1, 10), bright), bright)
    assert shades(masks(source="luma").over(items)) == [0.5, 1.0, 0.5]


# Motion


def scene(shift: int = 0) -> RGB:
    """Return a textured square before a textured ground, ``shift`` px to the right."""
    rng = np.random.default_rng(1)
    ground = cv2.GaussianBlur(rng.random((*BIG, 3), dtype=np.float32), (0, 0), 2)
    square = cv2.GaussianBlur(rng.random((40, 40, 3), dtype=np.float32), (0, 0), 1)
    ground[40:80, 20 + shift : 60 + shift] = 0.5 + 2.0 * (square - 0.5)
    return np.asarray(np.clip(ground, 0.0, 1.0), np.float32)


def shown(pictures: Sequence[RGB], cuts: Sequence[int] = (0,)) -> list[FrameTask]:
    grown = [Frame(i, Fraction(i, 12), picture) for i, picture in enumerate(pictures)]
    return [FrameTask(frame, frame.rgb, starts_shot=frame.index in cuts) for frame in grown]


def moving(items: Iterable[FrameTask]) -> list[tuple[float, float]]:
    """Return how far masks cover the square's place, and the ground far from it."""
    result = []
    for item in masks(source="motion").over(items):
        assert item.mask is not None
        result.append((float(item.mask[50:70, 40:60].mean()), float(item.mask[:, 110:].max())))
    return result


def test_what_moves_is_found_from_the_first_frame_on() -> None:
    found = moving(shown([scene(2 * i) for i in range(9)]))
    assert len(found) == 9
    for inside, outside in found:
        assert inside > 0.9
        assert outside < 0.01


def test_a_cut_is_no_motion_and_no_gap() -> None:
    other = scene()[::-1, ::-1].copy()
    still = moving(shown([scene(0), scene(2), scene(4), *[other] * 9], cuts=(0, 3)))
    assert [inside > 0.9 for inside, _ in still] == [True] * 3 + [False] * 9
    assert still[3:] == [(0.0, 0.0)] * 9


def test_repeated_pictures_do_not_blink_and_a_frozen_one_fades() -> None:
    on_twos = [inside for inside, _ in moving(shown([scene(4 * (i // 2)) for i in range(10)]))]
    assert min(on_twos) > 0.7
    assert min(on_twos[1:-1]) > 0.95
    frozen = [inside for inside, _ in moving(shown([*(scene(2 * i) for i in range(5)), *[scene(8)] * 7]))]
    assert min(frozen[:3]) > 0.9
    assert (np.diff(frozen[3:9]) <= 0.0).all()
    assert frozen[8:] == [0.0] * 4


def test_a_shot_of_one_frame_does_not_move() -> None:
    pictures = [scene(0), scene(2), scene(4)]
    assert moving(shown(pictures, cuts=(0, 1, 2))) == [(0.0, 0.0)] * 3


def test_three_frames_on_either_side_are_all_that_matters() -> None:
    pictures = [scene(2 * i) for i in range(14)]
    whole = list(masks(source="motion").over(shown(pictures)))
    later = list(masks(source="motion").over(shown(pictures, cuts=())[4:]))
    for one, other in zip(whole[7:], later[3:], strict=True):
        assert one.mask is not None
        assert other.mask is not None
        assert np.array_equal(one.mask, other.mask)


def test_at_most_three_frames_are_held_back() -> None:
    taken = 0

    def items() -> Iterator[FrameTask]:
        nonlocal taken
        for item in shown([scene(2 * i) for i in range(8)]):
            taken += 1
            yield item

    for given, _ in enumerate(masks(source="motion").over(items())):
        assert taken <= given + 4


def test_motion_shows_through_the_whole_loop() -> None:
    class Shot:
        info = VideoInfo(BIG, Fraction(12))

        def __iter__(self) -> Iterator[Frame]:
            return iter([item.frame for item in shown([scene(2 * i) for i in range(4)])])

    class White:
        def dream(self, image: RGB, **_: object) -> RGB:
            return np.ones_like(image)

    class Collect:
        def __init__(self) -> None:
            self.frames: list[Frame] = []

        def __enter__(self) -> Self:
            return self

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            pass

        def write(self, frame: Frame) -> None:
            self.frames.append(frame)

    writer = Collect()
    dream_video(Shot(), White(), IndependentFrames(), writer, masks=masks(source="motion"))
    for written, source in zip(writer.frames, Shot(), strict=True):
        assert written.rgb[50:70, 40:60].mean() > 0.95
        assert np.array_equal(written.rgb[:, 110:], source.rgb[:, 110:])


# Whole files


@pytest.mark.e2e
@pytest.mark.parametrize("dream_width", [None, 40])
def test_outside_of_the_mask_the_video_is_its_source_bit_for_bit(
    clip: Path, quick: Preset, dream_width: int | None
) -> None:
    mask = write(clip.with_name("m.png"), left())
    preset = quick.override({"mask.source": mask, "output.codec": "ffv1", "output.dream_width": dream_width})
    output = clip.with_name("out.mkv")
    dream_file(clip, output, preset, RunOptions(device="cpu"))
    pairs = list(zip(read(clip), read(output), strict=True))
    assert len(pairs) == 10
    for source, dreamed in pairs:
        assert np.array_equal(source[:, 40:], dreamed[:, 40:])
        assert np.abs(source[:, :32] - dreamed[:, :32]).mean() > 0.002
    with av.open(str(output)) as container:
        embedded = json.loads(container.metadata["DREAMVID"])
    assert embedded["settings"]["mask"]["source"] == "m.png"
    assert embedded["files"]["mask"]["name"] == "m.png"
    assert len(embedded["files"]["mask"]["fingerprint"]) == 32
    assert str(clip.parent) not in container.metadata["DREAMVID"]


@pytest.mark.e2e
def test_a_mask_video_switches_the_dream_on_and_off(clip: Path, quick: Preset) -> None:
    mask = film(clip.with_name("m.mkv"), [0.0] * 5 + [1.0] * 5, RATE)
    output = clip.with_name("out.mkv")
    preset = quick.override({"mask.source": mask, "output.codec": "ffv1"})
    dream_file(clip, output, preset, RunOptions(device="cpu"))
    same = [np.array_equal(s, d) for s, d in zip(read(clip), read(output), strict=True)]
    assert same == [True] * 5 + [False] * 5


def test_a_bad_mask_leaves_nothing_behind(clip: Path, quick: Preset) -> None:
    with pytest.raises(DreamvidError, match=r"^mask\.source"):
        dream_file(clip, None, quick.override({"mask.source": "lumaa"}), RunOptions())
    assert [path.name for path in clip.parent.iterdir()] == ["clip.mp4"]


@pytest.mark.e2e
def test_a_still_is_masked_and_blended(tmp_path: Path, quick: Preset) -> None:
    source = tmp_path / "in.png"
    rgb = np.random.default_rng(0).random((*SIZE, 3), dtype=np.float32)
    write_still(source, Still(rgb), metadata={}, overwrite=True)
    mask = write(tmp_path / "m.png", left())
    preset = quick.override({"mask.source": mask, "look.blend": "darken"})
    outcome = dream_image(source, tmp_path / "out.png", preset, device="cpu")
    before, after = read_still(source).rgb, read_still(outcome.output).rgb
    assert np.array_equal(before[:, 40:], after[:, 40:])
    assert (after <= before + 1e-6).all()
    assert (after[:, :32] < before[:, :32]).any()


def test_a_still_has_no_motion(tmp_path: Path, quick: Preset) -> None:
    source = tmp_path / "in.png"
    write(source, left())
    preset = quick.override({"mask": "motion"})
    with pytest.raises(SettingsError, match=r"^mask\.source: motion needs a video") as caught:
        dream_image(source, None, preset, device="cpu")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]
    with pytest.raises(SettingsError, match="motion needs a video"):
        dream(np.zeros((*SIZE, 3), np.float32), preset)
