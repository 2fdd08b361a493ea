"""What a finished file says of how it was made: settings, seed, version and fingerprints, as JSON.

Embedded under the key ``dreamvid``, so that the dream can be made again. Only base names are kept, never
whole paths.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreamvid._version import __version__
from dreamvid.checkpoint.layout import COMPLETE, LOCK, work_folder
from dreamvid.checkpoint.store import is_delivered_by
from dreamvid.config.fields import rename_files
from dreamvid.config.preset import Preset
from dreamvid.errors import DreamvidError, WriteError
from dreamvid.media.containers import is_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


KEY = "dreamvid"
_BLOCK = 1 << 20


def fingerprint(path: Path) -> str:
    """Return the BLAKE2b-128 digest of a file's content, or of all its files' names and contents (a folder)."""
    digest = hashlib.blake2b(digest_size=16)
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    for file in files:
        if path.is_dir():
            digest.update(file.name.encode("utf-8", "surrogateescape") + b"\0")
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def portable_settings(preset: Preset) -> dict[str, Any]:
    """Return the preset as plain JSON values, with base names in place of paths."""
    data: dict[str, Any] = preset.model_dump(mode="json", exclude_none=True, exclude={"inputs"})
    changes: dict[str, Any] = preset.model_dump(mode="json", exclude_unset=True, include={"scenes"})
    data |= changes  # a scene says only what differs
    return make_portable(data)


def make_portable(data: dict[str, Any]) -> dict[str, Any]:
    """Return settings with base names in place of all paths; embedded ones are never trusted to have them."""
    return rename_files(data, lambda name, _: Path(name).name, Preset)


def settings_json(
    preset: Preset, *, source: Path | None, resolved: Mapping[str, object], files: Mapping[str, Path]
) -> str:
    """Return the text to embed; ``source`` is None where nothing was dreamed but a trip made.

    ``resolved`` is what ``auto`` became (precision, tile, device); ``files`` are further inputs by role, such as
    ``weights`` and guide images.
    """
    value = {
        "version": __version__,
        "settings": portable_settings(preset),
        "resolved": dict(resolved),
        "source": None if source is None else _named(source),
        "files": {role: _named(path) for role, path in files.items()},
    }
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def read_settings(path: Path) -> str | None:
    """Return the text that is embedded in a finished file or folder; None where there is none.

    Raises
    ------
    ReadError
        Where it cannot be read.
    """
    from dreamvid.media.input.probe import probe  # noqa: PLC0415  PyAV loads only when media is touched
    from dreamvid.media.still.reader import read_embedded  # noqa: PLC0415  imageio the same

    if not path.is_dir() and is_picture(path.suffix.lower()):
        return read_embedded(path)
    metadata = {key.lower(): value for key, value in probe(path).metadata.items()}
    return metadata.get(KEY)


def is_delivered(output: Path, text: str, check: Callable[[], object]) -> bool:
    """Return whether the output is in place already: a run was killed between renaming it and tidying up.

    Outputs get their name only when they are whole, and their last bytes once all of their work is; the embedded text
    tells this one from others. ``check`` is called where it is not, and raises where it may not be replaced; that an
    empty directory is left then says that it is in place all the same.

    Raises
    ------
    WriteError
        What ``check`` raises.
    """
    work = work_folder(output)
    try:
        complete = (work / COMPLETE).stat().st_mtime_ns
    except OSError:
        complete = None
    last = complete is not None and _made(output) >= complete and not is_delivered_by(work)
    if last and _says(output, text):
        return True
    try:
        check()
    except WriteError:
        if {path.name for path in work.iterdir()} <= {LOCK} and _says(output, text):
            return True
        raise
    return False


def _made(output: Path) -> int:
    """Return when an output was written to last; 0 where there is none."""
    from dreamvid.media.input.image_sequence import FRAME_LIST_NAME  # noqa: PLC0415  PyAV loads only when media is touched

    try:
        return (output / FRAME_LIST_NAME if output.is_dir() else output).stat().st_mtime_ns
    except OSError:
        return 0


def _says(output: Path, text: str) -> bool:
    try:
        return read_settings(output) == text
    except DreamvidError:
        return False


def _named(path: Path) -> dict[str, str]:
    return {"name": _printable(path.name), "fingerprint": fingerprint(path)}


def _printable(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
