"""dreamvid's gradient of VGG16, and a matrix product: ``python vgg_step.py FOLDER [THREADS]``, see :mod:`vgg`.

Requests are those of ``torch_baseline.py``; its ``step`` and ``gradient``, and

``{"work": "product", "dtype": "float32"}``
    A product of two matrices of 2048 x 2048, which shows how fast the processor multiplies at best.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from vgg import LAYER

from dreamvid.config.settings import ModelSettings
from dreamvid.pipelines.build import load_network

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE = 2048


def main() -> None:
    """Answer requests until the input ends."""
    from dreamvid.engine import runtime

    runtime.configure(device="cpu", threads=int(sys.argv[2]) if len(sys.argv) > 2 else None)
    tf = runtime.tf
    folder = Path(sys.argv[1])
    network = load_network(ModelSettings(name="vgg16", weights=folder / "vgg.weights.h5"))
    picture = tf.constant(np.load(folder / "shown.npy")[None])
    matrix = tf.random.uniform([SIDE, SIDE])

    @functools.cache
    def prepared(work: str, dtype: str) -> Callable[[], Any]:
        if work == "product":
            factor = tf.cast(matrix, dtype)
            return tf.function(lambda: tf.matmul(factor, factor), autograph=False)
        extractor = network.extractor((LAYER,), precision=dtype)

        def gradient() -> Any:
            with tf.GradientTape() as tape:
                tape.watch(picture)
                score = tf.reduce_mean(tf.square(extractor(picture)[0]))
            return tape.gradient(score, picture)

        return tf.function(gradient, autograph=False)

    print(json.dumps(f"TensorFlow {tf.__version__}"), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        work = prepared(
            "product" if request["work"] == "product" else "step", request.get("dtype", "float32")
        )
        started = time.perf_counter(), time.process_time()
        result = work().numpy()
        spent = time.perf_counter() - started[0], time.process_time() - started[1]
        if "path" in request:
            np.save(request["path"], result[0])
        print(json.dumps(spent), flush=True)


if __name__ == "__main__":
    main()
