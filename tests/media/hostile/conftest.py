"""Good clips of many kinds, ways to damage them, and processes that read what comes of it."""

from __future__ import annotations

import json
import os
import random
import selectors
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

READER = Path(__file__).with_name("reader.py")
TIMEOUT_SECONDS = 20.0
"""Seconds after which a reader is taken to hang."""


@dataclass(frozen=True)
class ReadResult:
    """What became of a file: frames read, the error's class and text, notices, seconds and megabytes."""

    frames: int = 0
    sizes: Sequence[Sequence[int]] = ()
    error: str | None = None
    kind: str | None = None
    notices: Sequence[str] = ()
    seconds: float = 0.0
    megabytes: float = 0.0


@dataclass
class Reader:
    """One process that reads files; a new one takes its place where it dies."""

    process: subprocess.Popen[str] | None = field(default=None)

    def read(self, path: Path, **how: object) -> ReadResult:
        process = self._alive()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"path": str(path), **how}) + "\n")
        process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            answered = selector.select(TIMEOUT_SECONDS)
        line = process.stdout.readline() if answered else ""
        if line:
            return ReadResult(**json.loads(line))
        self.close()
        return ReadResult(kind="!hang" if not answered else f"!died {process.returncode}", error="no answer")

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def _alive(self) -> subprocess.Popen[str]:
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-u", str(READER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                bufsize=1,
                env={**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"},
            )
        return self.process


@pytest.fixture(scope="session")
def read_all() -> Iterator[Callable[..., list[ReadResult]]]:
    """Read files in two processes at once; answers come in the files' order."""
    readers = [Reader(), Reader()]

    def read(paths: Iterable[Path], **how: object) -> list[ReadResult]:
        listed = list(paths)
        results: dict[int, ReadResult] = {}

        def work(which: int) -> None:
            for index in range(which, len(listed), len(readers)):
                results[index] = readers[which].read(listed[index], **how)

        with ThreadPoolExecutor(len(readers)) as pool:
            list(pool.map(work, range(len(readers))))
        return [results[index] for index in range(len(listed))]

    yield read
    for reader in readers:
        reader.close()


KINDS: dict[str, dict[str, Any]] = {
    "h264.mp4": {"sound": 0.5},
    "h264.ts": {"sound": 0.5},
    "hevc.mkv": {"codec": "libx265", "options": {"x265-params": "log-level=none:pools=1"}},
    "ffv1.mkv": {"codec": "ffv1", "pix_fmt": "bgr0", "options": {"level": "3", "slicecrc": "1"}},
    "vp9.webm": {"codec": "libvpx-vp9", "sound": 0.5, "sound_codec": "libopus"},
    "prores.mov": {"codec": "prores_ks", "pix_fmt": "yuv422p10le", "sound": 0.5},
    "mpeg4.avi": {"codec": "mpeg4", "sound": 0.5, "sound_codec": "mp2"},
    "moving.gif": {"codec": "gif", "pix_fmt": "rgb8", "rate": Fraction(20)},
    "moving.apng": {"codec": "apng", "pix_fmt": "rgba"},
}
"""Clips of twelve frames; WebP is made by Pillow."""


@pytest.fixture(scope="session")
def good_clips(
    write_clip_to: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Return undamaged clips of twelve frames by name."""
    folder = tmp_path_factory.mktemp("good")
    clips = {name: write_clip_to(folder / name, **settings) for name, settings in KINDS.items()}
    pictures = [Image.effect_noise((64, 48), 10 + index).convert("RGB") for index in range(12)]
    clips["moving.webp"] = folder / "moving.webp"
    pictures[0].save(clips["moving.webp"], save_all=True, append_images=pictures[1:], duration=40)
    return clips


@pytest.fixture(scope="session")
def damage() -> Callable[[bytes, str], bytes]:
    """Damage bytes at random, always in the same way for the same seed."""
    return lambda data, seed: damaged(data, random.Random(seed))  # noqa: S311  the same each time, that is the point


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Return bytes with one to three of: bits flipped, bytes overwritten, a stretch cut out, repeated or moved."""
    made = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 3])):
        if not made:
            break
        at, length = chance.randrange(len(made)), chance.choice([1, 4, 16, 64, 300, 2000])
        head = chance.random() < 0.15  # where everything is decided
        at = at % 400 if head else at
        match chance.randrange(6):
            case 0:
                for _ in range(chance.randint(1, 20)):
                    made[min(len(made) - 1, at + chance.randrange(length))] ^= 1 << chance.randrange(8)
            case 1:
                made[at : at + length] = chance.randbytes(length)
            case 2:
                del made[at : at + length]
            case 3:
                made[at:at] = made[at : at + length]
            case 4:
                made[at : at + 4] = chance.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"])
            case _:
                del made[at:]
    return bytes(made)
