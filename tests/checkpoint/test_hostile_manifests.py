"""Manifests that are torn or forged are none, and say so in one of the ways that their reader knows."""

from __future__ import annotations

import random

import pytest

from dreamvid.checkpoint.manifest import InputFile, Manifest, OtherVersionError, Pictures

GOOD = Manifest(
    output="a.mp4",
    dream={"settings": {"ascent": {"steps": 4}}, "source": {"name": "a.mp4"}},
    encoding={"crf": 20},
    pictures=Pictures(64, 48, 8, alpha=False, rate="24", frames=12),
    inputs=(InputFile("a.mp4", 10, 20),),
).to_bytes()
FORGED = [
    b"",
    b"5",
    b"null",
    b"[]",
    b"{}",
    b'"x"',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"format": "dreamvid-work"}',
]


def read(data: bytes) -> Manifest | None:
    try:
        return Manifest.from_bytes(data)
    except (ValueError, KeyError, TypeError, OtherVersionError):
        return None


@pytest.mark.parametrize("data", FORGED, ids=lambda data: repr(data[:30]))
def test_what_is_no_manifest_is_none(data: bytes) -> None:
    assert read(data) is None


@pytest.mark.parametrize("number", range(100))
def test_a_damaged_manifest_is_read_or_is_none(number: int) -> None:
    chance = random.Random(f"manifests/{number}")  # noqa: S311  the same each time, that is the point
    data = bytearray(GOOD)
    for _ in range(chance.randint(1, 5)):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    read(bytes(data[: chance.randrange(len(data))] if chance.random() < 0.2 else data))
