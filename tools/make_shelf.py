"""Make the pictures of the presets on the studio's shelf, from those of the gallery.

python tools/make_shelf.py
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
GALLERY = ROOT / "docs/images/gallery"
SHELF = ROOT / "dreamvid/studio/page/presets"
SIZE = (240, 150)


def main() -> None:
    """Write a WebP for each picture of the gallery, cropped about its center."""
    SHELF.mkdir(exist_ok=True)
    for file in sorted(GALLERY.glob("*.jpg")):
        with Image.open(file) as picture:
            scale = max(SIZE[0] / picture.width, SIZE[1] / picture.height)
            wide = picture.resize((round(picture.width * scale), round(picture.height * scale)))
        left, top = (wide.width - SIZE[0]) // 2, (wide.height - SIZE[1]) // 2
        target = SHELF / f"{file.stem}.webp"
        wide.crop((left, top, left + SIZE[0], top + SIZE[1])).save(target, quality=72, method=6)
        print(target.relative_to(ROOT), target.stat().st_size)


if __name__ == "__main__":
    main()
