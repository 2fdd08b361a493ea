"""The manifest: what is being made in a work directory, so that only the same is gone on with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

FORMAT, VERSION = "dreamvid-work", 3
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Pictures:
    """What the chunks hold: ``bits`` (8 or 16) a channel, with alpha or without; frames a second as a fraction."""

    width: int
    height: int
    bits: int
    alpha: bool
    rate: str
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class InputFile:
    """Where an input lies, and how it looked when it was fingerprinted: bytes, and nanoseconds of its last change."""

    path: str
    size: int
    changed: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is being made.

    Attributes
    ----------
    output
        The output's base name.
    dream
        All that the frames depend on, as nested values that JSON holds: ``settings``, the fingerprint of the
        ``source`` and of further ``files``, what ``auto`` became (``resolved``), dreamvid's ``version``.
    encoding
        Settings that only the final encoding depends on; they may change.
    pictures
        What the chunks hold.
    inputs
        Files that are needed to go on.
    versions
        Of the packages that the frames may depend on in the last bit.
    command, folder
        What to run, and where, to go on; empty for a run that was no command.
    began
        When, as ISO 8601.
    """

    output: str
    dream: dict[str, Any]
    encoding: dict[str, Any]
    pictures: Pictures
    inputs: tuple[InputFile, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    folder: str = ""
    began: str = ""

    @property
    def identity(self) -> str:
        """A digest of all that frames depend on; versions and the device, which rarely change them, apart."""
        facts = {path: value for path, value in _flat(self.dream).items() if not _is_minor(path)}
        text = json.dumps(facts, sort_keys=True).encode("utf-8", "surrogateescape")
        return hashlib.blake2b(text, digest_size=16).hexdigest()

    def to_bytes(self) -> bytes:
        """Return the file's content."""
        content = {"format": FORMAT, "version": VERSION, **asdict(self)}
        return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Return the manifest of a file's content.

        Raises
        ------
        ValueError, KeyError, TypeError
            Where it is torn, or none.
        OtherVersionError
            Where another version of dreamvid wrote it, which works differently.
        """
        try:
            content = json.loads(data)
        except RecursionError as error:
            raise ValueError("nested beyond measure") from error
        if not isinstance(content, dict) or content.pop("format") != FORMAT:
            raise ValueError("no manifest")
        if (version := content.pop("version")) != VERSION:
            raise OtherVersionError(version)
        content["pictures"] = Pictures(**content["pictures"])
        content["inputs"] = tuple(InputFile(**value) for value in content["inputs"])
        content["command"] = tuple(content["command"])
        return cls(**content)

    def continued_by(self, other: Manifest) -> Manifest:
        """Return this manifest with what may change taken from another one: encoding, command and places."""
        return replace(
            other, dream=self.dream, pictures=self.pictures, versions=self.versions, began=self.began
        )


class OtherVersionError(Exception):
    """A manifest of a version that is not known here."""


def changes(before: Manifest, now: Manifest) -> str:
    """Return what differs so that frames would not fit together, as ``ascent.steps was 10, is 20``; or nothing."""
    differences = [
        (path, text) for path, text in _differences(before.dream, now.dream) if not _is_minor(path)
    ]
    if any(not path.startswith("resolved.") for path, _ in differences):  # what follows from those is no news
        differences = [(path, text) for path, text in differences if not path.startswith("resolved.")]
    texts = [text for _, text in differences]
    if now.pictures.bits > before.pictures.bits:
        texts.append(f"what was kept has {before.pictures.bits} bits, too few for this output")
    if len(texts) > _SHOWN:
        texts = [*texts[:_SHOWN], f"and {len(texts) - _SHOWN} more"]
    return ", ".join(texts)


def minor_changes(before: Manifest, now: Manifest) -> str:
    """Return what differs so that frames may differ in their last bits, device and versions; or nothing."""
    differences = [text for path, text in _differences(before.dream, now.dream) if _is_minor(path)]
    return ", ".join(differences + [text for _, text in _differences(before.versions, now.versions)])


def _is_minor(path: str) -> bool:
    return path == "version" or (path.startswith("resolved.") and path.endswith("device"))


def _differences(before: dict[str, Any], now: dict[str, Any]) -> list[tuple[str, str]]:
    """Return paths and texts."""
    old, new = _flat(before), _flat(now)
    return [
        (path, _text(path, old.get(path), new.get(path)))
        for path in sorted({*old, *new})
        if old.get(path) != new.get(path)
    ]


def _text(path: str, before: Any, now: Any) -> str:
    if path.endswith("fingerprint"):
        of = path.removesuffix(".fingerprint").removeprefix("files.")
        return f"the content of {'the input' if of == 'source' else of} has changed"
    name = path.removeprefix("settings.").removeprefix("resolved.")
    return f"{name} was {_shown(before)}, is {_shown(now)}"


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values by dotted path; mappings in lists are counted."""
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        path = f"{prefix}{key}"
        if isinstance(inner, dict):
            flat |= _flat(inner, f"{path}.")
        elif isinstance(inner, list) and any(isinstance(item, dict) for item in inner):
            flat |= _flat({str(index): item for index, item in enumerate(inner)}, f"{path}.")
        else:
            flat[path] = inner
    return flat
