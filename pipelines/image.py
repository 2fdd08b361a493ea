"""Still images in, dreamed still images out."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dreamvid.config.settings import output_size
from dreamvid.errors import NonFiniteDreamError, ReadError, SettingsError, WriteError
from dreamvid.image.resize import cover
from dreamvid.pipelines.build import build_dreamer, choose_channels, needs_picture, warn_unused_trip_fields
from dreamvid.pipelines.compositing import make_compositor
from dreamvid.pipelines.masks import open_masks
from dreamvid.pipelines.memory import STILL_BYTES, check_memory
from dreamvid.pipelines.octave_limit import dreamed_size, limit_octaves
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.output_path import check_folder, check_target, made_folder
from dreamvid.pipelines.panorama import is_panorama, resolve_projection
from dreamvid.pipelines.provenance import KEY, settings_json
from dreamvid.pipelines.result import RunResult
from dreamvid.pipelines.scenes import first_still
from dreamvid.text import printable
from dreamvid.types import Size, Spherical

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.media.still.reader import Still
    from dreamvid.pipelines.build import LoadedDreamer
    from dreamvid.pipelines.masks import Masks
    from dreamvid.pipelines.options import ConfirmOverwrite

_LISTED = 5
"""Names that a message lists."""


def dream_images(
    sources: Sequence[Path],
    output: Path | None,
    preset: Preset,
    options: RunOptions = RunOptions(),
) -> Iterator[RunResult]:
    """Dream still images one after another.

    ``output`` is a file for one source, or a folder (one that exists, a name without a suffix, for several sources,
    or where the options say so), which is made where it is missing; None writes ``<name>.dream.png`` beside each
    source. Every input is read and every target checked before the first is dreamed.

    Raises
    ------
    DreamvidError
        In one line; the sources are untouched and nothing half-written is left.
    """
    from dreamvid.media.still.reader import read_still  # noqa: PLC0415  imageio loads only when media is touched

    recipe, preset = preset, first_still(preset)
    headers = _read_headers(sources)
    several = len(sources) > 1
    targets = [
        _target(source, output, several=several, folder=options.output_is_folder) for source in sources
    ]
    _check_distinct(sources, targets)
    for source, path, (size, _) in zip(sources, targets, headers, strict=True):
        check_memory(source.name, output_size(size, preset.output), STILL_BYTES)
        _check(
            path,
            source,
            size,
            preset=preset,
            confirm_overwrite=options.confirm_overwrite,
            may_make=path != output,
        )
    masks = open_masks(preset, rate=None, keep_going=options.keep_going)
    options.progress.start(len(sources), targets[0].name if len(targets) == 1 else f"{len(targets)} images")
    warn_unused_trip_fields(preset)
    limited = [
        resolve_projection(
            limit_octaves([preset], output_size(size, preset.output))[0], printable(source.name), spherical
        )
        for source, (size, spherical) in zip(sources, headers, strict=True)
    ]
    # The octaves depend on the size of a picture, and a dreamer on its octaves, and on the picture where it chooses.
    built = {}
    if not needs_picture(preset):
        built = {
            kind: build_dreamer(each, options, still=True)
            for kind, each in {(each.octaves, each.projection): each for each in limited}.items()
        }
    for index, (source, path, settings) in enumerate(zip(sources, targets, limited, strict=True)):
        still = read_still(source)
        outcome = _dream_one(
            still,
            source,
            path,
            preset=settings,
            recipe=recipe,
            built=built.get((settings.octaves, settings.projection))
            or build_dreamer(choose_channels(settings, options, still.rgb), options, still=True),
            masks=masks,
            measure=options.measure,
        )
        options.progress.frame(index)
        yield outcome


def _read_headers(sources: Sequence[Path]) -> list[tuple[Size, Spherical | None]]:
    """Return sizes, and what sources say of panoramas; of several, those that cannot be read are named together."""
    headers, errors = [], {}
    for source in sources:
        try:
            headers.append(_read_header(source))
        except ReadError as error:
            errors[printable(source)] = error
    if not errors:
        return headers
    names, first = list(errors), next(iter(errors.values()))
    if len(sources) == 1:
        raise first
    listed = ", ".join(names[:_LISTED]) + (
        f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    )
    raise ReadError(f"{first}; nothing is dreamed yet: leave out {listed}") from first


def _read_header(source: Path) -> tuple[Size, Spherical | None]:
    from dreamvid.media.still.panorama import goes_around  # noqa: PLC0415  imageio loads only when media is touched
    from dreamvid.media.still.reader import read_still  # noqa: PLC0415  the same

    if source.is_dir():
        raise ReadError(
            f"{printable(source)} is a folder; name the pictures in it (dreamvid image FOLDER/*.jpg), "
            "or make a video of it with `dreamvid video`"
        )
    still = read_still(source)
    return Size(*still.rgb.shape[:2]), Spherical() if goes_around(still.panorama) else None


def _check_distinct(sources: Sequence[Path], targets: Sequence[Path]) -> None:
    """Raise a ``WriteError`` where two sources, such as a.jpg and a.png, have one target."""
    by_target: dict[Path, Path] = {}
    for source, target in zip(sources, targets, strict=True):
        if target in by_target:
            raise WriteError(
                f"{printable(by_target[target])} and {printable(source)} would be written to one file, "
                f"{printable(target)}; dream one of them by itself, with another output (-o)"
            )
        by_target[target] = source


def _target(source: Path, output: Path | None, *, several: bool, folder: bool) -> Path:
    name = f"{source.stem}.dream.png"
    if output is None:
        return source.with_name(name)
    folder = folder or output.is_dir() or not output.suffix
    if several and not folder:
        raise SettingsError(
            f"{output}: several inputs need a folder as --output; end its name in a slash to make one"
        )
    if folder:
        return output / name
    return output


def _check(
    path: Path,
    source: Path,
    source_size: Size,
    *,
    preset: Preset,
    confirm_overwrite: ConfirmOverwrite,
    may_make: bool,
) -> None:
    """Refuse what cannot be written; ``may_make`` says that its folder is made where it is missing."""
    from dreamvid.media.still.writer import check_suffix  # noqa: PLC0415  imageio loads only when media is touched

    check_suffix(path, may_be_folder=True)
    dreamed_size(preset, output_size(source_size, preset.output))
    if may_make:
        check_folder(path.parent)
    if not may_make or path.parent.is_dir():
        check_target(path, [source], confirm_overwrite)


def _dream_one(
    still: Still,
    source: Path,
    path: Path,
    *,
    preset: Preset,
    recipe: Preset,
    built: LoadedDreamer,
    masks: Masks | None,
    measure: bool,
) -> RunResult:
    from dreamvid.media.still.writer import write_still  # noqa: PLC0415  imageio loads only when media is touched

    started = time.perf_counter()
    rgb, alpha = still.rgb, still.alpha
    source_size = Size(*rgb.shape[:2])
    size = output_size(source_size, preset.output)
    if size != source_size:
        rgb = cover(rgb, size)
        alpha = None if alpha is None else cover(alpha, size)
    finish = make_compositor(preset, size)
    prepared = finish.prepare(rgb)
    dreamed = built.dreamer.dream(prepared)
    if not np.isfinite(dreamed).all():
        raise NonFiniteDreamError(f"{source}: the dream came out as no picture; try --precision float32")
    dreaming = time.perf_counter() - started
    resolved = built.resolved(Size(*prepared.shape[:2]))
    text = settings_json(recipe, source=source, resolved=resolved, files=built.files)
    mask = None if masks is None else masks.of_still(rgb)
    result = replace(still, rgb=finish.apply(rgb, prepared, dreamed, mask), alpha=alpha)
    with made_folder(path.parent):
        write_still(path, result, metadata={KEY: text}, panorama=is_panorama(preset), overwrite=True)
    gain = None
    if measure:
        before = built.dreamer.score(prepared)
        gain = built.dreamer.score(dreamed) / before if before > 0 else None
    return RunResult(
        source=source,
        output=path,
        frames=1,
        seconds=time.perf_counter() - started,
        size=size,
        resolved=resolved,
        stages={"dream": dreaming},
        dream_rms=float(np.sqrt(np.mean(np.square(dreamed - prepared)))),
        objective_gain=gain,
    )
