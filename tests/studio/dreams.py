"""Files that look like dreams of a clip: brighter, or in turn bright and dark."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.config.preset import Preset
from dreamvid.config.settings import OutputSettings
from dreamvid.media.input.source import open_source
from dreamvid.media.output.writer import open_writer
from dreamvid.pipelines.provenance import KEY, settings_json
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from pathlib import Path


def write_dream(path: Path, source: Path, start: Fraction = Fraction(0)) -> Path:
    """Write a clip from a time on, brighter, with the settings and the sound of a dream of it."""
    frames = open_source(source, start=start)
    preset = Preset.build({"input": {"start": str(start)}})
    with open_writer(
        path,
        info=VideoInfo(frames.info.size, frames.info.rate),
        output=OutputSettings(),
        streams_from=source,
        start=start,
        metadata={KEY: settings_json(preset, source=source, resolved={"precision": "float32"}, files={})},
    ) as writer:
        for frame in frames:
            writer.write(
                Frame(frame.index, frame.pts, np.clip(frame.rgb * 0.8 + 0.2, 0, 1), duration=frame.duration)
            )
    return path


def write_strobe(path: Path, *, dreamed: bool = True) -> Path:
    """Write six flashes a second, two seconds long, with the settings of a trip that was dreamed, or without."""
    settings = settings_json(Preset(), source=None, resolved={"precision": "float32"}, files={})
    info = VideoInfo(Size(54, 96), Fraction(12))
    metadata = {KEY: settings} if dreamed else {}
    with open_writer(path, info=info, output=OutputSettings(), metadata=metadata) as writer:
        for index in range(24):
            gray = np.full((54, 96, 3), (0.7 if index % 2 else 0.2) + index / 500, np.float32)
            writer.write(Frame(index, Fraction(index, 12), gray, duration=Fraction(1, 12)))
    return path
