"""Opens inputs under an audit hook and prints what they touched, and what became of each, as JSON.

Given are a folder, which inputs may be read from, and the inputs. Recorded is each file outside of it that is
opened for itself, each program and each connection.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from dreamvid.errors import DreamvidError

EVENTS: list[str] = []
EVIL = (
    "socket.connect",
    "socket.getaddrinfo",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "ctypes.dlopen",
)


def main() -> None:
    from dreamvid.media.input.source import open_source  # noqa: PLC0415  all of it is loaded before anyone listens
    from dreamvid.media.output.writer import _find_source_file  # noqa: PLC0415  the same
    from dreamvid.media.still.reader import read_still  # noqa: PLC0415  the same

    folder, inputs = sys.argv[1], sys.argv[2:]
    _read(lambda: read_still(Path(__file__)))  # whatever is loaded at its first use is loaded now
    _read(lambda: list(open_source(__file__)))

    def record_event(event: str, details: tuple[Any, ...]) -> None:
        is_library = event == "open" and str(details[0]).startswith(
            (sys.prefix, sys.base_prefix, "/usr", "/etc/mime")
        )
        if event == "open" and not is_library and not str(details[0]).startswith(folder):
            EVENTS.append(f"open {details[0]}")
        if event.startswith(EVIL):
            EVENTS.append(f"{event} {details!r}")

    sys.addaudithook(record_event)
    results = []
    for path in inputs:
        name = Path(path).name

        def video(path: str = path) -> None:
            frames = list(open_source(path))
            if Path(path).is_dir() and frames:
                _find_source_file(Path(path))

        results.append(f"{name}: {_read(video)}")
        results.append(f"{name}: {_read(lambda path=path: read_still(path))}")
    sys.stdout.write(json.dumps([EVENTS, results]))


def _read(work: Any) -> str:
    try:
        work()
    except DreamvidError as error:
        return f"{type(error).__name__} {error}"
    return "read"


if __name__ == "__main__":
    main()
