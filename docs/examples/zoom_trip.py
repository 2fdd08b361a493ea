"""Make a zoom trip from a gradient: a seamless spiral loop."""

from __future__ import annotations

import tempfile
from pathlib import Path

import dreamvid


def main(folder: Path, width: int = 96) -> int:
    """Write ``spiral.mp4`` into a folder and return its number of frames."""
    preset = {
        "camera": {"zoom": 1.3, "rotation": 20},
        "objective": "mixed3",
        "octaves": 2,
        "ascent": {"steps": 2},
        "output": {"width": width, "fps": 12},
        "trip": {"duration": 0.5, "loop": True},
    }
    result = dreamvid.zoom_trip("#204060-#ff8800", folder / "spiral.mp4", preset)
    return result.frames


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(main(Path(scratch)))
