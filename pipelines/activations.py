"""See where the layers, channels and classes of a network fire in a picture or a video, which most, and when.

A video is read twice where heat maps are drawn: first to find what fires most and the ends of the scales, then to
draw.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.config.settings import OutputSettings
from dreamvid.errors import SettingsError, WriteError
from dreamvid.image.resize import resize
from dreamvid.pipelines.activity import ActivityMeter, ActivityReport, ShownChannel, layer_map
from dreamvid.pipelines.build import build_reader, is_classifier, open_network
from dreamvid.pipelines.heat_maps import HeatMap, draw_heat_map, lay_out
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.output_path import check_target
from dreamvid.pipelines.pictures import READ_WIDTH, on_gray, read_picture, shrink, shrunk_size
from dreamvid.pipelines.units import LOGITS, choose_channels, choose_classes, choose_layers, unit_objective
from dreamvid.text import printable
from dreamvid.types import Frame, Size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from dreamvid.config.settings import ModelSettings
    from dreamvid.pipelines.activity import ChannelActivity
    from dreamvid.pipelines.units import Network
    from dreamvid.types import RGB, ActivationSource, FeatureAxis, FrameWriter, VideoInfo

    Array = NDArray[np.float32]

_TILE, _COLUMNS = 256, 5
_LARGEST_OUTPUT = 1920
"""Width, in px, of an output with several heat maps, at most."""


@dataclass(frozen=True, slots=True)
class ActivationRequest:
    """What is to be seen.

    Attributes
    ----------
    layers, channels, classes
        Choices by text; see :mod:`dreamvid.pipelines.units`. None is the main layers and the classes, and all
        channels.
    top
        How many channels of each layer are shown, those that fire most.
    width
        Longer side, in px, at which the network sees the pictures.
    start, duration, fps
        The part of a video, in seconds, and how many frames a second of it.
    output
        A video with heat maps, or for a picture a picture.
    sheet
        A picture with the heat maps of what fires most, each of the frame where it does.
    plot
        A chart over time.
    """

    layers: str | None = None
    channels: str | None = None
    classes: str | None = None
    top: int = 8
    width: int = READ_WIDTH
    start: Fraction = Fraction(0)
    duration: Fraction | None = None
    fps: Fraction | None = None
    output: Path | None = None
    sheet: Path | None = None
    plot: Path | None = None


def see_activations(
    source: Path, model: ModelSettings, request: ActivationRequest, options: RunOptions = RunOptions()
) -> ActivityReport:
    """Read a picture or video, and write the heat maps and the chart that are asked for.

    Raises
    ------
    DreamvidError
        In one line: an unknown layer, channel or class, an input that cannot be read, an output that cannot be
        written. Nothing half-written is left.
    """
    material = _open(source, request, keep_going=options.keep_going)
    replaced = _check_outputs(material, request, options)
    network = open_network(model, options, with_classes=request.classes is not None)
    units = _choose_units(network, request, classes=is_classifier(network))
    reader = build_reader(network, list(units))
    draws = request.output is not None or request.sheet is not None
    frames = material.frames
    options.progress.start(None if frames is None else (1 + draws) * frames, printable(source.name))
    meter, times = ActivityMeter(units), list[float]()
    for index, frame in enumerate(material.frames_of()):
        meter.add(reader.read(shrink(on_gray(frame.rgb, frame.alpha), request.width)))
        times.append(float(frame.pts))
        options.progress.frame(index)
    seen = shrunk_size(material.size, request.width)
    shown = {
        layer: tuple(
            _show(network, activity, reader.axes(layer, seen), seen, material.size)
            for activity in meter.strongest(layer, request.top)
        )
        for layer in units
    }
    is_video = material.info is not None
    report = ActivityReport(
        network.name, source, material.size, seen, tuple(times) if is_video else None, shown
    )
    if draws:
        rows = _panels(report, meter, request)
        _Drawing(report, rows, reader, material, request, replaced).write(options)
    if request.plot is not None:
        from dreamvid.pipelines.charts import write_activity_chart  # noqa: PLC0415  charts only when asked

        write_activity_chart(request.plot, report, [source], overwrite=request.plot in replaced)
    return report


@dataclass(frozen=True, slots=True)
class _Material:
    """A picture or video; ``info`` is None of a picture. ``frames_of`` opens it anew."""

    source: Path
    size: Size
    info: VideoInfo | None
    frames_of: Callable[[], Iterator[Frame]]

    @property
    def frames(self) -> int | None:
        return 1 if self.info is None else self.info.frames


def _open(source: Path, request: ActivationRequest, *, keep_going: bool) -> _Material:
    from dreamvid.media.input.source import open_source  # noqa: PLC0415  PyAV loads only when media is touched
    from dreamvid.media.still.reader import is_still  # noqa: PLC0415  the same

    if is_still(source):
        if request.start or request.duration is not None or request.fps is not None:
            raise SettingsError(
                f"{printable(source)} is one picture; --start, --duration and --fps are for videos"
            )
        if request.plot is not None:
            raise SettingsError(f"{printable(source)} is one picture; --plot draws a video over time")
        rgb = read_picture(source).rgb
        return _Material(source, Size(*rgb.shape[:2]), None, lambda: iter([Frame(0, Fraction(0), rgb)]))
    video = open_source(
        source, start=request.start, duration=request.duration, fps=request.fps, keep_going=keep_going
    )
    return _Material(source, video.info.size, video.info, lambda: iter(video))


def _check_outputs(material: _Material, request: ActivationRequest, options: RunOptions) -> set[Path]:
    """Return the outputs that exist and may be replaced; raise where one cannot be written."""
    from dreamvid.media.output.writer import check_output  # noqa: PLC0415  PyAV loads only when media is touched
    from dreamvid.media.still.writer import check_suffix  # noqa: PLC0415  the same
    from dreamvid.pipelines.charts import check_chart_path  # noqa: PLC0415  charts only when asked

    outputs = [path for path in (request.output, request.sheet, request.plot) if path is not None]
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise WriteError(f"{printable(outputs[0])}: two outputs have the same name; give each its own")
    folder = False
    if request.plot is not None:
        check_chart_path(request.plot)
    for path in (request.sheet, request.output if material.info is None else None):
        if path is not None:
            check_suffix(path)
    if request.output is not None and material.info is not None:
        folder = check_output(
            request.output,
            info=_output_info(material.info, material.size),
            output=OutputSettings(),
            folder=options.output_is_folder,
        )
    return {
        path
        for path in outputs
        if check_target(
            path, [material.source], options.confirm_overwrite, folder=folder and path == request.output
        )
    }


def _output_info(info: VideoInfo, size: Size) -> VideoInfo:
    return replace(info, size=size, has_alpha=False, hdr=False, depth=8)


def _choose_units(network: Network, request: ActivationRequest, *, classes: bool) -> dict[str, list[int]]:
    """Return the channels by layer; the classes' layer is ``logits``."""
    units: dict[str, list[int]] = {}
    if request.layers is not None or request.classes is None:
        for layer in choose_layers(network, request.layers):
            if layer.name != LOGITS:
                units[layer.name] = choose_channels(layer, request.channels or "all", seed=0)
            elif request.classes is None:
                units[LOGITS] = choose_classes(network, "all")
    by_default = request.layers is None and request.channels is None and classes
    if request.classes is not None or by_default:
        units[LOGITS] = choose_classes(network, request.classes or "all")
    return units


def _show(
    network: Network,
    activity: ChannelActivity,
    axes: tuple[FeatureAxis, FeatureAxis],
    seen: Size,
    size: Size,
) -> ShownChannel:
    y, x = (
        min(max(0, round((axis.center(index) + 0.5) * length / length_seen - 0.5)), length - 1)
        for axis, index, length, length_seen in zip(axes, activity.position, size, seen, strict=True)
    )
    is_class = activity.layer == LOGITS and len(network.classes) > activity.channel
    return ShownChannel(
        activity,
        str(unit_objective(network, activity.layer, activity.channel)),
        network.classes[activity.channel] if is_class else None,
        (x, y),
    )


@dataclass(frozen=True, slots=True)
class _Panel:
    """A heat map to draw: of one channel, or of a whole layer (None); ``frame`` is where it is at its strongest."""

    layer: str
    channel: int | None
    title: str
    ends: tuple[float, float]
    frame: int

    def heat_map(self, maps: Mapping[str, Array], reader: ActivationSource, seen: Size) -> HeatMap:
        values = maps[self.layer]
        chosen = layer_map(values) if self.channel is None else values[..., self.channel]
        bottom, top = self.ends
        axes = reader.axes(self.layer, seen)
        return HeatMap(self.title, np.ascontiguousarray(chosen), axes, seen, top, bottom)


def _panels(report: ActivityReport, meter: ActivityMeter, request: ActivationRequest) -> list[list[_Panel]]:
    """Return the heat maps in rows; each layer begins a row, with its own map unless channels were chosen."""
    rows: list[list[_Panel]] = []
    for layer, channels in report.layers.items():
        scale = meter.scale(layer)
        top = max((c.activity.peak for c in channels), default=0.0)
        panels = [_Panel(layer, c.activity.channel, c.title, (0.0, top), c.activity.frame) for c in channels]
        if layer != LOGITS and (request.channels is None or request.top == 0):
            panels.insert(0, _Panel(layer, None, f"{layer}, all", (scale.lowest, scale.highest), scale.frame))
        rows += [panels[i : i + _COLUMNS] for i in range(0, len(panels), _COLUMNS)]
    if not rows:
        why = (
            "--top 0 shows layers alone, and only classes are chosen"
            if request.top == 0
            else "none of the chosen channels fires"
        )
        raise SettingsError(f"{printable(report.source)}: {why}, so there is no heat map")
    return rows


@dataclass(frozen=True, slots=True)
class _Drawing:
    """Draws the heat maps of a report; ``rows`` are those that lie side by side."""

    report: ActivityReport
    rows: list[list[_Panel]]
    reader: ActivationSource
    material: _Material
    request: ActivationRequest
    replaced: set[Path]

    def write(self, options: RunOptions) -> None:
        """Read the material again, and write the sheet and the output."""
        request = self.request
        tiles: dict[_Panel, RGB] = {}
        done = 1 if self.report.times is None else len(self.report.times)
        with ExitStack() as stack:
            writer: FrameWriter | None = None
            for index, frame in enumerate(self.material.frames_of()):
                picture = on_gray(frame.rgb, frame.alpha)
                maps = self.reader.read(shrink(picture, request.width))
                heat_maps = {
                    panel: panel.heat_map(maps, self.reader, self.report.seen)
                    for row in self.rows
                    for panel in row
                    if request.output is not None or panel.frame == index
                }
                if request.sheet is not None:
                    tiles |= self._tiles(picture, index, heat_maps)
                if request.output is not None:
                    drawn = self._side_by_side(picture, heat_maps)
                    if self.material.info is None:
                        self._write_picture(request.output, drawn)
                    else:
                        if writer is None:
                            writer = stack.enter_context(self._open_writer(drawn, options))
                        writer.write(Frame(frame.index, frame.pts, drawn, duration=frame.duration))
                options.progress.frame(done + index)
        if request.sheet is not None:
            self._write_picture(
                request.sheet, lay_out([[tiles[panel] for panel in row] for row in self.rows])
            )

    def _tiles(self, picture: RGB, frame: int, heat_maps: Mapping[_Panel, HeatMap]) -> dict[_Panel, RGB]:
        """Return the tiles of the sheet that show this frame."""
        size = self.material.size
        tile = Size(max(1, round(size.height * _TILE / size.width)), _TILE)
        small = np.clip(resize(picture, tile), 0.0, 1.0)
        return {
            panel: draw_heat_map(small, heat_map, note=self._time(frame))
            for panel, heat_map in heat_maps.items()
            if panel.frame == frame
        }

    def _time(self, frame: int) -> str:
        return "" if self.report.times is None else f"{self.report.times[frame]:.2f} s"

    def _side_by_side(self, picture: RGB, heat_maps: Mapping[_Panel, HeatMap]) -> RGB:
        if len(heat_maps) > 1:
            columns = max(len(row) for row in self.rows)
            picture = np.clip(resize(picture, self._cell(columns)), 0.0, 1.0)
        return lay_out([[draw_heat_map(picture, heat_maps[panel]) for panel in row] for row in self.rows])

    def _cell(self, columns: int) -> Size:
        """Return the size of one of several heat maps; its sides are even, as encoders need them."""
        size = self.material.size
        width = max(2, min(size.width, _LARGEST_OUTPUT // columns) // 2 * 2)
        return Size(max(2, 2 * round(size.height * width / size.width / 2)), width)

    def _write_picture(self, path: Path, picture: RGB) -> None:
        from dreamvid.media.still.reader import Still  # noqa: PLC0415  imageio loads only when it is used
        from dreamvid.media.still.writer import write_still  # noqa: PLC0415  the same

        write_still(path, Still(picture), overwrite=path in self.replaced)

    def _open_writer(self, first: RGB, options: RunOptions) -> FrameWriter:
        from dreamvid.media.output.writer import open_writer  # noqa: PLC0415  PyAV loads only when media is touched

        request = self.request
        assert request.output is not None
        assert self.material.info is not None
        return open_writer(
            request.output,
            info=_output_info(self.material.info, Size(*first.shape[:2])),
            output=OutputSettings(),
            streams_from=self.report.source,
            start=request.start,
            duration=request.duration,
            overwrite=request.output in self.replaced,
            folder=options.output_is_folder,
        )
