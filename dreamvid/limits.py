"""What an input may ask of the machine before it is refused: against files that pretend to be enormous.

All of it is checked before anything of that size is made; the error says which limit, and how to raise it.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Self

from dreamvid.errors import ReadError, SettingsError, did_you_mean

if TYPE_CHECKING:
    from dreamvid.types import Size

_AMOUNT = re.compile(r"(\d{1,15})(?:\.(\d{1,6}))?([kMGT]?)B?")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_CGROUP = Path("/sys/fs/cgroup/memory.max")

STILL_BYTES, VIDEO_BYTES = 170, 640
"""Memory that a run takes for each pixel of its frames: measured from 1 to 31 megapixels, for videos to 8."""
_BASE_BYTES = 1_200_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that is read.

    Attributes
    ----------
    pixels
        Of one picture, still or frame: 200 million are more than 16K video has, and nearly any camera.
    frames
        Of a video, once resampled: five million are a day at 60 a second.
    fps
        Frames a second, on average.
    memory
        Bytes that a run may take by estimate; None is what this machine has.
    """

    pixels: int = 200_000_000
    frames: int = 5_000_000
    fps: int = 1000
    memory: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``pixels=900M,fps=2000``; what is not named keeps its default.

        Raises
        ------
        SettingsError
            For an unknown name, or what is no number.
        """
        given: dict[str, int] = {}
        names = [field.name for field in fields(cls)]
        for part in text.split(","):
            name, _, amount = part.strip().partition("=")
            if name not in names:
                raise SettingsError(
                    f"--limits: no limit is called '{name[:40]}'{did_you_mean(name[:40], names)}; "
                    f"there are {', '.join(names)}"
                )
            match = _AMOUNT.fullmatch(amount)
            if match is None or not _whole(match):
                raise SettingsError(f"--limits: {name} must be a number such as 900M, not '{amount[:40]}'")
            given[name] = _whole(match)
        return replace(cls(), **given)

    @property
    def decoded(self) -> int:
        """Pixels that a decoder may ask for: it counts borders and whole blocks as well, of small pictures many."""
        return 2 * self.pixels + (1 << 16)

    def check_picture(self, name: str, size: Size) -> None:
        """Refuse a picture that is too large.

        Raises
        ------
        ReadError
            In one line; so do the other checks.
        """
        if size.height * size.width > self.pixels:
            raise ReadError(
                f"{name} is {size}, {_amount(size.height * size.width)} pixels; at most {_amount(self.pixels)} are "
                f"read, or more with --limits pixels={_next(size.height * size.width)}"
            )

    def check_frames(self, name: str, count: float) -> None:
        """Refuse a video of too many frames."""
        if count > self.frames:
            raise ReadError(
                f"{name} has {_amount(count)} frames; at most {_amount(self.frames)} are read, or more with "
                f"--limits frames={_next(count)}; --fps sets how many there are a second"
            )

    def check_rate(self, name: str, rate: Fraction) -> None:
        """Refuse a video of too many frames a second."""
        if rate > self.fps:
            raise ReadError(
                f"{name} has {_amount(float(rate))} frames a second; at most {_amount(self.fps)} are read, or more "
                f"with --limits fps={_next(float(rate))}"
            )

    def check_memory(self, name: str, size: Size, each: int) -> None:
        """Refuse a run whose frames of this size, ``each`` bytes a pixel, take more memory than there is."""
        most = self.memory or machine_memory()
        needed = _BASE_BYTES + each * size.height * size.width
        if most is not None and needed > most:
            raise SettingsError(
                f"{name}: frames of {size} take about {_amount(needed)}B of memory, but there are {_amount(most)}B; "
                f"make them smaller (--width), or try it with --limits memory={_next(needed)}"
            )


def machine_memory() -> int | None:
    """Return the bytes of memory that this process may have; None where nobody says."""
    found = []
    with suppress(OSError, ValueError, AttributeError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, ValueError):
        found.append(int(_CGROUP.read_text(encoding="ascii")))
    return min((value for value in found if value > 0), default=None)


def _whole(match: re.Match[str]) -> int:
    return int(Fraction(f"{match[1]}.{match[2] or 0}") * _UNITS[match[3]])


def _amount(value: float) -> str:
    """Return a number as people write it, with its unit: ``900 M``."""
    for unit in ("T", "G", "M", "k"):
        if value >= _UNITS[unit]:
            return f"{value / _UNITS[unit]:.3g} {unit}"
    return f"{value:g} "[:-1]


def _next(value: float) -> str:
    """Return a limit, as the flag takes it, that lets a value through."""
    for unit in ("T", "G", "M", "k"):
        if value >= _UNITS[unit]:
            return f"{int(value // _UNITS[unit]) + 1}{unit}"
    return str(int(value) + 1)
