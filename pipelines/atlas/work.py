"""The work folder of an atlas: tiles in chunks of up to :data:`CHUNK` of a layer.

An interrupted run goes on behind the last whole chunk, with the same pictures bit for bit.
"""

from __future__ import annotations

import logging
import math
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dreamvid._version import __version__
from dreamvid.checkpoint.chunk import Times
from dreamvid.checkpoint.layout import State
from dreamvid.checkpoint.manifest import InputFile, Manifest, Pictures
from dreamvid.config.fields import named_files
from dreamvid.pipelines.provenance import fingerprint, make_portable
from dreamvid.types import Frame, Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dreamvid.checkpoint.chunk import ChunkFormat
    from dreamvid.checkpoint.store import Store
    from dreamvid.pipelines.atlas.choice import Part
    from dreamvid.pipelines.atlas.engine import Engine, UnitPicture
    from dreamvid.pipelines.atlas.request import AtlasRequest
    from dreamvid.pipelines.options import RunOptions, StopRequested
    from dreamvid.types import RGB

_log = logging.getLogger(__name__)

CHUNK = 16
_GAP = 2
"""Pixels between the pictures of a tile."""


def make_manifest(
    request: AtlasRequest, parts: Sequence[Part], size: Size, output: Path, options: RunOptions
) -> Manifest:
    """Return what tells this work from that of other settings."""
    model = request.model.model_dump(mode="json", exclude_none=True)
    files = {role: path.expanduser() for role, path in named_files(request.model)}
    files = {role: path for role, path in files.items() if path.is_file()}
    model = make_portable({"model": model})["model"]
    inputs = [*files.values(), *([] if request.image is None else [request.image])]
    return Manifest(
        output=output.name,
        dream={
            "version": __version__,
            "settings": {
                "atlas": True,
                "model": model,
                **request.settings.model_dump(mode="json"),
                **request.dream,
                **({"variants": request.variants} if request.variants > 1 else {}),
                "units": {part.output: _ranges(part.units) for part in parts},
            },
            "source": {} if request.image is None else {"fingerprint": fingerprint(request.image)},
            "files": {role: {"fingerprint": fingerprint(path)} for role, path in files.items()},
        },
        encoding={},
        pictures=Pictures(
            size.width, size.height, 8, alpha=True, rate="1", frames=sum(len(part.units) for part in parts)
        ),
        inputs=tuple(
            InputFile(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in inputs
        ),
        command=options.command,
        folder=str(Path.cwd()),
        began=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _ranges(numbers: Sequence[int]) -> str:
    """Return numbers in short: ``0-15,35``."""
    texts: list[str] = []
    start = 0
    for end in range(1, len(numbers) + 1):
        if end == len(numbers) or numbers[end] != numbers[end - 1] + 1:
            texts.append(f"{numbers[start]}" if end - start == 1 else f"{numbers[start]}-{numbers[end - 1]}")
            start = end
    return ",".join(texts)


def parse_ranges(text: str) -> list[int]:
    """Return the numbers that a manifest names in short."""
    numbers: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def lossless_chunks(pictures: Pictures) -> ChunkFormat:
    """Return what writes and reads the chunks of a work folder."""
    from dreamvid.media.lossless import Ffv1Chunks  # noqa: PLC0415  loads PyAV

    return Ffv1Chunks(Size(pictures.height, pictures.width), pictures.bits, pictures.alpha)


def chunks_of(parts: Sequence[Part]) -> list[tuple[Part, list[int]]]:
    """Return the units of each chunk: as many of a layer as one holds."""
    return [
        (part, part.units[first : first + CHUNK])
        for part in parts
        for first in range(0, len(part.units), CHUNK)
    ]


def visualize(
    parts: Sequence[Part],
    engine: Engine,
    image: RGB | None,
    store: Store,
    options: RunOptions,
    *,
    variants: int = 1,
) -> None:
    """Make the chunks that the store lacks, with so many pictures of each unit.

    Raises
    ------
    KeyboardInterrupt
        Where the run was asked to stop.
    """
    with options.interruptible() as asked:
        for part, units in chunks_of(parts)[len(store.records) :]:
            options.progress.part("classes" if part.layer is None else part.output)
            made = engine.visualize(part.output, [unit for unit in units for _ in range(variants)], image)
            _save_chunk(made, variants, part, store)
            options.progress.frame(store.frames - 1)  # they are made at the same time
            options.progress.chunk(len(store.records), store.frames)
            if _stops(asked, store):
                raise KeyboardInterrupt
    store.finish()


def tile_size(size: Size, variants: int) -> Size:
    """Return the size of a tile with so many pictures of a size."""
    columns = math.isqrt(variants - 1) + 1
    rows = -(-variants // columns)
    return Size(rows * (size.height + _GAP) - _GAP, columns * (size.width + _GAP) - _GAP)


def side_by_side(pictures: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return pictures ``[H, W, ...]`` of one size as one, row by row; what is between them is 0."""
    height, width, *channels = pictures[0].shape
    size = tile_size(Size(height, width), len(pictures))
    tile = np.zeros((*size, *channels), np.float32)
    columns = math.isqrt(len(pictures) - 1) + 1
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        y, x = row * (height + _GAP), column * (width + _GAP)
        tile[y : y + height, x : x + width] = picture
    return tile


def _stops(asked: StopRequested, store: Store) -> bool:
    return asked() and store.frames < (store.manifest.pictures.frames or 0)


def _save_chunk(made: Sequence[UnitPicture], variants: int, part: Part, store: Store) -> None:
    groups = [made[start : start + variants] for start in range(0, len(made), variants)]
    first = store.frames
    sink = store.begin()
    try:
        for index, group in enumerate(groups, first):
            picture, alpha = (
                side_by_side([getattr(unit, name) for unit in group]) for name in ("picture", "alpha")
            )
            sink.write(Frame(index, Fraction(index), picture, alpha, duration=Fraction(1)))
    except BaseException:
        sink.abandon()
        raise
    sink.close()
    facts = [
        {
            "score": float(unit.score),
            "start_score": float(unit.start_score),
            "attempts": int(unit.attempts),
            "reason": unit.reason,
        }
        for unit in (max(group, key=lambda each: (not each.reason, each.score)) for group in groups)
    ]
    times = [Times(Fraction(index), Fraction(1)) for index in range(first, first + len(groups))]
    store.add(times, State({"output": part.output, "units": facts}))
