"""What every FrameWriter promises, whichever file it makes."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.config.settings import OutputSettings
from dreamvid.errors import WriteError
from dreamvid.media.output.writer import open_writer
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.types import FrameWriter

ALL = ["o.mp4", "o.mov", "o.mkv", "o.webm", "o.gif", "o.apng", "o.webp", "o"]
SIZE = Size(32, 48)


def frame(index: int, time: Fraction | None = None, size: Size = SIZE) -> Frame:
    rgb = np.full((*size, 3), index / 20, np.float32)
    return Frame(index, index * Fraction(1, 24) if time is None else time, rgb)


def write_all(writer: FrameWriter, frames: list[Frame]) -> None:
    with writer:
        for each in frames:
            writer.write(each)


@pytest.fixture(params=ALL)
def writer(request: pytest.FixtureRequest, tmp_path: Path) -> FrameWriter:
    return open_writer(
        tmp_path / request.param,
        info=VideoInfo(SIZE, Fraction(24)),
        output=OutputSettings(speed="fast"),
    )


def test_nothing_is_written_before_it_is_entered(writer: FrameWriter, tmp_path: Path) -> None:
    assert writer is not None
    assert not list(tmp_path.iterdir())


def test_the_output_has_its_name_only_when_it_is_whole(writer: FrameWriter, tmp_path: Path) -> None:
    with writer as entered:
        for index in range(4):
            entered.write(frame(index))
            assert all(p.name.startswith(".") for p in tmp_path.iterdir())
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith("o")] == []
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_after_an_error_nothing_is_left_and_the_error_goes_on(
    writer: FrameWriter, tmp_path: Path, error: type[BaseException]
) -> None:
    def break_off() -> None:
        with writer:
            writer.write(frame(0))
            writer.write(frame(1))
            raise error

    with pytest.raises(error):
        break_off()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("time", [Fraction(1, 24), Fraction(0)])
def test_time_must_grow(writer: FrameWriter, tmp_path: Path, time: Fraction) -> None:
    with pytest.raises(WriteError, match="must grow"):
        write_all(writer, [frame(0), frame(1), frame(2, time)])
    assert not list(tmp_path.iterdir())


def test_no_frames_are_no_video(writer: FrameWriter, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="no frame"), writer:
        pass
    assert not list(tmp_path.iterdir())


def test_a_frame_of_another_size_is_refused(writer: FrameWriter, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="48x34"):
        write_all(writer, [frame(0), frame(1, size=Size(34, 48))])
    assert not list(tmp_path.iterdir())


def test_the_frames_handed_over_are_left_alone(writer: FrameWriter) -> None:
    given = frame(3)
    before = given.rgb.copy()
    with writer:
        writer.write(given)
    assert np.array_equal(given.rgb, before)
