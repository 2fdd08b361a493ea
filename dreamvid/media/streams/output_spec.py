"""Describe one output: where it goes, how it is encoded, and what is passed through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dreamvid.media.timestamps import TimestampRounder, rounding_error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from dreamvid.atomic import AtomicOutput
    from dreamvid.media.output.codecs import CodecChoice
    from dreamvid.media.streams.passthrough import SourceStreams
    from dreamvid.types import VideoInfo


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One output.

    ``time_base`` is the clock of the written file, ``source_time_base`` that of the source's video (seconds).
    ``metadata`` are texts of our own by key; ``source_streams`` are closed by the writer. ``frame_name`` are the
    names of a folder's pictures, with the number as C's printf writes it, from ``first_number`` on.
    """

    target: AtomicOutput
    choice: CodecChoice
    info: VideoInfo
    time_base: Fraction
    metadata: Mapping[str, str]
    source_streams: SourceStreams | None = None
    expected_frames: int | None = None
    source_time_base: Fraction | None = None
    frame_name: str = "%06d.png"
    first_number: int = 1

    def timestamp_rounder(self) -> TimestampRounder:
        """Return what rounds frame times to the time base of the file."""
        rate = self.info.rate
        if (
            self.choice.container.time_base is not None
            or self.info.variable_rate
            or self.source_time_base is None
        ):
            return TimestampRounder(self.time_base)
        return TimestampRounder(
            self.time_base, grid=1 / rate, slack=rounding_error(rate, self.source_time_base)
        )
