"""Presets in, finished files out: every preset over every input, whatever becomes of the others."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from dreamvid.errors import BusyError, DreamvidError
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.render_devices import render_on_devices
from dreamvid.pipelines.render_jobs import Job, Result, is_busy, is_made, run_job, stopped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_log = logging.getLogger(__name__)

_POLL_SECONDS = 1.0


def render(
    jobs: Sequence[Job], options: RunOptions = RunOptions(), *, again: bool = False
) -> Iterator[Result]:
    """Render one job after the other; one that fails is reported and the rest goes on.

    An output that was made with the same settings from the same input is not made ``again`` unless that is asked for,
    so that the same command goes on after an interruption. A job that another run is at comes last, and waits for
    that run; so several of the same command share the jobs. ``options.devices`` share them, too; a single video is
    divided between them.

    Raises
    ------
    WorkError
        Where no device can work.
    KeyboardInterrupt
        Where the run was asked to stop; its text says how to go on.
    """
    if options.devices and [job.preset.pipeline for job in jobs] != ["video"]:
        yield from render_on_devices(jobs, options, again=again)
        return
    if options.cluster and (here := sum(job.preset.pipeline != "video" for job in jobs)):
        _log.warning("--cluster shares videos; what is none is made here, one after the other (%d)", here)
    done, left, waits = 0, list(jobs), False
    with options.interruptible() as asked:
        while left:
            busy: list[Job] = []
            for job in left:
                if asked():
                    raise KeyboardInterrupt(stopped(done, len(jobs), options))
                if is_busy(job):
                    busy.append(job)
                    continue
                try:
                    result = Result(job) if (waits or not again) and is_made(job) else _result(job, options)
                except BusyError:
                    busy.append(job)
                    continue
                except KeyboardInterrupt as error:
                    raise KeyboardInterrupt(*(error.args or [stopped(done, len(jobs), options)])) from None
                done += 1
                yield result
            left, waits = busy, True
            if left:
                time.sleep(_POLL_SECONDS)


def _result(job: Job, options: RunOptions) -> Result:
    """Return the result of a job, or its error; raise ``BusyError`` where another run is at it."""
    try:
        return Result(job, result=run_job(job, options))
    except BusyError:
        raise
    except DreamvidError as error:
        return Result(job, error=error)
