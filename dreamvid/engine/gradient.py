"""The gradient of an objective with respect to a whole picture, and its value, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dreamvid.engine.runtime import tf
from dreamvid.engine.tiling import View, assemble

if TYPE_CHECKING:
    from collections.abc import Callable

    from dreamvid.engine.extractor import Extractor
    from dreamvid.engine.objectives import BoundObjective
    from dreamvid.engine.tiling import Grid


def gradient(
    picture: Any, shift: Any, weights: Any, grid: Grid, *, extractor: Extractor, objective: BoundObjective
) -> Any:
    """Return the gradient ``[H, W, 3]`` float32 of the objective at a picture ``[H, W, 3]`` in [0, 1].

    The picture is shifted by ``shift`` (``[2]`` int32: y, x), cut into windows, and shifted back. Each window's
    objective sums over all that it sees and only its tile's gradient is kept, so that tiles join as if the
    picture had been seen whole. One batch of windows is in memory at a time.
    """

    def batch_gradient(batch: Any) -> Any:
        view = View(grid, shift, batch)
        windows = view.take(picture)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(windows)
            value = objective.value(extractor(windows), weights, view, inside=False)
        return view.keep(tape.gradient(value, windows))

    return assemble(_for_each_batch(grid, batch_gradient), grid, shift)


def value(picture: Any, weights: Any, grid: Grid, *, extractor: Extractor, objective: BoundObjective) -> Any:
    """Return the objective of a picture ``[H, W, 3]`` in [0, 1], float32; tiles add up to the whole."""
    unmoved = tf.zeros([2], tf.int32)

    def batch_value(batch: Any) -> Any:
        view = View(grid, unmoved, batch)
        return objective.value(extractor(view.take(picture)), weights, view, inside=True)

    return tf.reduce_sum(_for_each_batch(grid, batch_value))


def _for_each_batch(grid: Grid, work: Callable[[Any], Any]) -> Any:
    """Return ``work(0)``, ``work(1)``, ... for all batches, stacked, one after the other.

    ``work`` stays a function of its own in the graph. Inlined into the loop, TensorFlow's oneDNN pass would meet
    its operations in an order that changes from run to run, and choose its kernels by that: no two runs
    would agree to the last bit.
    """
    batches = grid.rows * grid.columns // grid.batch
    apart = tf.function(
        work,
        input_signature=[tf.TensorSpec([], tf.int32)],
        autograph=False,
        experimental_attributes={"_noinline": True},
    )
    if isinstance(batches, int) and batches == 1:
        return apart(tf.constant(0))[None]
    results = tf.TensorArray(tf.float32, size=batches, element_shape=None)
    _, results = tf.while_loop(
        lambda batch, _: batch < batches,
        lambda batch, done: (batch + 1, done.write(batch, apart(batch))),
        (tf.constant(0), results),
        parallel_iterations=1,
    )
    return results.stack()
