"""Make the gallery of the presets that ship, on landscapes that dreamvid generates itself.

    python tools/make_gallery.py [PRESET...]

Writes ``docs/gallery.md`` and, for each preset with the embedded network (or for those named), a strip of pictures
``docs/images/gallery/PRESET.jpg``: three landscapes, or one at three moments where the look changes, or five moments
of a zoom trip.
"""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import numpy as np
import typer
from PIL import Image

import dreamvid
from dreamvid.config.loader import load_preset
from dreamvid.config.preset import ModelSettings, OutputSettings, Preset
from dreamvid.image.resize import resize
from dreamvid.media.input.source import open_source
from dreamvid.media.output.writer import open_writer
from dreamvid.pipelines.catalog import speed_class
from dreamvid.pipelines.landscape import Landscape
from dreamvid.pipelines.machine import Machine
from dreamvid.pipelines.zoom.run import run_zoom
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamvid.types import RGB

ROOT: Final = Path(__file__).resolve().parent.parent
PRESETS: Final = ROOT / "presets"
PAGE: Final = ROOT / "docs" / "gallery.md"
STRIPS: Final = ROOT / "docs" / "images" / "gallery"
SIZE: Final = Size(184, 328)
SEEDS: Final = (7, 3, 12)
RATE: Final = Fraction(8)
PACE: Final = 5.0
"""Seconds of the landscape in a second of video: clouds fly."""
SHORT, LONG = 6, 32
"""Frames of a clip whose look stays, and of one whose look changes."""
MOMENTS: Final = (0.12, 0.5, 0.9)
TRIP, TILE, STOPS = Size(144, 256), Size(110, 196), 5
"""Size in which zoom trips are dreamed, and the size and number of their pictures."""
TRIP_RATE, LONGEST = Fraction(15), Fraction(15)
"""Frames a second of zoom trips, and how many seconds of them are dreamed."""

_HEAD = """# Gallery

The presets that ship, on landscapes that dreamvid generates itself. Any of them dreams a video or a still:

    dreamvid video clip.mp4 --preset fauve
    dreamvid render palace voyage -i clip.mp4 -o dreams

What to turn in each is written in its file, which `dreamvid presets show NAME` spells out; a preset of your own that
begins with `extends: NAME` changes only what it says. Forms follow what is there, and are smaller in larger pictures:
`--dream-width 640` keeps them large, and is quicker.

*Made by `tools/make_gallery.py`; do not edit.*

![The landscapes themselves](images/gallery/source.jpg)
"""
_TRIPS = """Each of these begins by itself, from noise or from colors of its own, or in a photograph of yours:

    dreamvid render reef spiral -o trips
    dreamvid zoom photo.jpg --preset garden --duration 60

*Five moments of the first fifteen seconds of each.*
"""
_OTHERS = """
## On other networks

The classics, with their projects' own parameters; what differs is written in each file. Their networks' weights are
downloaded by Keras when they are first used and are no part of dreamvid, so there is no picture, and **their looks
were not verified with the real weights**; the tests run them with random ones.
"""


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help="Strips to make; all where none is given.")
    ] = None,
) -> None:
    """Make the page and its pictures."""
    presets = {file.stem: load_preset(file).preset for file in sorted(PRESETS.glob("*.yaml"))}
    shown = {name: preset for name, preset in presets.items() if preset.model == ModelSettings()}
    STRIPS.mkdir(exist_ok=True)
    save(np.hstack([landscape(seed, 1) for seed in SEEDS]), "source")
    for name in names or shown:
        save(strip(shown[name]), name)
    PAGE.write_text(page(presets), encoding="utf-8")


def page(presets: dict[str, Preset]) -> str:
    """Return the page: a heading, a line and a strip for each preset, by pipeline; then those without a strip."""
    lines = [_HEAD]
    for kind, title in (("video", "For videos"), ("image", "For stills"), ("zoom", "Zoom trips")):
        lines.append(f"## {title}\n")
        if kind == "zoom":
            lines.append(_TRIPS)
        for name, preset in presets.items():
            if preset.pipeline == kind and preset.model == ModelSettings():
                lines += [f"**`{name}`** ({speed_class(preset)}): {preset.description}.{_when(preset)}\n"]
                lines += [f"![{name}](images/gallery/{name}.jpg)\n"]
    others = [(name, preset) for name, preset in presets.items() if preset.model != ModelSettings()]
    lines += [_OTHERS.lstrip("\n")]
    lines += [f"- **`{name}`** ({speed_class(preset)}): {preset.description}." for name, preset in others]
    return "\n".join(lines) + "\n"


def _when(preset: Preset) -> str:
    return " *At three moments.*" if preset.pipeline == "video" and _changes(preset) else ""


def _changes(preset: Preset) -> bool:
    return bool(preset.scenes) or not preset.is_constant()


def strip(preset: Preset) -> RGB:
    """Return the pictures of a preset side by side."""
    if preset.pipeline == "zoom":
        return traveled(preset)
    if preset.pipeline == "image":
        return np.hstack([dreamvid.dream(landscape(seed, 1), preset) for seed in SEEDS])
    if _changes(preset):
        frames = dreamed(preset, SEEDS[0], LONG)
        return np.hstack([frames[round(moment * (LONG - 1))] for moment in MOMENTS])
    return np.hstack([dreamed(preset, seed, SHORT)[-1] for seed in SEEDS])


def dreamed(preset: Preset, seed: int, frames: int) -> Sequence[RGB]:
    """Return the frames of a landscape's dream."""
    with tempfile.TemporaryDirectory() as folder:
        clip, output = Path(folder) / "clip.mkv", Path(folder) / "dream.mkv"
        info = VideoInfo(SIZE, RATE, frames=frames, duration=frames / RATE)
        writer = open_writer(clip, info=info, output=OutputSettings(codec="ffv1"), notify=print)
        with writer:
            for index in range(frames):
                picture = landscape(seed, index - frames + 2)
                writer.write(Frame(index, index / RATE, picture, duration=1 / RATE))
        dreamvid.dream_video(clip, output, preset.override({"output.codec": "ffv1"}))
        return [frame.rgb for frame in open_source(output, notify=print)]


def traveled(preset: Preset) -> RGB:
    """Return moments of a zoom trip side by side."""
    changes = {
        "output.width": TRIP.width,
        "output.height": TRIP.height,
        "output.fps": TRIP_RATE,
        "output.codec": "ffv1",
        "trip.duration": min(preset.trip.duration, LONGEST),
    }
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "trip.mkv"
        outcome = run_zoom(output, preset.override(changes), Machine(), overwrite=lambda _: False)
        stops = {round((stop + 0.5) / STOPS * outcome.frames) for stop in range(STOPS)}
        shown = [frame.rgb for frame in open_source(output, notify=print) if frame.index in stops]
    return np.hstack([np.clip(resize(picture, TILE), 0.0, 1.0) for picture in shown])


def landscape(seed: int, index: int) -> RGB:
    """Return a frame of a landscape; every clip ends with frame 1."""
    return Landscape(SIZE, seed).frame(10.0 + index * PACE / float(RATE))


def save(picture: RGB, name: str) -> None:
    """Write a strip as a JPEG."""
    path = STRIPS / f"{name}.jpg"
    Image.fromarray(np.round(picture * 255.0).astype(np.uint8)).save(path, quality=86)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    typer.run(main)
