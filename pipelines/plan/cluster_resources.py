"""What a task needs of the machine of a Ray cluster that runs it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from dreamvid.errors import SettingsError
from dreamvid.text import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MEMORY = "memory"
_TRACE = 0.001
"""Amount of a resource that a task takes where none is named: only machines that have it run the task."""


def parse_resources(text: str) -> tuple[tuple[str, float], ...]:
    """Return names and amounts of resources from a text such as ``film,disk=0.5,memory=8e9``.

    Raises
    ------
    SettingsError
        For anything else; CPUs and GPUs follow from the threads and the device.
    """
    found: dict[str, float] = {}
    for item in text.split(","):
        name, equals, amount = (word.strip() for word in item.partition("="))
        try:
            value = float(amount) if equals else _TRACE
        except ValueError:
            value = 0.0
        if not name or not 0.0 < value < math.inf or (value > 1.0 and value % 1.0) or name in found:
            raise SettingsError(
                "--cluster-resources: must be names and amounts, at most 1 or whole, such as film,disk=0.5,"
                f"memory=8e9, not {quoted(text)}"
            )
        if name.upper() in {"CPU", "GPU"}:
            raise SettingsError(
                "--cluster-resources: a task's CPUs follow from --threads, its GPU from --device"
            )
        found[name] = value
    return tuple(found.items())


def task_needs(threads: int, resources: Iterable[tuple[str, float]], *, gpu: bool) -> dict[str, float]:
    """Return all that a task needs, under the names that Ray has for the resources of a machine."""
    needs = {"CPU": 1.0, "GPU": 1.0} if gpu else {"CPU": float(threads)}
    return needs | dict(resources)


def ray_options(needs: Mapping[str, float]) -> dict[str, Any]:
    """Return the same as the options of a Ray task."""
    custom = {name: amount for name, amount in needs.items() if name not in {"CPU", "GPU", _MEMORY}}
    options: dict[str, Any] = {"num_cpus": needs["CPU"], "num_gpus": needs.get("GPU", 0)}
    if _MEMORY in needs:
        options[_MEMORY] = int(needs[_MEMORY])
    return options | ({"resources": custom} if custom else {})


def is_met(needs: Mapping[str, float], nodes: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether a machine among Ray's nodes has all that a task needs, when nothing else runs there."""
    alive = (node["Resources"] for node in nodes if node["Alive"])
    return any(all(has.get(name, 0) >= amount for name, amount in needs.items()) for has in alive)


def describe_needs(needs: Mapping[str, float]) -> str:
    """Return what a task needs, for people."""
    texts = [
        "a GPU" if "GPU" in needs else f"{needs['CPU']:g} CPUs, the plan's number of threads (--threads)"
    ]
    return " and ".join(texts + [f"{name} ({needs[name]:g})" for name in needs if name not in {"CPU", "GPU"}])
