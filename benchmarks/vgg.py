"""VGG16 with random weights, for dreamvid and for PyTorch in another Python, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from dreamvid.types import RGB

LAYER = "block4_conv3"
SKIPPED = "no PyTorch: --torch-python PATH names a Python that has it"


def prepare(folder: Path, shown: RGB, *, seed: int = 1) -> Path:
    """Write random weights and a picture for the contestants; return the weights for dreamvid.

    ``vgg.weights.h5`` is for Keras; ``vgg.npz`` has the layers up to LAYER and takes RGB, where Keras' takes BGR.
    """
    from dreamvid.engine.runtime import keras

    np.save(folder / "shown.npy", shown)
    path = folder / "vgg.weights.h5"
    if path.exists():
        return path
    keras.utils.set_random_seed(seed)
    model = keras.applications.VGG16(include_top=False, weights=None)
    model.save_weights(path)
    arrays = {}
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            arrays[f"{layer.name}.kernel"] = kernel if arrays else kernel[:, :, ::-1]
            arrays[f"{layer.name}.bias"] = bias
        if layer.name == LAYER:
            break
    np.savez(folder / "vgg.npz", **arrays)
    return path


class Contestant:
    """Another process that answers requests in JSON, one a line; ``name`` is what it calls itself.

    ``script`` stands beside this file and takes a folder of :func:`prepare` and, where not all cores shall work, the
    number of threads.
    """

    def __init__(self, python: Path, script: str, folder: Path, *, threads: int | None = None) -> None:
        command = [python, Path(__file__).with_name(script), folder]
        self._process = subprocess.Popen(  # noqa: S603  the Python that was named
            [str(word) for word in (*command, *([threads] if threads else []))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.name = str(self._answer())

    def __enter__(self) -> Self:
        """Return this; the process runs already."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait()

    def run(self, **request: object) -> tuple[float, float]:
        """Return the wall seconds and the processor's seconds that a request took."""
        assert self._process.stdin is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        wall, processor = self._answer()
        return float(wall), float(processor)

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._process.args[0]}: {self._process.args[1]} does not run in this Python")
        return json.loads(line)
