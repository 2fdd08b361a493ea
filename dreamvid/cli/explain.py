"""Error messages of one line: what is wrong, with which file or option, and what to do."""

from __future__ import annotations

import re

from dreamvid.cli.flags import FIELD_FLAGS
from dreamvid.errors import DreamvidError, PresetError

_FIELD_AT_START = re.compile(r"^[a-z_]+\.[a-z_.]+(?=[: ])")
_DESKTOP_LIBRARIES = ("libGL", "libgthread", "libglib")


def explain(error: Exception) -> str:
    """Return the line that is printed for an error; for a preset file with several mistakes, one line each."""
    if isinstance(error, PresetError):
        return "\n".join(" ".join(line.split()) for line in error.lines)
    text = " ".join(str(error).split())
    if isinstance(error, DreamvidError):
        return _FIELD_AT_START.sub(_add_flag, text)
    return _explain_python_error(error, text) or (
        f"unexpected {type(error).__name__}: {text or 'no message'} (--traceback shows where)"
    )


def _explain_python_error(error: Exception, text: str) -> str | None:
    """Return what an error of Python or a library means for the user; None for unforeseen ones."""
    if isinstance(error, ImportError) and any(library in text for library in _DESKTOP_LIBRARIES):
        return (
            f"OpenCV cannot load here ({text}): the desktop build is installed; "
            "run 'pip uninstall opencv-python opencv-contrib-python' and "
            "'pip install --force-reinstall opencv-python-headless', or install the system package libgl1"
        )
    if isinstance(error, ImportError):
        return f"a package is missing or broken ({text}); reinstall with 'pip install --force-reinstall dreamvid'"
    if isinstance(error, MemoryError):
        return "out of memory; try a smaller --dream-width, or --tile 256"
    if isinstance(error, RuntimeError) and "start new thread" in text:
        return "this run may have no more threads or memory here; raise the limits (see ulimit) or try --threads 1"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'reading or writing failed'}: {error.strerror}"
    return None


def _add_flag(field: re.Match[str]) -> str:
    """Return the option that sets a field, with the field's name."""
    flag = FIELD_FLAGS.get(field[0])
    return f"{flag} ({field[0]})" if flag else field[0]
