"""Runs ``dreamvid video`` on one file after the other, and prints exit codes and what was printed, as JSON."""

from __future__ import annotations

import contextlib
import io
import json
import resource
import sys
from pathlib import Path

from dreamvid.cli.main import main as dreamvid

QUICK = ["--width", "32", "--octaves", "1", "--steps", "1", "--objective", "mixed0", "--precision", "float32"]
FLAGS = ["--device", "cpu", "--yes", "--fresh", *QUICK]


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    results = []
    for path in sys.argv[1:]:
        stderr, code = io.StringIO(), -1
        output = Path(f"{path}.out.mkv")
        with contextlib.redirect_stderr(stderr), contextlib.redirect_stdout(io.StringIO()):
            try:
                dreamvid(["video", path, "-o", str(output), "--keep-going", *FLAGS])
            except SystemExit as left:
                code = left.code if isinstance(left.code, int) else -1
        results.append({"code": code, "stderr": stderr.getvalue(), "exists": output.exists()})
    sys.stdout.write(json.dumps(results))


if __name__ == "__main__":
    main()
