"""The run of a training: its length, checkpoints, going on, and what it leaves alone; with a trainer of numbers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PIL import Image

from dreamvid.config.gan import GanTrainingSettings
from dreamvid.errors import DreamvidError, EngineError, WorkError, WriteError
from dreamvid.gan_file import LOG, open_gan
from dreamvid.pipelines.gan import training
from dreamvid.pipelines.gan.checkpoint import Checkpoint
from dreamvid.pipelines.gan.log import from_csv, to_csv
from dreamvid.pipelines.gan.request import TrainingRequest
from dreamvid.pipelines.gan.training import train_gan
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.progress import NullProgress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from dreamvid.gan_file import GanSettings


class SummingTrainer:
    """Adds up what it sees, so that its state tells which pictures came at which step."""

    loss = 0.5

    def __init__(self, settings: GanSettings) -> None:
        self._settings = settings
        self._sum = np.zeros(1)

    def step(self, codes: NDArray[np.uint8], number: int) -> tuple[float, ...]:
        self._sum = self._sum * 0.9 + codes.astype(float).sum() * (number + 1)
        return (self.loss, 0.7, 1.0, -1.0, number / 1000)

    def generate(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        size = self._settings.size
        return np.full((len(latents), size, size, self._settings.channels), 0.25, np.float32)

    def generator_bytes(self) -> bytes:
        return b"generator"

    discriminator_bytes = generator_bytes

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"sum": self._sum}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._sum = arrays["sum"]


class StopAt(NullProgress):
    """Raises at a step, as a kill would end the run there."""

    def __init__(self, step: int) -> None:
        self._step = step

    def frame(self, index: int) -> None:
        if index + 1 == self._step:
            raise SystemError


@pytest.fixture(autouse=True)
def _numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "build_gan_trainer", lambda settings, _: SummingTrainer(settings))
    monkeypatch.setattr(training, "write_training_chart", lambda path, rows: path.write_text(str(len(rows))))
    monkeypatch.setattr(training, "ROW_STEPS", 5)
    monkeypatch.setattr(training, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(training, "_MEASURED_SECONDS", 0.001)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of 20 pictures."""
    path = tmp_path / "pictures"
    path.mkdir()
    for index, picture in enumerate(np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), np.uint8)):
        cv2.imwrite(str(path / f"{index:02d}.png"), picture)
    return path


def train(folder: Path, output: Path, steps: int | None = 23, **options: Any) -> training.TrainingResult:
    settings = GanTrainingSettings(size=16, **options.pop("settings", {}))
    request = TrainingRequest(folder, settings, minutes=options.pop("minutes", None), steps=steps)
    return train_gan(request, output, RunOptions(**options))


def state(path: Path) -> list[float]:
    numbers: list[float] = open_gan(path).arrays()["sum"].tolist()
    return numbers


def test_a_training_leaves_a_gan_a_preview_and_a_chart(folder: Path, tmp_path: Path) -> None:
    result = train(folder, tmp_path / "some.gan")
    settings = open_gan(tmp_path / "some.gan").settings
    assert (settings.steps, settings.pictures_seen, settings.pictures) == (23, 23 * 16, 20)
    assert (settings.size, settings.channels, settings.source) == (16, 3, "pictures")
    assert settings.mapping == 2
    assert "trained 23 steps of 16 pictures (18.4 passes)" in result.line()
    json.dumps(result.report())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "pictures",
        "some.gan",
        "some.preview.png",
        "some.training.png",
    ]
    with Image.open(tmp_path / "some.preview.png") as sheet:
        assert sheet.size == (8 * 132 - 4, 6 * 132 - 4)
        assert sheet.getpixel((5, 5)) == (64, 64, 64)


def test_the_log_has_a_row_for_some_steps_and_one_for_the_rest(folder: Path, tmp_path: Path) -> None:
    train(folder, tmp_path / "some.gan")
    data = open_gan(tmp_path / "some.gan").read(LOG)
    rows = from_csv(data)
    assert [row["step"] for row in rows] == [5, 10, 15, 20, 23]
    assert rows[1]["discriminator_loss"] == 0.5
    assert rows[1]["strength"] == 0.009
    assert to_csv(rows) == data


@pytest.mark.parametrize("step", [1, 4, 5, 6, 17])
def test_a_training_that_was_cut_off_ends_like_the_uncut_one(folder: Path, tmp_path: Path, step: int) -> None:
    train(folder, tmp_path / "uncut.gan")
    with pytest.raises(SystemError):
        train(folder, tmp_path / "cut.gan", progress=StopAt(step))
    result = train(folder, tmp_path / "cut.gan")
    assert result.resumed_at == (step - 1) // 5 * 5
    assert state(tmp_path / "cut.gan") == state(tmp_path / "uncut.gan")
    uncut, cut = (from_csv(open_gan(tmp_path / f"{name}.gan").read(LOG)) for name in ("uncut", "cut"))
    assert [row["step"] for row in uncut] == [row["step"] for row in cut]


def test_more_steps_go_on_with_a_finished_training(folder: Path, tmp_path: Path) -> None:
    train(folder, tmp_path / "long.gan", 30)
    train(folder, tmp_path / "some.gan", 10)
    assert "has 10 steps already" in train(folder, tmp_path / "some.gan", 10).line()
    assert train(folder, tmp_path / "some.gan", 30).resumed_at == 10
    assert state(tmp_path / "some.gan") == state(tmp_path / "long.gan")


def test_minutes_count_over_all_runs(folder: Path, tmp_path: Path) -> None:
    train(folder, tmp_path / "some.gan", None, minutes=0.002)
    first = open_gan(tmp_path / "some.gan").settings
    assert first.seconds >= 0.12
    assert train(folder, tmp_path / "some.gan", None, minutes=0.002).resumed_at == first.steps
    train(folder, tmp_path / "some.gan", None, minutes=0.004)
    assert open_gan(tmp_path / "some.gan").settings.seconds >= 0.24


def test_an_interruption_keeps_all_steps_and_says_how_to_go_on(folder: Path, tmp_path: Path) -> None:
    from contextlib import nullcontext  # noqa: PLC0415  only here

    asked = iter([False] * 7 + [True] * 9)
    with pytest.raises(KeyboardInterrupt, match=r"7 steps are kept in .*some\.gan; go on with: dreamvid gan"):
        train(
            folder,
            tmp_path / "some.gan",
            interruptible=lambda: nullcontext(lambda: next(asked)),
            command=("dreamvid", "gan", "train"),
        )
    train(folder, tmp_path / "some.gan")
    train(folder, tmp_path / "uncut.gan")
    assert state(tmp_path / "some.gan") == state(tmp_path / "uncut.gan")


def test_what_will_be_seen_is_told_before(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(folder, tmp_path / "some.gan")
    assert "pictures: 20 pictures of 16 px, 20 of them clearly different" in caplog.text
    assert "23 steps of 16 pictures, 18 passes over them" in caplog.text
    assert "only 20 pictures are clearly different" in caplog.text


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"width": 16}, "begun with width 48, not 16"), ({"seed": 1}, "begun with seed 0, not 1")],
)
def test_another_training_is_not_overwritten(
    folder: Path, tmp_path: Path, settings: dict[str, int], message: str
) -> None:
    output = tmp_path / "some.gan"
    train(folder, output, 5)
    before = output.read_bytes()
    with pytest.raises(WorkError, match=message):
        train(folder, output, settings=settings)
    (folder / "00.png").unlink()
    with pytest.raises(WorkError, match="begun with other pictures"):
        train(folder, output)
    assert output.read_bytes() == before
    assert train(folder, output, settings=settings, fresh=True).resumed_at == 0


def test_two_runs_do_not_train_the_same_gan(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "some.gan"
    train(folder, output, 5)
    with (
        Checkpoint(output, open_gan(output).settings, fresh=False),
        pytest.raises(WorkError, match="another run is training it"),
    ):
        train(folder, output)


def test_a_file_that_is_no_gan_stays(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "some.gan"
    output.write_bytes(b"something else")
    for fresh in (False, True):
        with pytest.raises(WriteError, match="is damaged or something else"):
            train(folder, output, fresh=fresh)
    assert output.read_bytes() == b"something else"
    train(folder, output, fresh=True, confirm_overwrite=lambda _: True)
    assert open_gan(output).settings.steps == 23


def test_a_picture_of_the_preview_s_name_stays(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "some.preview.png").write_bytes(b"mine")
    with pytest.raises(WriteError, match=r"some\.preview\.png exists; use --yes"):
        train(folder, tmp_path / "some.gan")
    assert (tmp_path / "some.preview.png").read_bytes() == b"mine"
    assert not (tmp_path / "some.gan").exists()


@pytest.mark.parametrize("name", ["some.zip", "missing/some.gan"])
def test_an_output_that_cannot_be_is_an_error_before_anything_is_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(WriteError):
        train(tmp_path / "no such source", tmp_path / name)


def test_a_training_that_diverges_keeps_the_last_checkpoint(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(folder, tmp_path / "some.gan", 10)
    monkeypatch.setattr(SummingTrainer, "loss", float("nan"))
    with pytest.raises(EngineError, match=r"diverged at step 15; .* holds step 10"):
        train(folder, tmp_path / "some.gan")
    assert open_gan(tmp_path / "some.gan").settings.steps == 10


def test_no_length_is_an_error(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DreamvidError, match="--minutes or --steps"):
        train(folder, tmp_path / "some.gan", None)
