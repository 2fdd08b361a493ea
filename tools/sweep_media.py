"""Dream every video and still of a folder at strength 0 and compare what is written with FFmpeg's own decode.

    python tools/sweep_media.py FOLDER [--only GLOB] [--json FILE]

For each file it prints the number of frames, the largest difference of a frame's time (milliseconds, from the first
frame), the size, and the largest difference of a frame's mean color (levels of 255, alpha premultiplied; not for HDR,
which is tone-mapped). A file that differs is marked ``DIFFERS``; one that dreamvid refuses shows its message. FFmpeg
is the program that imageio-ffmpeg brings along, so that not even the version is shared.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import imageio_ffmpeg
import numpy as np
from PIL import Image, ImageOps

from dreamvid import DreamvidError, Preset, dream_image, dream_video
from dreamvid.media.input.probe import probe
from dreamvid.media.input.source import open_source
from dreamvid.media.still.reader import read_still

if TYPE_CHECKING:
    from numpy.typing import NDArray

MILLISECOND, LEVELS = 1.0, 3.0
SIDE = 32
STILLS = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"}
ANIMATIONS = {".webp", ".avif"}
"""What FFmpeg does not decode, or without alpha; Pillow does."""

_TIME = re.compile(r"showinfo.* n: *\d+ .*?pts_time:(-?[\d.]+|N/A)")
_SIZE = re.compile(r"showinfo.* s:(\d+)x(\d+)")


@dataclass
class Decoded:
    """Frames as somebody decodes them: seconds from the first, mean RGB ``[N, 3]`` in levels, width and height."""

    times: list[float]
    colors: NDArray[np.float64]
    size: tuple[int, int]


@dataclass
class Row:
    """What came of one file."""

    name: str
    frames: str = ""
    milliseconds: float | None = None
    size: str = ""
    levels: float | None = None
    verdict: str = "same"
    notes: list[str] = field(default_factory=list)


def main() -> None:
    """Print a table of all files; exit with 1 where one differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="*", help="names to try, as a pattern")
    parser.add_argument("--json", type=Path, help="write the table here, too")
    options = parser.parse_args()
    rows = []
    for path in sorted(options.folder.rglob(options.only)):
        if path.is_file():
            row = compare(path)
            rows.append(row)
            figures = [
                row.frames,
                "" if row.milliseconds is None else f"{row.milliseconds:.2f} ms",
                row.size,
                "" if row.levels is None else f"{row.levels:.1f}",
            ]
            print(
                f"{row.name:36} " + " ".join(f"{text:>12}" for text in figures) + f"  {row.verdict}",
                flush=True,
            )
    differing = sum(row.verdict == "DIFFERS" for row in rows)
    print(f"{len(rows)} files, {differing} differ")
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    sys.exit(bool(differing))


def compare(path: Path) -> Row:
    """Return how a file's dream of strength 0 differs from FFmpeg's decode of it."""
    row = Row(path.name)
    notes = _Notes()
    logging.getLogger("dreamvid").addHandler(notes)
    still = path.suffix.lower() in STILLS
    try:
        ours, is_hdr = dreamed_still(path) if still else dreamed_video(path)
    except DreamvidError as error:
        row.verdict = f"refused: {error}"
        return row
    finally:
        logging.getLogger("dreamvid").removeHandler(notes)
        row.notes = notes.texts
    try:
        by_pillow = still or path.suffix.lower() in ANIMATIONS
        theirs = decoded_by_pillow(path) if by_pillow else decoded_video(path)
    except (OSError, ValueError) as error:
        row.verdict = f"no reference: {error}"
        return row
    row.frames = f"{len(ours.times)}/{len(theirs.times)}"
    row.size = "{}x{}".format(*ours.size)
    is_same = len(ours.times) == len(theirs.times) and ours.size == theirs.size
    if len(ours.times) == len(theirs.times):
        row.milliseconds = 1000 * max(abs(a - b) for a, b in zip(ours.times, theirs.times, strict=True))
        is_same &= row.milliseconds <= MILLISECOND
        if not is_hdr:
            row.levels = float(np.abs(ours.colors - theirs.colors).max())
            is_same &= row.levels <= LEVELS
    row.verdict = "same" if is_same else "DIFFERS"
    return row


def dreamed_video(path: Path) -> tuple[Decoded, bool]:
    """Return the frames of a lossless dream of strength 0, and whether the source is HDR."""
    settings = {"look.strength": 0.0, "octaves.count": 1, "ascent.steps": 1, "output.codec": "ffv1"}
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "dream.mkv"
        dream_video(path, output, Preset().override(settings), overwrite=True, device="cpu")
        source = open_source(output)
        times, colors = [], []
        for frame in source:
            times.append(float(frame.pts))
            rgb = frame.rgb if frame.alpha is None else frame.rgb * frame.alpha[..., None]
            colors.append(255 * rgb.mean((0, 1), dtype=np.float64))
        size = source.info.size
    return Decoded(times, np.array(colors), (size.width, size.height)), probe(path).video.hdr


def dreamed_still(path: Path) -> tuple[Decoded, bool]:
    """Return a lossless dream of strength 0 of a still."""
    settings = {"look.strength": 0.0, "octaves.count": 1, "ascent.steps": 1}
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "dream.png"
        dream_image(path, output, Preset().override(settings), overwrite=True, device="cpu")
        still = read_still(output)
    rgb = still.rgb if still.alpha is None else still.rgb * still.alpha[..., None]
    height, width = rgb.shape[:2]
    return Decoded([0.0], 255 * rgb.mean((0, 1), dtype=np.float64)[None], (width, height)), False


def decoded_video(path: Path) -> Decoded:
    """Return the frames of the first video stream that FFmpeg chooses, upright, as it times and colors them."""
    chain = f"showinfo,scale={SIDE}:{SIDE}:flags=area+accurate_rnd+full_chroma_int,format=rgba"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner"]
    if decoder := probe(path).decoder:  # FFmpeg's own choice drops alpha
        command += ["-c:v", decoder]
    command += ["-i", f"file:{path}", "-map", "0:V:0"]
    command += ["-fps_mode", "passthrough", "-vf", chain, "-f", "rawvideo", "-"]
    result = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  no shell
    text = result.stderr.decode("utf-8", "replace")
    stamps = [time for time in _TIME.findall(text) if time != "N/A"]
    sizes = _SIZE.findall(text)
    pictures = np.frombuffer(result.stdout, np.uint8).reshape(-1, SIDE, SIDE, 4).astype(np.float64)
    if not len(pictures) or len(stamps) < len(pictures):
        raise ValueError(text.strip().splitlines()[-1])
    seconds = [float(Fraction(time)) for time in stamps[: len(pictures)]]
    colors = (pictures[..., :3] * pictures[..., 3:] / 255).mean((1, 2))
    return Decoded([time - seconds[0] for time in seconds], colors, (int(sizes[0][0]), int(sizes[0][1])))


def decoded_by_pillow(path: Path) -> Decoded:
    """Return a still or an animation as Pillow reads it."""
    times, colors, end = [], [], 0.0
    with Image.open(path) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            upright = ImageOps.exif_transpose(image)
            pixels = np.asarray(upright.convert("RGBA"), np.float64)
            colors.append((pixels[..., :3] * pixels[..., 3:] / 255).mean((0, 1)))
            times.append(end)
            end += image.info.get("duration", 0) / 1000
    return Decoded(times, np.array(colors), upright.size)


class _Notes(logging.Handler):
    """Keeps the texts of warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one text."""
        self.texts.append(record.getMessage())


if __name__ == "__main__":
    main()
