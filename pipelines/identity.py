"""What a dream's frames depend on: the manifest of a work directory, from the settings that will be embedded."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreamvid.checkpoint.layout import work_folder
from dreamvid.checkpoint.manifest import InputFile, Manifest, Pictures
from dreamvid.checkpoint.store import read_manifest
from dreamvid.config.fields import affecting
from dreamvid.config.preset import Preset
from dreamvid.config.settings import OutputSettings, RunSettings
from dreamvid.errors import ReadError, WorkError
from dreamvid.pipelines.provenance import fingerprint
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from dreamvid.types import VideoInfo

_PACKAGES = ("tensorflow", "keras", "numpy", "opencv-python-headless", "av")


def describe(
    text: str,
    *,
    output: Path,
    inputs: Sequence[Path],
    info: VideoInfo,
    bits: int,
    command: tuple[str, ...] = (),
) -> Manifest:
    """Return the manifest of a dream.

    Parameters
    ----------
    text
        The settings that will be embedded, of :func:`dreamvid.pipelines.provenance.settings_json`: settings, what
        ``auto`` became, fingerprints.
    inputs
        Files that are needed to go on.
    info
        Of the frames that will be made: size, rate, number and alpha count.
    bits
        What chunks hold; see :func:`dreamvid.media.output.writer.chunk_bits`.
    command
        What to run to go on.
    """
    embedded: dict[str, Any] = json.loads(text)
    settings = embedded["settings"]
    encoding = {
        name: settings["output"][name]
        for name in affecting("encoding", OutputSettings)
        if name in settings.get("output", {})
    }
    dream = {
        "version": embedded["version"],
        "settings": {
            **_without(settings, affecting("nothing", Preset)),
            "output": _without(settings.get("output", {}), affecting("encoding", OutputSettings)),
            "run": _without(settings.get("run", {}), affecting("resolved", RunSettings)),
        },
        "resolved": embedded.get("resolved", {}),
        "source": _fingerprint(embedded.get("source")),
        "files": {role: _fingerprint(file) for role, file in embedded.get("files", {}).items()},
    }
    return Manifest(
        output=output.name,
        dream=json.loads(json.dumps(dream)),
        encoding=encoding,
        pictures=Pictures(
            info.size.width, info.size.height, bits, info.has_alpha, str(info.rate), _frames(info)
        ),
        inputs=tuple(_input(path) for path in inputs),
        versions=_versions(),
        command=command,
        folder=str(Path.cwd()),
        began=datetime.now(UTC).isoformat(timespec="seconds"),
    )


class Watch:
    """Notices that a file which is being dreamed has been written over.

    One that was moved away, removed or replaced by another is none of that: what is open stays what it was.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._known = set(fingerprints(manifest.dream))
        self._files = {Path(file.path): (file.size, file.changed) for file in manifest.inputs}
        self._nodes = {path: _node(path) for path in self._files}

    def check(self) -> None:
        """Look again.

        Raises
        ------
        ReadError
            Where a file's content is another one.
        """
        for path, before in self._files.items():
            try:
                facts = path.stat()
                now = facts.st_size, facts.st_mtime_ns
                if now == before or _node(path) != self._nodes[path]:
                    continue
                if fingerprint(path) not in self._known:
                    raise ReadError(
                        f"{printable(path)} has changed while it was dreamed; bring it back as it was, and the same "
                        "command goes on"
                    )
            except OSError:
                continue
            self._files[path] = now


def fingerprints(value: dict[str, Any]) -> Iterator[str]:
    """Yield all fingerprints in what a manifest says of a dream."""
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from fingerprints(inner)
        elif key == "fingerprint":
            yield str(inner)


def restore_begun_settings(preset: Preset, output: Path, *, fresh: bool) -> Preset:
    """Return the preset with the precision that ``auto`` became when the unfinished work on an output was begun."""
    if fresh or preset.run.precision != "auto":
        return preset
    try:
        manifest = read_manifest(work_folder(output))
    except WorkError:  # opening it says so
        return preset
    resolved = {} if manifest is None else manifest.dream.get("resolved", {})
    if "scenes" in resolved or resolved.get("precision") is None:
        return preset
    return preset.override({"run.precision": resolved["precision"]})


def _frames(info: VideoInfo) -> int | None:
    if info.frames is not None or info.duration is None:
        return info.frames
    return max(1, round(info.duration * info.rate))


def _without(section: dict[str, Any], names: Container[str]) -> dict[str, Any]:
    return {name: value for name, value in section.items() if name not in names}


def _fingerprint(file: dict[str, Any] | None) -> dict[str, Any]:
    return {} if file is None else {"fingerprint": file["fingerprint"]}


def _input(path: Path) -> InputFile:
    facts = path.stat()
    return InputFile(str(path.resolve()), facts.st_size, facts.st_mtime_ns)


def _node(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
