"""Make an atlas, going on with the work of an earlier run."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dreamvid._version import __version__
from dreamvid.checkpoint.disk_space import check_room, room_needed
from dreamvid.checkpoint.layout import work_folder
from dreamvid.checkpoint.store import open_store
from dreamvid.config.settings import ModelSettings
from dreamvid.errors import ReadError, SettingsError
from dreamvid.pipelines.atlas.choice import choose_parts
from dreamvid.pipelines.atlas.data import Atlas, Section, Tile
from dreamvid.pipelines.atlas.output import check_target, default_output, output_form, write_atlas
from dreamvid.pipelines.atlas.page import INDEX
from dreamvid.pipelines.atlas.pictures import encode_webp, read_image
from dreamvid.pipelines.atlas.work import chunks_of, lossless_chunks, make_manifest, tile_size, visualize
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.resume import keep_or_remove
from dreamvid.pipelines.units import LOGITS, class_name, unit_objective
from dreamvid.text import byte_size, printable
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dreamvid.checkpoint.store import Store
    from dreamvid.pipelines.atlas.choice import Evidence, Part
    from dreamvid.pipelines.atlas.engine import Engine
    from dreamvid.pipelines.atlas.request import AtlasRequest
    from dreamvid.pipelines.units import Network

_IMAGE_WIDTH = 480


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
    if request.examples is not None and not request.examples.exists():
        raise ReadError(f"no such file: {printable(request.examples)}")
    output = output or default_output(request)
    form = output_form(output, folder=options.output_is_folder)
    replaces = check_target(output, form, request, options)
    image = None if request.image is None else read_image(request.image, request.settings.size)
    engine = open_engine(request, options)
    parts, evidence = choose_parts(request, engine, image, options)
    side = request.settings.size
    size = tile_size(Size(side, side), request.variants) if image is None else Size(*image.shape[:2])
    manifest = make_manifest(request, parts, size, output, options)
    store = open_store(work_folder(output), manifest, lossless_chunks, fresh=options.fresh)
    try:
        resumed_at = store.frames
        check_room(
            store.folder.parent, room_needed(manifest.pictures, manifest.pictures.frames, store.records)
        )
        options.progress.start(manifest.pictures.frames, output.name, resumed_at)
        visualize(parts, engine, image, store, options, variants=request.variants)
        atlas = _collect(request, engine.network, parts, evidence, store)
        write_atlas(atlas, output, form, request, replaces=replaces)
    except BaseException as error:  # noqa: BLE001  raised again there
        keep_or_remove(store, options, error, unit="pictures")
    if options.keep_work:
        store.keep()
    else:
        store.remove()
    seconds = time.perf_counter() - started
    return AtlasResult(output, atlas.tiles, len(atlas.sections), atlas.dead, seconds, resumed_at)


def open_engine(request: AtlasRequest, options: RunOptions) -> Engine:
    """Return the network, ready; loads TensorFlow."""
    from dreamvid.pipelines.atlas.engine import NetworkEngine  # noqa: PLC0415  loads OpenCV

    return NetworkEngine(request, options)


def _collect(
    request: AtlasRequest, network: Network, parts: Sequence[Part], evidence: Evidence, store: Store
) -> Atlas:
    """Return the atlas of what the store holds."""
    tiles: dict[str, list[Tile]] = {part.output: [] for part in parts}
    width, height = store.manifest.pictures.width, store.manifest.pictures.height
    for (part, units), record in zip(chunks_of(parts), store.records, strict=True):
        for unit, frame, facts in zip(units, store.read(record), record.values["units"], strict=True):
            tiles[part.output].append(
                Tile(
                    unit,
                    class_name(network, unit) if part.layer is None else f"#{unit}",
                    network.classes[unit] if part.layer is None else "",
                    str(unit_objective(network, part.output, unit)),
                    encode_webp(frame.rgb, frame.alpha if request.transparent else None),
                    activation=evidence.activation.get(part.output, {}).get(unit),
                    patches=evidence.patches.get(part.output, {}).get(unit, ()),
                    **facts,
                )
            )
    settings = json.loads(
        json.dumps(store.manifest.dream["settings"], sort_keys=True)
    )  # as from an earlier run
    made_by = ", ".join(
        [f"Made by dreamvid {__version__}", *(f"{name} {value}" for name, value in _short(request).items())]
    )
    return Atlas(
        network=printable(network.name),
        width=width,
        height=height,
        sections=tuple(_section(part, network, tiles[part.output]) for part in parts),
        model={name: value for name, value in settings["model"].items() if value != _default(name)},
        dream=request.dream,
        image="" if request.image is None else printable(request.image.name),
        image_picture=b"" if request.image is None else encode_webp(read_image(request.image, _IMAGE_WIDTH)),
        examples="" if request.examples is None else printable(request.examples.name),
        settings={"version": __version__, **settings},
        made_by=made_by,
    )


def _section(part: Part, network: Network, tiles: Sequence[Tile]) -> Section:
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


def _short(request: AtlasRequest) -> dict[str, object]:
    """Return the settings that most readers ask for."""
    names = ("parameterization", "size", "steps", "seed") if request.image is None else ("size",)
    several = {"variants": request.variants} if request.variants > 1 else {}
    return {name: getattr(request.settings, name) for name in names} | request.dream | several


def _default(name: str) -> object:
    return ModelSettings.model_fields[name].default


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size
