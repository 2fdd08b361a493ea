"""Measure dreamvid on this machine: ``python benchmarks/run.py [--only a] [--json FILE]``.

See README.md beside this file for what each part measures and how to read it.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import ascent
import cadence
import gradient_step
import keeping
import memory
import network
import partial
import peer_video
import pipeline
import preview
import reuse
import schedules
import startup
import steadiness
import trips
import visualization
from figures import machine, table
from tutorial import save_random_inception

if TYPE_CHECKING:
    from collections.abc import Callable

    from figures import Figure

PARTS = {
    "a": "gradient ascent",
    "b": "pipeline",
    "c": "memory",
    "d": "start-up",
    "e": "network",
    "f": "steadiness",
    "g": "schedules",
    "h": "keeping",
    "i": "trips",
    "j": "reuse",
    "k": "partial dreams",
    "l": "peer's default",
    "m": "gradient step",
    "n": "cadence",
    "o": "visualization",
    "p": "preview",
}


def main() -> None:
    """Run the chosen parts and print one table."""
    options = _options()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    here = machine()
    print("; ".join(f"{key}: {value}" for key, value in here.items()))
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="dreamvid-bench-") as folder:
        for part in options.only or PARTS:
            print(f"measuring {part}: {PARTS[part]} ...", flush=True)
            figures += _measure(part, Path(folder), options)
    print(f"\n{table(figures)}")
    if options.json:
        facts = {
            "machine": here,
            "figures": [asdict(figure) | {"passed": figure.passed} for figure in figures],
        }
        options.json.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _measure(part: str, folder: Path, options: argparse.Namespace) -> list[Figure]:
    rounds, frames = options.rounds, options.frames
    parts: dict[str, Callable[[], list[Figure]]] = {
        "a": lambda: ascent.measure(folder, rounds=rounds, steps=options.steps),
        "b": lambda: pipeline.measure(folder, rounds=rounds, frames=frames),
        "c": lambda: memory.measure(networks=_networks(folder)),
        "d": lambda: startup.measure(folder, rounds=rounds),
        "e": lambda: network.measure(folder, rounds=rounds),
        "f": lambda: steadiness.measure(options.clips, frames=options.clip_frames) if options.clips else [],
        "g": lambda: schedules.measure(folder, rounds=rounds, frames=frames),
        "h": lambda: keeping.measure(folder, rounds=2 * rounds, frames=2 * frames),
        "i": lambda: trips.measure(rounds=rounds, frames=options.trip_frames),
        "j": lambda: reuse.measure(folder, rounds=rounds),
        "k": lambda: partial.measure(rounds=rounds),
        "l": lambda: peer_video.measure(folder, options.torch_python, rounds=min(rounds, 2)),
        "m": lambda: gradient_step.measure(folder, options.torch_python, rounds=rounds),
        "n": lambda: cadence.measure(options.clips, rounds=min(rounds, 3), frames=options.cadence_frames),
        "o": lambda: visualization.measure(rounds=rounds),
        "p": lambda: preview.measure(folder),
    }
    return parts[part]()


def _networks(folder: Path) -> dict[str, Path | None]:
    """Return the default network and the tutorial's, the heavier one."""
    weights = folder / "inception.weights.h5"
    if not weights.exists():
        save_random_inception(weights)
    return {"dreamnet": None, "inceptionv3": weights}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE too")
    parser.add_argument("--rounds", type=int, default=5, help="timed turns of each contestant")
    parser.add_argument("--steps", type=int, default=5, help="gradient steps an octave in part a")
    parser.add_argument("--frames", type=int, default=13, help="frames of the clip in part b")
    parser.add_argument(
        "--clips", type=Path, metavar="FOLDER", help="clips for part f, which is left out without, and n"
    )
    parser.add_argument("--clip-frames", type=int, default=48, help="frames of each clip in part f")
    parser.add_argument("--trip-frames", type=int, default=1000, help="frames of the trip in part i")
    parser.add_argument("--cadence-frames", type=int, default=33, help="frames of each clip in part n")
    parser.add_argument(
        "--torch-python",
        type=Path,
        metavar="PATH",
        help="a Python that has PyTorch, for the baselines of parts l and m, which are left out without",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
