"""``dreamvid gan walk``: what switches the dream on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dreamvid.cli.main import main
from dreamvid.pipelines.result import RunResult
from dreamvid.pipelines.walk import run as run_module
from dreamvid.types import Size

if TYPE_CHECKING:
    from dreamvid.config.preset import Preset


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Preset]:
    """Collect the presets of walks instead of making them."""
    presets: list[Preset] = []
    output = tmp_path / "walk.mp4"
    output.write_bytes(b"")

    def collect(_: Path | None, preset: Preset, *__: object) -> RunResult:
        presets.append(preset)
        return RunResult(Path("a.gan"), output, 1, 1.0, Size(2, 2))

    monkeypatch.setattr(run_module, "run_walk", collect)
    return presets


@pytest.mark.parametrize(
    ("options", "dream"),
    [
        ("--seeds 1,5 --width 320", False),
        ("--dream", True),
        ("--objective mixed3", True),
        ("--model vgg16", True),
        ("--strength 0.5", True),
        ("--preset fever", True),
        ("--preset fever --set walk.dream=false", False),
        ("--objective mixed3 --set walk.dream=false", False),
    ],
)
def test_a_walk_is_dreamed_where_something_is_said_for_that(
    walked: list[Preset], options: str, *, dream: bool
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["gan", "walk", "a.gan", *options.split()])
    assert ended.value.code == 0
    assert walked[0].walk.dream == dream
    assert walked[0].pipeline == "walk"


@pytest.mark.parametrize(
    ("options", "warned"), [("--steps 9", True), ("--steps 9 --dream", False), ("--seed 9", False)]
)
def test_options_of_a_dream_that_is_off_are_warned_of(
    walked: list[Preset], capsys: pytest.CaptureFixture[str], options: str, *, warned: bool
) -> None:
    with pytest.raises(SystemExit):
        main(["gan", "walk", "a.gan", *options.split()])
    assert len(walked) == 1
    assert ("add --dream" in capsys.readouterr().err) == warned


def test_a_preset_of_trips_is_no_look_for_walks(
    walked: list[Preset], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["gan", "walk", "a.gan", "--preset", "flight"])
    assert not walked
    assert "is for zoom trips; use it with 'dreamvid zoom'" in capsys.readouterr().err
