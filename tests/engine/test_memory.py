"""Where memory is short, a picture is cut smaller, and comes out the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.settings import AscentSettings, OctaveSettings, RunSettings
from dreamvid.engine import ascent, dreamer
from dreamvid.engine.dreamer import DreamEngine, clear_cache
from dreamvid.engine.runtime import tf
from dreamvid.engine.tiling import TilePlan
from dreamvid.errors import EngineError
from dreamvid.objective import layer
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dreamvid.engine.network import Network
    from dreamvid.types import RGB


@pytest.fixture(autouse=True)
def _compile_anew() -> Iterator[None]:
    """Let no compiled function outlive the test that has limited its memory."""
    yield
    clear_cache()


def engine(network: Network, **run: Any) -> DreamEngine:
    return DreamEngine(
        network,
        layer("mid"),
        octaves=OctaveSettings(count=1),
        ascent=AscentSettings(steps=3, step_size=0.02, variety=0.0),  # whose balance is that of a window
        run=RunSettings(**run),
    )


def limit_memory(monkeypatch: pytest.MonkeyPatch, pixels: int) -> None:
    """Let the gradient of a batch with more pixels run out of memory, in what is compiled from now on."""
    clear_cache()
    real = ascent.gradient

    def refuse(count: Any) -> Any:
        if int(count) > pixels:
            raise MemoryError("OOM when allocating tensor")
        return count

    def poor(picture: Any, shift: Any, weights: Any, grid: Any, **others: Any) -> Any:
        count = grid.batch * grid.window_height * grid.window_width
        with tf.control_dependencies([tf.py_function(refuse, [count], tf.int32)]):
            picture = tf.identity(picture)
        return real(picture, shift, weights, grid, **others)

    monkeypatch.setattr(ascent, "gradient", poor)


def test_smaller_batches_give_the_same_picture(
    toy: Network, photo: RGB, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rich = engine(toy, tile=64)
    plan = rich.plan_tiles(Size(192, 256))
    assert plan.batch >= 3
    expected = rich.dream(photo)
    assert not caplog.messages
    limit_memory(monkeypatch, plan.window.height * plan.window.width * plan.batch // 5)
    poor = engine(toy, tile=64)
    assert np.abs(poor.dream(photo) - expected).max() < 1e-5
    assert len(caplog.messages) == 2
    assert all(note.startswith("out of memory at 256x192") for note in caplog.messages)
    poor.dream(photo)
    assert len(caplog.messages) == 2, "the next picture fits at once"
    assert poor.plan_for(Size(192, 256)) == rich.plan_for(Size(192, 256)), "what was resolved stays"


def test_smaller_windows_give_nearly_the_same_picture(
    toy: Network, photo: RGB, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = engine(toy, tile="off").dream(photo) - photo
    limit_memory(monkeypatch, 192 * 256 // 3)
    found = engine(toy, tile="off").dream(photo) - photo
    assert len(caplog.messages) >= 1
    assert "untiled" in caplog.messages[0]
    inner = np.s_[24:-24, 24:-24]
    assert np.abs(found[inner] - expected[inner]).mean() < 0.02 * np.abs(expected[inner]).mean()


def test_memory_that_suffices_for_nothing_is_an_error(
    toy: Network, photo: RGB, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_memory(monkeypatch, 10)
    with pytest.raises(EngineError, match="not enough memory to dream 256x192 even in windows of"):
        engine(toy).dream(photo)


def test_other_errors_are_not_taken_for_a_lack_of_memory(toy: Network) -> None:
    plan = TilePlan.build(Size(64, 64), stride=8, receptive_field=20, budget=10_000)

    def fail(_: TilePlan) -> None:
        raise tf.errors.InvalidArgumentError(None, None, "shapes differ")

    with pytest.raises(tf.errors.InvalidArgumentError):
        engine(toy)._run_smaller_on_oom(plan, fail)
    assert dreamer.is_out_of_memory(tf.errors.ResourceExhaustedError(None, None, "x"))
    assert dreamer.is_out_of_memory(
        tf.errors.InternalError(None, None, "RESOURCE_EXHAUSTED: Out of memory while trying")
    )
