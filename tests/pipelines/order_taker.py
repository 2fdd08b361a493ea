"""A process that takes the orders of a render and dreams nothing: ``python -m tests.pipelines.order_taker LOG``.

It adds a line to LOG for each order. A job named ``wrong`` is an error; ``deadly`` ends the process, ``fragile`` the
first time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any


def tell(**event: Any) -> None:
    sys.stderr.write(json.dumps(event) + "\n")
    sys.stderr.flush()


def take(order: dict[str, Any], log: Path) -> None:
    job = order["job"]
    seen = log.exists() and job["name"] in log.read_text(encoding="utf-8").split()
    with log.open("a", encoding="utf-8") as lines:
        lines.write(f"{job['name']} {os.getpid()} {order['options']['threads']}\n")
    tell(event="start", frames=3, resumed_at=0, output=Path(job["output"]).name)
    if job["name"] == "deadly" or (job["name"] == "fragile" and not seen):
        os.kill(os.getpid(), signal.SIGKILL)
    for frame in range(3):
        tell(event="frame", frame=frame)
    if job["name"] == "wrong":
        tell(event="done", error="there is no such picture")
        return
    Path(job["output"]).write_text(job["name"], encoding="utf-8")
    result = {"source": "a", "output": job["output"], "frames": 3, "seconds": 1.5, "size": [36, 64]}
    tell(event="done", result=result)


if __name__ == "__main__":
    for line in sys.stdin:
        take(json.loads(line), Path(sys.argv[1]))
