"""What a benchmark finds: figures with their bars, and the table that shows them."""

from __future__ import annotations

import os
import platform
import statistics
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Goal = Literal["at least", "at most", "under"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    ``bar`` is the number that it is held against, in the sense of ``goal``; None where it only informs.
    ``low`` and ``high`` are the extremes of the single measurements behind a median.
    """

    part: str
    what: str
    value: float
    unit: str
    goal: Goal | None = None
    bar: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""

    @property
    def passed(self) -> bool | None:
        """Whether the bar is met; None without a bar."""
        if self.bar is None:
            return None
        return {
            "at least": self.value >= self.bar,
            "at most": self.value <= self.bar,
            "under": self.value < self.bar,
        }[self.goal or "at least"]


def interleave(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return wall seconds of each run, measured in turns (A, B, A, B, ...) after one untimed turn.

    Turns spread a noisy machine's slow moments over all contestants; the untimed one pays for tracing.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, work in runs.items():
            started = time.perf_counter()
            work()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def ratios(over: Sequence[float], under: Sequence[float]) -> tuple[float, float, float]:
    """Return median, lowest and highest of the ratios turn by turn."""
    each = [a / b for a, b in zip(over, under, strict=True)]
    return statistics.median(each), min(each), max(each)


def table(figures: Iterable[Figure]) -> str:
    """Return the figures as aligned text, one a line."""
    rows = [("", "what", "value", "spread", "bar", "", "note"), *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    lines = []
    for row in rows:
        cells = [
            text.rjust(width) if column in {2, 3} else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=False))
        ]
        lines.append("  ".join([*cells, row[6]]).rstrip())
    return "\n".join(lines)


def _row(figure: Figure) -> tuple[str, ...]:
    spread = "" if figure.low is None or figure.high is None else f"{figure.low:.2f}..{figure.high:.2f}"
    bar = "" if figure.bar is None else f"{figure.goal} {figure.bar:g}"
    verdict = {None: "", True: "ok", False: "MISSED"}[figure.passed]
    return figure.part, figure.what, f"{figure.value:.2f} {figure.unit}", spread, bar, verdict, figure.note


def machine() -> dict[str, str]:
    """Return what the figures depend on: processor, cores, memory, versions."""
    flags = _cpuinfo("flags").split()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _cpuinfo("model name") or platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "bfloat16": ", ".join(flag for flag in ("amx_bf16", "avx512_bf16") if flag in flags) or "emulated",
        "memory": f"{memory:.0f} GiB",
        "python": platform.python_version(),
        "tensorflow": metadata.version("tensorflow"),
        "dreamvid": metadata.version("dreamvid"),
    }


def _cpuinfo(key: str) -> str:
    """Return the first such value of Linux's processor list, or an empty string."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    values = (line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key)
    return next(values, "")
