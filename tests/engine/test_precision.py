"""The number format is chosen by what was measured, and remembered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import platformdirs
import pytest

from dreamvid.engine import precision
from dreamvid.engine.precision import FormatReport
from dreamvid.engine.runtime import DeviceInfo
from dreamvid.objective import parse

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.engine.network import Network

CPU = DeviceInfo("cpu", "a processor", xla=False, device="/CPU:0")


def report(name: str, seconds: float | None, cosine: float | None) -> FormatReport:
    return FormatReport(name, seconds, cosine, "")


@pytest.mark.parametrize(
    ("bfloat16", "float16", "chosen"),
    [
        ((0.5, 0.99), (None, None), "bfloat16"),
        ((0.5, 0.94), (None, None), "float32"),
        ((0.95, 0.99), (None, None), "float32"),
        ((0.5, 0.99), (0.4, 0.99), "float16"),
        ((0.5, 0.99), (0.4, 0.90), "bfloat16"),
        ((None, None), (2.0, 0.99), "float32"),
    ],
)
def test_fastest_format_that_can_be_trusted_is_chosen(bfloat16: Any, float16: Any, chosen: str) -> None:
    formats = [report("float32", 1.0, 1.0), report("bfloat16", *bfloat16), report("float16", *float16)]
    assert precision._decide(formats) == chosen


def test_measurement_holds_to_its_own_rules(dreamnet: Network, tmp_path: Path) -> None:
    found = precision.choose(dreamnet, ["mixed1"], device=CPU, cache=tmp_path / "sub" / "precision.json")
    formats = {item.precision: item for item in found.formats}
    assert list(formats) == ["float32", "bfloat16", "float16"]
    assert formats["float32"].seconds is not None
    assert formats["float32"].seconds > 0.0
    assert formats["float32"].cosine == 1.0
    chosen = formats[found.chosen]
    assert chosen.cosine is not None
    assert chosen.cosine >= precision.MIN_COSINE
    assert not found.cached
    again = precision.choose(dreamnet, ["mixed1"], device=CPU, cache=tmp_path / "sub" / "precision.json")
    assert again.cached
    assert (again.chosen, again.formats) == (found.chosen, found.formats)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Replace the measurement, and list what it was asked for."""
    asked: list[tuple[str, ...]] = []

    def measure(_network: Network, outputs: Any, batch: int, _side: int) -> tuple[FormatReport, ...]:
        asked.append(tuple(outputs) if batch == 1 else (*outputs, f"{batch} at once"))
        return report("float32", 1.0, 1.0), report("bfloat16", 0.5, 0.99)

    monkeypatch.setattr(precision, "_measure", measure)
    return asked


def test_each_network_output_and_device_is_measured_once(
    dreamnet: Network, tmp_path: Path, measured: list[Any]
) -> None:
    cache = tmp_path / "precision.json"
    other = DeviceInfo("cpu", "another processor", xla=False, device="/CPU:0")
    for _ in range(2):
        for outputs, device in ((["mixed1"], CPU), (["mixed2"], CPU), (["mixed1"], other)):
            assert precision.choose(dreamnet, outputs, device=device, cache=cache).chosen == "bfloat16"
        precision.choose(dreamnet, ["mixed1"], device=CPU, cache=cache, batch=16, side=96)
    assert measured == [("mixed1",), ("mixed2",), ("mixed1",), ("mixed1", "16 at once")]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"x": 1}', '{"KEY": {"formats": [{"precision": "float32"}]}}']
)
def test_damaged_cache_is_done_without(
    dreamnet: Network, tmp_path: Path, content: str, measured: list[Any]
) -> None:
    cache = tmp_path / "precision.json"
    cache.write_text(content.replace("KEY", precision._key(dreamnet, ["mixed1"], CPU, 1, 256)))
    assert not precision.choose(dreamnet, ["mixed1"], device=CPU, cache=cache).cached
    assert precision.choose(dreamnet, ["mixed1"], device=CPU, cache=cache).cached
    assert len(measured) == 1
    json.loads(cache.read_text())


def test_cache_that_cannot_be_written_is_no_error(
    dreamnet: Network, tmp_path: Path, measured: list[Any]
) -> None:
    (tmp_path / "file").write_text("")
    found = precision.choose(dreamnet, ["mixed1"], device=CPU, cache=tmp_path / "file" / "precision.json")
    assert found.chosen == "bfloat16"
    assert len(measured) == 1


@pytest.mark.usefixtures("measured")
def test_interrupted_write_leaves_the_cache_as_it_was(
    dreamnet: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "precision.json"
    precision.choose(dreamnet, ["mixed1"], device=CPU, cache=cache)
    before = cache.read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dump", full)
    assert precision.choose(dreamnet, ["mixed2"], device=CPU, cache=cache).chosen == "bfloat16"
    assert cache.read_bytes() == before
    assert list(tmp_path.iterdir()) == [cache]


def test_explicit_choice_is_not_measured(dreamnet: Network, measured: list[Any]) -> None:
    assert precision.resolve(dreamnet, parse("mixed1"), "float16", CPU) == "float16"
    assert not measured


def test_needed_outputs_are_the_layers_of_the_terms_once_each(dreamnet: Network) -> None:
    objective = parse("mixed1, mixed2#3:0.5, class:5, mixed1#2, guide:a.jpg@mixed3")
    assert precision.needed_outputs(objective, dreamnet) == ("mixed1", "mixed2", "logits", "mixed3")


def test_diagnosis_says_what_was_chosen_and_why(
    dreamnet: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: list[Any]
) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path))
    facts = precision.diagnose(dreamnet, ["mixed1"], CPU)
    assert facts["precision"] == "bfloat16"
    assert facts["precision_formats"]["bfloat16"].startswith("500.0 ms a step, gradient cosine 0.9900")
    assert facts["device"] == "cpu: a processor"
    assert facts["keras"]
    assert len(measured) == 1


def test_cosine_of_a_gradient_that_overflowed_is_zero() -> None:
    assert precision._cosine(np.array([np.inf, 1.0]), np.ones(2)) == 0.0
    assert precision._cosine(np.zeros(2), np.ones(2)) == 0.0
    assert precision._cosine(np.array([1.0, 1.0]), np.array([2.0, 2.0])) == pytest.approx(1.0)
