"""What ``dreamvid worker`` is asked for and answers: a job of a render, or parts of a video that another is at.

All of it is plain JSON values.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreamvid.config.preset import Preset
from dreamvid.errors import BusyError, DreamvidError
from dreamvid.pipelines.plan.plan import read_plan
from dreamvid.pipelines.plan.worker import dream_free_parts, prepare_worker
from dreamvid.pipelines.provenance import plain_settings
from dreamvid.pipelines.render_jobs import Job, run_job
from dreamvid.pipelines.result import RunResult
from dreamvid.types import Size

if TYPE_CHECKING:
    from dreamvid.pipelines.options import RunOptions

_PASSED_ON = (
    *("device", "allow_mixed", "threads", "trust_model", "keep_going", "measure", "fresh", "keep_work"),
    *("command",),
)
"""Options of the whole render that hold for each of its processes."""


def job_order(job: Job, options: RunOptions, *, replaces: bool) -> dict[str, Any]:
    """Return what asks for a job; ``replaces`` says that its output may be replaced."""
    value = {
        "name": job.name,
        "preset": plain_settings(job.preset),
        "source": None if job.source is None else str(job.source),
        "output": None if job.output is None else str(job.output),
        "output_is_folder": job.output_is_folder,
        "in_folder": job.in_folder,
    }
    return {"job": value, "replaces": replaces, "options": _options_to_values(options)}


def parts_order(folder: Path, options: RunOptions) -> dict[str, Any]:
    """Return what asks for the parts of a plan that nobody is at."""
    return {"plan": str(folder), "options": _options_to_values(options)}


def carry_out(order: dict[str, Any], options: RunOptions) -> dict[str, Any]:
    """Do what an order asks for; return the answer.

    ``options`` are those of this process. The answer holds a ``result``, or an ``error``, or says that another run is
    at the job (``busy``). A ``KeyboardInterrupt`` is raised.
    """
    options = replace(options, **_options_from_values(order["options"]))
    if "plan" in order:
        return _dream_parts(Path(order["plan"]), options)
    options = replace(options, in_parts=True, confirm_overwrite=lambda _: bool(order["replaces"]))
    try:
        return {"result": _result_to_values(run_job(_job_from_values(order["job"]), options))}
    except BusyError:
        return {"busy": True}
    except DreamvidError as error:
        return {"error": str(error)}


def answered_result(answer: dict[str, Any]) -> RunResult | None:
    """Return the result of a job that an answer holds; None for all other answers."""
    if "result" not in answer:
        return None
    values = answer["result"]
    paths = {name: Path(values[name]) for name in ("source", "output")}
    return RunResult(**values | paths | {"size": Size(*values["size"])})


def _dream_parts(folder: Path, options: RunOptions) -> dict[str, Any]:
    try:
        for _ in dream_free_parts(prepare_worker(read_plan(folder), options), wait=False):
            pass
    except DreamvidError as error:
        return {"error": str(error)}
    return {}


def _job_from_values(values: dict[str, Any]) -> Job:
    paths = {name: None if values[name] is None else Path(values[name]) for name in ("source", "output")}
    return Job(**values | paths | {"preset": Preset.build(values["preset"])})


def _result_to_values(result: RunResult) -> dict[str, Any]:
    return asdict(result) | {"source": str(result.source), "output": str(result.output), "size": result.size}


def _options_to_values(options: RunOptions) -> dict[str, Any]:
    return {name: getattr(options, name) for name in _PASSED_ON} | {"chunk": str(options.chunk)}


def _options_from_values(values: dict[str, Any]) -> dict[str, Any]:
    return values | {"chunk": Fraction(values["chunk"]), "command": tuple(values["command"])}
