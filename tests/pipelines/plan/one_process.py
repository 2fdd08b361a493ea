"""What is used of Ray, with this process alone in the cluster: it runs task after task."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dreamvid.pipelines.plan.ray_task import TaskEnd


@dataclass
class OneProcess:
    """The module ``ray``; ``do`` takes the place of what its tasks run."""

    do: Callable[[Any], TaskEnd]
    resources: dict[str, float] = field(default_factory=lambda: {"CPU": 1.0})
    needed: dict[str, Any] = field(default_factory=dict)
    most: int = 0
    exceptions: Any = field(
        default_factory=lambda: SimpleNamespace(RayError=OSError, RayTaskError=ArithmeticError)
    )

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": self.resources}]

    def cluster_resources(self) -> dict[str, float]:
        return self.resources

    def remote(self, **needed: Any) -> Callable[[object], Any]:
        self.needed = needed
        begin = SimpleNamespace(remote=lambda task: task)
        return lambda _: SimpleNamespace(options=lambda **_: begin)

    def wait(self, tasks: Sequence[Any], **_: Any) -> tuple[Sequence[Any], Sequence[Any]]:
        self.most = max(self.most, len(tasks))
        return tasks[:1], tasks[1:]

    def get(self, task: Any) -> TaskEnd:
        return self.do(task)

    def cancel(self, task: Any) -> None:
        pass
