"""Source and dream side by side, as a video with the source's sound."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from dreamvid.config.settings import OutputSettings
from dreamvid.pipelines.moviepy_guard import undisturbed
from dreamvid.types import Frame, Size

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from dreamvid.pipelines.measure_pairs import FramePair
    from dreamvid.types import RGB


class Comparison:
    """Writes source (left) and dream (right) frame by frame; the file appears when the context ends well.

    moviepy composes the pictures; our own reader and writer keep every frame, the exact times and the sound, all of
    which moviepy's would change.

    Raises
    ------
    DreamvidError
        Where the output cannot be.
    """

    def __init__(self, path: Path, couple: FramePair, source: Path, *, overwrite: bool) -> None:
        from dreamvid.media.output.writer import open_writer  # noqa: PLC0415  PyAV loads only when media is touched

        size = couple.size
        self._info = replace(
            couple.info, size=Size(size.height, 2 * size.width), has_alpha=False, hdr=False, depth=8
        )
        self._writer = open_writer(
            path,
            info=self._info,
            output=OutputSettings(),
            companion=source,
            start=couple.start,
            duration=couple.duration,
            overwrite=overwrite,
        )
        self._shown = tuple(np.zeros((*size, 3), np.uint8) for _ in range(2))
        self._scene = _side_by_side(self._shown)

    def __enter__(self) -> Self:
        """Start writing beside the target."""
        self._writer.__enter__()
        return self

    def add(self, source: RGB, dreamed: RGB, frame: Frame) -> None:
        """Append a picture ``[H, W, 3]`` of each; ``frame`` has the times."""
        for place, picture in zip(self._shown, (source, dreamed), strict=True):
            place[:] = np.round(np.clip(picture, 0.0, 1.0) * 255.0)
        composed = np.asarray(self._scene.get_frame(float(frame.pts)), np.float32) / np.float32(255.0)
        self._writer.write(Frame(frame.index, frame.pts, composed, duration=frame.duration))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Verify and rename; after an error, remove what was written."""
        self._writer.__exit__(kind, error, trace)


def _side_by_side(pictures: tuple[NDArray[np.uint8], ...]) -> Any:
    """Return a moviepy clip that always shows the pictures as they are at that moment, in a row."""
    with undisturbed():
        from moviepy import VideoClip, clips_array

    clips = [VideoClip(frame_function=lambda _, picture=picture: picture) for picture in pictures]
    return clips_array([clips], bg_color=(0, 0, 0))
