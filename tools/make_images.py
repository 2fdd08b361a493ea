"""Make the pictures of the README from scenes that the project generates itself.

Usage: ``python tools/make_images.py``; writes ``docs/images/demo.jpg``: the demonstration's landscape, and its dream.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import dreamvid
from dreamvid.pipelines.landscape import Landscape
from dreamvid.types import Size

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
SIZE = Size(360, 640)


def main() -> None:
    """Write the pictures."""
    source = Landscape(SIZE).frame(2.0)
    dreamed = dreamvid.dream(source)
    both = np.hstack([source, dreamed])
    Image.fromarray(np.round(both * 255.0).astype(np.uint8)).save(IMAGES / "demo.jpg", quality=88)


if __name__ == "__main__":
    main()
