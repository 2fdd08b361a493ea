"""Whole runs of the command, as a user starts them, for the proofs that nothing is lost."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from dreamvid.media.input.source import open_source
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction
    from pathlib import Path

SIZE = Size(96, 160)
OPTIONS = (
    "--octaves=2",
    "--steps=4",
    "--chunk=0.25",
    "--device=cpu",
    "--precision=float32",
    "--progress=json",
)


def arguments(text: str | None, *, runs: int) -> argparse.Namespace:
    """Return what a proof was asked for: runs, frames of its clip, and the seed of its moments."""
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--runs", type=int, default=runs, help="runs")
    parser.add_argument("--frames", type=int, default=36, help="frames of the clip")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    return parser.parse_args()


class Event(NamedTuple):
    """What a run has told, and when (seconds from its start)."""

    name: str
    seconds: float


def begin(clip: Path, output: Path) -> subprocess.Popen[str]:
    """Start a run; what it tells is piped. An .mkv is lossless."""
    codec = "ffv1" if output.suffix == ".mkv" else "auto"
    command = [sys.executable, "-m", "dreamvid", "video", str(clip), "-o", str(output), *OPTIONS]
    command.append(f"--codec={codec}")
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)  # noqa: S603  ours


def events(run: subprocess.Popen[str], *, wait: bool = True) -> Iterator[Event]:
    """Yield what a run tells; the last one is its end."""
    began = time.perf_counter()
    assert run.stderr is not None
    for line in run.stderr:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        number = event.get("frame", event.get("chunk", ""))
        yield Event(f"{event['event']} {number}".strip(), time.perf_counter() - began)
    if wait:
        run.wait()
        yield Event("end", time.perf_counter() - began)


def finished(run: subprocess.Popen[str]) -> int:
    """Wait for a run; return its exit code."""
    run.communicate()
    return run.returncode


def work_of(output: Path) -> Path:
    """Return the work directory of an output."""
    return output.with_name(f"{output.name}.work")


def content(path: Path) -> list[tuple[Fraction, str]]:
    """Return the times and digests of a video's frames."""
    return [(frame.pts, hashlib.blake2b(frame.rgb.tobytes()).hexdigest()) for frame in open_source(path)]
