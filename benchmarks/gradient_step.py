"""(m) One gradient of VGG16 to ``block4_conv3`` at 600x338 against PyTorch's on the same processor.

The same weights and picture, each library in a process of its own, in turns. PyTorch runs as it does by default, and
with ``channels_last``, its faster layout. Once on all cores, in wall time; once on one thread each, in the
processor's own time, which other programs hardly affect. *Of a matrix product* is the rate of multiplications against
that of a large product of matrices in the same process: what the processor can do at best, short of multiplying less
(Winograd). Without ``--torch-python`` only that is measured.
"""

from __future__ import annotations

import statistics
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from figures import Figure, machine, ratios
from pictures import picture
from vgg import Contestant, prepare

from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Iterator

PART = "m gradient step"
SIZE = Size(338, 600)
_BAR = 1.2
_SAME_BAR = 0.99
_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512))
_PRODUCT = 2 * 2048**3


def measure(folder: Path, torch_python: Path | None, *, rounds: int, size: Size = SIZE) -> list[Figure]:
    """Return the ratios PyTorch / ours by precision: above 1 we are faster."""
    prepare(folder, picture(size))
    if torch_python is None:
        print("m: no PyTorch to compare with; --torch-python PATH names a Python that has it")
    precisions = ["float32", *(["bfloat16"] if machine()["bfloat16"] != "emulated" else [])]
    figures: list[Figure] = []
    for threads in (None, 1):
        with ExitStack() as stack:
            ours = stack.enter_context(
                Contestant(Path(sys.executable), "vgg_step.py", folder, threads=threads)
            )
            theirs = None
            if torch_python is not None:
                theirs = stack.enter_context(
                    Contestant(torch_python, "torch_baseline.py", folder, threads=threads)
                )
            if theirs is not None and threads is None:
                figures.append(_same_gradient(folder, ours, theirs))
            for precision in precisions:
                figures += _race(ours, theirs, precision, rounds, size, threads=threads)
    return figures


def operations(size: Size) -> float:
    """Return the multiplications and additions of one gradient: those of the network, forth and back."""
    total, before = 0, 3
    height, width = size
    for block in _BLOCKS:
        for channels in block:
            total += 2 * 9 * before * channels * height * width
            before = channels
        height, width = height // 2, width // 2
    return 2.0 * total


def _same_gradient(folder: Path, ours: Contestant, theirs: Contestant) -> Figure:
    gradients = []
    for contestant in (ours, theirs):
        path = folder / "gradient.npy"
        contestant.run(work="gradient", path=str(path))
        gradients.append(np.load(path).astype(np.float64).ravel())
    first, second = gradients
    cosine = float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))
    return Figure(PART, "same gradient: cosine, float32", cosine, "", "at least", _SAME_BAR, note=theirs.name)


def _race(
    ours: Contestant,
    theirs: Contestant | None,
    precision: str,
    rounds: int,
    size: Size,
    *,
    threads: int | None,
) -> Iterator[Figure]:
    clock = 0 if threads is None else 1
    seconds: dict[str, list[float]] = {"ours": [], "product": []}
    layouts = {} if theirs is None else {"PyTorch": False, "PyTorch channels_last": True}
    seconds |= {name: [] for name in layouts}
    for turn in range(rounds + 1):
        spent = {
            "ours": ours.run(work="step", dtype=precision)[clock],
            "product": ours.run(work="product", dtype=precision)[clock],
        }
        if theirs is not None:
            spent |= {
                name: theirs.run(work="step", dtype=precision, channels_last=layout)[clock]
                for name, layout in layouts.items()
            }
        for name, each in spent.items() if turn else ():
            seconds[name].append(each)
    where = f"{precision}, all cores" if threads is None else f"{precision}, one thread"
    own = seconds["ours"]
    note = f"{size}, {'wall' if threads is None else 'processor'} time"
    yield Figure(
        PART,
        f"{where}: ours",
        1000 * statistics.median(own),
        "ms",
        low=1000 * min(own),
        high=1000 * max(own),
        note=note,
    )
    for name in layouts:
        ratio, low, high = ratios(seconds[name], own)
        best = min(seconds[name]) / min(own)
        bar = _BAR if name == "PyTorch" else None
        yield Figure(
            PART,
            f"{where}: {name} / ours",
            ratio,
            "x",
            "at least",
            bar,
            low,
            high,
            f"best of each: {best:.2f}",
        )
    share, rate = operations(size) / _PRODUCT, operations(size) / 1e9
    reached, low, high = ratios([share * each for each in seconds["product"]], own)
    yield Figure(
        PART,
        f"{where}: of a matrix product",
        reached,
        "",
        low=low,
        high=high,
        note=f"{rate / min(own):.0f} GFLOP/s",
    )
