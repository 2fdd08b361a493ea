"""What a finished file says of how it was made: settings, seed, version and fingerprints, as JSON.

Embedded under the key ``dreamvid``, so that the dream can be made again. Only base names are kept, never
whole paths.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreamvid._version import __version__
from dreamvid.checkpoint.layout import COMPLETE, LOCK, work_folder
from dreamvid.checkpoint.manifest import InputFile, Manifest, Pictures
from dreamvid.checkpoint.store import is_delivered_by, read_manifest
from dreamvid.config.fields import affecting, rename_files
from dreamvid.config.preset import Preset
from dreamvid.config.settings import OutputSettings, RunSettings
from dreamvid.config.sweep import SweepSettings
from dreamvid.errors import DreamvidError, ReadError, WorkError, WriteError
from dreamvid.media.containers import is_picture
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence

    from dreamvid.types import VideoInfo


KEY = "dreamvid"
_BLOCK = 1 << 20
_PACKAGES = ("tensorflow", "keras", "numpy", "opencv-python-headless", "av")


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


def plain_settings(preset: Preset) -> dict[str, Any]:
    """Return the preset as plain JSON values."""
    data: dict[str, Any] = preset.model_dump(mode="json", exclude_none=True, exclude={"inputs"})
    changes: dict[str, Any] = preset.model_dump(mode="json", exclude_unset=True, include={"scenes"})
    return data | changes  # a scene says only what differs


def portable_settings(preset: Preset) -> dict[str, Any]:
    """Return the preset as plain JSON values, with base names in place of paths."""
    return make_portable(plain_settings(preset))


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
        "source": None if source is None else _file_entry(source),
        "files": {role: _file_entry(path) for role, path in files.items()},
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
    tags = {key.lower(): value for key, value in probe(path).metadata.items()}
    return tags.get(KEY)


def is_delivered(output: Path, text: str, check: Callable[[], object], *, work: Path | None = None) -> bool:
    """Return whether the output is in place already: a run was killed between renaming it and tidying up.

    Outputs get their name only when they are whole, and their last bytes once all of their work is; the embedded text
    tells this one from others. ``check`` is called where it is not, and raises where it may not be replaced; that an
    empty directory is left then says that it is in place all the same. ``work`` is where the work lies, by default
    beside the output.

    Raises
    ------
    WriteError
        What ``check`` raises.
    """
    work = work_folder(output) if work is None else work
    try:
        complete = (work / COMPLETE).stat().st_mtime_ns
    except OSError:
        complete = None
    last = complete is not None and _modified_at(output) >= complete and not is_delivered_by(work)
    if last and embeds(output, text):
        return True
    try:
        check()
    except WriteError:
        if {path.name for path in work.iterdir()} <= {LOCK} and embeds(output, text):
            return True
        raise
    return False


def _modified_at(output: Path) -> int:
    """Return when an output was written to last; 0 where there is none."""
    from dreamvid.media.input.image_sequence import FRAME_LIST_NAME  # noqa: PLC0415  PyAV loads only when media is touched

    try:
        return (output / FRAME_LIST_NAME if output.is_dir() else output).stat().st_mtime_ns
    except OSError:
        return 0


def embeds(output: Path, text: str) -> bool:
    """Return whether a text is embedded in an output; what cannot be read embeds none."""
    try:
        return read_settings(output) == text
    except DreamvidError:
        return False


def _file_entry(path: Path) -> dict[str, str]:
    return {"name": _printable(path.name), "fingerprint": fingerprint(path)}


def _printable(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def make_manifest(
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
        The settings that will be embedded, of :func:`settings_json`: settings, what
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
            "sweep": _without(settings.get("sweep", {}), affecting("encoding", SweepSettings)),
            "run": _without(settings.get("run", {}), affecting("resolved", RunSettings)),
        },
        "resolved": embedded.get("resolved", {}),
        "source": _fingerprint_of(embedded.get("source")),
        "files": {role: _fingerprint_of(file) for role, file in embedded.get("files", {}).items()},
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


class InputGuard:
    """Checks that the inputs are not overwritten while they are dreamed.

    A file that is moved, removed or replaced by another one is no problem: the open one keeps its content.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._known = set(fingerprints(manifest.dream))
        self._files = {Path(file.path): (file.size, file.changed) for file in manifest.inputs}
        self._nodes = {path: _node(path) for path in self._files}

    def check(self) -> None:
        """Check size, time and, where those differ, content of each input.

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
    if fresh:
        return preset
    try:
        manifest = read_manifest(work_folder(output))
    except WorkError:  # opening it says so
        return preset
    return preset if manifest is None else pin_precision(preset, manifest)


def pin_precision(preset: Preset, manifest: Manifest) -> Preset:
    """Return the preset with the precision that ``auto`` became, by a manifest, where all scenes have the same."""
    resolved = manifest.dream.get("resolved", {})
    found = {scene.get("precision") for scene in resolved.get("scenes", [resolved])}
    if preset.run.precision != "auto" or len(found) != 1 or None in found:
        return preset
    return preset.override({"run.precision": found.pop()})


def _frames(info: VideoInfo) -> int | None:
    if info.frames is not None or info.duration is None:
        return info.frames
    return max(1, round(info.duration * info.rate))


def _without(section: dict[str, Any], names: Container[str]) -> dict[str, Any]:
    return {name: value for name, value in section.items() if name not in names}


def _fingerprint_of(file: dict[str, Any] | None) -> dict[str, Any]:
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
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
