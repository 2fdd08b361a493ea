"""Read the pictures of an atlas: of a finished folder, or what an unfinished one has by now."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from dreamvid import objective as objectives
from dreamvid.checkpoint.chunk import read_records
from dreamvid.checkpoint.layout import FRAMES, chunk_file, work_folder
from dreamvid.checkpoint.store import read_manifest
from dreamvid.errors import DamagedError, ReadError
from dreamvid.pipelines.atlas.data import FORMAT, VERSION
from dreamvid.pipelines.atlas.page import DATA
from dreamvid.pipelines.atlas.pictures import encode_webp
from dreamvid.pipelines.atlas.work import lossless_chunks, parse_ranges
from dreamvid.pipelines.units import LOGITS
from dreamvid.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.checkpoint.manifest import Manifest

_MOST_BYTES = 64 << 20
_ATLASES_KEPT = 8


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """Where a picture is: a file, or a frame of a chunk (``frame`` counts from 0)."""

    file: Path
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class ReadExample:
    """What fires a unit: its picture, the file that it is from, and the time in that (None in a still)."""

    picture: KeptPicture
    source: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class ReadUnit:
    """A unit of an atlas, as :class:`dreamvid.pipelines.atlas.data.Tile` describes it."""

    unit: int
    title: str
    objective: str
    picture: KeptPicture
    reason: str = ""
    activation: float | None = None
    examples: tuple[ReadExample, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadAtlas:
    """The units of each output of an atlas, and the settings that it was made with, all in plain values."""

    settings: dict[str, Any]
    units: dict[str, tuple[ReadUnit, ...]]


def is_finished(folder: Path) -> bool:
    """Return whether a folder holds a finished atlas."""
    return (folder / DATA).is_file()


def read_atlas(folder: Path) -> ReadAtlas:
    """Return a finished atlas.

    Raises
    ------
    ReadError
        Where the folder holds none that can be read.
    """
    try:
        status = (folder / DATA).stat()
        if status.st_size > _MOST_BYTES:
            raise ReadError(f"{printable(folder)}: its {DATA} is too large")
        return _read_atlas(folder, status.st_mtime_ns)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ReadError(f"{printable(folder)} holds no atlas that can be read") from None


def read_unfinished(output: Path) -> ReadAtlas:
    """Return the whole chunks that the work folder of an atlas has, also while a run adds some.

    ``output`` is the folder that the atlas will be. Classes are titled by their numbers, since a work folder does not
    name them.
    """
    folder = work_folder(output)
    manifest = read_manifest(folder)
    if manifest is None:
        return ReadAtlas({}, {})
    settings = dict(manifest.dream.get("settings", {}))
    numbers = {output: parse_ranges(text) for output, text in settings.get("units", {}).items()}
    units: dict[str, list[ReadUnit]] = {output: [] for output in numbers}
    for record in read_records(folder, manifest.identity):
        made, frames = units[record.values["output"]], chunk_file(folder, record.number, FRAMES)
        left = numbers[record.values["output"]][len(made) :]
        for frame, (unit, facts) in enumerate(zip(left, record.values["units"], strict=False)):
            made.append(
                _unfinished_unit(record.values["output"], unit, KeptPicture(frames, frame), facts["reason"])
            )
    return ReadAtlas(settings, {output: tuple(made) for output, made in units.items()})


def read_picture(picture: KeptPicture) -> bytes:
    """Return a picture as a WebP file.

    Raises
    ------
    ReadError
        Where it is no longer there.
    """
    try:
        if picture.frame is None:
            return picture.file.read_bytes()
        manifest = read_manifest(picture.file.parent)
        if manifest is not None:
            return _chunk_picture(picture.file, picture.frame, manifest)
    except (OSError, DamagedError, StopIteration):
        pass
    raise ReadError("this picture is no longer there")


def _chunk_picture(file: Path, index: int, manifest: Manifest) -> bytes:
    rgb, _ = next(islice(lossless_chunks(manifest.pictures).read(file), index, None))
    return encode_webp(rgb)


def _unfinished_unit(output: str, unit: int, picture: KeptPicture, reason: str) -> ReadUnit:
    if output == LOGITS:
        return ReadUnit(unit, f"class {unit}", str(objectives.class_logit(unit)), picture, reason)
    return ReadUnit(unit, f"#{unit}", str(objectives.channel(output, unit)), picture, reason)


@lru_cache(_ATLASES_KEPT)
def _read_atlas(folder: Path, _changed: int) -> ReadAtlas:
    data = json.loads((folder / DATA).read_bytes())
    if (data["format"], data["version"]) != (FORMAT, VERSION):
        raise ValueError
    return ReadAtlas(
        dict(data["settings"]),
        {
            str(layer["layer"]): tuple(_finished_unit(folder, unit) for unit in layer["units"])
            for layer in data["layers"]
        },
    )


def _finished_unit(folder: Path, unit: dict[str, Any]) -> ReadUnit:
    return ReadUnit(
        int(unit["unit"]),
        str(unit["title"]),
        str(unit["objective"]),
        _finished_picture(folder, unit["file"]),
        str(unit["reason"]),
        None if unit["activation"] is None else float(unit["activation"]),
        tuple(
            ReadExample(
                _finished_picture(folder, example["file"]),
                str(example["source"]),
                None if example["seconds"] is None else float(example["seconds"]),
            )
            for example in unit["examples"]
        ),
    )


def _finished_picture(folder: Path, name: str) -> KeptPicture:
    """Return a picture that an atlas names, which may come from anyone: only one of its own is taken."""
    file = (folder / name).resolve()
    if not file.is_relative_to(folder.resolve()) or file.suffix != ".webp":
        raise ValueError
    return KeptPicture(file)
