"""(j) Reuse of networks: six scenes of one network against one scene, ten stills in one command against ten commands.

Each is a new process with a warm cache. The six scenes have one network and different objectives; what counts is the
time from the command to the first dreamed frame. ``python benchmarks/reuse.py`` runs this part alone, which needs
nothing but the command: with ``PYTHONPATH``, and from outside the project's folder, it measures another version.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from figures import Figure, interleave, ratios, table
from pictures import picture, write_clip
from PIL import Image
from startup import cached_in, command, first_frame_seconds

from dreamvid.types import Size

PART = "j reuse"
SCENES_BAR, STILLS_BAR = 1.2, 0.4
CLIP_SIZE, STILL_SIZE = Size(270, 480), Size(180, 320)
STILLS = 10
OBJECTIVES = ("mixed3", "mixed4", "mixed5", "mixed3, mixed4", "mixed4, mixed5", "mixed3, mixed5")


def measure(folder: Path, *, rounds: int) -> list[Figure]:
    """Return both ratios; ``folder`` takes the inputs and what is dreamed of them."""
    return [*_scenes(folder, rounds=rounds), *_stills(folder, rounds=rounds)]


def _scenes(folder: Path, *, rounds: int) -> list[Figure]:
    clip, out, cache = folder / "reuse.mp4", folder / "reuse.dream.mp4", folder / "cache"
    write_clip(clip, CLIP_SIZE, frames=48)
    presets = {"one scene": folder / "one.yaml", "six scenes": folder / "six.yaml"}
    presets["one scene"].write_text(f"objective: {OBJECTIVES[0]}\n", encoding="utf-8")
    scenes = [
        f"- {{start: {100 * index // len(OBJECTIVES)}%, objective: '{objective}'}}"
        for index, objective in enumerate(OBJECTIVES)
    ]
    presets["six scenes"].write_text("\n".join(["scenes:", *scenes]) + "\n", encoding="utf-8")
    seconds: dict[str, list[float]] = {name: [] for name in presets}
    for turn in range(rounds + 1):
        for name, preset in presets.items():
            arguments = ("video", str(clip), "--preset", str(preset), "-o", str(out), "--yes", "--fresh")
            duration = first_frame_seconds(arguments, cache=cache)
            if turn:  # the first one fills the cache
                seconds[name].append(duration)
    ratio, low, high = ratios(seconds["six scenes"], seconds["one scene"])
    return [
        *(
            Figure(PART, f"first frame, {name}", statistics.median(values), "s", note=str(CLIP_SIZE))
            for name, values in seconds.items()
        ),
        Figure(PART, "six scenes / one scene", ratio, "", "at most", SCENES_BAR, low, high),
    ]


def _stills(folder: Path, *, rounds: int) -> list[Figure]:
    stills = [folder / f"still{index}.png" for index in range(STILLS)]
    for index, path in enumerate(stills):
        Image.fromarray(np.uint8(np.round(255 * picture(STILL_SIZE, time=index)))).save(path)
    preset, out, cache = folder / "stills.yaml", folder / "stills", folder / "cache"
    preset.write_text("pipeline: image\nobjective: mixed4\n", encoding="utf-8")
    out.mkdir()

    def render(*paths: Path) -> None:
        inputs = [argument for path in paths for argument in ("-i", str(path))]
        target = out / "single.png" if len(paths) == 1 else out
        arguments = command("render", str(preset), *inputs, "-o", str(target), "--yes", "--quiet")
        subprocess.run(arguments, check=True, env=cached_in(cache))  # noqa: S603  our own command

    def render_each() -> None:
        for path in stills:
            render(path)

    seconds = interleave(
        {"one command": lambda: render(*stills), "ten commands": render_each}, max(1, rounds // 2)
    )
    ratio, low, high = ratios(seconds["one command"], seconds["ten commands"])
    return [
        *(
            Figure(PART, f"ten stills, {name}", statistics.median(values), "s", note=str(STILL_SIZE))
            for name, values in seconds.items()
        ),
        Figure(PART, "one command / ten commands", ratio, "", "at most", STILLS_BAR, low, high),
    ]


def main() -> None:
    """Run this part alone and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="dreamvid-bench-") as folder:
        print(table(measure(Path(folder), rounds=rounds)))


if __name__ == "__main__":
    main()
