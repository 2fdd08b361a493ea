"""The plan of a dream: what is dreamed of what, and its parts; read and written as a file in its work folder.

::

    film.dream.mp4.work/
        lock              locked by whoever shares out the parts, or joins them
        manifest.json     what is being made, as for a run on one device
        plan.json         source, settings and parts
        part-000001/      work folder of the first part, with a lock and a manifest of its own

All names of files are relative to the folder, so that it may lie on storage that machines mount in different places.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from dreamvid.checkpoint.layout import COMPLETE, PLAN, part_folder, remove, write_file
from dreamvid.checkpoint.store import is_delivered_by, read_manifest
from dreamvid.config.fields import rename_files
from dreamvid.config.preset import Preset
from dreamvid.errors import ReadError, SettingsError
from dreamvid.pipelines.plan.division import Part
from dreamvid.pipelines.provenance import plain_settings
from dreamvid.text import number_ranges, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dreamvid.checkpoint.manifest import Manifest

FORMAT, VERSION = "dreamvid-plan", 1
_THREADS = "threads"


@dataclass(frozen=True, slots=True)
class Plan:
    """A dream in parts.

    Attributes
    ----------
    folder
        Where it lies.
    source, output
        The video, and the file or folder that the parts are joined to.
    output_is_folder
        Whether that is a folder whatever its name.
    preset
        All settings.
    keep_going
        Whether what comes before damage in the source is the whole of it.
    text
        The settings that the output will embed.
    manifest
        What is made; all who work on it must make the same.
    parts
        In order, without gaps.
    times
        For each part, a frame before it that decoding may begin with, and its time in seconds.
    """

    folder: Path
    source: Path
    output: Path
    output_is_folder: bool
    preset: Preset
    keep_going: bool
    text: str
    manifest: Manifest
    parts: tuple[Part, ...]
    times: tuple[tuple[int, Fraction], ...]

    @property
    def frames(self) -> int:
        """Number of frames in all."""
        return self.parts[-1].end

    def line(self) -> str:
        """Return what it is: how many parts, and how long they are."""
        longest = max(self.parts, key=lambda part: part.frames).frames
        count = len(self.parts)
        of = f", the longest of {longest}" if count > 1 else ""
        return f"{count} part{'s' * (count > 1)} of {self.frames} frames{of}: {printable(self.folder)}"

    @property
    def threads(self) -> int:
        """Threads of the network on a CPU: sums that are divided among another number are rounded otherwise."""
        return threads_of(self.manifest) or usable_cores()

    @property
    def is_joined(self) -> bool:
        """Whether the output has been made of the parts already."""
        return is_delivered_by(self.folder)

    def folder_of(self, number: int) -> Path:
        """Return the work folder of a part; parts are counted from 1."""
        return part_folder(self.folder, number)

    def is_done(self, number: int) -> bool:
        """Return whether every frame of a part is there."""
        return (self.folder_of(number) / COMPLETE).exists()

    def missing(self) -> list[int]:
        """Return the numbers of the parts that are not done."""
        return [number for number in range(1, len(self.parts) + 1) if not self.is_done(number)]

    def remove_parts(self) -> None:
        """Remove what was dreamed."""
        for number in range(1, len(self.parts) + 1):
            remove(self.folder_of(number))

    def manifest_of(self, number: int, manifest: Manifest) -> Manifest:
        """Return the manifest of a part, given that of the whole as its worker would make it."""
        part = self.parts[number - 1]
        return replace(
            manifest,
            dream=manifest.dream | {"part": {"first": part.first, "end": part.end}},
            pictures=replace(manifest.pictures, frames=part.frames),
            command=(),
            folder="",
            began=self.manifest.began,
        )

    def numbers(self, texts: Iterable[str]) -> list[int]:
        """Return the numbers of parts that texts such as ``7`` and ``3-5`` name, in their order.

        Raises
        ------
        SettingsError
            For anything else, and for numbers of no part.
        """
        found: list[int] = []
        for text in texts:
            first, dash, last = text.partition("-")
            if not first.isdecimal() or not (last.isdecimal() if dash else not last):
                raise SettingsError(f"part '{text}': must be a number, or a range such as 3-7")
            span = range(int(first), int(last or first) + 1)
            if not span or span[0] < 1 or span[-1] > len(self.parts):
                raise SettingsError(f"part '{text}': the plan has parts 1 to {len(self.parts)}")
            found += [number for number in span if number not in found]
        return found

    def write(self) -> None:
        """Write the file; raises ``WriteError``."""
        value = {
            "format": FORMAT,
            "version": VERSION,
            "source": _relative(self.source, self.folder),
            "output": _relative(self.output, self.folder),
            "output_is_folder": self.output_is_folder,
            "settings": rename_files(
                plain_settings(self.preset), lambda name, _: _relative(Path(name), self.folder), Preset
            ),
            "keep_going": self.keep_going,
            "text": self.text,
            "parts": [
                [*part, index, str(time)] for part, (index, time) in zip(self.parts, self.times, strict=True)
            ],
        }
        write_file(self.folder / PLAN, (json.dumps(value) + "\n").encode())


def with_threads(manifest: Manifest, threads: int) -> Manifest:
    """Return a manifest that says how many threads the network has on a CPU."""
    return replace(manifest, versions=manifest.versions | {_THREADS: str(threads)})


def threads_of(manifest: Manifest) -> int | None:
    """Return the threads that a manifest says, None where it says none."""
    text = manifest.versions.get(_THREADS, "")
    return int(text) if text.isdecimal() else None


def usable_cores() -> int:
    """Return the number of cores that this process may use, which is the network's number of threads by default."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def has_plan(folder: Path) -> bool:
    """Return whether a folder holds a plan."""
    return (folder / PLAN).is_file()


def read_plan(path: Path) -> Plan:
    """Return the plan of a folder, or of the file in it.

    Raises
    ------
    ReadError
        Where there is none, or it is damaged or of another version.
    WorkError
        Where another version of dreamvid wrote the manifest.
    """
    folder = path.parent if path.name == PLAN else path
    try:
        value = json.loads((folder / PLAN).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise ReadError(f"{printable(path)}: there is no plan; 'dreamvid plan' makes one") from None
    except OSError as error:
        raise ReadError(f"{printable(path)}: cannot be read ({error.strerror})") from None
    except ValueError:
        value = None
    manifest = read_manifest(folder)
    try:
        if manifest is None or value["format"] != FORMAT:
            raise ValueError  # noqa: TRY301  as for all that is damaged
        if value["version"] != VERSION:
            raise ReadError(f"{printable(path)}: the plan is of another version of dreamvid")
        settings = rename_files(value["settings"], lambda name, _: _absolute(name, folder), Preset)
        return Plan(
            folder=folder,
            source=Path(_absolute(value["source"], folder)),
            output=Path(_absolute(value["output"], folder)),
            output_is_folder=bool(value["output_is_folder"]),
            preset=Preset.build(settings),
            keep_going=bool(value["keep_going"]),
            text=str(value["text"]),
            manifest=manifest,
            parts=tuple(Part(*map(int, numbers[:4])) for numbers in value["parts"]),
            times=tuple((int(numbers[4]), Fraction(numbers[5])) for numbers in value["parts"]),
        )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, SettingsError):
        raise ReadError(f"{printable(path)}: the plan is damaged; make it again") from None


def describe(numbers: Iterable[int]) -> str:
    """Return numbers of parts as text: ``part 7``, ``parts 3, 7-9``, ``no part``."""
    listed = list(numbers)
    if not listed:
        return "no part"
    return f"part{'s' * (len(listed) != 1)} {number_ranges(listed)}"


def _relative(file: Path, folder: Path) -> str:
    return os.path.relpath(file.resolve(), folder.resolve())


def _absolute(name: str, folder: Path) -> str:
    return os.path.normpath(folder.resolve() / name)
