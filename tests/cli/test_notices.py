"""Warnings of any module reach the user, once, whatever shows the progress."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest

from dreamvid.cli.main import main
from dreamvid.cli.notices import notices_to
from dreamvid.cli.progress import JsonLines, Lines
from dreamvid.pipelines import image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOGGER = logging.getLogger("dreamvid.media.somewhere")


def test_a_warning_is_a_note_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with notices_to(Lines()):
        LOGGER.warning("%s is interlaced", "a.mp4")
        LOGGER.info("not for the user")
        LOGGER.error("printed by the command itself")
    assert capsys.readouterr().err == "note: a.mp4 is interlaced\n"


def test_a_warning_is_a_json_event(capsys: pytest.CaptureFixture[str]) -> None:
    with notices_to(JsonLines()):
        LOGGER.warning("%s is interlaced", "a.mp4")
    assert json.loads(capsys.readouterr().err) == {"event": "notice", "text": "a.mp4 is interlaced"}


def test_repeats_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    with notices_to(Lines()) as handler:
        for tile in (512, 256):
            LOGGER.warning("tiles of %d px", tile)
            LOGGER.warning(f"out of memory ({tile} MB), {tile / 3:.2f} s lost")  # noqa: G004  a message without arguments
            LOGGER.warning("%s is interlaced", f"clip{tile}.mp4")
            LOGGER.warning("undreamed: %s", ValueError(f"no {tile} bytes"))
        for index in range(5):
            LOGGER.warning("frame %d is lost", index, extra={"repeats": 3})
        handler.repeats.clear()
        LOGGER.warning("tiles of %d px", 128)
    assert capsys.readouterr().err.splitlines() == [
        "note: tiles of 512 px",
        "note: out of memory (512 MB), 170.67 s lost",
        "note: clip512.mp4 is interlaced",
        "note: undreamed: no 512 bytes",
        "note: clip256.mp4 is interlaced",
        "note: frame 0 is lost",
        "note: frame 1 is lost",
        "note: frame 2 is lost",
        "note: tiles of 128 px",
    ]


def test_the_logger_is_left_as_it_was() -> None:
    logger = logging.getLogger("dreamvid")
    before = (list(logger.handlers), logger.level, logger.propagate)
    with notices_to(Lines()):
        assert not logger.propagate
    assert (logger.handlers, logger.level, logger.propagate) == before


@pytest.mark.parametrize("flags", [[], ["--progress", "json"], ["--quiet"]])
def test_a_command_shows_and_logs_a_warning_once(
    flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def dream_images(*_: object, **__: object) -> Iterator[None]:
        LOGGER.warning("something odd")
        LOGGER.warning("something odd")
        return iter(())

    monkeypatch.setattr(image, "dream_images", dream_images)
    log = tmp_path / "run.log"
    with pytest.raises(SystemExit) as left:
        main(["image", "x.png", "--log-file", str(log), *flags])
    assert left.value.code == 0
    assert capsys.readouterr().err.count("something odd") == (0 if "--quiet" in flags else 1)
    assert log.read_text(encoding="utf-8").count("WARNING something odd") == 1
