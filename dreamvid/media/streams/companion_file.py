"""Opening the file that sound comes from, and what must be known of it before anything is copied."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NoReturn

import av

from dreamvid.errors import ReadError
from dreamvid.media.input.container import FORMATS, SOUND_FORMATS
from dreamvid.media.input.probe import video_stream
from dreamvid.media.streams.audio import announced_delay

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from av.container import InputContainer


@contextlib.contextmanager
def open_companion_file(path: Path) -> Iterator[InputContainer]:
    """Open a file of video or sound for reading; no playlist or script can make us open another.

    Raises
    ------
    av.FFmpegError, OSError
        For everything else.
    """
    with (
        path.open("rb") as file,
        av.open(
            file,
            "r",
            container_options={"format_whitelist": f"{FORMATS},{SOUND_FORMATS}"},
            metadata_errors="replace",
            io_open=_refuse,
        ) as container,
    ):
        yield container


def _refuse(*_: Any) -> NoReturn:
    raise PermissionError("a companion may not open other files")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the output must know before anything is copied; ``first_picture`` is 0 where there is only sound."""

    first_picture: Fraction
    time_base: Fraction | None
    delays: Mapping[int, Fraction]

    @property
    def has_sound(self) -> bool:
        """Whether there is any sound."""
        return bool(self.delays)


def look(container: InputContainer, path: Path) -> Facts:
    """Find the first picture and the delays of the sound; the container is left anywhere."""
    delays = {}
    for sound in container.streams.audio:
        delays[sound.index] = announced_delay(sound)
        with contextlib.suppress(av.FFmpegError):
            container.seek(0)
    try:
        stream = video_stream(container, path)
    except ReadError:
        return Facts(Fraction(0), None, delays)
    tick = stream.time_base or Fraction(1)
    first = Fraction(stream.start_time or 0) * tick
    with contextlib.suppress(av.FFmpegError):  # damaged pictures; the sound may be whole
        for frame in container.decode(stream):
            first = (frame.pts or 0) * (frame.time_base or tick)
            break
    return Facts(first, stream.time_base, delays)
