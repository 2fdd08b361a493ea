"""Write ``presets/preset.schema.json``, by which editors complete and check presets, from the settings themselves.

``python tools/make_preset_schema.py`` writes it; a test proves that it is current.
"""

from __future__ import annotations

import json
from pathlib import Path

from dreamvid.config.schema import preset_schema

FILE = Path(__file__).parents[1] / "presets" / "preset.schema.json"


def text() -> str:
    """Return what the file holds: what ``dreamvid presets schema`` prints."""
    return json.dumps(preset_schema(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(FILE)
