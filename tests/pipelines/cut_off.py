"""Runs that are cut off at any operation on a file, and gone on with: a script, so that it can fork.

``python cut_off.py CLIP OUTPUT HOW STRIDE [FIRST]`` dreams CLIP once, uncut, with a dream that takes no network. Then
it cuts a run off at the FIRST-th operation that touches a file, at the one STRIDE later, and so on, each time runs
the same again, and compares. HOW is ``kill`` (the process ends there), ``torn`` (the same, and what was not flushed
is torn) or ``full`` (from there on, the disk is full). With ``random``, STRIDE runs are killed with SIGKILL, each at
a random moment. Prints a JSON object.
"""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import sys
import time
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dreamvid.checkpoint.layout import work_folder
from dreamvid.config.preset import Preset
from dreamvid.errors import DreamvidError
from dreamvid.media.input.source import open_source
from dreamvid.pipelines.build import LoadedDreamer
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.video import dream_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from dreamvid.types import RGB, StepMap

CUT, REFUSED, WRONG = 9, 1, 3
_WRITING = ("write", "fsync", "open", "mkdir")
_ALL = (*_WRITING, "replace", "unlink", "rmdir")


class Waves:
    """A dream that depends on everything that a dream may depend on, and takes no network."""

    def dream(
        self,
        image: RGB,
        *,
        detail: RGB | None = None,
        steps: int | None = None,
        step_map: StepMap | None = None,
        frame_index: int | None = None,
    ) -> RGB:
        base = image if detail is None else image + detail
        phase = np.float32(frame_index or 0) + np.float32(steps or 0)
        strength = np.float32(0.02) * (1.0 if step_map is None else step_map[..., None])
        waves = base + strength * np.sin(40.0 * base + phase)
        return np.asarray(np.clip(waves, 0.0, 1.0), np.float32)


def build(*_: object) -> LoadedDreamer:
    return LoadedDreamer(Waves(), lambda _: {"precision": "float32"}, {})  # type: ignore[arg-type]  # no network


class Cut:
    """Counts operations on files, and cuts the run off at one of them."""

    def __init__(self, at: int, how: str) -> None:
        self._at, self._how, self._count = at, how, 0
        self._loose: set[int] = set()
        self._real: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in _ALL}
        for name in _ALL:
            setattr(os, name, self._standing_in_for(name))

    def _standing_in_for(self, name: str) -> Callable[..., Any]:
        def operation(*arguments: Any, **options: Any) -> Any:
            if name == "open" and not arguments[1] & os.O_CREAT:
                return self._real[name](*arguments, **options)
            self._count += 1
            if self._count >= self._at:
                self._cut(name, arguments)
            if name == "write":
                self._loose.add(arguments[0])
            if name == "fsync":
                self._loose.discard(arguments[0])
            return self._real[name](*arguments, **options)

        return operation

    def _cut(self, name: str, arguments: tuple[Any, ...]) -> None:
        if self._how == "full":
            if name in _WRITING:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return
        if name == "write":
            self._real["write"](arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
        if self._how == "torn":
            for descriptor in self._loose:
                os.ftruncate(descriptor, os.fstat(descriptor).st_size // 3)
        os._exit(CUT)


def in_a_child(work: Callable[[], None], kill_after: float | None = None) -> tuple[int, str]:
    """Return how a child process ended, and the error that it told of; it may be killed after some seconds."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        code = 0
        try:
            work()
        except DreamvidError as error:
            code = REFUSED
            writing_all = str(error).encode()
            os.dup2(writing, 2)
            sys.stderr.write(writing_all.decode())
            sys.stderr.flush()
        except BaseException as error:  # noqa: BLE001  reported
            code = WRONG
            os.dup2(writing, 2)
            sys.stderr.write(f"{type(error).__name__}: {error}")
            sys.stderr.flush()
        os._exit(code)
    os.close(writing)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read().decode()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text


def frames_of(path: Path) -> list[tuple[Fraction, bytes]]:
    return [(frame.pts, frame.rgb.tobytes()) for frame in open_source(path)]


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def wrongs(
    dream: Callable[[], None], end: Callable[[], tuple[int, str]], output: Path
) -> tuple[int, list[str]]:
    """End a run, and run it again where it had not finished; return how it ended, and what was wrong."""
    found = []
    ended, text = end()
    if ended not in {0, CUT, REFUSED, -signal.SIGKILL} or (ended == REFUSED and "disk is full" not in text):
        found.append(f"ended with {ended}: {text}")
    if ended and not (output.exists() and not work_folder(output).exists()):
        code, again = in_a_child(dream)
        if code:
            found.append(f"the second run failed ({code}): {again}")
    return ended, found


def main() -> None:
    """See the module."""
    clip, output, how, stride = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    at = int(sys.argv[5]) if len(sys.argv) > 5 else 1
    steady = {"flow": {"scale": 64}, "steps": 2, "decay": 0.95, "blend": 0.4}
    preset = Preset.build({"ascent": {"steps": 4}, "mask": {"source": "motion"}, "stability": steady})
    keeping = RunOptions(chunk=Fraction(1, 4))

    def dream() -> None:
        dream_file(clip, output, preset, keeping, build=build)

    def cut_dream() -> None:
        Cut(at, how)
        dream()

    began = time.perf_counter()
    code, text = in_a_child(dream)
    assert code == 0, text
    seconds = time.perf_counter() - began
    chance = random.Random(at)  # noqa: S311  moments, not secrets
    wanted, beside = frames_of(output), {path.name for path in output.parent.iterdir()}
    tried, ended, wrong = 0, CUT, list[str]()
    while (tried < stride if how == "random" else ended) and len(wrong) < 10:
        remove(output)
        kill_after = chance.uniform(0.0, 1.1 * seconds) if how == "random" else None
        work = dream if how == "random" else cut_dream
        ended, found = wrongs(dream, partial(in_a_child, work, kill_after), output)
        if not output.exists() or frames_of(output) != wanted:
            found.append("another output")
        if {path.name for path in output.parent.iterdir()} != beside:
            found.append(f"left {sorted(path.name for path in output.parent.iterdir())}")
        wrong += [f"{at}: {text}" for text in found]
        tried, at = tried + 1, at + stride
    print(json.dumps({"tried": tried, "operations": at, "wrong": wrong}))  # noqa: T201  the result


if __name__ == "__main__":
    main()
