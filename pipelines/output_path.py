"""Checks of where an output goes, before any work is done for it."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from dreamvid.atomic import AtomicOutput, write_error
from dreamvid.config.settings import FRAME_NAME
from dreamvid.errors import WriteError
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.options import ConfirmOverwrite, RunOptions


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


def split_frame_name(
    output: Path | None, preset: Preset, options: RunOptions
) -> tuple[Path | None, Preset, RunOptions]:
    """Return an output such as ``out/frame_%05d.png`` as the folder ``out``, with the names in the preset.

    Raises
    ------
    WriteError
        Where it names no folder.
    """
    if output is None or not FRAME_NAME.fullmatch(output.name):
        return output, preset, options
    if not output.parent.name:
        raise WriteError(f"{printable(output)}: name a folder for the pictures, such as frames/{output.name}")
    named = preset.override({"output.frame_name": output.name})
    return output.parent, named, replace(options, output_is_folder=True)


def check_folder(folder: Path) -> None:
    """Raise a ``WriteError`` where a folder cannot be written, or does not exist and cannot be made."""
    nearest = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), folder)
    prefix = "" if nearest == folder else f"{printable(folder)}: "
    if not nearest.is_dir():
        raise WriteError(f"{prefix}{printable(nearest)} is no folder; name another output")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise WriteError(f"{prefix}the folder {printable(nearest)} cannot be written")


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Make a folder and those above it, where they are missing; remove those again if the context fails.

    What is not empty then stays.

    Raises
    ------
    WriteError
        Where the folder cannot be made.
    """
    check_folder(folder)
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(folder, error, action="made") from None
        yield
    except BaseException:
        with suppress(OSError):
            for path in missing:
                path.rmdir()
        raise


def ends_in_slash(output: str | Path | None) -> bool:
    """Return whether the text that names an output says that it is a folder; a ``Path`` never does."""
    return isinstance(output, str) and output.endswith(("/", os.sep))
