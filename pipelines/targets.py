"""Checks of an output's place, before any work is done for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dreamvid.errors import WriteError

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.pipelines.outcome import MayReplace


def check_target(output: Path, source: Path, may_replace: MayReplace) -> bool:
    """Return whether an existing output is to be replaced.

    Raises
    ------
    WriteError
        Where the output is the input itself, its folder is missing or cannot be written, or it exists and
        may not be replaced.
    """
    folder = output.parent
    if not folder.is_dir():
        raise WriteError(f"{output}: the folder {folder} does not exist")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise WriteError(f"{output}: the folder {folder} cannot be written")
    if not output.exists():
        return False
    if source.exists() and output.samefile(source):
        raise WriteError(f"{output}: input and output are the same file; name another output")
    if not may_replace(output):
        raise WriteError(f"{output} exists; use --yes to replace it")
    return True
