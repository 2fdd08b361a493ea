"""Measure a dreamed video against its source; write a chart, and both side by side.

Source and dream are brought together frame by frame: the same part, the same rate, the same size.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from dreamvid.config.preset import Preset
from dreamvid.config.settings import OutputSettings, output_size
from dreamvid.errors import DreamvidError, ReadError, WriteError
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.output_path import check_target
from dreamvid.pipelines.provenance import KEY
from dreamvid.schedule.lengths import known_seconds
from dreamvid.text import printable
from dreamvid.types import Frame, Size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from dreamvid.flow.stability_report import Report
    from dreamvid.media.input.info import MediaInfo
    from dreamvid.types import RGB, FrameSource, VideoInfo

_log = logging.getLogger(__name__)

# Dream RMS below which the noise of a codec counts for as much as the dream.
_FAINT_RMS = 0.005
# Frames by which a container's claim may be wrong; the frames themselves are counted later.
_COUNT_TOLERANCE = 2
_ADVICE = "say which part was dreamed, and how fast, with --start, --duration and --fps"


@dataclass(frozen=True, slots=True)
class DreamedPart:
    """The part of the source that was dreamed (seconds), and at what rate; None is what the dream itself says."""

    start: Fraction | None = None
    duration: Fraction | None = None
    fps: Fraction | None = None


def measure_files(
    source: Path,
    dreamed: Path,
    options: RunOptions = RunOptions(),
    *,
    part: DreamedPart = DreamedPart(),
    plot: Path | None = None,
    compare: Path | None = None,
) -> Report:
    """Measure a dreamed video against its source, and how often it flashes.

    Parameters
    ----------
    source, dreamed
        Videos, animations or folders of PNGs; see :func:`open_pair`.
    part
        The part and rate of the source that was dreamed, where the dream does not say so itself.
    plot
        A chart over time to write (.png, .svg, .pdf).
    compare
        A video to write: source left, dream right, with the source's sound.

    Raises
    ------
    DreamvidError
        For what is no video, frames that differ in number or time, and outputs that cannot be written. Nothing
        half-written is left.
    """
    from dreamvid.flow.stability import StabilityMeter  # noqa: PLC0415  OpenCV loads only when asked
    from dreamvid.image.flashes import FlashMeter  # noqa: PLC0415  the same
    from dreamvid.pipelines.charts import check_chart_path, write_stability_chart  # noqa: PLC0415  charts only when asked

    pair = open_pair(source, dreamed, part, keep_going=options.keep_going)
    if plot is not None and compare is not None and plot.resolve() == compare.resolve():
        raise WriteError(f"{plot}: chart and comparison are one file; name two")
    if plot is not None:
        check_chart_path(plot)
    inputs = (source, dreamed)
    replace_plot, replace_compare = (
        path is not None and check_target(path, inputs, options.confirm_overwrite) for path in (plot, compare)
    )
    meter, flashes, times = StabilityMeter(), FlashMeter(), list[float]()
    with ExitStack() as stack:
        comparison = None
        if compare is not None:
            comparison = stack.enter_context(Comparison(compare, pair, source, overwrite=replace_compare))
        options.progress.start(pair.info.frames, dreamed.name)
        for source_rgb, dreamed_rgb, frame in pair:
            meter.add(source_rgb, dreamed_rgb)
            flashes.add(dreamed_rgb, frame.pts)
            times.append(float(frame.pts))
            if comparison is not None:
                comparison.add(source_rgb, dreamed_rgb, frame)
            options.progress.frame(frame.index)
    report = replace(meter.report(), flashes=flashes.report())
    if report.dream_rms < _FAINT_RMS:
        _log.warning("hardly a dream (RMS %.4f): its flicker index says little", report.dream_rms)
    if plot is not None:
        write_stability_chart(plot, report, times, inputs, overwrite=replace_plot)
    return report


@dataclass(frozen=True, slots=True)
class VideoPair:
    """Source and dream, opened alike; ``start`` and ``duration`` are the part of the source, in seconds.

    ``size`` is that of the pictures that are compared: the dream's, less an encoder's padding.
    """

    names: tuple[str, str]
    source: FrameSource
    dreamed: FrameSource
    size: Size
    start: Fraction
    duration: Fraction | None

    @property
    def info(self) -> VideoInfo:
        """Properties of the source, at the size of the dream."""
        return self.source.info

    def __iter__(self) -> Iterator[tuple[RGB, RGB, Frame]]:
        """Yield source and dream, ``[size, 3]`` each, and the source's frame, for its times.

        Raises
        ------
        ReadError
            Where one ends before the other, or their times differ by more than half a frame.
        """
        half_frame = 1 / (2 * self.info.rate)
        for index, (source, dreamed) in enumerate(zip_longest(self.source, self.dreamed)):
            if source is None or dreamed is None:
                shorter, longer = self.names if source is None else self.names[::-1]
                raise ReadError(f"{shorter} ends after {index} frames, but {longer} goes on; {_ADVICE}")
            if abs(source.pts - dreamed.pts) > half_frame:
                raise ReadError(
                    f"frame {index} of {self.names[1]} appears at {float(dreamed.pts):.3f} s, but that of "
                    f"{self.names[0]} at {float(source.pts):.3f} s; {_ADVICE}"
                )
            rgb = source.rgb
            if source.alpha is not None and dreamed.alpha is None:
                rgb = rgb * source.alpha[..., None]  # the dream was flattened onto black
            yield rgb, dreamed.rgb[: self.size.height, : self.size.width], source


def open_pair(source: Path, dreamed: Path, part: DreamedPart, *, keep_going: bool) -> VideoPair:
    """Open a source as its dream shows it.

    Part and rate are those of ``part``, by default those in the settings embedded in the dream, else all of the
    source. As in dreaming, the source is scaled to cover the dream's size, and cropped.

    Raises
    ------
    DreamvidError
        For example for a file that is no video, or a count of frames that is far off.
    """
    from dreamvid.media.input.probe import probe  # noqa: PLC0415  PyAV loads only when media is touched
    from dreamvid.media.input.source import open_source  # noqa: PLC0415  the same

    media = probe(dreamed)
    embedded = _embedded_settings(media)
    start = embedded.input.start if part.start is None else part.start
    duration = known_seconds(embedded.input.duration) if part.duration is None else part.duration
    fps = embedded.output.fps if part.fps is None else part.fps
    source_size = probe(source, fps=fps).video.size
    size = _unpadded(media.video.size, output_size(source_size, embedded.output))
    pair = VideoPair(
        names=(printable(source), printable(dreamed)),
        source=open_source(
            source,
            start=start,
            duration=duration,
            fps=fps,
            size=None if size == source_size else size,
            keep_going=keep_going,
        ),
        dreamed=open_source(dreamed, keep_going=keep_going),
        size=size,
        start=start,
        duration=duration,
    )
    _check_frame_counts(pair)
    return pair


def _check_frame_counts(pair: VideoPair) -> None:
    source, dreamed = pair.source.info.frames, pair.dreamed.info.frames
    if source and dreamed and abs(source - dreamed) > _COUNT_TOLERANCE + max(source, dreamed) // 100:
        names = pair.names
        raise ReadError(f"{names[0]} has {source} frames, but {names[1]} has {dreamed}; {_ADVICE}")


def _unpadded(size: Size, dreamed_size: Size) -> Size:
    """Return the size before an encoder that needs even sides padded it, if that is the difference."""
    even = Size(dreamed_size.height + dreamed_size.height % 2, dreamed_size.width + dreamed_size.width % 2)
    padded = size.height in {dreamed_size.height, even.height} and size.width in {
        dreamed_size.width,
        even.width,
    }
    return dreamed_size if padded else size


def _embedded_settings(media: MediaInfo) -> Preset:
    """Return part, rate and size from the settings embedded in a dream; the defaults where there are none."""
    texts = {key.lower(): text for key, text in media.metadata.items()}  # Matroska writes keys in capitals
    with suppress(DreamvidError, ValueError, TypeError, KeyError, AttributeError):
        settings: dict[str, Any] = json.loads(texts[KEY])["settings"]
        fields = {"input": ("start", "duration"), "output": ("width", "height", "fps")}
        return Preset.build(
            {
                group: {name: settings[group][name] for name in names if name in settings.get(group, {})}
                for group, names in fields.items()
            }
        )
    return Preset()


class Comparison:
    """Writes source (left) and dream (right) frame by frame; the file appears when the context ends well.

    moviepy composes the pictures. The project's own reader and writer keep every frame, the exact times and the
    sound, all of which moviepy's would change.

    Raises
    ------
    DreamvidError
        Where the output cannot be written.
    """

    def __init__(self, path: Path, pair: VideoPair, source: Path, *, overwrite: bool) -> None:
        from dreamvid.media.output.writer import open_writer  # noqa: PLC0415  PyAV loads only when media is touched

        size = pair.size
        self._writer = open_writer(
            path,
            info=replace(
                pair.info, size=Size(size.height, 2 * size.width), has_alpha=False, hdr=False, depth=8
            ),
            output=OutputSettings(),
            streams_from=source,
            start=pair.start,
            duration=pair.duration,
            overwrite=overwrite,
        )
        self._buffers = tuple(np.zeros((*size, 3), np.uint8) for _ in range(2))
        self._clip = _side_by_side(self._buffers)

    def __enter__(self) -> Self:
        """Start writing to a temporary file beside the target."""
        self._writer.__enter__()
        return self

    def add(self, source: RGB, dreamed: RGB, frame: Frame) -> None:
        """Append a picture ``[H, W, 3]`` of each; ``frame`` has the times."""
        for buffer, picture in zip(self._buffers, (source, dreamed), strict=True):
            buffer[:] = np.round(np.clip(picture, 0.0, 1.0) * 255.0)
        composed = np.asarray(self._clip.get_frame(float(frame.pts)), np.float32) / np.float32(255.0)
        self._writer.write(Frame(frame.index, frame.pts, composed, duration=frame.duration))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Verify and rename; after an error, remove what was written."""
        self._writer.__exit__(kind, error, trace)


def _side_by_side(buffers: tuple[NDArray[np.uint8], ...]) -> Any:
    """Return a moviepy clip that shows the present contents of the buffers in a row."""
    with _guarded_import():
        from moviepy import VideoClip, clips_array

    clips = [VideoClip(frame_function=lambda _, buffer=buffer: buffer) for buffer in buffers]
    return clips_array([clips], bg_color=(0, 0, 0))


@contextmanager
def _guarded_import() -> Iterator[None]:
    """Import moviepy without letting a ``.env`` file or the environment choose programs for it to run."""
    programs = {"FFMPEG_BINARY": "auto-detect", "FFPLAY_BINARY": "auto-detect"}
    saved = {name: os.environ.get(name) for name in programs}
    modules = cast("dict[str, Any]", sys.modules)
    dotenv = modules.get("dotenv")
    # An entry of None makes `import dotenv` fail; moviepy then does without.
    modules["dotenv"] = None
    os.environ.update(programs)
    try:
        yield
    finally:
        if dotenv is None:
            del modules["dotenv"]
        else:
            modules["dotenv"] = dotenv
        for name, value in saved.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
