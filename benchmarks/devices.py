"""Measure what sharing a film costs and gains: ``python benchmarks/devices.py [--only cpu|simulated|plan]``.

- **cpu**: two processes that share the cores (``--devices cpu:2``) against one that has them all, on eight shots of
  60 frames; the frames must be the same. A CPU gains nothing by it, and should lose little.
- **simulated**: eight processes with a device of a fixed time a frame each, on 40 shots, against that time for all
  frames: what one such device would take without any overhead.
- **plan**: reading a plan, finding out what is missing, and claiming and closing a part, by the number of parts.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
from figures import Figure, table

from dreamvid.checkpoint.store import open_store
from dreamvid.cli.progress import JsonLines
from dreamvid.config.preset import Preset
from dreamvid.config.settings import OutputSettings
from dreamvid.media.input.source import open_source
from dreamvid.media.output.writer import open_writer
from dreamvid.pipelines.build import LoadedDreamer
from dreamvid.pipelines.landscape import Landscape
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.plan.crew import Crew
from dreamvid.pipelines.plan.devices import WorkerDevice
from dreamvid.pipelines.plan.division import Part
from dreamvid.pipelines.plan.make import make_plan
from dreamvid.pipelines.plan.plan import Plan, read_plan
from dreamvid.pipelines.plan.worker import dream_free_parts, prepare_worker
from dreamvid.pipelines.progress import NullProgress
from dreamvid.pipelines.resume import lossless
from dreamvid.types import RGB, Frame, Size, VideoInfo

SHOT = 24
"""Frames of a shot."""
WORKERS = 8


class Pause:
    """A device that takes a fixed time for a frame."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def dream(self, image: RGB, *, detail: RGB | None = None, **_: object) -> RGB:
        """Wait."""
        time.sleep(self._seconds)
        return np.clip(image if detail is None else image + detail, 0.0, 1.0)


class Clock(NullProgress):
    """Notes when each frame was done, counted over all devices."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def frame(self, index: int) -> None:  # noqa: ARG002  they are counted
        """Note the time."""
        self.times.append(time.perf_counter())

    def rate(self) -> float:
        """Return the frames a second between a tenth of them and nine tenths."""
        first, last = len(self.times) // 10, 9 * len(self.times) // 10
        return (last - first) / (self.times[last] - self.times[first])


def load_pause(*_: object, seconds: float) -> LoadedDreamer:
    """Load the device."""
    resolved = {"precision": "float32", "device": "a simulated device"}
    return LoadedDreamer(Pause(seconds), lambda _: dict(resolved), {})  # type: ignore[arg-type]  # no network


def write_shots(path: Path, shots: int, size: Size, length: int = SHOT) -> Path:
    """Write a clip of shots, ``length`` frames each, as different as a landscape's parts in other colors are."""
    landscape, rate = Landscape(size), Fraction(24)
    with open_writer(
        path, info=VideoInfo(size, rate, frames=shots * length), output=OutputSettings(crf=10)
    ) as writer:
        for index in range(shots * length):
            shot = index // length
            picture = np.roll(landscape.frame(index % length / 24), 23 * shot, axis=1)[
                :, :: 1 - 2 * (shot % 2)
            ]
            picture = np.roll(1.0 - picture if shot % 4 > 1 else picture, shot // 4, axis=2)
            writer.write(Frame(index, index / rate, np.ascontiguousarray(picture)))
    return path


def measure_cpu(folder: Path) -> list[Figure]:
    """Return the time of two processes / that of one, start to end, and the same of processor time."""
    clip = write_shots(folder / "eight.mp4", 8, Size(180, 320), 60)
    settings = ["--octaves", "3", "--codec", "ffv1", "--precision", "float32", "--quiet"]
    seconds, processor, digests = [], [], set()
    for name, devices in (("one", ["--device", "cpu"]), ("two", ["--devices", "cpu:2"])):
        output = folder / f"{name}.mkv"
        command = [
            sys.executable,
            "-m",
            "dreamvid",
            "video",
            str(clip),
            "-o",
            str(output),
            *devices,
            *settings,
        ]
        began, used = time.perf_counter(), _processor_seconds()
        subprocess.run(command, check=True)  # noqa: S603  our own command
        seconds.append(time.perf_counter() - began)
        processor.append(_processor_seconds() - used)
        digest = hashlib.sha256()
        for frame in open_source(output):
            digest.update(frame.rgb.tobytes())
        digests.add(digest.hexdigest())
    return [
        Figure("cpu", "one process, eight shots", seconds[0], "s"),
        Figure("cpu", "two processes / one", seconds[1] / seconds[0], "x", "at most", 1.1),
        Figure("cpu", "processor time of two / one", processor[1] / processor[0], "x"),
        Figure("cpu", "different results", len(digests) - 1, "", "at most", 0),
    ]


def _processor_seconds() -> float:
    """Return the processor time of all processes that were run from here and have ended."""
    times = os.times()
    return times.children_user + times.children_system


def measure_simulated(folder: Path, seconds: float) -> list[Figure]:
    """Return how many times as fast eight devices are as one without any overhead."""
    clip = write_shots(folder / "forty.mp4", 40, Size(36, 64))
    preset = Preset.build({"stability": {"flow": {"scale": 64}}})
    plan = make_plan(clip, folder / "plan", preset, build=partial(load_pause, seconds=0.0))

    def command(plan: Plan, device: WorkerDevice, options: RunOptions) -> list[str]:  # noqa: ARG001
        return [sys.executable, __file__, "--work", str(plan.folder), "--seconds", str(seconds)]

    began, clock = time.perf_counter(), Clock()
    devices = [WorkerDevice(f"device {number}", "cpu") for number in range(WORKERS)]
    Crew(plan, devices, RunOptions(progress=clock), command).run(0, lambda: False)
    took = time.perf_counter() - began
    return [
        Figure("simulated", "parts", len(plan.parts), ""),
        Figure("simulated", "frames x time", plan.frames * seconds, "s"),
        Figure("simulated", "eight devices", took, "s", note="with the start of their processes"),
        Figure("simulated", "times as fast, start to end", plan.frames * seconds / took, "x"),
        Figure(
            "simulated", "times as fast", seconds * clock.rate(), "x", "at least", 7.0, note="once they work"
        ),
    ]


def measure_plan(folder: Path) -> list[Figure]:
    """Return the times of what workers do besides dreaming."""
    clip = write_shots(folder / "two.mp4", 2, Size(36, 64))
    small = make_plan(clip, folder / "small", Preset(), build=partial(load_pause, seconds=0.0))
    figures = []
    for count in (10, 100, 1000, 10_000):
        parts = tuple(Part(SHOT * number, SHOT * (number + 1), 0) for number in range(count))
        plan = replace(small, parts=parts, times=((0, Fraction(0)),) * count)
        plan.write()
        began = time.perf_counter()
        plan = read_plan(plan.folder)
        read = time.perf_counter()
        plan.missing()
        missing = time.perf_counter()
        claimed = min(count, 50)
        for number in range(count - claimed + 1, count + 1):
            store = open_store(plan.folder_of(number), plan.manifest_of(number, plan.manifest), lossless)
            store.note("a worker")
            store.finish()
            store.release()
        done = time.perf_counter()
        plan.remove_parts()
        figures += [
            Figure("plan", f"read, {count} parts", 1000 * (read - began), "ms"),
            Figure("plan", f"find what is missing, {count} parts", 1000 * (missing - read), "ms"),
            Figure("plan", f"claim and close one of {count} parts", 1000 * (done - missing) / claimed, "ms"),
        ]
    return figures


def main() -> None:
    """Measure, or work as one of the simulated devices."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=("cpu", "simulated", "plan"), help="measure this")
    parser.add_argument("--seconds", type=float, default=0.5, help="time of a frame of the simulated device")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        build = partial(load_pause, seconds=options.seconds)
        told = RunOptions(progress=JsonLines())
        for _ in dream_free_parts(prepare_worker(read_plan(options.work), told, build=build)):
            pass
        return
    parts = {
        "cpu": measure_cpu,
        "simulated": partial(measure_simulated, seconds=options.seconds),
        "plan": measure_plan,
    }
    figures = []
    for name in options.only or parts:
        with tempfile.TemporaryDirectory(prefix="dreamvid-devices-") as folder:
            figures += parts[name](Path(folder))
    print(table(figures))


if __name__ == "__main__":
    main()
