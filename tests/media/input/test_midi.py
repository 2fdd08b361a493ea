"""Notes and controllers of MIDI files, at the times of the file's own tempo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dreamvid.errors import ReadError
from dreamvid.media.input.midi import read_controller, read_notes

if TYPE_CHECKING:
    from pathlib import Path

mido: Any = pytest.importorskip("mido", reason="an extra")


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """Two notes, the second at half the tempo, over a controller on channel 2."""
    file = mido.MidiFile(ticks_per_beat=100)
    tempo, notes, dial = (mido.MidiTrack() for _ in range(3))
    tempo += [
        mido.MetaMessage("set_tempo", tempo=500_000),
        mido.MetaMessage("set_tempo", tempo=1_000_000, time=200),
    ]
    notes += [
        mido.Message("note_on", note=36, velocity=127, time=100),
        mido.Message("note_on", note=36, velocity=0, time=50),
        mido.Message("note_on", note=40, velocity=64, time=150),
        mido.Message("note_off", note=40, time=100),
    ]
    dial += [
        mido.Message("control_change", channel=1, control=74, value=127, time=100),
        mido.Message("control_change", channel=1, control=74, value=0, time=200),
    ]
    file.tracks += [tempo, notes, dial]
    path = tmp_path / "song.mid"
    file.save(path)
    return path


def pairs(steps: tuple[Any, Any]) -> list[tuple[float, float]]:
    return [(round(float(t), 6), round(float(v), 3)) for t, v in zip(*steps, strict=True)]


def test_a_note_is_its_velocity_while_it_sounds(song: Path) -> None:
    assert pairs(read_notes(song, 0, 127, None)) == [(0, 0), (0.5, 1), (0.75, 0), (2, 0.504), (3, 0)]
    assert pairs(read_notes(song, 40, 127, None)) == [(0, 0), (2, 0.504), (3, 0)]


def test_a_controller_holds_its_value(song: Path) -> None:
    assert pairs(read_controller(song, 74, None)) == [(0, 0), (0.5, 1), (2, 0)]
    assert pairs(read_controller(song, 74, 2)) == [(0, 0), (0.5, 1), (2, 0)]
    assert pairs(read_controller(song, 74, 1)) == [(0, 0)]


def test_a_note_that_ends_at_once_is_kept(tmp_path: Path) -> None:
    file = mido.MidiFile(ticks_per_beat=100)
    file.tracks.append(
        mido.MidiTrack(
            [
                mido.Message("note_on", note=36, velocity=127, time=100),
                mido.Message("note_off", note=36),
                mido.Message("note_on", note=36, velocity=127),
                mido.Message("note_off", note=36, time=100),
            ]
        )
    )
    file.save(tmp_path / "hit.mid")
    assert pairs(read_notes(tmp_path / "hit.mid", 0, 127, None)) == [(0, 0), (0.5, 1), (1, 0)]
    file.tracks[0][2:] = []
    file.save(tmp_path / "hit.mid")
    assert pairs(read_notes(tmp_path / "hit.mid", 0, 127, None)) == [(0, 0), (0.5, 1), (0.501, 0)]


def test_damage_is_one_line(song: Path) -> None:
    data = song.read_bytes()
    refused = 0
    for end in range(len(data)):
        song.write_bytes(data[:end])
        try:
            read_notes(song, 0, 127, None)
        except ReadError:
            refused += 1
    assert refused > len(data) // 2
    for text in (b"", b"MThd", b"RIFF....WAVE", b"\0" * 100):
        song.write_bytes(text)
        with pytest.raises(ReadError, match="no MIDI file"):
            read_notes(song, 0, 127, None)
    with pytest.raises(ReadError, match="cannot be read"):
        read_notes(song.parent / "none.mid", 0, 127, None)
