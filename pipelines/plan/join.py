"""Join the parts of a plan: encode their frames, in order, as those of a run on one device."""

from __future__ import annotations

import json
import logging
import math
import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from dreamvid.checkpoint.layout import OUTPUT, work_folder
from dreamvid.checkpoint.manifest import changes, minor_changes
from dreamvid.checkpoint.store import open_for_reading, open_store
from dreamvid.errors import NothingDreamedError, WorkError
from dreamvid.pipelines.frame_loop import NOTHING_DREAMED
from dreamvid.pipelines.loop_state import LoopState
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.output_path import check_target
from dreamvid.pipelines.plan.plan import describe
from dreamvid.pipelines.provenance import InputGuard, embeds, is_delivered
from dreamvid.pipelines.result import RunResult
from dreamvid.pipelines.resume import lossless
from dreamvid.pipelines.threads import prefetch
from dreamvid.pipelines.video_job import open_video_job
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dreamvid.checkpoint.store import Store
    from dreamvid.pipelines.plan.plan import Plan
    from dreamvid.pipelines.video_job import VideoJob
    from dreamvid.types import Frame

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class PartsReader:
    """The frames of all parts, in order.

    Attributes
    ----------
    plan
        Whose parts they are.
    wait
        Called with the number of each part before it is read; returns when the part is done.
    seconds, squares, dreamed, failed
        The sums of the parts that have been read; see :class:`LoopState`.
    mixed
        What device or version differed, with the numbers of those parts.
    """

    plan: Plan
    wait: Callable[[int], None] = lambda _: None
    seconds: float = 0.0
    squares: float = 0.0
    dreamed: int = 0
    failed: int = 0
    mixed: dict[str, list[int]] = field(default_factory=dict)

    @property
    def dream_rms(self) -> float:
        """RMS of dreamed minus source over all frames, in [0, 1]."""
        return math.sqrt(self.squares / self.plan.frames)

    def __iter__(self) -> Iterator[Frame]:
        """Read the parts.

        Raises
        ------
        WorkError
            Where one is not as it was planned, or damaged; it then counts as missing.
        BusyError
            Where a worker is at one.
        NothingDreamedError
            At the end, where nothing came out as a picture.
        """
        for number, part in enumerate(self.plan.parts, 1):
            self.wait(number)
            store = self._open(number)
            try:
                for record in store.records:
                    for frame in prefetch(store.read(record)):
                        yield replace(frame, index=part.first + frame.index)
            except WorkError:
                store.drop_damaged()
                raise
            finally:
                store.release()
        if self.failed and not self.dreamed:
            raise NothingDreamedError(NOTHING_DREAMED)

    def _open(self, number: int) -> Store:
        """Open a part, and count what is known of it."""
        plan = self.plan
        store = open_for_reading(plan.folder_of(number), lossless)
        expected = plan.manifest_of(number, plan.manifest)
        fault = changes(expected, store.manifest)
        if fault or store.frames != plan.parts[number - 1].frames:
            store.release()
            raise WorkError(
                f"{printable(store.folder)} is not as planned: {fault or 'it is damaged'}; dream it again"
            )
        if minor := minor_changes(expected, store.manifest):
            self.mixed.setdefault(minor, []).append(number)
        state = LoopState.from_values(store.values)
        self.seconds += state.seconds
        self.squares += state.squares
        self.dreamed += state.dreamed
        self.failed += state.failed
        return store

    def result(self, job: VideoJob, encoding: float, kept: int = 0) -> RunResult:
        """Return the result of the output; say what was mixed.

        ``encoding`` is in seconds, ``kept`` the number of frames of earlier runs.
        """
        for difference, numbers in self.mixed.items():
            _log.warning(
                "%s: in %s, whose frames may differ in their last bits", difference, describe(numbers)
            )
        return RunResult(
            source=job.source,
            output=job.output,
            frames=self.plan.frames if job.loop is None else job.loop.frames,
            seconds=self.seconds + encoding,
            size=job.info.size,
            resolved=json.loads(self.plan.text)["resolved"],
            stages={"dream": self.seconds, "final": encoding},
            dream_rms=self.dream_rms,
            resumed_at=kept,
        )


def join(plan: Plan, output: Path | None = None, options: RunOptions = RunOptions()) -> RunResult | None:
    """Encode the output of a plan whose parts are all done, with the source's sound.

    The plan stays, and the parts are removed unless ``options.keep_work``. Loads no network.

    Parameters
    ----------
    output
        The file or folder to write; None is the plan's.

    Returns
    -------
    RunResult | None
        None where an earlier call had joined the plan to this output already.

    Raises
    ------
    WorkError
        Where parts are missing, which are named, or damaged.
    DreamvidError
        Where the output cannot be written.
    """
    options = replace(
        options,
        keep_going=plan.keep_going,
        output_is_folder=plan.output_is_folder if output is None else options.output_is_folder,
    )
    job = open_video_job(plan.source, output or plan.output, plan.preset, options)
    check = partial(check_target, job.output, [plan.source], options.confirm_overwrite, folder=job.folder)
    if plan.is_joined and embeds(job.output, plan.text):
        return None
    delivered = is_delivered(job.output, plan.text, check, work=plan.folder)
    missing = [] if delivered else plan.missing()
    if missing:
        raise WorkError(
            f"{printable(plan.folder)}: {describe(missing)} of {len(plan.parts)} "
            f"{'is' if len(missing) == 1 else 'are'} missing; dream {'it' if len(missing) == 1 else 'them'} with: "
            f"dreamvid part {printable(plan.folder)}"
        )
    _check_depth(plan, job)
    result = None
    store = open_store(plan.folder, plan.manifest, lossless)
    try:
        if not delivered:
            InputGuard(plan.manifest).check()
            store.finish()
            reader = PartsReader(plan)
            result = reader.result(job, encode(reader, job, options))
        if not options.keep_work:
            plan.remove_parts()
        store.keep()
    finally:
        store.release()
    return result


def encode(frames: PartsReader, job: VideoJob, options: RunOptions) -> float:
    """Write the output; return the seconds that it took."""
    began = time.perf_counter()
    work = work_folder(job.output)
    options.progress.encode(frames.plan.frames, job.output.name)
    with job.writer(frames.plan.text, work / OUTPUT if work.is_dir() else None) as writer:
        for frame in frames:
            writer.write(frame)
            options.progress.encoded(frame.index)
    return time.perf_counter() - began


def _check_depth(plan: Plan, job: VideoJob) -> None:
    """Raise a ``WorkError`` where another output than the plan's needs more bits than its parts have."""
    from dreamvid.media.output.writer import chunk_bits  # noqa: PLC0415  PyAV loads only when media is touched

    needed = chunk_bits(job.output, info=job.info, output=job.preset.output, folder=job.folder)
    if needed > (kept := plan.manifest.pictures.bits):
        raise WorkError(f"{printable(job.output)}: what was kept has {kept} bits, too few for this output")
