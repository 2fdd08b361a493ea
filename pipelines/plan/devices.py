"""Name the devices of this machine that share the parts of a dream."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dreamvid.errors import SettingsError
from dreamvid.pipelines.plan.plan import usable_cores
from dreamvid.text import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

_NAME = re.compile(r"(cpu|gpu)(?::([0-9]{1,4}))?")
_ADVICE = "must be all, GPUs such as gpu:0,gpu:1, or a number of processes such as cpu:2"


@dataclass(frozen=True, slots=True)
class WorkerDevice:
    """A device that one process works with.

    ``name`` is what users see, ``device`` what the process is given. ``variables`` are those of its environment,
    ``cores`` the cores that it may use; None is all.
    """

    name: str
    device: str
    variables: tuple[tuple[str, str], ...] = ()
    cores: frozenset[int] | None = None


def parse_devices(text: str) -> tuple[str, ...]:
    """Return ``all``, or the names of devices, from a text such as ``gpu:0,gpu:1`` or ``cpu:2``.

    Raises
    ------
    SettingsError
        For anything else; CPU and GPUs, whose frames differ, never work on one dream.
    """
    names = tuple(name.strip().lower() for name in text.split(","))
    if names == ("all",):
        return names
    if not all(_NAME.fullmatch(name) for name in names):
        raise SettingsError(f"--devices: {_ADVICE}, not {quoted(text)}")
    kinds = {name[:3] for name in names}
    if len(kinds) > 1:
        raise SettingsError("--devices: frames of CPU and GPU differ in their last bits; name one kind")
    if "cpu" in kinds and (len(names) > 1 or names[0] == "cpu:0"):
        raise SettingsError(f"--devices: {_ADVICE}, not {quoted(text)}")
    if len(set(names)) < len(names):
        raise SettingsError(f"--devices: names a device twice: {quoted(text)}")
    return names


def first_device(names: tuple[str, ...]) -> str:
    """Return the device of the process that shares out the work, which finds out what is to be done."""
    return {"all": "auto", "cpu": "cpu"}.get(names[0].partition(":")[0], names[0])


def worker_devices(names: tuple[str, ...], count_gpus: Callable[[], int]) -> list[WorkerDevice]:
    """Return what each process works with.

    Parameters
    ----------
    names
        ``all``; GPUs, ``gpu:0``; ``cpu:2`` alone, for two processes; or what ``--device`` takes.
    count_gpus
        Returns the number of GPUs; called where it matters.

    Raises
    ------
    SettingsError
        Where there are fewer GPUs, or fewer cores than processes.
    """
    if names[0].startswith("cpu"):
        return _cpu_processes(int(names[0].partition(":")[2] or 1))
    gpus = count_gpus()
    if names[0] in {"all", "auto"}:
        names = tuple(f"gpu:{index}" for index in range(gpus if names[0] == "all" else min(gpus, 1)))
        if not names:
            return _cpu_processes(1)
    indices = [int(name.partition(":")[2] or 0) for name in names]
    if max(indices) >= gpus:
        raise SettingsError(f"--devices: gpu:{max(indices)} is not here; there are {gpus} GPUs")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    if len(visible) != gpus:
        visible = [str(index) for index in range(gpus)]
    return [
        WorkerDevice(f"gpu:{index}", "gpu:0", (("CUDA_VISIBLE_DEVICES", visible[index].strip()),))
        for index in indices
    ]


def _cpu_processes(count: int) -> list[WorkerDevice]:
    """Return processes that share the cores; each has as many threads as one alone, for the same bits."""
    if count > usable_cores():
        raise SettingsError(f"--devices: there are {usable_cores()} cores, too few for {count} processes")
    if count == 1:
        return [WorkerDevice("cpu", "cpu")]
    if not hasattr(os, "sched_getaffinity"):
        return [WorkerDevice(f"cpu process {number}", "cpu") for number in range(1, count + 1)]
    cores = sorted(os.sched_getaffinity(0))
    return [
        WorkerDevice(f"cpu process {number + 1}", "cpu", cores=frozenset(cores[number::count]))
        for number in range(count)
    ]
