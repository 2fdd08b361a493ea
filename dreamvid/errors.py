"""The errors that dreamvid raises on purpose.

::

    DreamvidError
    ├── SettingsError          an invalid value, flag or preset
    │   ├── ObjectiveError     an objective that does not parse or fits no layer of the network
    │   ├── PresetError        a preset with mistakes: one line for each, with file, line and column
    │   └── ScheduleError      keyframes or an expression that cannot be read or evaluated
    ├── ModelError             an unknown model, a file that is no network, weights that do not fit
    ├── MediaError
    │   ├── ReadError          an input that is missing, empty, no video, or refused
    │   │   └── DamagedError   an input that decodes only in part
    │   └── WriteError         an output that exists, cannot be written or did not verify
    ├── WorkError              unfinished work that does not fit, or is damaged
    │   └── BusyError          unfinished work that another run is at
    └── EngineError            no usable device, or too little memory
        └── NonFiniteDreamError       a dream with values that are not finite
            └── NothingDreamedError   the same for all frames of a run

The message is one line for people: what is wrong, with which file or key, and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class DreamvidError(Exception):
    """Base of all errors that dreamvid raises on purpose."""


class SettingsError(DreamvidError):
    """An invalid value, flag or preset."""


class ObjectiveError(SettingsError):
    """An objective that does not parse or fits no layer of the network."""


class PresetError(SettingsError):
    """A preset with mistakes; ``lines`` has one for each, with file, line and column."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


class ScheduleError(SettingsError):
    """Keyframes or an expression that cannot be read or evaluated."""


class ModelError(DreamvidError):
    """An unknown model, a file that is no network, or weights that do not fit."""


class MediaError(DreamvidError):
    """Base of errors with files of pictures and sound."""


class ReadError(MediaError):
    """An input that is missing, empty, not a video, or refused."""


class DamagedError(ReadError):
    """An input that decodes only in part."""


class WriteError(MediaError):
    """An output that exists, cannot be written, or did not verify."""


class WorkError(DreamvidError):
    """Unfinished work that does not fit the settings, or is damaged."""


class BusyError(WorkError):
    """Unfinished work that another run is at."""


class EngineError(DreamvidError):
    """No usable device, or too little memory."""


class NonFiniteDreamError(EngineError):
    """A dream with values that are not finite."""


class NothingDreamedError(NonFiniteDreamError):
    """A run without a single finite dream."""
