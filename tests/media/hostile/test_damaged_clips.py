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
    (verdict,) = read_all([good_clips[name]])
    assert (verdict.frames, verdict.sizes, verdict.error, verdict.notices) == (FRAMES, [[48, 64]], None, [])


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
    verdicts = read_all(paths, keep_going=keep_going)
    for path, verdict in zip(paths, verdicts, strict=True):
        told = f"{path.name}: {verdict}"
        assert verdict.kind is None or verdict.kind in REFUSALS, told
        assert verdict.error is None or (verdict.error.isprintable() and path.name in verdict.error), told
        assert verdict.seconds < SECONDS, told
        assert verdict.megabytes < MEGABYTES, told
        assert all(note.isprintable() for note in verdict.notices), told
        if verdict.error is None:
            # Demuxers pass over what they cannot read without a word, so fewer frames may come out.
            assert verdict.frames > 0, told
            assert len(verdict.sizes) == 1, told
    if count > 5:
        assert sum(verdict.error is None for verdict in verdicts) > 2
        assert sum(verdict.error is not None for verdict in verdicts) > 2
