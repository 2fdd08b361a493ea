"""What an atlas asks of a real network: pictures of its units, activations, and examples from given material."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from dreamvid.pipelines.build import build_reader, build_visualizer, open_network
from dreamvid.pipelines.examples import strongest_patches_by_layer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dreamvid.pipelines.atlas.request import AtlasRequest
    from dreamvid.pipelines.examples import Example
    from dreamvid.pipelines.options import RunOptions
    from dreamvid.pipelines.progress import Progress
    from dreamvid.pipelines.units import Network
    from dreamvid.types import RGB

_PATCH_SIZE = 96


class UnitPicture(Protocol):
    """A picture of a unit; :class:`dreamvid.engine.visualizer.UnitPicture` is one."""

    @property
    def picture(self) -> RGB: ...  # noqa: D102
    @property
    def alpha(self) -> Any: ...  # noqa: D102
    @property
    def score(self) -> float: ...  # noqa: D102
    @property
    def start_score(self) -> float: ...  # noqa: D102
    @property
    def attempts(self) -> int: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102


class Engine(Protocol):
    """What an atlas asks of a network."""

    @property
    def network(self) -> Network:
        """What layers and classes it has."""
        ...

    def visualize(self, output: str, units: Sequence[int], image: RGB | None) -> Sequence[UnitPicture]:
        """Return a picture of each unit of a layer, or of ``logits``."""
        ...

    def activations(self, outputs: Sequence[str], image: RGB) -> Mapping[str, Any]:
        """Return the activations ``[h, w, C]`` of each output on a picture."""
        ...

    def examples(
        self, source: Path, units: Mapping[str, Sequence[int]], count: int, progress: Progress
    ) -> Mapping[str, Mapping[int, Sequence[Any]]]:
        """Return the patches of a video or folder that fire each unit most, strongest first."""
        ...


class NetworkEngine:
    """A network that is ready; keeps the compiled function of one layer at a time."""

    def __init__(
        self,
        request: AtlasRequest,
        options: RunOptions,
    ) -> None:
        self._request, self._options = request, options
        self.network = open_network(request.model, options, with_classes=request.classes is not None)
        self._output = ""
        self._visualizer: Any = None

    def visualize(self, output: str, units: Sequence[int], image: RGB | None) -> Sequence[UnitPicture]:
        """Return a picture of each unit of a layer, or of ``logits``."""
        if self._visualizer is None or self._output != output:
            request, self._output = self._request, output
            self._visualizer = build_visualizer(
                request.model,
                output,
                request.settings,
                self._options,
                octaves=request.octaves,
                ascent=request.ascent,
            )
        made: Sequence[UnitPicture] = self._visualizer.visualize(units, image=image)
        return made

    def activations(self, outputs: Sequence[str], image: RGB) -> Mapping[str, Any]:
        """Return the activations ``[h, w, C]`` of each output on a picture."""
        return build_reader(self.network, outputs).read(image)

    def examples(
        self, source: Path, units: Mapping[str, Sequence[int]], count: int, progress: Progress
    ) -> dict[str, dict[int, list[Example]]]:
        """Return the patches of a video or folder that fire each unit most, strongest first."""
        reader = build_reader(self.network, list(units))
        return strongest_patches_by_layer(
            source, reader, units, count=count, size=_PATCH_SIZE, progress=progress
        )
