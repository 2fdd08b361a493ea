"""Dream previews in a process of its own, so that the page is served while a network works."""

from __future__ import annotations

import io
import logging
import multiprocessing
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dreamvid.errors import DreamvidError, EngineError
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.preview_frame import dream_preview

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.types import RGB

_QUALITY = 88
_PATIENCE = 2.0


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """What is dreamed: a source (None for a trip), a preset, a time (seconds) and the longest side (px)."""

    source: Path | None
    preset: Preset
    time: Fraction
    longest: int
    threads: int | None = None
    device: str = "auto"


@dataclass(frozen=True, slots=True)
class PreviewReply:
    """The frame and its dream as WebP files, or the line that says why there is none; ``notes`` are warnings."""

    source: bytes = b""
    dreamed: bytes = b""
    error: str = ""
    notes: tuple[str, ...] = ()


def encode_picture(picture: RGB) -> bytes:
    """Return a picture ``[H, W, 3]``, float32 in [0, 1], as a WebP file."""
    import numpy as np  # noqa: PLC0415  only where pictures are
    from PIL import Image  # noqa: PLC0415  the same

    buffer = io.BytesIO()
    Image.fromarray(np.round(picture * 255.0).astype(np.uint8)).save(
        buffer, "webp", quality=_QUALITY, method=2
    )
    return buffer.getvalue()


def dream_requests(connection: Connection) -> None:
    """Answer requests until the other end is closed: the body of the worker process."""
    for name in ("SIGINT", "SIGHUP"):  # which the terminal sends to the whole group; the server ends this one
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    with suppress(EOFError, OSError):
        while True:
            connection.send(_reply(connection.recv()))


def _reply(request: PreviewRequest) -> PreviewReply:
    options = RunOptions(device=request.device, threads=request.threads)
    notes = _Notes()
    logger = logging.getLogger("dreamvid")
    logger.addHandler(notes)
    try:
        frame = dream_preview(request.source, request.preset, request.time, request.longest, options)
    except DreamvidError as error:
        return PreviewReply(error=" ".join(str(error).split()))
    except MemoryError:
        return PreviewReply(error="out of memory; try a smaller preview or output.width")
    except Exception as error:  # noqa: BLE001  whatever it is, the next request may do
        return PreviewReply(error=f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:300]}")
    finally:
        logger.removeHandler(notes)
    return PreviewReply(
        encode_picture(frame.source), encode_picture(frame.dreamed), notes=tuple(dict.fromkeys(notes.lines))
    )


class _Notes(logging.Handler):
    """Keeps warnings as lines."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.lines.append(" ".join(record.getMessage().split()))


class PreviewWorker:
    """A process that dreams one preview at a time; it is started when it is needed, and anew where it has ended.

    ``body`` runs in it, with its end of a pipe.
    """

    def __init__(self, body: Callable[[Connection], None] = dream_requests) -> None:
        self._body = body
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    @property
    def process_id(self) -> int | None:
        """The process's number, None where none runs."""
        process = self._process
        return None if process is None or not process.is_alive() else process.pid

    def dream(self, request: PreviewRequest) -> PreviewReply:
        """Return the reply to a request; a process that ends over it is started once more.

        Raises
        ------
        EngineError
            Where it ends again.
        """
        with self._lock:
            for _ in range(2):
                connection = self._started()
                try:
                    connection.send(request)
                    reply: PreviewReply = connection.recv()
                except (EOFError, OSError):
                    self._end()
                else:
                    return reply
        raise EngineError("the preview ended unexpectedly, perhaps out of memory; try a smaller picture")

    def close(self) -> None:
        """End the process."""
        process = self._process
        if process is not None:
            process.terminate()
        with self._lock:
            self._end()

    def _started(self) -> Connection:
        if self._connection is None or self._process is None or not self._process.is_alive():
            self._end()
            context = multiprocessing.get_context("spawn")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(
                target=self._body, args=(theirs,), daemon=True, name="dreamvid preview"
            )
            self._process.start()
            theirs.close()  # so that this end notices when the process has ended
        return self._connection

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.join(_PATIENCE)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
        self._connection = self._process = None
