"""What trips and walks share, whose frames are made and not read: size, job and output of the film."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dreamvid.checkpoint.layout import OUTPUT, work_folder
from dreamvid.config.settings import LONGEST_SIDE, output_size
from dreamvid.pipelines.provenance import KEY, make_manifest
from dreamvid.pipelines.resume import OutputJob
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dreamvid.config.settings import OutputSettings
    from dreamvid.pipelines.music import Soundtrack
    from dreamvid.types import FrameWriter, VideoInfo

DEFAULT_SIZE = Size(360, 640)
"""Without a picture to go by; the longest side, in px, is that of films that begin with one, too."""
_MIN_SIDE = 16
"""The shortest side, in px, that a network can dream."""


def film_size(output: OutputSettings, picture_size: Size | None) -> Size:
    """Return the size of a film: that of the output settings, else with a longest side of 640 px; even.

    ``picture_size`` is the size of the picture that it begins with, None without one.
    """
    shape = picture_size or DEFAULT_SIZE
    if output.width is not None or output.height is not None:
        size = output_size(shape, output)
    else:
        scale = max(DEFAULT_SIZE) / max(shape)
        size = Size(*(max(_MIN_SIDE, 2 * round(side * scale / 2)) for side in shape))
    return Size(*(side + side % 2 for side in size)) if max(size) < LONGEST_SIDE else size


def make_film_job(
    output: Path,
    text: str,
    inputs: Iterable[Path],
    *,
    info: VideoInfo,
    made: VideoInfo,
    settings: OutputSettings,
    command: tuple[str, ...],
    state_bytes: int,
    folder: bool,
    delivered: bool,
) -> OutputJob:
    """Return the job of a film.

    ``text`` are the embedded settings, ``info`` is that of the film, ``made`` of all frames that are made for it.
    """
    from dreamvid.media.output.writer import chunk_bits  # noqa: PLC0415  PyAV loads only when media is touched

    bits = chunk_bits(output, info=info, output=settings, folder=folder)
    manifest = make_manifest(text, output=output, inputs=list(inputs), info=made, bits=bits, command=command)
    return OutputJob(output, manifest, state_bytes, delivered)


def open_film_writer(
    output: Path,
    text: str,
    music: Soundtrack | None,
    *,
    info: VideoInfo,
    frames: int,
    settings: OutputSettings,
    folder: bool,
) -> FrameWriter:
    """Return the writer of a film, which may be replaced; ``text`` are the embedded settings."""
    from dreamvid.media.output.writer import open_writer  # noqa: PLC0415  PyAV loads only when media is touched

    return open_writer(
        output,
        info=info,
        output=settings,
        streams_from=None if music is None else music.file,
        streams_are_generated=True,
        metadata={KEY: text},
        overwrite=True,
        expected_frames=frames,
        part=work_folder(output) / OUTPUT,
        folder=folder,
    )
