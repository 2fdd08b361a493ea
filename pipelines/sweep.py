"""Sweep one picture through the layers, channels or classes of a network."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dreamvid import objective as objectives
from dreamvid.checkpoint.layout import OUTPUT, State, work_folder
from dreamvid.config.settings import LONGEST_SIDE, output_size
from dreamvid.errors import NonFiniteDreamError, ReadError
from dreamvid.image.resize import cover
from dreamvid.media.containers import CONTAINERS, STILL_SUFFIXES
from dreamvid.media.limits import check_frames, check_picture
from dreamvid.objective import Objective
from dreamvid.pipelines.build import build_dreamer, open_network, warn_unused_trip_fields
from dreamvid.pipelines.compositing import make_compositor
from dreamvid.pipelines.masks import open_masks
from dreamvid.pipelines.memory import STILL_BYTES, check_memory
from dreamvid.pipelines.octave_limit import limit_octaves
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.output_path import check_target
from dreamvid.pipelines.provenance import (
    KEY,
    is_delivered,
    make_manifest,
    restore_begun_settings,
    settings_json,
)
from dreamvid.pipelines.result import RunResult
from dreamvid.pipelines.resume import OutputJob, run_resumable
from dreamvid.pipelines.scenes import first_still
from dreamvid.pipelines.sweep_output import ContactSheet, SweepFilm, SweepTiming, plan_sheet
from dreamvid.pipelines.units import (
    choose_channels,
    choose_classes,
    choose_layers,
    class_name,
    unit_objective,
)
from dreamvid.text import printable
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.config.settings import OutputSettings
    from dreamvid.media.still.reader import Still
    from dreamvid.pipelines.build import LoadedDreamer
    from dreamvid.pipelines.options import StopRequested
    from dreamvid.pipelines.resume import FrameSink, ResumePoint
    from dreamvid.pipelines.units import Network
    from dreamvid.types import RGB, FrameWriter, Mask

_log = logging.getLogger(__name__)

_ALL_DEPTHS = "0-99999"
_LONGEST_SIDE = 640
"""Longest side of the output unless the output settings say otherwise, in px."""
_ANIMATION_FPS, _VIDEO_FPS = Fraction(10), Fraction(25)
"""Frame rates of animations, whose every frame takes as much room as a picture, and of videos."""
_BITS = 8
_BEHIND_LAYERS = 1 << 30
_BATCH = 32
"""Most channels or classes that share a compiled function; an objective has up to 64 terms."""


class Stop(NamedTuple):
    """One dream of a sweep.

    ``group`` names the layer whose channels, or ``logits`` whose classes, stops belong to; it is empty for whole
    layers. ``depth`` is that of the layer.
    """

    objective: str
    label: str
    group: str
    depth: int


class _OutputKind(NamedTuple):
    """What is written: a contact sheet, a folder of PNGs, or else a film, which may be an ``animation``."""

    is_sheet: bool
    is_folder: bool
    is_animation: bool


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """A sweep that fits the limits.

    ``preset`` is for pictures of ``size``; ``info`` is that of the stills, one a second.
    """

    preset: Preset
    stops: Sequence[Stop]
    rgb: RGB
    mask: Mask | None
    files: dict[str, Path]
    precision: str
    device: str

    @property
    def size(self) -> Size:
        """Size of the stills."""
        return Size(*self.rgb.shape[:2])

    @property
    def info(self) -> VideoInfo:
        """Properties of the stills, as if one were shown each second."""
        return VideoInfo(self.size, Fraction(1), frames=len(self.stops), duration=Fraction(len(self.stops)))

    @property
    def resolved(self) -> dict[str, object]:
        """What ``auto`` became, and the objectives."""
        return {
            "precision": self.precision,
            "device": self.device,
            "objectives": [stop.objective for stop in self.stops],
        }


def run_sweep(
    source: Path, output: Path | None, preset: Preset, options: RunOptions = RunOptions()
) -> RunResult:
    """Dream a picture by each layer, channel or class in turn, or resume an earlier run of the same sweep.

    Parameters
    ----------
    source
        A still picture.
    output
        A video or animation, a picture for a contact sheet, or a folder of PNGs; None is ``<name>.dream.gif`` beside
        the source.
    preset
        Its objective gives way to those of the sweep.

    Raises
    ------
    DreamvidError
        Nothing is left but whole dreams to resume from.
    KeyboardInterrupt
        If the run was asked to stop; its text says how to resume.
    """
    started = time.perf_counter()
    output = output or default_output(source, preset.output)
    recipe = preset.override({"pipeline": "sweep", "objective": "auto"})
    still = _read(source)
    size = _output_size(Size(*still.rgb.shape[:2]), recipe.output)
    kind = _output_kind(output, size, recipe.output, folder=options.output_is_folder)
    check = partial(check_target, output, [source], folder=kind.is_folder)
    unfinished = not options.fresh and work_folder(output).is_dir()
    check((lambda _: True) if unfinished else options.confirm_overwrite)
    settings = restore_begun_settings(recipe, output, fresh=options.fresh)
    plan = _plan(source, still, size, settings, options)
    timing = _timing(recipe, kind)
    check_frames("the sweep", timing.frames(len(plan.stops)))
    text = settings_json(recipe, source=source, resolved=plan.resolved, files=plan.files)
    delivered = unfinished and is_delivered(output, text, partial(check, options.confirm_overwrite))
    manifest = make_manifest(
        settings_json(
            recipe.override({"output.fps": None}), source=source, resolved=plan.resolved, files=plan.files
        ),
        output=output,
        inputs=[source, *plan.files.values()],
        info=plan.info,
        bits=_BITS,
        command=options.command,
    )
    sweep = _Sweep(plan, options)
    result = run_resumable(
        OutputJob(output, manifest, delivered=delivered),
        sweep,
        _open_writer(plan, output, kind, timing, text),
        replace(options, chunk=plan.info.rate),  # each dream is kept by itself
    )
    return RunResult(
        source=source,
        output=output,
        frames=result.frames,
        seconds=time.perf_counter() - started,
        size=plan.size,
        resolved=plan.resolved,
        stages={"dream": sweep.seconds, "final": result.encoding},
        resumed_at=result.resumed_at,
    )


def default_output(source: Path, output: OutputSettings) -> Path:
    """Return ``<name>.dream.gif`` beside the source; a codec has its own suffix."""
    from dreamvid.media.containers import preferred_suffix  # noqa: PLC0415  the only use

    suffix = ".gif" if output.codec == "auto" else preferred_suffix(output.codec)
    return source.with_name(f"{source.stem}.dream{suffix}")


def choose_stops(network: Network, preset: Preset) -> list[Stop]:
    """Return what a picture is dreamed by in turn.

    Raises
    ------
    SettingsError
        Where the network has no such layer, channel or class.
    """
    sweep = preset.sweep
    stops = []
    if sweep.layers is not None or sweep.classes is None:
        for layer in choose_layers(network, _ALL_DEPTHS if sweep.layers is None else sweep.layers):
            if sweep.channels is None:
                text = str(objectives.layer(layer.name))
                stops.append(Stop(text, f"{layer.depth} \N{MIDDLE DOT} {layer.name}", "", layer.depth))
                continue
            for channel in choose_channels(layer, sweep.channels, seed=preset.run.seed):
                text = str(objectives.channel(layer.name, channel))
                stops.append(Stop(text, f"{layer.name} #{channel}", layer.name, layer.depth))
    if sweep.classes is not None:
        for index in choose_classes(network, sweep.classes):
            text = str(unit_objective(network, "logits", index))
            stops.append(Stop(text, class_name(network, index), "logits", _BEHIND_LAYERS))
    return stops


class _Sweep:
    """A :class:`dreamvid.pipelines.resume.FrameProducer` of a sweep's dreams, each of which stands for itself.

    Channels of a layer, and classes, share what is compiled: they are terms of one objective, of which one at a time
    has a weight. ``seconds`` is how long the dreams took.
    """

    def __init__(self, plan: SweepPlan, options: RunOptions) -> None:
        self.seconds = 0.0
        self._plan = plan
        self._options = options

    def __call__(self, begin: ResumePoint, write: FrameSink, stop_requested: StopRequested) -> None:
        plan = self._plan
        compositor = make_compositor(plan.preset, plan.size)
        prepared = compositor.prepare(plan.rgb)
        for batch in batches(plan.stops):
            built = None
            for index in batch:
                if index < begin.frame:
                    continue
                if stop_requested():
                    return
                started = time.perf_counter()
                built = built or self._build(batch)
                chosen = self._objective(batch, index)
                dreamed = built.dreamer.with_settings(objective=chosen).dream(prepared)
                if not np.isfinite(dreamed).all():
                    raise NonFiniteDreamError(
                        f"{plan.stops[index].objective}: the dream came out as no picture; leave it out, or try "
                        "--precision float32"
                    )
                rgb = compositor.apply(plan.rgb, prepared, dreamed, plan.mask)
                self.seconds += time.perf_counter() - started
                write(Frame(index, Fraction(index), rgb, duration=Fraction(1)), State)
                self._options.progress.frame(index)

    def _build(self, batch: range) -> LoadedDreamer:
        return build_dreamer(self._plan.preset, self._options, objective=self._objective(batch, batch[0]))

    def _objective(self, batch: range, index: int) -> Objective:
        """Return the objectives of a batch of stops as one, in which only that of stop ``index`` has a weight."""
        terms = [objectives.parse(self._plan.stops[other].objective).terms[0] for other in batch]
        weights = [float(other == index) for other in batch]
        return Objective(tuple(replace(term, weight=w) for term, w in zip(terms, weights, strict=True)))


def batches(stops: Sequence[Stop]) -> Iterator[range]:
    """Yield ranges of consecutive stops of one group, up to 32; whole layers stand alone."""
    first = 0
    for index in range(1, len(stops) + 1):
        is_full = index - first == _BATCH
        if (
            index == len(stops)
            or is_full
            or not stops[index].group
            or stops[index].group != stops[first].group
        ):
            yield range(first, index)
            first = index


def _read(source: Path) -> Still:
    from dreamvid.media.still.reader import read_still  # noqa: PLC0415  imageio loads only when media is touched

    if source.is_dir():
        raise ReadError(f"{printable(source)} is a folder; name one picture")
    return read_still(source)


def _output_size(source: Size, output: OutputSettings) -> Size:
    """Return the size of the output: that of the settings, else at most 640 px on its longer side; even."""
    if output.width is not None or output.height is not None:
        size = output_size(source, output)
    else:
        scale = min(1.0, _LONGEST_SIDE / max(source))
        size = Size(*(max(2, 2 * round(side * scale / 2)) for side in source))
    return Size(*(side + side % 2 for side in size)) if max(size) < LONGEST_SIDE else size


def _output_kind(output: Path, size: Size, settings: OutputSettings, *, folder: bool) -> _OutputKind:
    """Return what is written; errors as for :func:`dreamvid.media.output.writer.check_output`."""
    from dreamvid.media.output.writer import check_output  # noqa: PLC0415  PyAV loads only when media is touched

    suffix = output.suffix.lower()
    if suffix in STILL_SUFFIXES and suffix not in CONTAINERS and not folder and not output.is_dir():
        return _OutputKind(is_sheet=True, is_folder=False, is_animation=False)
    is_folder = check_output(output, info=VideoInfo(size, _VIDEO_FPS), output=settings, folder=folder)
    is_animation = not is_folder and CONTAINERS[suffix].is_picture
    return _OutputKind(is_sheet=False, is_folder=is_folder, is_animation=is_animation)


def _timing(preset: Preset, kind: _OutputKind) -> SweepTiming:
    """Return the timing of a film; a folder holds the stills alone, one picture each."""
    rate = preset.output.fps or (_ANIMATION_FPS if kind.is_animation else _VIDEO_FPS)
    hold = max(1, round(preset.sweep.hold * rate))
    fade = 0 if kind.is_folder else round(preset.sweep.fade * rate)
    return SweepTiming(rate, hold, fade, is_variable=kind.is_animation or kind.is_folder)


def _plan(source: Path, still: Still, size: Size, preset: Preset, options: RunOptions) -> SweepPlan:
    """Return the plan of a sweep; loads TensorFlow."""
    check_picture("the sweep", size)
    check_memory(source.name, size, STILL_BYTES)
    warn_unused_trip_fields(preset)
    rgb = still.rgb if still.alpha is None else still.rgb * still.alpha[..., None]
    rgb = rgb if rgb.shape[:2] == size else cover(rgb, size)
    masks = open_masks(preset, rate=None, keep_going=options.keep_going)
    constants = limit_octaves([first_still(preset)], size)[0]
    network = open_network(preset.model, options, with_classes=preset.sweep.classes is not None)
    stops = choose_stops(network, preset)
    deepest = max(stops, key=lambda stop: stop.depth)
    built = build_dreamer(constants.override({"objective": deepest.objective}), options)
    resolved = built.resolved(size)
    precision = str(resolved["precision"])
    return SweepPlan(
        preset=constants.override({"run.precision": precision}),
        stops=stops,
        rgb=rgb,
        mask=None if masks is None else masks.of_still(rgb),
        files=built.files,
        precision=precision,
        device=str(resolved["device"]),
    )


def _open_writer(
    plan: SweepPlan, output: Path, kind: _OutputKind, timing: SweepTiming, text: str
) -> FrameWriter:
    """Return the writer of the output, which may be replaced; ``text`` are the embedded settings."""
    from dreamvid.media.output.writer import open_writer  # noqa: PLC0415  PyAV loads only when media is touched

    labels = [stop.label if plan.preset.sweep.labels else "" for stop in plan.stops]
    if kind.is_sheet:
        layout = plan_sheet([stop.group for stop in plan.stops], plan.size)
        return ContactSheet(output, layout, labels, {KEY: text})
    count = len(plan.stops)
    info = VideoInfo(
        plan.size,
        timing.rate,
        frames=timing.frames(count),
        duration=timing.duration(count),
        variable_rate=timing.is_variable,
    )
    writer = open_writer(
        output,
        info=info,
        output=plan.preset.output,
        metadata={KEY: text},
        overwrite=True,
        expected_frames=timing.frames(count),
        part=work_folder(output) / OUTPUT,
        folder=kind.is_folder,
    )
    return SweepFilm(writer, timing, labels)
