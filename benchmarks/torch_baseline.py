"""The baseline of PyTorch: VGG16's gradient, and the loop of pytorch-deepdream, written anew from its parameters.

Run by a Python that has PyTorch: ``python torch_baseline.py FOLDER [THREADS]``; it imports nothing of dreamvid. The
folder holds ``vgg.npz`` and ``shown.npy`` of :mod:`vgg`. Each line of its input is a request in JSON, each line of
its output the wall seconds and the processor's seconds that it took:

``{"work": "step", "dtype": "float32", "channels_last": false}``
    One gradient of the mean square of ``relu4_3`` with respect to the picture.
``{"work": "frame", "octaves": 4, "scale": 1.8, "steps": 10}``
    One frame of pytorch-deepdream with its published parameters: picture in ImageNet's mean and deviation, octaves
    by a factor of 1.8 up to the picture's size, in each 10 steps with a random roll of up to 32 px, the mean of
    three Gaussian blurs of the gradient, which is then brought to mean 0 and deviation 1, a step of 0.09, and values
    kept within the range of a picture.
``{"work": "gradient", "path": "GRADIENT.npy"}``
    Write that gradient, ``[H, W, 3]`` of RGB in [0, 1].
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CAFFE_MEAN = (123.68, 116.779, 103.939)
_POOL_BEFORE = ("block2_conv1", "block3_conv1", "block4_conv1")
_STEP_SIZE = 0.09
_JITTER = 32
_BLUR_RADIUS = 4


class Network:
    """VGG16 up to ``relu4_3``; ``weights`` are Keras' kernels ``[h, w, in, out]`` and biases by layer."""

    def __init__(self, weights: dict[str, Any], dtype: torch.dtype, *, channels_last: bool) -> None:
        self.dtype = dtype
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        self._layers = [
            (
                name,
                torch.tensor(kernel.transpose(3, 2, 0, 1)).to(dtype).contiguous(memory_format=self.format),
                torch.tensor(weights[f"{name}.bias"]).to(dtype),
            )
            for name, kernel in ((key[:-7], weights[key]) for key in weights if key.endswith(".kernel"))
        ]

    def score(self, values: torch.Tensor) -> torch.Tensor:
        """Return the mean square of the last layer for ``[1, 3, H, W]``."""
        x = values.to(self.dtype).contiguous(memory_format=self.format)
        for name, kernel, bias in self._layers:
            if name in _POOL_BEFORE:
                x = functional.max_pool2d(x, 2)
            x = functional.relu(functional.conv2d(x, kernel, bias, padding=1), inplace=True)
        return x.float().square().mean()

    def gradient(self, values: torch.Tensor) -> torch.Tensor:
        """Return the gradient of the score with respect to ``[1, 3, H, W]``."""
        values = values.detach().requires_grad_(True)
        return torch.autograd.grad(self.score(values), values)[0]


def caffe_input(picture: Any) -> torch.Tensor:
    """Return Keras' input of VGG16, 0..255 less the mean, for RGB ``[1, 3, H, W]`` in [0, 1] (weights take RGB)."""
    return picture * 255.0 - torch.tensor(_CAFFE_MEAN)[None, :, None, None]


def dream(network: Network, picture: torch.Tensor, *, octaves: int, scale: float, steps: int) -> torch.Tensor:
    """Return the dream of one frame ``[1, 3, H, W]`` in [0, 1]."""
    mean, deviation = (torch.tensor(each)[None, :, None, None] for each in (_MEAN, _DEVIATION))
    low, high = -mean / deviation, (1.0 - mean) / deviation
    x = (picture - mean) / deviation
    height, width = picture.shape[2:]
    for octave in range(octaves):
        factor = scale ** (octave - octaves + 1)
        size = (round(height * factor), round(width * factor))
        x = functional.interpolate(x, size, mode="bilinear", align_corners=False)
        for step in range(steps):
            shift = tuple(int(each) for each in torch.randint(-_JITTER, _JITTER + 1, (2,)))
            x = torch.roll(x, shift, (2, 3))
            gradient = _blur(network.gradient(x), 0.5 + 2.0 * (step + 1) / steps)
            x = x + _STEP_SIZE * (gradient - gradient.mean()) / gradient.std()
            x = torch.roll(torch.minimum(torch.maximum(x, low), high), (-shift[0], -shift[1]), (2, 3))
    return x * deviation + mean


def _blur(gradient: torch.Tensor, sigma: float) -> torch.Tensor:
    """Return the mean of three Gaussian blurs, of 0.5, 1 and 2 times ``sigma`` px."""
    padded = functional.pad(gradient, (_BLUR_RADIUS,) * 4, mode="reflect")
    taps = torch.arange(-_BLUR_RADIUS, _BLUR_RADIUS + 1)
    total = torch.zeros_like(gradient)
    for factor in (0.5, 1.0, 2.0):
        kernel = torch.exp(-0.5 * (taps / (factor * sigma)) ** 2)
        kernel = torch.outer(kernel, kernel) / kernel.sum() ** 2
        total += functional.conv2d(padded, kernel.expand(3, 1, -1, -1), groups=3)
    return total / 3


def main() -> None:
    """Answer requests until the input ends."""
    torch.manual_seed(0)
    if len(sys.argv) > 2:
        torch.set_num_threads(int(sys.argv[2]))
    folder = Path(sys.argv[1])
    weights = dict(np.load(folder / "vgg.npz"))
    picture = torch.tensor(np.load(folder / "shown.npy").transpose(2, 0, 1)[None])
    networks: dict[tuple[str, bool], Network] = {}
    print(json.dumps(f"PyTorch {torch.__version__}"), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        key = request.get("dtype", "float32"), request.get("channels_last", False)
        if key not in networks:
            networks[key] = Network(weights, getattr(torch, key[0]), channels_last=key[1])
        network = networks[key]
        started = time.perf_counter(), time.process_time()
        if request["work"] == "frame":
            plan = {name: request[name] for name in ("octaves", "scale", "steps")}
            dream(network, picture, **plan)
        else:
            gradient = network.gradient(caffe_input(picture))
            if "path" in request:
                np.save(request["path"], (gradient[0] * 255.0).numpy().transpose(1, 2, 0))
        print(json.dumps([time.perf_counter() - started[0], time.process_time() - started[1]]), flush=True)


if __name__ == "__main__":
    main()
