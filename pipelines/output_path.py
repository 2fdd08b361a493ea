"""Checks of an output's place, before any work is done for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dreamvid.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dreamvid.pipelines.options import ConfirmOverwrite


def check_target(
    output: Path, inputs: Sequence[Path], confirm_overwrite: ConfirmOverwrite, *, folder: bool = False
) -> bool:
    """Return whether an existing output is to be replaced; ``folder`` says that a folder will be written.

    ``inputs`` are the files that it is made from.

    Raises
    ------
    WriteError
        Where the output is one of the inputs, its folder is missing or cannot be written, something else than an
        output is there, or it exists and may not be replaced.
    """
    from dreamvid.media.output.atomic import Target  # noqa: PLC0415  PyAV loads only when media is touched

    Target(output, inputs=inputs, overwrite=True, folder=folder)
    if not output.exists():
        return False
    if not confirm_overwrite(output):
        raise WriteError(f"{output} exists; use --yes to replace it")
    return True


def check_folder(folder: Path) -> None:
    """Refuse a folder that is neither there nor can be made.

    Raises
    ------
    WriteError
        In one line.
    """
    found = next((place for place in (folder, *folder.parents) if os.path.lexists(place)), folder)
    if not found.is_dir():
        raise WriteError(f"{folder}: {found} is no folder; name another output")
    if not os.access(found, os.W_OK | os.X_OK):
        raise WriteError(f"{folder}: the folder {found} cannot be written")
