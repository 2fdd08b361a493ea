"""Draws a training's log."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dreamnet.training import Record


def plot(records: Sequence[Record], path: Path) -> None:
    """Draw loss and accuracy over the passes into a picture file; phases stand apart."""
    from matplotlib.figure import Figure  # noqa: PLC0415  a tool's library, not the package's

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    loss, share = figure.subplots(2, 1, sharex=True)
    passes = range(1, len(records) + 1)
    loss.plot(passes, [record["loss"] for record in records], color="black")
    loss.set_ylabel("training loss")
    share.plot(
        passes, [_percent(record, "accuracy") for record in records], color="gray", label="training top-1"
    )
    share.plot(
        passes,
        [_percent(record, "validation_top1") for record in records],
        color="tab:red",
        label="validation top-1",
    )
    share.plot(
        passes,
        [_percent(record, "validation_top5") for record in records],
        color="tab:blue",
        label="validation top-5",
    )
    share.set_ylabel("recognized, %")
    share.set_xlabel("pass")
    share.legend(loc="upper left")
    start = 1
    for (name, side), group in groupby(records, key=lambda record: (record["phase"], record["side"])):
        for axes in (loss, share):
            axes.axvline(start - 0.5, color="lightgray", linewidth=0.8)
        loss.text(
            start - 0.3,
            0.98,
            f"{name}\n{side} px",
            va="top",
            fontsize=8,
            transform=loss.get_xaxis_transform(),
        )
        start += len(list(group))
    figure.savefig(path, dpi=110)


def _percent(record: Record, name: str) -> float:
    return 100.0 * float(record[name])
