"""An atlas of a network: a picture of what each channel or class responds to, as a web page and a contact sheet.

The tiles are kept in a work folder beside the output, in chunks of up to :data:`CHUNK` tiles of a layer, so that an
interrupted run goes on behind the last whole chunk, with the same pictures bit for bit.
"""

from __future__ import annotations

import io
import json
import logging
import shlex
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn

import numpy as np
from PIL import Image

from dreamvid._version import __version__
from dreamvid.atomic import AtomicOutput, write_error
from dreamvid.checkpoint.chunk import Times
from dreamvid.checkpoint.disk_space import check_room, room_needed
from dreamvid.checkpoint.layout import State, work_folder
from dreamvid.checkpoint.manifest import InputFile, Manifest, Pictures
from dreamvid.checkpoint.store import open_store
from dreamvid.config.fields import named_files
from dreamvid.config.settings import ModelSettings
from dreamvid.errors import DreamvidError, SettingsError, WriteError
from dreamvid.image.resize import cover
from dreamvid.pipelines.atlas_data import Atlas, Patch, Section, Tile
from dreamvid.pipelines.atlas_page import DATA, INDEX, TILES, page_files, single_page
from dreamvid.pipelines.atlas_sheet import draw_sheet
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.provenance import fingerprint, make_portable
from dreamvid.pipelines.units import (
    LOGITS,
    choose_channels,
    choose_classes,
    choose_layers,
    class_name,
    unit_objective,
)
from dreamvid.text import byte_size, printable
from dreamvid.types import Frame, Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamvid.checkpoint.chunk import ChunkFormat
    from dreamvid.checkpoint.store import Store
    from dreamvid.config.visualization import VisualizationSettings
    from dreamvid.pipelines.atlas_engine import Engine
    from dreamvid.pipelines.options import StopRequested
    from dreamvid.pipelines.units import Layer, Network
    from dreamvid.types import RGB

_log = logging.getLogger(__name__)

CHUNK = 16
SHEET = "contact-sheet.png"
IMAGE_SIZE = 256
"""Longer side of the tiles that dream a picture, in px, where nothing else is asked for."""

_QUALITY = 92
_IMAGE_WIDTH = 480

Sort = Literal["unit", "activation"]
Form = Literal["folder", "page", "sheet"]


@dataclass(frozen=True, slots=True)
class AtlasRequest:
    """What an atlas shows.

    Attributes
    ----------
    model
        The network.
    settings
        How pictures are made; ``size`` is the longer side of a tile where a picture is dreamed.
    image
        The picture that each unit dreams; None is noise.
    layers, channels, classes
        As texts; see :mod:`dreamvid.pipelines.units`. Neither layers nor classes are the main layers.
    sort
        ``activation`` orders units by how strongly they fire on the picture or the examples, and a number of channels
        is then that of the strongest.
    examples
        A video, picture or folder of pictures; the patches that fire each unit most are shown beside it.
    example_count
        Patches of a unit.
    columns
        Tiles in a row of the contact sheet.
    """

    model: ModelSettings
    settings: VisualizationSettings
    image: Path | None = None
    layers: str | None = None
    channels: str = "16"
    classes: str | None = None
    sort: Sort = "unit"
    examples: Path | None = None
    example_count: int = 4
    columns: int = 8


@dataclass(frozen=True, slots=True)
class AtlasResult:
    """A finished atlas: where it is, and facts for people and programs."""

    output: Path
    tiles: int
    layers: int
    dead: int
    seconds: float
    resumed_at: int

    def line(self) -> str:
        """Return the closing line."""
        minutes, seconds = divmod(round(self.seconds, 1), 60)
        clock = f"{int(minutes)}:{seconds:04.1f}" if minutes else f"{seconds:.1f} s"
        tiles = "1 picture" if self.tiles == 1 else f"{self.tiles} pictures"
        dead = f", {self.dead} of them show nothing" if self.dead else ""
        start = self.output / INDEX if self.output.is_dir() else self.output
        return f"made {tiles} in {clock}{dead}, {byte_size(_size(self.output))}: {printable(start)}"

    def summary(self) -> dict[str, Any]:
        """Return the facts of the closing line as JSON values."""
        return {
            "tiles": self.tiles,
            "layers": self.layers,
            "dead": self.dead,
            "seconds": round(self.seconds, 3),
            "bytes": _size(self.output),
            "output": str(self.output).encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        }

    def report(self) -> dict[str, Any]:
        """Return all facts as JSON values."""
        return {**self.summary(), "resumed_at": self.resumed_at}


class _Part(NamedTuple):
    """The units of one layer, or of the classes (``layer`` is None), in the order in which they are shown."""

    output: str
    layer: Layer | None
    units: list[int]


class _Evidence(NamedTuple):
    """How strongly units fire on what was given, and patches that show it, by output and unit."""

    activation: dict[str, dict[int, float]]
    patches: dict[str, dict[int, tuple[Patch, ...]]]


def make_atlas(
    request: AtlasRequest, output: Path | None = None, options: RunOptions = RunOptions()
) -> AtlasResult:
    """Make an atlas, going on with the work of an earlier run where there is any.

    ``output`` is a folder, a page in one file (``.html``) or a contact sheet (``.png``); None is the folder
    ``<network>.atlas``, or ``<image>.<network>.atlas`` beside the image.

    Raises
    ------
    DreamvidError
        In one line. Whole chunks stay, and the same call goes on.
    KeyboardInterrupt
        Where the run was asked to stop; its text says how to go on.
    """
    started = time.perf_counter()
    if request.sort == "activation" and request.image is None and request.examples is None:
        raise SettingsError("--sort activation: give an IMAGE or --examples, on which units fire")
    output = output or default_output(request)
    form = output_form(output, folder=options.output_is_folder)
    replaces = _check_target(output, form, request, options)
    image = None if request.image is None else _read_image(request.image, request.settings.size)
    engine = open_engine(request, options)
    parts, evidence = _choose(request, engine, image, options)
    size = Size(request.settings.size, request.settings.size) if image is None else Size(*image.shape[:2])
    manifest = _manifest(request, parts, size, output, options)
    store = open_store(work_folder(output), manifest, _lossless, fresh=options.fresh)
    try:
        resumed_at = store.frames
        check_room(
            store.folder.parent, room_needed(manifest.pictures, manifest.pictures.frames, store.records)
        )
        options.progress.start(manifest.pictures.frames, output.name, resumed_at)
        _visualize(parts, engine, image, store, options)
        atlas = _collect(request, engine.network, parts, evidence, store)
        _write(atlas, output, form, request, replaces=replaces)
    except BaseException as error:  # noqa: BLE001  raised again there
        _keep_or_remove(store, options, error)
    if options.keep_work:
        store.keep()
    else:
        store.remove()
    seconds = time.perf_counter() - started
    return AtlasResult(output, atlas.tiles, len(atlas.sections), atlas.dead, seconds, resumed_at)


def default_output(request: AtlasRequest) -> Path:
    """Return the folder of an atlas where none is named."""
    is_file = "model" in dict(named_files(request.model))
    network = Path(request.model.name).stem if is_file else request.model.name
    if request.image is None:
        return Path(f"{network}.atlas")
    return request.image.with_name(f"{request.image.stem}.{network}.atlas")


def output_form(output: Path, *, folder: bool = False) -> Form:
    """Return what is written, by the name of the output.

    Raises
    ------
    SettingsError
        For another suffix than those of a page and a sheet, where no such folder exists.
    """
    suffix = output.suffix.lower()
    if folder or output.is_dir() or suffix in {"", ".atlas"}:
        return "folder"
    if suffix in {".html", ".htm"}:
        return "page"
    if suffix == ".png":
        return "sheet"
    raise SettingsError(
        f"--output {printable(output)}: an atlas is a folder (name/), a page in one file (.html) or a contact sheet "
        "(.png)"
    )


def open_engine(request: AtlasRequest, options: RunOptions) -> Engine:
    """Return the network, ready; loads TensorFlow."""
    from dreamvid.pipelines.atlas_engine import NetworkEngine  # noqa: PLC0415  loads OpenCV

    return NetworkEngine(request.model, request.settings, options, with_classes=request.classes is not None)


def _read_image(path: Path, side: int) -> RGB:
    """Return a picture whose longer side has so many px."""
    from dreamvid.media.still.reader import read_still  # noqa: PLC0415  loads imageio

    rgb = read_still(path).rgb
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    return cover(rgb, Size(max(1, round(height * scale)), max(1, round(width * scale))))


def _check_target(output: Path, form: Form, request: AtlasRequest, options: RunOptions) -> bool:
    """Return whether there is an output that is to be replaced.

    Raises
    ------
    WriteError
        Where it may not be replaced, or the output cannot be written.
    """
    _target(output, form, request, replaces=True)
    if output.exists() and not options.confirm_overwrite(output):
        raise WriteError(f"{printable(output)} exists; use --yes to replace it")
    return output.exists()


def _target(output: Path, form: Form, request: AtlasRequest, *, replaces: bool) -> AtomicOutput:
    if form == "folder" and output.is_dir() and not _is_atlas(output):
        raise WriteError(f"{printable(output)} holds files that are no atlas; name another folder")
    inputs = [path for path in (request.image, request.examples) if path is not None]
    return AtomicOutput(
        output,
        inputs=inputs,
        overwrite=replaces,
        is_replaceable_folder=_is_atlas if form == "folder" else None,
    )


def _is_atlas(folder: Path) -> bool:
    """Return whether a folder is empty, or holds an atlas and nothing else."""
    names = {path.name for path in folder.iterdir()}
    return not names or (DATA in names and names <= {INDEX, DATA, TILES, SHEET})


def _choose(
    request: AtlasRequest, engine: Engine, image: RGB | None, options: RunOptions
) -> tuple[list[_Part], _Evidence]:
    """Return what to show of which layers, and how strongly it fires on what was given."""
    network = engine.network
    classes = None if request.classes is None else choose_classes(network, request.classes)
    has_layers = request.layers is not None or classes is None
    layers = choose_layers(network, request.layers) if has_layers else []
    if not layers and classes is None:
        raise SettingsError(
            f"{network.name} has no layer that keeps the shape of a picture; choose --classes"
        )
    strongest = request.sort == "activation" and request.channels.strip().isdecimal()
    parts = []
    for layer in layers:
        channels = choose_channels(layer, request.channels, seed=request.settings.seed)
        parts.append(_Part(layer.name, layer, list(range(layer.channels)) if strongest else channels))
    if classes is not None:
        parts.append(_Part(LOGITS, None, classes))
    evidence = _gather(request, engine, parts, image, options)
    if request.sort == "activation":
        ordered = []
        for part in parts:
            fires = evidence.activation[part.output]
            units = sorted(part.units, key=lambda unit: -fires.get(unit, 0.0))
            count = int(request.channels) if strongest and part.layer is not None else len(units)
            ordered.append(part._replace(units=units[:count]))
        parts = ordered
    return parts, evidence


def _gather(
    request: AtlasRequest, engine: Engine, parts: Sequence[_Part], image: RGB | None, options: RunOptions
) -> _Evidence:
    """Read how strongly units fire: on the examples if there are any, else on the picture."""
    evidence = _Evidence({}, {})
    units = {part.output: part.units for part in parts}
    if request.examples is not None:
        found = engine.examples(request.examples, units, request.example_count, options.progress)
        for output, by_unit in found.items():
            evidence.patches[output] = {
                unit: tuple(
                    Patch(_webp(each.patch), printable(each.file.name), each.seconds, float(each.activation))
                    for each in examples
                )
                for unit, examples in by_unit.items()
            }
            evidence.activation[output] = {
                unit: patches[0].activation if patches else 0.0
                for unit, patches in evidence.patches[output].items()
            }
    elif image is not None:
        for output, maps in engine.activations(list(units), image).items():
            means = np.asarray(maps).mean(axis=(0, 1))
            evidence.activation[output] = {unit: float(means[unit]) for unit in units[output]}
    return evidence


def _manifest(
    request: AtlasRequest, parts: Sequence[_Part], size: Size, output: Path, options: RunOptions
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


def _lossless(pictures: Pictures) -> ChunkFormat:
    from dreamvid.media.lossless import Ffv1Chunks  # noqa: PLC0415  loads PyAV

    return Ffv1Chunks(Size(pictures.height, pictures.width), pictures.bits, pictures.alpha)


def _chunks(parts: Sequence[_Part]) -> list[tuple[_Part, list[int]]]:
    """Return the units of each chunk: as many of a layer as one holds."""
    return [
        (part, part.units[first : first + CHUNK])
        for part in parts
        for first in range(0, len(part.units), CHUNK)
    ]


def _visualize(
    parts: Sequence[_Part], engine: Engine, image: RGB | None, store: Store, options: RunOptions
) -> None:
    """Make the chunks that the store lacks.

    Raises
    ------
    KeyboardInterrupt
        Where the run was asked to stop.
    """
    with options.interruptible() as asked:
        for part, units in _chunks(parts)[len(store.records) :]:
            options.progress.part("classes" if part.layer is None else part.output)
            _make_chunk(part, units, engine, image, store)
            for index in range(store.frames - len(units), store.frames):
                options.progress.frame(index)
            options.progress.chunk(len(store.records), store.frames)
            if _stops(asked, store):
                raise KeyboardInterrupt
    store.finish()


def _stops(asked: StopRequested, store: Store) -> bool:
    return asked() and store.frames < (store.manifest.pictures.frames or 0)


def _make_chunk(part: _Part, units: Sequence[int], engine: Engine, image: RGB | None, store: Store) -> None:
    made = engine.visualize(part.output, units, image)
    first = store.frames
    sink = store.begin()
    try:
        for index, unit in enumerate(made, first):
            sink.write(Frame(index, Fraction(index), unit.picture, unit.alpha, duration=Fraction(1)))
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
        for unit in made
    ]
    times = [Times(Fraction(index), Fraction(1)) for index in range(first, first + len(made))]
    store.add(times, State({"output": part.output, "units": facts}))


def _collect(
    request: AtlasRequest, network: Network, parts: Sequence[_Part], evidence: _Evidence, store: Store
) -> Atlas:
    """Return the atlas of what the store holds."""
    tiles: dict[str, list[Tile]] = {part.output: [] for part in parts}
    width, height = store.manifest.pictures.width, store.manifest.pictures.height
    for (part, units), record in zip(_chunks(parts), store.records, strict=True):
        for unit, frame, facts in zip(units, store.read(record), record.values["units"], strict=True):
            tiles[part.output].append(
                Tile(
                    unit,
                    class_name(network, unit) if part.layer is None else f"#{unit}",
                    network.classes[unit] if part.layer is None else "",
                    str(unit_objective(network, part.output, unit)),
                    _webp(frame.rgb),
                    activation=evidence.activation.get(part.output, {}).get(unit),
                    patches=evidence.patches.get(part.output, {}).get(unit, ()),
                    **facts,
                )
            )
    settings = json.loads(
        json.dumps(store.manifest.dream["settings"], sort_keys=True)
    )  # as from an earlier run
    made_by = ", ".join(
        [f"Made by dreamvid {__version__}", *(f"{name} {value}" for name, value in _short(request.settings))]
    )
    return Atlas(
        network=printable(network.name),
        width=width,
        height=height,
        sections=tuple(_section(part, network, tiles[part.output]) for part in parts),
        model={name: value for name, value in settings["model"].items() if value != _default(name)},
        image="" if request.image is None else printable(request.image.name),
        image_picture=b"" if request.image is None else _webp(_read_image(request.image, _IMAGE_WIDTH)),
        examples="" if request.examples is None else printable(request.examples.name),
        settings={"version": __version__, **settings},
        made_by=made_by,
    )


def _short(settings: VisualizationSettings) -> list[tuple[str, object]]:
    """Return the settings that most readers ask for."""
    return [(name, getattr(settings, name)) for name in ("parameterization", "size", "steps", "seed")]


def _default(name: str) -> object:
    return ModelSettings.model_fields[name].default


def _section(part: _Part, network: Network, tiles: Sequence[Tile]) -> Section:
    if part.layer is None:
        return Section(
            LOGITS,
            "classes",
            "",
            len(network.classes),
            tuple(tiles),
            is_classes=True,
        )
    layer = part.layer
    stride = getattr(layer, "stride", 0)
    facts = [layer.kind, f"depth {layer.depth}", *([f"stride {stride} px"] if stride else [])]
    return Section(layer.name, printable(layer.name), ", ".join(facts), layer.channels, tuple(tiles))


def _webp(rgb: RGB) -> bytes:
    """Return a picture as a WebP file."""
    codes = np.rint(np.clip(rgb, 0.0, 1.0) * 255.0).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(codes).save(buffer, "webp", quality=_QUALITY, method=4)
    return buffer.getvalue()


def _png(codes: Any) -> bytes:
    from dreamvid.media.still.writer import encode_png  # noqa: PLC0415  loads imageio

    return encode_png(codes, {"Software": f"dreamvid {__version__}"})


def _write(atlas: Atlas, output: Path, form: Form, request: AtlasRequest, *, replaces: bool) -> None:
    """Write the output, which appears when it is whole."""
    target = _target(output, form, request, replaces=replaces)
    if form == "page":
        target.write(single_page(atlas))
        return
    sheet = _png(draw_sheet(atlas, request.columns))
    if form == "sheet":
        target.write(sheet)
        return
    target.make_folder()
    try:
        for name, data in [(SHEET, sheet), *page_files(atlas)]:
            path = target.part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        target.discard()
        raise write_error(output, error) from None
    except BaseException:
        target.discard()
        raise
    target.commit()


def _keep_or_remove(store: Store, options: RunOptions, error: BaseException) -> NoReturn:
    """Keep the work folder if it has whole chunks, log how to go on, and raise the error."""
    store.drop_damaged()
    if not store.records:
        store.remove()
        raise error
    store.release()
    done = f"{store.frames} of {store.manifest.pictures.frames} pictures"
    way = (
        f"go on with: {shlex.join(options.command)}"
        if options.command
        else "the same call goes on from there"
    )
    if isinstance(error, KeyboardInterrupt):
        raise KeyboardInterrupt(f"interrupted; {done} are kept in {printable(store.folder)}; {way}") from None
    if isinstance(error, DreamvidError):
        _log.warning("%s are kept in %s; %s", done, printable(store.folder), way)
    raise error


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size
