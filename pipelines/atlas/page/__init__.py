"""Write an atlas as a web page that needs no other files: a folder, or one file with all pictures in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dreamvid.pipelines.atlas.data import FORMAT, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dreamvid.pipelines.atlas.data import Atlas, Section, Tile

INDEX, DATA, TILES = "index.html", "atlas.json", "tiles"
_FILES = resources.files(__name__)
_PLAIN_ARGUMENT = re.compile(r"[\w./#:+-]+")
_METER_STEP = 5
"""Percent; see the widths at the end of the style sheet."""


def page_files(atlas: Atlas) -> Iterator[tuple[str, bytes]]:
    """Yield relative path and content of each file of the folder, the page last."""
    sources = _Sources(atlas, embedded=False)
    yield from sources.pictures()
    yield DATA, (json.dumps(_data(atlas), ensure_ascii=False, indent=1) + "\n").encode()
    yield INDEX, _render(atlas, sources).encode()


def single_page(atlas: Atlas) -> bytes:
    """Return the page as one file, with all pictures in it."""
    return _render(atlas, _Sources(atlas, embedded=True)).encode()


class _Sources:
    """Names the files of an atlas, and says how the page refers to each; ``embedded`` ones are part of it."""

    def __init__(self, atlas: Atlas, *, embedded: bool) -> None:
        self._atlas = atlas
        self.embedded = embedded

    def refer(self, name: str, data: bytes) -> str:
        """Return the address of a picture on the page."""
        return f"data:image/webp;base64,{base64.b64encode(data).decode()}" if self.embedded else name

    def tile(self, number: int, section: Section, tile: Tile) -> str:
        """Return the file of a tile; ``number`` counts the sections from 0."""
        return f"{self._folder(number, section)}/{tile.unit}.webp"

    def patch(self, number: int, section: Section, tile: Tile, rank: int) -> str:
        """Return the file of a patch; the strongest has rank 0."""
        return f"{self._folder(number, section)}/{tile.unit}-{rank + 1}.webp"

    @property
    def image(self) -> str:
        """The file of the picture that was dreamed."""
        return f"{TILES}/source.webp"

    def pictures(self) -> Iterator[tuple[str, bytes]]:
        """Yield name and content of every picture."""
        if self._atlas.image_picture:
            yield self.image, self._atlas.image_picture
        for number, section in enumerate(self._atlas.sections):
            for tile in section.tiles:
                yield self.tile(number, section, tile), tile.picture
                for rank, patch in enumerate(tile.patches):
                    yield self.patch(number, section, tile, rank), patch.picture

    @staticmethod
    def _folder(number: int, section: Section) -> str:
        # The number tells apart names that differ only in case, or in what no file may be called.
        return f"{TILES}/{number + 1:02d}-{re.sub(r'[^A-Za-z0-9._-]', '_', section.title)[:60]}"


def _render(atlas: Atlas, sources: _Sources) -> str:
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415  only a finished atlas needs it
    from markupsafe import Markup  # noqa: PLC0415  the same

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_read("index.html.jinja"))
    style, script = _read("atlas.css"), _read("atlas.js")
    sections, units = _sections(atlas, sources)
    return template.render(
        atlas=atlas,
        width=atlas.width,
        height=atlas.height,
        counts=_counts(atlas),
        has_activation=any(unit["activation"] is not None for unit in units),
        image_src=sources.refer(sources.image, atlas.image_picture) if atlas.image_picture else "",
        image_sources="data:" if sources.embedded else "'self' file: data:",
        sections=sections,
        units=units,
        style=Markup(style),  # noqa: S704  our own files
        script=Markup(script),  # noqa: S704  the same
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _sections(atlas: Atlas, sources: _Sources) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what the template shows of the sections, and what the script knows of each tile."""
    sections: list[dict[str, Any]] = []
    units: list[dict[str, Any]] = []
    for number, section in enumerate(atlas.sections):
        anchor = quote("class" if section.is_classes else section.output, safe="")
        strongest = max((tile.activation or 0.0 for tile in section.tiles), default=0.0)
        tiles = []
        for tile in section.tiles:
            name = sources.tile(number, section, tile)
            tiles.append(
                {
                    "index": len(units),
                    "anchor": f"{anchor}/{tile.unit}",
                    "src": sources.refer(name, tile.picture),
                    "title": tile.title,
                    "reason": tile.reason,
                    "patches": [
                        sources.refer(sources.patch(number, section, tile, rank), patch.picture)
                        for rank, patch in enumerate(tile.patches)
                    ],
                    "when": _clock(tile.patches[0].seconds) if tile.patches else "",
                    "activation_text": "" if tile.activation is None else f"{tile.activation:.3g}",
                    "activation_share": _share(tile.activation, strongest),
                }
            )
            units.append(_unit(atlas, section, tile))
        sections.append({"anchor": anchor, "title": section.title, "about": section.line, "tiles": tiles})
    return sections, units


def _unit(atlas: Atlas, section: Section, tile: Tile) -> dict[str, Any]:
    heading = tile.title if section.is_classes else f"{section.title} {tile.title}"
    return {
        "unit": tile.unit,
        "layer": section.title,
        "title": tile.title,
        "heading": heading,
        "about": f"class {tile.unit} of {section.units}: {tile.words}"
        if section.is_classes
        else f"channel {tile.unit} of {section.units}; {section.about}",
        "words": f"{section.title} {tile.title} {tile.words} {tile.objective}".lower(),
        "objective": tile.objective,
        "command": _command(atlas, tile),
        "preset": _preset(atlas, tile),
        "file": f"{re.sub(r'[^A-Za-z0-9._-]+', '-', heading).strip('-') or 'unit'}.yaml",
        "score": tile.score,
        "score_of": _score_name(atlas, section),
        "start": tile.start_score,
        "attempts": tile.attempts,
        "reason": tile.reason,
        "activation": tile.activation,
        "activation_of": f"strongest in {atlas.examples}" if atlas.examples else f"mean on {atlas.image}",
        "examples": [
            {"file": patch.file, "when": _clock(patch.seconds), "activation": patch.activation}
            for patch in tile.patches
        ],
    }


def _score_name(atlas: Atlas, section: Section) -> str:
    """Return what the objective of a unit is: a class dreams its logit, a channel of a picture its mean square."""
    if section.is_classes:
        return "logit"
    return "mean square activation" if atlas.image else "mean activation"


def _clock(seconds: float | None) -> str:
    """Return a time as minutes and seconds; nothing for a still."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{int(minutes)}:{rest:04.1f}"


def _command(atlas: Atlas, tile: Tile) -> str:
    """Return the command that dreams a picture with a unit's objective."""
    words = ["dreamvid", "image", atlas.image or "photo.jpg"]
    if "name" in atlas.model:
        words += ["--model", str(atlas.model["name"])]
    if "weights" in atlas.model:
        words += ["--weights", str(atlas.model["weights"])]
    if "input_range" in atlas.model:
        words.append(f"--input-range={atlas.model['input_range']}")
    words += ["--objective", tile.objective]
    for path, value in atlas.dream.items():
        words += ["--set", f"{path}={value if isinstance(value, str) else json.dumps(value)}"]
    return " ".join(word if _PLAIN_ARGUMENT.fullmatch(word) else shlex.quote(word) for word in words)


def _preset(atlas: Atlas, tile: Tile) -> str:
    """Return a preset file with a unit's objective; JSON's texts are YAML's."""
    lines = [f"description: {_text(f'{tile.title} of {atlas.network}')}"]
    if atlas.model:
        lines += ["model:", *(f"  {name}: {_text(value)}" for name, value in atlas.model.items())]
    lines.append(f"objective: {_text(tile.objective)}")
    for group in dict.fromkeys(path.partition(".")[0] for path in atlas.dream):
        lines.append(f"{group}:")
        lines += [
            f"  {path.partition('.')[2]}: {json.dumps(value)}"
            for path, value in atlas.dream.items()
            if path.startswith(f"{group}.")
        ]
    return "\n".join([*lines, ""])


def _text(value: object) -> str:
    return json.dumps(str(value), ensure_ascii=False)


def _counts(atlas: Atlas) -> str:
    layers = sum(not section.is_classes for section in atlas.sections)
    parts = [_number(layers, "layer")] if layers else []
    parts += [_number(len(s.tiles), "class", "classes") for s in atlas.sections if s.is_classes]
    text = f"{_number(atlas.tiles, 'picture')} of {' and '.join(parts)}"
    if not atlas.dead:
        return text
    return f"{text}; {'1 shows nothing, and says' if atlas.dead == 1 else f'{atlas.dead} show nothing, and say'} why"


def _number(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or one + 's'}"


def _share(value: float | None, strongest: float) -> int:
    """Return a share of the strongest in percent, in steps of the meter's."""
    if value is None or strongest <= 0.0:
        return 0
    return round(max(0.0, value) / strongest * 100 / _METER_STEP) * _METER_STEP


def _data(atlas: Atlas) -> dict[str, Any]:
    """Return the atlas for programs."""
    sources = _Sources(atlas, embedded=False)
    return {
        "format": FORMAT,
        "version": VERSION,
        "network": atlas.network,
        "settings": atlas.settings,
        "layers": [
            {
                "layer": section.output,
                "units": [
                    {
                        "unit": tile.unit,
                        "title": tile.title,
                        "objective": tile.objective,
                        "file": sources.tile(number, section, tile),
                        "score": tile.score,
                        "start_score": tile.start_score,
                        "attempts": tile.attempts,
                        "reason": tile.reason,
                        "activation": tile.activation,
                        "examples": [
                            {
                                "file": sources.patch(number, section, tile, rank),
                                "source": patch.file,
                                "seconds": patch.seconds,
                                "activation": patch.activation,
                            }
                            for rank, patch in enumerate(tile.patches)
                        ],
                    }
                    for tile in section.tiles
                ],
            }
            for number, section in enumerate(atlas.sections)
        ],
    }


def _read(name: str) -> str:
    return (_FILES / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return the source of a Content Security Policy that allows exactly this text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
