"""Dream the padded frames of panoramas."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dreamvid.image.panorama import pad, unpad

if TYPE_CHECKING:
    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.build import LoadedDreamer
    from dreamvid.pipelines.options import RunOptions
    from dreamvid.pipelines.scenes import BuildDreamer
    from dreamvid.types import RGB, StepMap


def padded(build: BuildDreamer) -> BuildDreamer:
    """Return what builds dreamers of padded panoramas, given what builds those of panoramas."""

    def build_padded(preset: Preset, options: RunOptions) -> LoadedDreamer:
        loaded = build(preset, options)
        dreamer: Any = PaddedDreamer(loaded.dreamer)
        return replace(loaded, dreamer=dreamer)

    return build_padded


@dataclass(frozen=True, slots=True)
class PaddedDreamer:
    """Dreams padded panoramas (:mod:`dreamvid.image.panorama`) as the panoramas that they are."""

    inner: Any

    def dream(
        self,
        image: RGB,
        *,
        detail: RGB | None = None,
        steps: int | None = None,
        step_map: StepMap | None = None,
        frame_index: int | None = None,
    ) -> RGB:
        """Return the dreamed picture, padded; see :class:`dreamvid.types.Dreamer`."""
        dreamed = self.inner.dream(
            unpad(image),
            detail=None if detail is None else unpad(detail),
            steps=steps,
            step_map=None if step_map is None else unpad(step_map),
            frame_index=frame_index,
        )
        return pad(dreamed)

    def with_settings(self, **settings: Any) -> PaddedDreamer:
        """Return a dreamer with other weights or settings; see the engine's."""
        return PaddedDreamer(self.inner.with_settings(**settings))

    def score(self, image: RGB) -> float:
        """Return the objective of a padded picture."""
        return float(self.inner.score(unpad(image)))
