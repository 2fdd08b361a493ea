"""Memory is checked before a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dreamvid.errors import SettingsError
from dreamvid.pipelines import memory
from dreamvid.types import Size

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("gigabytes", "warnings"), [(None, 0), (60, 0), (40, 1)])
def test_what_may_be_too_much_is_a_warning(
    gigabytes: int | None, warnings: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(memory, "machine_memory", lambda: gigabytes and gigabytes * 10**9)
    memory.check_memory("a.png", Size(16384, 16384), memory.STILL_BYTES)
    assert len(caplog.messages) == warnings
    assert all("16384x16384 take about 46.8 GB" in message for message in caplog.messages)


def test_what_is_twice_too_much_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "machine_memory", lambda: 23 * 10**9)
    with pytest.raises(SettingsError, match=r"a\.png: frames .* there are 23\.0 GB"):
        memory.check_memory("a.png", Size(16384, 16384), memory.STILL_BYTES)


def test_processes_that_share_a_video_take_as_much_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "machine_memory", lambda: 16 * 10**9)
    size = Size(2160, 3840)
    memory.check_memory("a.mp4", size, memory.VIDEO_BYTES)
    with pytest.raises(SettingsError, match=r"52\.1 GB of memory in 8 processes.*, or name fewer --devices"):
        memory.check_memory("a.mp4", size, memory.VIDEO_BYTES, 8)


def test_the_memory_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_CGROUP_LIMIT", tmp_path / "memory.max")
    everything = memory.machine_memory()
    (tmp_path / "memory.max").write_text("1000000\n", encoding="ascii")
    assert memory.machine_memory() == 1_000_000
    (tmp_path / "memory.max").write_text("max\n", encoding="ascii")
    assert memory.machine_memory() == everything
