"""Write jobs of render farms that dream the parts of a plan and join them: small texts over two commands."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from dreamvid.pipelines.plan.plan import Plan

Farm = Literal["slurm", "openjd", "flamenco"]

_MAX_ARRAY = 1000
"""Tasks of a job array that every cluster allows (Slurm's ``MaxArraySize`` is 1001 by default)."""

_SLURM = """\
#!/bin/sh
# Dreams {parts} parts as a job array, then joins them. Options are passed on to the array:
#   sh FILE --partition=gpu --gres=gpu:1 --time=8:00:00
# What is preempted or killed goes on where it was; run this file again if anything is missing.
set -eu
parts=$(sbatch --parsable --job-name=dreamvid --array=1-{tasks} --requeue "$@" <<'END'
#!/bin/sh
first=$(( (SLURM_ARRAY_TASK_ID - 1) * {each} + 1 ))
last=$(( first + {each} - 1 ))
[ "$last" -le {parts} ] || last={parts}
exec dreamvid part {plan} "$first-$last"
END
)
sbatch --job-name=dreamvid-join --dependency="afterok:$parts" <<'END'
#!/bin/sh
exec dreamvid join {plan}
END
"""

_OPENJD = """\
specificationVersion: jobtemplate-2023-09
name: dreamvid {name}
description: Dreams the {parts} parts of the plan in {plan}, then joins them.
parameterDefinitions:
  - name: Plan
    type: PATH
    objectType: DIRECTORY
    dataFlow: INOUT
steps:
  - name: Dream
    parameterSpace:
      taskParameterDefinitions:
        - name: Part
          type: INT
          range: "1-{parts}"
    script:
      actions:
        onRun:
          command: dreamvid
          args: ["part", "{{{{Param.Plan}}}}", "{{{{Task.Param.Part}}}}"]
  - name: Join
    dependencies:
      - dependsOn: Dream
    script:
      actions:
        onRun:
          command: dreamvid
          args: ["join", "{{{{Param.Plan}}}}"]
"""

_FLAMENCO = """\
// Dreams the parts of a plan, then joins them. Put this job type into the folder "scripts" of Flamenco Manager.
const JOB_TYPE = {{
    label: "dreamvid",
    settings: [
        {{ key: "plan", type: "string", required: true, default: {plan}, description: "Folder of the plan" }},
        {{ key: "parts", type: "string", required: true, default: "1-{parts}", description: "Parts to dream" }},
        {{ key: "chunk_size", type: "int32", default: 1, description: "Parts of each task" }},
    ],
}};

function compileJob(job) {{
    const settings = job.settings;
    const join = author.Task("join", "misc");
    join.addCommand(author.Command("exec", {{ exe: "dreamvid", args: ["join", settings.plan] }}));
    for (const parts of frameChunker(settings.parts, settings.chunk_size)) {{
        const task = author.Task("part-" + parts, "misc");
        const numbers = parts.split(",");
        task.addCommand(author.Command("exec", {{ exe: "dreamvid", args: ["part", settings.plan].concat(numbers) }}));
        job.addTask(task);
        join.addDependency(task);
    }}
    job.addTask(join);
}}
"""


def export(plan: Plan, farm: Farm) -> str:
    """Return the text of a job that dreams a plan.

    Parameters
    ----------
    farm
        ``slurm`` is a shell script that submits two jobs, ``openjd`` a template of Open Job Description (for
        AWS Deadline Cloud and others), ``flamenco`` a job type of Flamenco 3.
    """
    return _EXPORTS[farm](plan)


def _slurm(plan: Plan) -> str:
    parts = len(plan.parts)
    each = -(-parts // _MAX_ARRAY)
    folder = shlex.quote(str(plan.folder.resolve()))
    return _SLURM.format(plan=folder, parts=parts, each=each, tasks=-(-parts // each))


def _openjd(plan: Plan) -> str:
    return _OPENJD.format(plan=_plain(plan.folder.name), name=_plain(plan.output.stem), parts=len(plan.parts))


def _flamenco(plan: Plan) -> str:
    return _FLAMENCO.format(plan=json.dumps(str(plan.folder.resolve())), parts=len(plan.parts))


def _plain(name: str) -> str:
    """Return a name of letters, digits and dashes, which is plain text in YAML."""
    return "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in name)


_EXPORTS: dict[Farm, Callable[[Plan], str]] = {"slurm": _slurm, "openjd": _openjd, "flamenco": _flamenco}
FARMS = tuple(_EXPORTS)
