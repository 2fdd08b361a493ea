"""``dreamvid activations`` with a network that finds red and vertical edges."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.cli.main import main
from dreamvid.config.settings import ModelSettings, OutputSettings
from dreamvid.media.output.writer import open_writer
from dreamvid.pipelines.build import build_reader, open_network
from dreamvid.pipelines.examples import strongest_patches_by_layer
from dreamvid.pipelines.options import RunOptions
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 24 frames a second of gray, with a red square of 13 px top left from frame 12 on."""
    path = tmp_path_factory.mktemp("clip") / "a 'red' square.mkv"
    with open_writer(
        path, info=VideoInfo(Size(60, 90), Fraction(24)), output=OutputSettings(codec="ffv1")
    ) as writer:
        for index in range(24):
            picture = np.full((60, 90, 3), 0.5, np.float32)
            if index >= 12:
                picture[6:19, 10:23] = 1.0, 0.0, 0.0
            writer.write(Frame(index, Fraction(index, 24), picture))
    return path


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as left:
        main(["activations", *(str(argument) for argument in arguments)])
    assert isinstance(left.value.code, int)
    return left.value.code


def read_json(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Any:
    assert run(*arguments, "--input-range", "0,1", "--json") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


def test_json_tells_channel_place_and_second(
    clip: Path, detectors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = read_json(capsys, detectors, clip, "--layers", "detectors")
    assert facts["model"] == detectors.name
    red, edges = facts["layers"][0]["channels"]
    assert (red["objective"], red["onsets"], red["seconds"]) == ("detectors#0", [0.5], 0.5)
    assert 10 <= red["x"] <= 22
    assert 6 <= red["y"] <= 18
    assert (edges["objective"], edges["onsets"]) == ("detectors#1", [0.5])
    assert abs(edges["x"] - 10) <= 2 or abs(edges["x"] - 23) <= 2


def test_classes_fire_by_their_logits(
    clip: Path, detectors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = read_json(capsys, detectors, clip, "--classes", "0")
    assert [layer["layer"] for layer in facts["layers"]] == ["logits"]
    (red,) = facts["layers"][0]["channels"]
    assert (red["objective"], red["label"], red["onsets"]) == ("class:0", "0", [0.5])
    assert red["strength"] == pytest.approx(13 * 13 / (60 * 90), rel=0.2)
    assert 10 <= red["x"] <= 22


def test_the_table_names_channels_as_objectives(
    clip: Path, detectors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(detectors, clip, "--input-range", "0,1", "--layers", "det*", "--channels", "0,") == 0
    out = capsys.readouterr().out
    assert "wakes at" in out
    assert "detectors#0" in out
    assert "0.50 s" in out
    assert "detectors#1" not in out


def test_mistakes_are_one_line(detectors: Path, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        ((detectors, clip, "--layers", "detector"), "did you mean 'detectors'"),
        ((detectors, clip.with_name("missing.mp4")), "missing.mp4"),
        ((detectors, detectors), detectors.name),
        ((detectors, clip, "--start", "99"), "lasts only"),
        ((detectors, clip, "--fps", "0"), "fps"),
        (("dreamnett", clip), "did you mean"),
    ):
        assert run(*arguments, "--quiet") == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert message in captured.err


def test_patches_of_the_clip_are_those_of_the_square(clip: Path, detectors: Path) -> None:
    model = ModelSettings(name=str(detectors), input_range="0,1")
    network = open_network(model, RunOptions(), with_classes=True)
    reader = build_reader(network, ["detectors", "logits"])
    found = strongest_patches_by_layer(clip, reader, {"detectors": [0, 1], "logits": [0]}, count=4, size=12)
    (red,), (edge,), (red_class,) = found["detectors"][0], found["detectors"][1], found["logits"][0]
    for example in (red, red_class):
        assert example.seconds == 0.5
        assert example.activation == pytest.approx(1.0, abs=0.02)
        np.testing.assert_allclose(example.patch[6, 6], (1.0, 0.0, 0.0), atol=0.05)
    assert edge.seconds == 0.5
    assert np.ptp(edge.patch[6, :, 1]) > 0.4
