"""Small answers that are kept from run to run, as one JSON file."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def read(cache: Path) -> dict[str, Any]:
    """Return all answers; none where the file is missing or damaged."""
    try:
        data = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def remember(cache: Path, key: str, answer: Any) -> None:
    """Add one answer to the file, atomically; a cache that cannot be written is no error."""
    entries = read(cache) | {key: answer}
    part = None
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        number, part = tempfile.mkstemp(dir=cache.parent, prefix=".precision", suffix=".part")
        with os.fdopen(number, "w", encoding="utf-8") as file:
            json.dump(entries, file, indent=1)
        Path(part).replace(cache)
    except OSError:
        if part is not None:
            Path(part).unlink(missing_ok=True)
