"""Record digests of every frame that a set of commands writes, or compare them with a record from before a change.

A change that should not touch the picture is checked by recording on the tree before it and comparing on the tree
after it, on one machine (other processors round differently)::

    python tools/frame_digests.py record before.json
    python tools/frame_digests.py compare before.json

The commands run as ``python -m dreamvid`` in the current environment.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import av
from PIL import Image

COMMON = ("--precision", "float32", "--seed", "3", "--quiet", "--yes")
SMALL = ("--width", "160", "--duration", "1.5", "--octaves", "3")
TRIP = ("--width", "128", "--height", "72", "--fps", "12", "--octaves", "3", "--steps", "4")

CASES = {
    "preset-palace": ("render", "palace", "-i", "clip.mp4", "-o", "palace.mkv", *SMALL),
    "preset-voyage": ("render", "voyage", "-i", "clip.mp4", "-o", "voyage.mkv", *SMALL),
    "preset-relief": ("render", "relief", "-i", "clip.mp4", "-o", "relief.mkv", *SMALL),
    "video-default": ("video", "clip.mp4", "-o", "default.mp4", *SMALL),
    "video-mask": ("video", "clip.mp4", "-o", "mask.mkv", "--mask", "luma", "--blend", "screen", *SMALL),
    "video-dream-width": ("video", "clip.mp4", "-o", "small.mkv", "--dream-width", "96", *SMALL),
    "video-schedule": (
        "video", "clip.mp4", "-o", "schedule.mkv", "--set", "look.strength={0s: 0.2, 1s: 1, ease: in-out}",
        "--set", "objective={0s: mixed3, 1s: 'mixed4, mixed2:0.5'}", *SMALL,
    ),
    "trip-default": ("zoom", "-o", "trip.mkv", "--duration", "1.5", *TRIP),
    "trip-loop": ("zoom", "still.png", "-o", "loop.mkv", "--duration", "1", "--loop", "--rotation", "15", *TRIP),
    "trip-keyframe": ("zoom", "-o", "keys.mkv", "--duration", "1", "--keyframe", "4", *TRIP),
    "trip-journey": ("render", "journey", "-o", "journey.mkv", "--duration", "1.5", *TRIP),
    "still": ("image", "still.png", "-o", "still.dream.png", "--octaves", "3"),
    "replay": ("replay", "palace.mkv", "clip.mp4", "-o", "again.mkv"),
}  # fmt: skip
RESUMED = ("video", "clip.mp4", "-o", "resumed.mkv", "--chunk", "6", *SMALL)


def main() -> None:
    """Run all commands; write the record, or report each case that differs and exit with 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("record", "compare"))
    parser.add_argument("record", type=Path, help="JSON file of the digests")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dreamvid-digests-") as scratch:
        digests = run_all(Path(scratch))
    if options.action == "record":
        options.record.write_text(json.dumps(digests, indent=1) + "\n", encoding="utf-8")
        return
    before = json.loads(options.record.read_text(encoding="utf-8"))
    different = [name for name in before if digests.get(name) != before[name]]
    for name in before:
        print(f"{name}: {'DIFFERENT' if name in different else 'the same'}, {len(before[name])} frames")
    sys.exit(1 if different else 0)


def run_all(folder: Path) -> dict[str, list[str]]:
    """Return the digests of each case's frames, in order."""
    dreamvid(folder, "demo", ".", "--octaves", "2", "--steps", "2")
    (folder / "dreamvid-demo.mp4").rename(folder / "clip.mp4")
    with av.open(str(folder / "clip.mp4")) as clip:
        pixels = next(clip.decode(video=0)).to_ndarray(format="rgb24")
        Image.fromarray(pixels).resize((192, 108)).save(folder / "still.png")
    digests = {"demo": frame_digests(folder / "dreamvid-demo.dream.mp4")}
    for name, command in CASES.items():
        dreamvid(folder, *command)
        digests[name] = frame_digests(folder / command[command.index("-o") + 1])
        print(f"{name}: {len(digests[name])} frames", file=sys.stderr, flush=True)
    kill_after_chunk(folder, *RESUMED)
    dreamvid(folder, *RESUMED)
    digests["resumed"] = frame_digests(folder / "resumed.mkv")
    return digests


def dreamvid(folder: Path, *arguments: str) -> None:
    """Run a command in a folder; it must succeed."""
    subprocess.run([sys.executable, "-m", "dreamvid", *arguments, *COMMON], cwd=folder, check=True)  # noqa: S603


def kill_after_chunk(folder: Path, *arguments: str) -> None:
    """Start a command and kill it as soon as it reports its first finished chunk."""
    options = [option for option in COMMON if option != "--quiet"]
    command = [sys.executable, "-m", "dreamvid", *arguments, *options, "--progress", "json"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stderr is not None
        for line in process.stderr:
            if '"chunk"' in line:
                process.send_signal(signal.SIGKILL)
                break


def frame_digests(path: Path) -> list[str]:
    """Return the SHA-256 of each frame's time and pixels."""
    if path.suffix == ".png":
        with Image.open(path) as still:
            return [hashlib.sha256(still.tobytes()).hexdigest()]
    with av.open(str(path)) as container:
        return [
            hashlib.sha256(repr(frame.pts).encode() + b"".join(map(bytes, frame.planes))).hexdigest()
            for frame in container.decode(video=0)
        ]


if __name__ == "__main__":
    main()
