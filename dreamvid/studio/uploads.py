"""Take what is dropped onto the page into the folder: streamed, limited, under a safe name, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

import anyio

from dreamvid.atomic import sync, write_error
from dreamvid.errors import ReadError, WriteError
from dreamvid.studio.library import KINDS
from dreamvid.text import byte_size, printable

if TYPE_CHECKING:
    from collections.abc import AsyncIterable
    from pathlib import Path

    from dreamvid.studio.library import Library, LibraryFile

MAX_UPLOAD = 8_000_000_000
"""Bytes of the largest file that is taken."""

_FOLDER = "uploads"
_LONGEST_STEM = 100
_MOST_TRIES = 10_000
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]+')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_BLOCK = 1 << 20


class UploadTooLargeError(WriteError):
    """An upload that is larger than any that is taken."""


def safe_name(name: str) -> str:
    """Return a file name for what the page calls a file: no folder, no dot in front, fit for every system.

    Raises
    ------
    ReadError
        Where its suffix is none of a picture, a video, music or a network.
    """
    base = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    base = _UNSAFE.sub("_", "".join(c if c.isprintable() else "_" for c in base)).rstrip(" .")
    stem, dot, suffix = base.rpartition(".")
    if not dot or f".{suffix.lower()}" not in KINDS:
        raise ReadError(
            f"{printable(base[:80]) or 'this file'} is no picture, video, music, network or signal by its suffix"
        )
    stem = stem.strip(" .") or "upload"
    while len(stem.encode("utf-8", "replace")) > _LONGEST_STEM:
        stem = stem[:-1]
    stem = f"_{stem}" if _RESERVED.fullmatch(stem) else stem
    return f"{stem}.{suffix}".encode("utf-8", "replace").decode()


def remove_abandoned(library: Library) -> None:
    """Remove what earlier uploads left; nobody else may be uploading."""
    shutil.rmtree(library.state_folder / _FOLDER, ignore_errors=True)


async def receive(
    library: Library, name: str, body: AsyncIterable[bytes], *, announced: int | None, limit: int
) -> LibraryFile:
    """Write an upload into the folder, never over a file; return the file, or the one there with the same content.

    Raises
    ------
    UploadTooLargeError
        Where it is larger than ``limit`` bytes, at once where it is ``announced`` so.
    ReadError, WriteError
        Where its name is that of nothing that dreams, or the disk is full.
    """
    name = safe_name(name)
    if announced is not None and announced > limit:
        raise _too_large(name, limit)
    folder = library.state_folder / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    if announced is not None and announced > shutil.disk_usage(folder).free:
        raise WriteError(f"{name}: the disk is full; free some space")
    part = folder / f"{uuid4().hex}.part"
    try:
        digest, size = await _write(part, name, body, limit)
        if not size:
            raise ReadError(f"{name} is empty")
        target = await anyio.to_thread.run_sync(_place, library, part, name, digest)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    file = library.named(target.name)
    if file is None:
        raise ReadError(f"{name}: is no longer there")
    return file


async def _write(part: Path, name: str, body: AsyncIterable[bytes], limit: int) -> tuple[str, int]:
    """Write the body as it comes; return its digest and size."""
    digest, size = hashlib.blake2b(digest_size=16), 0
    try:
        async with await anyio.open_file(part, "xb") as stream:
            async for block in body:
                size += len(block)
                if size > limit:
                    raise _too_large(name, limit)
                digest.update(block)
                await stream.write(block)
    except OSError as error:
        raise write_error(part.with_name(name), error) from None
    return digest.hexdigest(), size


def _place(library: Library, part: Path, name: str, digest: str) -> Path:
    """Give a whole upload its name, or one with a number where that is taken by another content."""
    sync(part)
    stem, _, suffix = name.rpartition(".")
    size = part.stat().st_size
    for number in range(1, _MOST_TRIES):
        target = library.folder / (name if number == 1 else f"{stem}-{number}.{suffix}")
        if os.path.lexists(target):
            if target.is_file() and target.stat().st_size == size and _digest(target) == digest:
                return target
            continue
        try:
            _rename_new(part, target)
        except FileExistsError:
            continue
        except OSError as error:
            raise write_error(target, error) from None
        sync(library.folder)
        return target
    raise WriteError(f"{name}: too many files have this name")


def _rename_new(part: Path, target: Path) -> None:
    """Rename a file to a name that is free; raises ``FileExistsError`` where it is not."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        with target.open("xb"):
            pass
        part.replace(target)


def _digest(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _too_large(name: str, limit: int) -> UploadTooLargeError:
    return UploadTooLargeError(f"{name} is larger than {byte_size(limit)}; copy it into the folder instead")
