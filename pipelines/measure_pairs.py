"""A source and its dream, frame beside frame: the same part, the same rate, the same size."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from dreamvid.config.preset import Preset
from dreamvid.config.settings import output_size
from dreamvid.errors import DreamvidError, ReadError
from dreamvid.pipelines.provenance import KEY
from dreamvid.text import printable
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction
    from pathlib import Path

    from dreamvid.media.input.info import MediaInfo
    from dreamvid.types import RGB, Frame, FrameSource, VideoInfo

_ADVICE = "say which part was dreamed, and how fast, with --start, --duration and --fps"
_MISCOUNTED = 2
"""Frames by which what a container promises may be wrong; the frames themselves are counted later."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What of the source was dreamed (seconds, frames a second); None is what the dream itself says."""

    start: Fraction | None = None
    duration: Fraction | None = None
    fps: Fraction | None = None


@dataclass(frozen=True, slots=True)
class FramePair:
    """Both videos, opened alike; ``start`` and ``duration`` are the part of the source, in seconds.

    ``size`` is that of the pictures that are compared: the dream's, less what an encoder padded it by.
    """

    names: tuple[str, str]
    source: FrameSource
    dreamed: FrameSource
    size: Size
    start: Fraction
    duration: Fraction | None

    @property
    def info(self) -> VideoInfo:
        """What is known of the source, at the size of the dream."""
        return self.source.info

    def __iter__(self) -> Iterator[tuple[RGB, RGB, Frame]]:
        """Yield source and dream, ``[size, 3]`` each, and the source's frame, for its times.

        Raises
        ------
        ReadError
            Where one ends before the other, or their times part by half a frame.
        """
        half = 1 / (2 * self.info.rate)
        for index, (one, other) in enumerate(zip_longest(self.source, self.dreamed)):
            if one is None or other is None:
                shorter, longer = self.names if one is None else self.names[::-1]
                raise ReadError(f"{shorter} ends after {index} frames, but {longer} goes on; {_ADVICE}")
            if abs(one.pts - other.pts) > half:
                raise ReadError(
                    f"frame {index} of {self.names[1]} appears at {float(other.pts):.3f} s, but that of "
                    f"{self.names[0]} at {float(one.pts):.3f} s; {_ADVICE}"
                )
            source = one.rgb
            if one.alpha is not None and other.alpha is None:  # which flattened it onto black
                source = source * one.alpha[..., None]
            yield source, other.rgb[: self.size.height, : self.size.width], one


def open_couple(source: Path, dreamed: Path, cut: Cut, *, keep_going: bool) -> FramePair:
    """Open a source as its dream shows it.

    Part and rate are those of ``cut``, where it is silent those in the settings that the dream carries, else all
    of the source. It is brought to the dream's size as dreaming does that: scaled to cover it, and cropped.

    Raises
    ------
    DreamvidError
        In one line, such as for a file that is no video, or a count of frames that is far off.
    """
    from dreamvid.media.input.probe import probe  # noqa: PLC0415  the same
    from dreamvid.media.input.source import open_source  # noqa: PLC0415  the same

    media = probe(dreamed)
    said = _embedded(media)
    start = said.input.start if cut.start is None else cut.start
    duration = said.input.duration if cut.duration is None else cut.duration
    fps = said.output.fps if cut.fps is None else cut.fps
    own = probe(source, fps=fps).video.size
    size = _unpadded(media.video.size, output_size(own, said.output))
    couple = FramePair(
        names=(printable(source), printable(dreamed)),
        source=open_source(
            source,
            start=start,
            duration=duration,
            fps=fps,
            size=None if size == own else size,
            keep_going=keep_going,
        ),
        dreamed=open_source(dreamed, keep_going=keep_going),
        size=size,
        start=start,
        duration=duration,
    )
    _check_counts(couple)
    return couple


def _check_counts(couple: FramePair) -> None:
    ours, theirs = couple.source.info.frames, couple.dreamed.info.frames
    if ours and theirs and abs(ours - theirs) > _MISCOUNTED + max(ours, theirs) // 100:
        one, other = couple.names
        raise ReadError(f"{one} has {ours} frames, but {other} has {theirs}; {_ADVICE}")


def _unpadded(size: Size, made: Size) -> Size:
    """Return the size before an encoder that needs even sides padded it, where that is what happened."""
    even = Size(made.height + made.height % 2, made.width + made.width % 2)
    grown = (size.height in {made.height, even.height}) and (size.width in {made.width, even.width})
    return made if grown else size


def _embedded(media: MediaInfo) -> Preset:
    """Return the part, rate and size that a dream says it was made with; the defaults where it says nothing."""
    texts = {key.lower(): text for key, text in media.metadata.items()}  # Matroska writes keys in capitals
    with suppress(DreamvidError, ValueError, TypeError, KeyError, AttributeError):
        settings: dict[str, Any] = json.loads(texts[KEY])["settings"]
        kept = {"input": ("start", "duration"), "output": ("width", "height", "fps")}
        return Preset.build(
            {
                group: {name: settings[group][name] for name in names if name in settings.get(group, {})}
                for group, names in kept.items()
            }
        )
    return Preset()
