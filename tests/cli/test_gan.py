"""``dreamvid gan train``: what it asks of the training, and wrong calls, each one line."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dreamvid.cli.main import main
from dreamvid.pipelines.gan import training

if TYPE_CHECKING:
    from dreamvid.pipelines.gan.request import TrainingRequest
    from dreamvid.pipelines.options import RunOptions


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class AskedError(Exception):
    """Carries what a training was asked for."""

    def __init__(self, request: TrainingRequest, output: Path) -> None:
        super().__init__()
        self.request, self.output = request, output


def asked(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> AskedError:
    """Return what the command asks of the training."""

    def train(request: TrainingRequest, output: Path, _: RunOptions) -> None:
        raise AskedError(request, output)

    monkeypatch.setattr(training, "train_gan", train)
    with pytest.raises(AskedError) as caught:
        main(["gan", "train", *arguments, "--traceback"])
    return caught.value


def test_ten_minutes_are_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(monkeypatch, "clips/clip.mp4")
    assert (found.request.minutes, found.request.steps) == (10.0, None)
    assert found.output == Path("clips/clip.gan")


def test_steps_alone_have_no_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, "digits", "--steps", "500").request.minutes is None
    both = asked(monkeypatch, "digits", "--steps", "500", "--minutes", "1/2").request
    assert (both.minutes, both.steps) == (0.5, 500)


def test_settings_and_the_part_of_a_video_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(
        monkeypatch, "a.mp4", "-o", "b.gan", "--size", "32", "--seed", "7", "--set", "width=8",
        "--set", "batch=4", "--start", "1:05", "--duration", "2.5",
    )  # fmt: skip
    settings = found.request.settings
    assert (settings.size, settings.seed, settings.width, settings.batch) == (32, 7, 8, 4)
    assert (found.request.start, found.request.duration) == (Fraction(65), Fraction(5, 2))
    assert found.output == Path("b.gan")


def test_a_folder_with_a_dot_keeps_its_whole_name(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("my.pictures").mkdir()
    assert asked(monkeypatch, "my.pictures").output == Path("my.pictures.gan")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.mp4"], "no such file: nothing.mp4"),
        (["digits", "--size", "48"], "--size: must be 16, 32 or 64, not '48'"),
        (["digits", "--minutes", "0"], "--minutes: must be a number above 0"),
        (["digits", "--minutes", "nan"], "--minutes: must be a number above 0"),
        (["digits", "--steps", "-1"], "--steps: must be a number from 1"),
        (["digits", "--seed", "x"], "--seed: must be a whole number"),
        (["digits", "--set", "depth=3"], "--set depth: there is no such setting"),
        (["digits", "-o", "some.zip"], "name it so"),
        (["digits", "-o", "nowhere/some.gan"], "the folder nowhere does not exist"),
        (["digits", "--start", "3"], "--start and --duration are for videos"),
    ],
)
def test_a_wrong_call_is_an_error_of_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["gan", "train", *arguments])
    error = capsys.readouterr().err
    assert caught.value.code == 1
    assert message in error
    assert error.count("\n") == 1
    assert not list(Path().iterdir())
