"""(f) Steadiness: frames dreamed independently, methods of other projects, and dreamvid, with the same settings.

Needs clips: ``--clips FOLDER``. Every method renders the same frames losslessly in memory, and one meter scores them
all with another optical flow than the one that rendered.

- *each frame alone*: no carry, full steps.
- *linear blend*: 0.85 of each frame alone, 0.15 of the last output, as in pytorch-deepdream.
- *unmasked residual*: half of ``dreamed - source`` of the last frame, warped, is added to each frame before it is
  dreamed in full, as in DeepDreamAnim.
- *ours*: dreamvid with the default steadiness.
"""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from figures import Figure

from dreamvid.config.preset import Preset
from dreamvid.flow.stability import StabilityMeter
from dreamvid.flow.stabilizer import IndependentFrames
from dreamvid.flow.warp import warp
from dreamvid.media.input.source import open_source
from dreamvid.pipelines.build import build_dreamer, build_stabilizer
from dreamvid.pipelines.frame_loop import dream_video
from dreamvid.pipelines.options import RunOptions
from dreamvid.types import Carry, Frame, InitialDetail, Motion, Size, Stabilizer, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dreamvid.engine.dreamer import DreamEngine
    from dreamvid.flow.stability_report import Report
    from dreamvid.flow.stabilizer import CarriedDetail
    from dreamvid.types import RGB

PART = "f steadiness"
_WIDTH = 480
_LAST_BLEND = 0.15
_RESIDUAL = 0.5
_ADVECTED_BAR, _CALM_BAR, _SPEED_BAR = 1.15, 0.25, 4.0
_DRIFT_BAR, _MELTED_BAR = 0.03, 0.1


@dataclass(frozen=True)
class Clip:
    """Frames in memory."""

    name: str
    pictures: list[RGB]
    info: VideoInfo

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames with their times."""
        for index, picture in enumerate(self.pictures):
            yield Frame(index, index / self.info.rate, picture)


class MemoryWriter:
    """A writer that keeps raw dreams in memory."""

    def __init__(self) -> None:
        self.pictures: list[RGB] = []

    def __enter__(self) -> Self:
        """Start."""
        return self

    def write(self, frame: Frame) -> None:
        """Keep one frame."""
        self.pictures.append(frame.rgb)

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""


class LinearBlend(IndependentFrames):
    """Each frame alone, mixed with the last output."""

    def stabilize(self, picture: RGB, dreamed: RGB, initial: InitialDetail, carry: Carry | None) -> Carry:  # noqa: ARG002  protocol
        """Mix."""
        last = dreamed if carry is None else carry.dreamed
        return Carry(picture, dreamed + _LAST_BLEND * (last - dreamed))


@dataclass(frozen=True)
class UnmaskedResidual(IndependentFrames):
    """Each frame in full, on top of half of the warped last detail."""

    flow: CarriedDetail

    def estimate_motion(self, target: RGB, source: RGB) -> Motion:
        """Find the motion as ours does."""
        return self.flow.estimate_motion(target, source)

    def prepare(self, motion: Motion | None, carry: Carry | None) -> InitialDetail:
        """Carry half of the detail, seen or not."""
        if motion is None or carry is None:
            return InitialDetail()
        return InitialDetail(_RESIDUAL * warp(carry.dreamed - carry.source, motion.flow))


def measure(folder: Path, *, frames: int) -> list[Figure]:
    """Return the figures of every clip in a folder, by method."""
    preset = Preset()
    dreamer = build_dreamer(preset, RunOptions()).dreamer
    ours = build_stabilizer(preset)
    methods: dict[str, Stabilizer] = {
        "each frame alone": IndependentFrames(),
        "linear blend": LinearBlend(),
        "unmasked residual": UnmaskedResidual(ours),  # type: ignore[arg-type]  # the default is CarriedDetail
        "ours": ours,
    }
    figures: list[Figure] = []
    for clip in (read_clip(path, frames) for path in sorted(folder.glob("*.mp4"))):
        dreamer.dream(clip.pictures[0], steps=1)  # pays for compilation
        runs = {name: _render(clip, dreamer, method) for name, method in methods.items()}
        figures += _figures(clip, dreamer, runs)
    return figures


def read_clip(path: Path, frames: int, *, width: int = _WIDTH) -> Clip:
    """Return the first frames of a file at most so wide; a shorter clip goes back and forth."""
    size = open_source(path).info.size
    width = min(width, size.width)
    wanted = Size(2 * round(size.height * width / size.width / 2), width)
    source = open_source(path, size=None if wanted == size else wanted)
    forth = [frame.rgb for frame in itertools.islice(source, frames)]
    back = itertools.cycle([*forth, *forth[-2:0:-1]])
    return Clip(path.stem, list(itertools.islice(back, frames)), source.info)


def _render(clip: Clip, dreamer: DreamEngine, method: Stabilizer) -> tuple[Report, list[RGB], float]:
    writer, meter = MemoryWriter(), StabilityMeter()
    started = time.perf_counter()
    dream_video(clip, dreamer, method, writer)
    seconds = (time.perf_counter() - started) / len(clip.pictures)
    for source, dreamed in zip(clip.pictures, writer.pictures, strict=True):
        meter.add(source, dreamed)
    return meter.report(), writer.pictures, seconds


def _figures(
    clip: Clip, dreamer: DreamEngine, runs: dict[str, tuple[Report, list[RGB], float]]
) -> Iterator[Figure]:
    gains = {name: _gain(clip, dreamer, pictures) for name, (_, pictures, _) in runs.items()}
    for name, (report, _, seconds) in runs.items():
        near, far = report.lags
        note = (
            f"F {_number(near.flicker)}, advected {_number(near.flicker_advected)}; lag 8 {_number(far.flicker)}, "
            f"advected {_number(far.flicker_advected)}; RMS {report.dream_rms:.3f}, "
            f"gain {gains[name]:.2f}, {1000 * seconds:.0f} ms a frame; drift "
            + ", ".join(f"{what} {change:+.1%}" for what, change in _drifts(report))
        )
        bar = _ADVECTED_BAR if name == "ours" else None
        what = f"{clip.name}, {name}: F / F advected"
        yield Figure(PART, what, near.ratio or math.nan, "", "at most" if bar else None, bar, note=note)
    ours, alone = (runs[name] for name in ("ours", "each frame alone"))
    than = f"{clip.name}: ours / each frame alone"
    calm = (ours[0].lags[0].flicker or 0.0) / (alone[0].lags[0].flicker or math.nan)
    yield Figure(PART, f"{than}, F", calm, "", "at most", _CALM_BAR)
    yield Figure(PART, f"{than}, dream RMS", ours[0].dream_rms / alone[0].dream_rms, "", "at least", 1.0)
    yield Figure(PART, f"{than}, gain", gains["ours"] / gains["each frame alone"], "", "at least", 1.0)
    yield Figure(PART, f"{than}, speed", alone[2] / ours[2], "x", "at least", _SPEED_BAR)
    for what, change in _drifts(ours[0]):
        bar = _MELTED_BAR if what == "detail" else _DRIFT_BAR
        yield Figure(PART, f"{clip.name}: drift of {what}", abs(change), "", "at most", bar)


def _gain(clip: Clip, dreamer: DreamEngine, pictures: list[RGB]) -> float:
    """Return the mean objective gain of four frames, the first quarter left out."""
    chosen = np.linspace(len(pictures) // 4, len(pictures) - 1, 4).astype(int)
    return float(
        np.mean([dreamer.score(pictures[i]) / max(dreamer.score(clip.pictures[i]), 1e-9) for i in chosen])
    )


def _drifts(report: Report) -> Iterator[tuple[str, float]]:
    """Yield the changes from the second to the last quarter."""
    drifts = {
        "RMS": report.dream_rms_drift,
        "brightness": report.brightness,
        "saturation": report.saturation,
        "detail": report.detail,
    }
    for what, drift in drifts.items():
        change = drift.change if drift.source is None else drift.beyond_source
        yield what, math.nan if change is None else change


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
