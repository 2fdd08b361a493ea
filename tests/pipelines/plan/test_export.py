"""Jobs for render farms are valid, and name the plan and its parts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from dreamvid.checkpoint.manifest import Manifest, Pictures
from dreamvid.config.preset import Preset
from dreamvid.pipelines.plan.division import Part
from dreamvid.pipelines.plan.export import export
from dreamvid.pipelines.plan.plan import Plan

OPENJD = shutil.which("openjd") or shutil.which("openjd", path=str(Path(sys.executable).parent))


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A plan of 40 parts, whose folder has a name to be quoted."""
    parts = tuple(Part(24 * number, 24 * number + 24, 0) for number in range(40))
    return Plan(
        folder=tmp_path / 'my "best" film.plan',
        source=tmp_path / "film.mov",
        output=tmp_path / "film: final.mp4",
        output_is_folder=False,
        preset=Preset(),
        keep_going=False,
        text="{}",
        manifest=Manifest("film.mp4", {}, {}, Pictures(1, 1, 8, alpha=False, rate="24")),
        parts=parts,
        times=tuple((part.first, Fraction(part.first, 24)) for part in parts),
    )


@pytest.fixture
def submitted(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an ``sbatch`` that notes what it is given, and a ``dreamvid`` that notes its arguments."""
    plan.folder.mkdir()
    (tmp_path / "bin").mkdir()
    for name, text in {
        "sbatch": 'printf "%s\\n" "$@" >> "$LOG/arguments"; to=join\n'
        'if [ "$1" = --parsable ]; then to=job; echo 77; fi; cat > "$LOG/$to"',
        "dreamvid": 'printf "%s\\n" "$@" >> "$LOG/ran"',
    }.items():
        file = tmp_path / "bin" / name
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(tmp_path))
    return tmp_path


@pytest.mark.skipif(OPENJD is None, reason="openjd (pip install openjd-cli) checks the template")
def test_openjd_takes_the_template(plan: Plan, tmp_path: Path) -> None:
    assert OPENJD is not None
    file = tmp_path / "film.yaml"
    file.write_text(export(plan, "openjd"))
    plan.folder.mkdir()
    done = subprocess.run([OPENJD, "check", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    given = ["-p", f"Plan={plan.folder}"]
    summary = subprocess.run(
        [OPENJD, "summary", str(file), *given], capture_output=True, text=True, check=False
    )
    assert "Total tasks: 41" in summary.stdout


@pytest.mark.skipif(os.name == "nt", reason="Slurm runs shell scripts")
@pytest.mark.parametrize(
    ("parts", "task", "expected"), [(40, 7, "7-7"), (2500, 834, "2500-2500"), (2500, 2, "4-6")]
)
def test_the_slurm_script_gives_each_task_its_parts(
    parts: int, task: int, expected: str, plan: Plan, submitted: Path
) -> None:
    plan = replace(plan, parts=(plan.parts * 63)[:parts])
    script = submitted / "film.sh"
    script.write_text(export(plan, "slurm"))
    subprocess.run(["sh", str(script), "--gres=gpu:1"], check=True, capture_output=True)
    arguments = (submitted / "arguments").read_text().split("\n")
    assert "--gres=gpu:1" in arguments
    assert f"--array=1-{min(parts, -(-parts // -(-parts // 1000)))}" in arguments
    assert "--dependency=afterok:77" in arguments
    environment = {**os.environ, "SLURM_ARRAY_TASK_ID": str(task)}
    subprocess.run(["sh", str(submitted / "job")], check=True, env=environment)
    assert (submitted / "ran").read_text().split("\n")[:3] == ["part", str(plan.folder), expected]


def test_the_slurm_script_joins_the_plan(plan: Plan, submitted: Path) -> None:
    script = submitted / "film.sh"
    script.write_text(export(plan, "slurm"))
    subprocess.run(["sh", str(script)], check=True, capture_output=True)
    subprocess.run(["sh", str(submitted / "join")], check=True)
    assert (submitted / "ran").read_text().split("\n")[:2] == ["join", str(plan.folder)]


def test_the_flamenco_job_type_names_plan_and_parts(plan: Plan) -> None:
    text = export(plan, "flamenco")
    assert r"my \"best\" film.plan" in text
    assert 'default: "1-40"' in text
    assert text.count("{") == text.count("}")
