"""Dream the parts of a plan with one process a device, each of which takes parts until all are done."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from dreamvid.errors import WorkError
from dreamvid.pipelines.plan.processes import DeviceProcesses

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dreamvid.pipelines.options import RunOptions, StopRequested
    from dreamvid.pipelines.plan.devices import WorkerDevice
    from dreamvid.pipelines.plan.plan import Plan


def worker_command(plan: Plan, device: WorkerDevice, options: RunOptions) -> list[str]:
    """Return the command that dreams all parts that are free."""
    command = [sys.executable, "-m", "dreamvid", "part", str(plan.folder), "--device", device.device]
    command += ["--progress", "json", "--until-input-ends", "--chunk", str(options.chunk)]
    command += ["--allow-mixed"] * options.allow_mixed
    return command + ["--trust-model"] * options.trust_model


class Crew(DeviceProcesses):
    """The processes that dream the parts of a plan.

    Parameters
    ----------
    plan
        Its lock is held by the caller.
    devices
        One process each.
    options
        Their ``progress`` receives frames and chunks of all processes together, counted.
    command
        Returns what to run for a device; it reports as ``dreamvid part --progress json`` does.
    """

    def __init__(
        self,
        plan: Plan,
        devices: Sequence[WorkerDevice],
        options: RunOptions,
        command: Callable[[Plan, WorkerDevice, RunOptions], Sequence[str]] = worker_command,
    ) -> None:
        super().__init__(devices, options.progress)
        self._plan = plan
        self._options = options
        self._make_command = command

    def run(self, kept: int, stop_requested: StopRequested) -> None:
        """Dream until every part is done, or a stop is requested; ``kept`` frames are there already.

        Raises
        ------
        WorkError
            Where a process ended with an error, or none is left of those that died.
        """
        self._done = kept
        for _ in self._lines_taken(stop_requested):
            pass
        if not stop_requested() and (missing := self._plan.missing()):
            raise WorkError(
                f"{len(missing)} parts are left, and no process to dream them; the same command goes on"
            )

    def _command(self, device: WorkerDevice) -> Sequence[str]:
        return self._make_command(self._plan, device, self._options)

    def _is_needed(self) -> bool:
        return bool(self._plan.missing())
