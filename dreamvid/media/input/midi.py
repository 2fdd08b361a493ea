"""Read notes and controllers of a Standard MIDI File over time, with mido (https://mido.readthedocs.io)."""

from __future__ import annotations

import io
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dreamvid.errors import DreamvidError, ReadError
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_MAX_BYTES: Final = 1 << 26
_HIGHEST: Final = 127
_INDEPENDENT_TRACKS: Final = 2
_SHORTEST: Final = 0.001

Steps = tuple["NDArray[np.float64]", "NDArray[np.float64]"]
"""Times in seconds, growing from 0 on, and values in 0..1, each of which holds until the next."""


def read_notes(path: Path, low: int, high: int, channel: int | None) -> Steps:
    """Return the velocity of the loudest note that sounds, of notes from ``low`` to ``high``; 0 where none does.

    ``channel`` is 1 to 16; None is all. Errors are those of :func:`read_controller`.
    """
    sounding: dict[tuple[int, int], int] = {}
    steps = [(0.0, 0.0)]
    for time, message in _messages(path, channel):
        if message.type not in {"note_on", "note_off"} or not low <= message.note <= high:
            continue
        key = message.channel, message.note
        if message.type == "note_on" and message.velocity:
            sounding[key] = message.velocity
        else:
            sounding.pop(key, None)
        steps.append((time, max(sounding.values(), default=0) / _HIGHEST))
    return _growing(steps)


def read_controller(path: Path, controller: int, channel: int | None) -> Steps:
    """Return the value of a controller (0 to 127); 0 before it is first set.

    Raises
    ------
    ReadError
        In one line, for what is no MIDI file.
    DreamvidError
        Where mido is not installed.
    """
    steps = [(0.0, 0.0)]
    steps += [
        (time, message.value / _HIGHEST)
        for time, message in _messages(path, channel)
        if message.type == "control_change" and message.control == controller
    ]
    return _growing(steps)


def _messages(path: Path, channel: int | None) -> Iterator[tuple[float, Any]]:
    """Yield the messages of a channel with their times in seconds, by the file's own tempo."""
    try:
        import mido  # noqa: PLC0415  an extra
    except ModuleNotFoundError:
        raise DreamvidError(
            "MIDI files are read with mido; install it with: pip install 'dreamvid[vj]'"
        ) from None
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ReadError(
                f"{printable(path)} is larger than {_MAX_BYTES >> 20} MB, which is too much for MIDI"
            )
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ReadError(f"{printable(path)}: cannot be read ({reason})") from None
    try:
        file = mido.MidiFile(file=io.BytesIO(data), clip=True)
        messages = [] if file.type == _INDEPENDENT_TRACKS else list(file)
    except Exception as error:  # noqa: BLE001  mido raises what a damaged file makes it
        reason = " ".join(str(error).split()) or "it ends too early"
        raise ReadError(f"{printable(path)} is no MIDI file that can be read ({reason[:80]})") from None
    if file.ticks_per_beat <= 0:
        raise ReadError(f"{printable(path)} counts time in film frames, not in beats; save it with a tempo")
    if file.type == _INDEPENDENT_TRACKS:
        raise ReadError(
            f"{printable(path)} holds independent pieces (MIDI type 2), of which none can be chosen"
        )
    time = 0.0
    for message in messages:
        time += message.time
        if not message.is_meta and channel in {None, getattr(message, "channel", -1) + 1}:
            yield time, message


def _growing(steps: list[tuple[float, float]]) -> Steps:
    """Return steps of which at each time the last one counts; what ends at once lasts for a millisecond."""
    growing: list[tuple[float, float]] = []
    for time, group in groupby(steps, key=lambda step: step[0]):
        values = [value for _, value in group]
        if growing and growing[-1][0] >= time:  # the end of what ended at once
            growing.pop()
        growing.append((time, max(values)))
        if values[-1] < max(values):
            growing.append((time + _SHORTEST, values[-1]))
    return np.array([time for time, _ in growing]), np.array([value for _, value in growing])
