"""(h) Keeping: what it costs that nothing dreamed is ever lost.

The same clip is dreamed twice by the same engine: kept (chunks, states, flushed to the disk, and the output encoded
from them at the end) and bare (frames go straight into the encoder, and a crash loses them all). Chunks are as
short as the least that is sensible, a second; the default of five costs less.
"""

from __future__ import annotations

import statistics
import time
from fractions import Fraction
from typing import TYPE_CHECKING

from figures import Figure, interleave, ratios
from pictures import write_clip

from dreamvid.config.preset import Preset
from dreamvid.media.input.source import open_source
from dreamvid.media.output.writer import open_writer
from dreamvid.pipelines.frame_loop import FrameLoop
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.provenance import make_manifest, settings_json
from dreamvid.pipelines.resume import OutputJob, ResumePoint, run_resumable
from dreamvid.pipelines.scenes import VideoClock, load_timeline
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dreamvid.types import FrameWriter

PART = "h keeping"
SIZE = Size(270, 480)
BAR = 1.03


def measure(folder: Path, *, rounds: int, frames: int) -> list[Figure]:
    """Return kept time / bare time, with the default look."""
    clip, output = folder / "keeping.mp4", folder / "keeping.dream.mp4"
    write_clip(clip, SIZE, frames=frames)
    preset = Preset()
    source = open_source(clip)
    timeline = load_timeline(preset, RunOptions(), VideoClock.of(source.info), SIZE)

    def writer() -> FrameWriter:
        return open_writer(
            output,
            info=source.info,
            output=preset.output,
            streams_from=clip,
            overwrite=True,
        )

    def bare() -> None:
        out = writer()
        with out:
            loop = FrameLoop(source, timeline, detect_cuts=True, stores_carries=False)
            loop(ResumePoint(), lambda frame, _: out.write(frame), lambda: False)

    def kept() -> None:
        text = settings_json(preset, source=clip, resolved={}, files={})
        manifest = make_manifest(text, output=output, inputs=[clip], info=source.info, bits=8)
        loop = FrameLoop(source, timeline, detect_cuts=True)
        run_resumable(OutputJob(output, manifest), loop, writer(), RunOptions(chunk=Fraction(1)))

    processor: dict[str, list[float]] = {"kept": [], "bare": []}

    def clocked(name: str, work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            before = time.process_time()
            work()
            processor[name].append(time.process_time() - before)

        return run

    seconds = interleave({"kept": clocked("kept", kept), "bare": clocked("bare", bare)}, rounds)
    work, least, most = ratios(processor["kept"][1:], processor["bare"][1:])
    ratio, low, high = ratios(seconds["kept"], seconds["bare"])
    best = min(seconds["kept"]) / min(seconds["bare"])
    return [
        Figure(PART, "bare, a frame", statistics.median(seconds["bare"]) / frames, "s", note=f"{SIZE}"),
        Figure(PART, "kept, a frame", statistics.median(seconds["kept"]) / frames, "s", note="chunks of 1 s"),
        Figure(
            PART, "processor time, kept / bare", work, "x", "at most", BAR, least, most, note="all threads"
        ),
        Figure(PART, "kept / bare", ratio, "x", "at most", BAR, low, high, note=f"best of each {best:.3f}"),
    ]
