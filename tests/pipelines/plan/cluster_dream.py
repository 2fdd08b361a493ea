"""A dream that takes no network, notes its frames, and ends a process or a machine of a cluster when told so."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreamvid.pipelines.build import LoadedDreamer
from tests.pipelines.plan.waves import Waves, load_waves

if TYPE_CHECKING:
    from dreamvid.types import RGB

HEAD = "head"


@dataclass
class NotedWaves(Waves):
    """Adds a line with its process to ``folder/log`` for each frame.

    A file ``kill-process``, or ``kill-node`` where this is not the head, is removed, and what it names is killed.
    """

    folder: Path = Path()

    def dream(self, image: RGB, **settings: Any) -> RGB:
        import ray  # noqa: PLC0415  tests say first which token it is to read

        dreamed = super().dream(image, **settings)
        with (self.folder / "log").open("a", encoding="ascii") as log:
            log.write(f"{settings.get('frame_index')} {os.getpid()}\n")
        if self._is_asked("kill-process"):
            os.kill(os.getpid(), signal.SIGKILL)
        here = ray.get_runtime_context().get_node_id()
        if here != (self.folder / HEAD).read_text(encoding="ascii") and self._is_asked("kill-node"):
            os.kill(os.getppid(), signal.SIGKILL)  # this process ends when it notices
        return dreamed

    def _is_asked(self, name: str) -> bool:
        try:
            (self.folder / name).rename(self.folder / f"{name}-{os.getpid()}")
        except FileNotFoundError:
            return False
        return True


@dataclass(frozen=True)
class LoadNotedWaves:
    """Loads the dream."""

    folder: Path
    seconds: float = 0.02

    def __call__(self, *_: object) -> LoadedDreamer:
        loaded = load_waves()
        return LoadedDreamer(NotedWaves(self.seconds, self.folder), loaded.resolved, {})  # type: ignore[arg-type]  # no network
