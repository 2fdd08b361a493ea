"""Where memory is short, a picture is cut smaller, and comes out the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.preset import AscentSettings, OctaveSettings, RunSettings
from dreamvid.engine import gradient as gradients
from dreamvid.engine.dreamer import DreamEngine
from dreamvid.engine.relief import Relief, is_out_of_memory
from dreamvid.engine.runtime import tf
from dreamvid.engine.tiles import TilePlan
from dreamvid.errors import EngineError
from dreamvid.objective import layer
from dreamvid.types import Size

if TYPE_CHECKING:
    from dreamvid.engine.network import Network
    from dreamvid.types import RGB


def engine(network: Network, notes: list[str], **run: Any) -> DreamEngine:
    return DreamEngine(
        network,
        layer("mid"),
        octaves=OctaveSettings(count=1),
        ascent=AscentSettings(steps=3, step_size=0.02),
        run=RunSettings(**run),
        notify=notes.append,
    )


def limit_memory(monkeypatch: pytest.MonkeyPatch, pixels: int) -> None:
    """Let the gradient of a batch with more pixels run out of memory."""
    real = gradients.gradient

    def refuse(count: Any) -> Any:
        if int(count) > pixels:
            raise MemoryError("OOM when allocating tensor")
        return count

    def poor(picture: Any, shift: Any, weights: Any, grid: Any, **others: Any) -> Any:
        count = grid.batch * grid.window_height * grid.window_width
        with tf.control_dependencies([tf.py_function(refuse, [count], tf.int32)]):
            picture = tf.identity(picture)
        return real(picture, shift, weights, grid, **others)

    monkeypatch.setattr(gradients, "gradient", poor)


def test_smaller_batches_give_the_same_picture(
    toy: Network, photo: RGB, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    rich = engine(toy, notes, tile=64)
    plan = rich.plan_tiles(Size(192, 256))
    assert plan.batch >= 3
    expected = rich.dream(photo)
    assert not notes
    limit_memory(monkeypatch, plan.window.height * plan.window.width * plan.batch // 5)
    poor = engine(toy, notes, tile=64)
    assert np.abs(poor.dream(photo) - expected).max() < 1e-5
    assert len(notes) == 2
    assert all(note.startswith("out of memory at 256x192") for note in notes)
    poor.dream(photo)
    assert len(notes) == 2, "the next picture fits at once"
    assert poor.plan_for(Size(192, 256)) == rich.plan_for(Size(192, 256)), "what was resolved stays"


def test_smaller_windows_give_nearly_the_same_picture(
    toy: Network, photo: RGB, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    expected = engine(toy, notes, tile="off").dream(photo) - photo
    limit_memory(monkeypatch, 192 * 256 // 3)
    found = engine(toy, notes, tile="off").dream(photo) - photo
    assert len(notes) >= 1
    assert "untiled" in notes[0]
    inner = np.s_[24:-24, 24:-24]
    assert np.abs(found[inner] - expected[inner]).mean() < 0.02 * np.abs(expected[inner]).mean()


def test_memory_that_suffices_for_nothing_is_an_error(
    toy: Network, photo: RGB, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_memory(monkeypatch, 10)
    notes: list[str] = []
    with pytest.raises(EngineError, match="not enough memory to dream 256x192 even in windows of"):
        engine(toy, notes).dream(photo)


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    plan = TilePlan.build(Size(64, 64), stride=8, receptive_field=20, budget=10_000)
    relief = Relief(lambda plan, _: plan, notify=lambda _: None)

    def fail(_: TilePlan) -> None:
        raise tf.errors.InvalidArgumentError(None, None, "shapes differ")

    with pytest.raises(tf.errors.InvalidArgumentError):
        relief.run(plan, fail)
    assert is_out_of_memory(tf.errors.ResourceExhaustedError(None, None, "x"))
    assert is_out_of_memory(
        tf.errors.InternalError(None, None, "RESOURCE_EXHAUSTED: Out of memory while trying")
    )
