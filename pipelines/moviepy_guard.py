"""Importing moviepy so that nothing in the working folder or the environment steers it."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep moviepy from reading ``.env`` in the working folder, and from running the programs that it may name."""
    programs = {"FFMPEG_BINARY": "auto-detect", "FFPLAY_BINARY": "auto-detect"}
    before = {name: os.environ.get(name) for name in programs}
    modules = cast("dict[str, Any]", sys.modules)
    dotenv = modules.get("dotenv")
    modules["dotenv"] = None  # Python's way to say that there is no such module; moviepy then does without
    os.environ.update(programs)
    try:
        yield
    finally:
        if dotenv is None:
            del modules["dotenv"]
        else:
            modules["dotenv"] = dotenv
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
