"""Damaged clips: each is read as far as it goes, or refused in one line.

Good clips of ten kinds have bits flipped, bytes overwritten, stretches cut out, repeated and cut off, always in the
same way, and are read by processes of bounded memory that are watched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FRAMES = 12
SECONDS, MEGABYTES = 5.0, 1500.0
KINDS = (
    "h264.mp4",
    "h264.ts",
    "hevc.mkv",
    "ffv1.mkv",
    "vp9.webm",
    "prores.mov",
    "mpeg4.avi",
    "moving.gif",
    "moving.apng",
    "moving.webp",
)
REFUSALS = {"ReadError", "DamagedError", "SettingsError"}


@pytest.mark.parametrize("name", KINDS)
def test_what_is_damaged_is_whole_at_first(
    name: str, good_clips: dict[str, Path], read_all: Callable[..., list[Any]]
) -> None:
    (result,) = read_all([good_clips[name]])
    assert (result.frames, result.sizes, result.error, result.notices) == (FRAMES, [[48, 64]], None, [])


@pytest.mark.parametrize("count", [5, pytest.param(50, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("keep_going", [False, True])
@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_clip_is_read_or_refused_in_one_line(  # noqa: PLR0917  fixtures
    name: str,
    keep_going: bool,  # noqa: FBT001  both ways
    count: int,
    good_clips: dict[str, Path],
    damage: Callable[[bytes, str], bytes],
    read_all: Callable[..., list[Any]],
    tmp_path: Path,
) -> None:
    data, paths = good_clips[name].read_bytes(), []
    for number in range(count):
        paths.append(tmp_path / f"{number}.{name}")
        paths[-1].write_bytes(damage(data, f"{name}/{number}"))
    results = read_all(paths, keep_going=keep_going)
    for path, result in zip(paths, results, strict=True):
        message = f"{path.name}: {result}"
        assert result.kind is None or result.kind in REFUSALS, message
        assert result.error is None or (result.error.isprintable() and path.name in result.error), message
        assert result.seconds < SECONDS, message
        assert result.megabytes < MEGABYTES, message
        assert all(note.isprintable() for note in result.notices), message
        if result.error is None:
            # Demuxers pass over what they cannot read without a word, so fewer frames may come out.
            assert result.frames > 0, message
            assert len(result.sizes) == 1, message
    if count > 5:
        assert sum(result.error is None for result in results) > 2
        assert sum(result.error is not None for result in results) > 2
