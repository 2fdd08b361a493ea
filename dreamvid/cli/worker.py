"""``dreamvid worker``: one of the processes between which ``render --devices`` shares its jobs."""

from __future__ import annotations

import json
import queue
import threading

from dreamvid.cli.interrupt import read_input
from dreamvid.cli.options import CommonOptions
from dreamvid.cli.run import run_command


def worker() -> None:
    """Render what standard input asks for, a JSON object a line, until it ends."""
    orders: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=read_input, args=(orders.put,), daemon=True).start()
    with run_command(CommonOptions(progress="json")) as run:
        from dreamvid.pipelines.render_worker import carry_out  # noqa: PLC0415  loads OpenCV and PyAV

        while True:
            run.display.done(carry_out(json.loads(orders.get()), run.options))
            run.notices.repeats.clear()
