"""The options of a run: everything that is no part of a preset and is never embedded in an output."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from dreamvid.pipelines.progress import NullProgress, Progress

if TYPE_CHECKING:
    from dreamvid.pipelines.plan.remote import RemoteWork

ConfirmOverwrite: TypeAlias = Callable[[Path | str], bool]
"""Returns whether an existing output, a file or a URL, may be replaced."""

StopRequested: TypeAlias = Callable[[], bool]
"""Returns whether the run is to stop after the current frame."""

CHUNK_SECONDS = Fraction(5)


def _never_stop() -> AbstractContextManager[StopRequested]:
    return nullcontext(lambda: False)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run uses this machine, what it may do, and what becomes of unfinished work.

    Attributes
    ----------
    device
        ``auto``, ``cpu``, ``gpu`` or ``gpu:N``.
    devices
        Devices that share a video: ``all``; ``gpu:0`` and others; ``cpu:2``, two processes. Empty for ``device``.
    in_parts
        Whether a video is dreamed in parts that other processes may take, too.
    cluster
        The Ray cluster that shares a video: ``auto`` or the address of its head; None for none.
    remote
        Where a cluster's parts are kept, if its machines share no storage.
    cluster_resources
        Names and amounts of what each of its tasks needs of a machine besides CPUs or a GPU.
    allow_mixed
        Whether devices or versions of another kind may work on the parts of one dream.
    threads
        CPU threads of TensorFlow; None is all cores.
    trust_model
        Load model files that carry code.
    keep_going
        Keep what comes before damage in an input.
    measure
        Compute the objective gain of the result.
    confirm_overwrite
        Called when the output exists; False raises a ``WriteError``.
    output_is_folder
        The output is a folder whatever its name ends in, as one that is written with a slash at its end.
    fresh
        Discard the unfinished work of an earlier run.
    keep_work
        Leave the work folder after success.
    chunk
        Length of a chunk in seconds of video: at most so much is dreamed twice after a crash.
    command
        Command line that continues the run, for messages; empty for none.
    interruptible
        Context manager, entered while frames are dreamed, that defers interruptions and gives a function which tells
        whether one came. By default they are not deferred, and the frames since the last whole chunk are lost.
    progress
        Receives the events of the run.
    """

    device: str = "auto"
    devices: tuple[str, ...] = ()
    in_parts: bool = False
    cluster: str | None = None
    remote: RemoteWork | None = None
    cluster_resources: tuple[tuple[str, float], ...] = ()
    allow_mixed: bool = False
    threads: int | None = None
    trust_model: bool = False
    keep_going: bool = False
    measure: bool = False
    confirm_overwrite: ConfirmOverwrite = lambda _: False
    output_is_folder: bool = False
    fresh: bool = False
    keep_work: bool = False
    chunk: Fraction = CHUNK_SECONDS
    command: tuple[str, ...] = ()
    interruptible: Callable[[], AbstractContextManager[StopRequested]] = _never_stop
    progress: Progress = field(default_factory=NullProgress)
