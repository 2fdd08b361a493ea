"""Checks of where an output goes, before any work is done for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dreamvid.atomic import AtomicOutput
from dreamvid.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dreamvid.pipelines.options import ConfirmOverwrite


def check_target(
    output: Path, inputs: Sequence[Path], confirm_overwrite: ConfirmOverwrite, *, folder: bool = False
) -> bool:
    """Return whether the output exists and is to be replaced.

    Parameters
    ----------
    inputs
        The files that the output is made from.
    folder
        Whether the output will be a folder.

    Raises
    ------
    WriteError
        Where the output is one of the inputs, its folder is missing or cannot be written, something else than an
        output is there, or it exists and may not be replaced.
    """
    from dreamvid.media.input.image_sequence import holds_only_frames  # noqa: PLC0415  PyAV loads only when media is touched

    replaceable = holds_only_frames if folder else None
    AtomicOutput(output, inputs=inputs, overwrite=True, is_replaceable_folder=replaceable)
    if not output.exists():
        return False
    if not confirm_overwrite(output):
        raise WriteError(f"{output} exists; use --yes to replace it")
    return True


def check_folder(folder: Path) -> None:
    """Raise a ``WriteError`` where a folder cannot be written, or does not exist and cannot be made."""
    nearest = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), folder)
    if not nearest.is_dir():
        raise WriteError(f"{folder}: {nearest} is no folder; name another output")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise WriteError(f"{folder}: the folder {nearest} cannot be written")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are missing; a ``WriteError`` where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{folder}: cannot be made ({error.strerror})") from None
