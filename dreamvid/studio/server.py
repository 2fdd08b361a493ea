"""Serve the studio of a folder until it is interrupted."""

from __future__ import annotations

import errno
import logging
import os
import socket
import threading
import webbrowser
from contextlib import closing, suppress
from fractions import Fraction
from typing import TYPE_CHECKING

import uvicorn

from dreamvid.atomic import FileLock
from dreamvid.config.preset import Preset
from dreamvid.errors import DreamvidError, ReadError, SettingsError, WriteError
from dreamvid.pipelines.build import known_models
from dreamvid.studio.app import make_app
from dreamvid.studio.atlases import AtlasMaker
from dreamvid.studio.jobs import JobFolder
from dreamvid.studio.library import Library
from dreamvid.studio.moving import MovingPreviews
from dreamvid.studio.preview_worker import PreviewRequest, PreviewWorker
from dreamvid.studio.previews import Previews
from dreamvid.studio.runner import JobRunner
from dreamvid.studio.security import Access, is_loopback
from dreamvid.studio.services import Studio
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_log = logging.getLogger(__name__)

DEFAULT_PORT = 8480
LOOPBACK = "127.0.0.1"
_EVERYWHERE = {"0.0.0.0", "::", ""}  # noqa: S104  which is refused
_GRACE = 3


def serve(
    folder: Path,
    *,
    address: str = LOOPBACK,
    port: int | None = None,
    open_browser: bool = True,
    threads: int | None = None,
    device: str = "auto",
    tell: Callable[[str], None],
) -> None:
    """Serve a folder; returns when the server is interrupted.

    Parameters
    ----------
    address
        The address to listen on, one by which this machine is reached.
    port
        None is 8480, or any that is free where another program has that; 0 is any that is free.
    tell
        Called with the lines for the user; the second is the link.

    Raises
    ------
    DreamvidError
        Where the folder is none or cannot be written, another studio has it, or the address cannot be had.
    """
    library = Library(_checked(folder))
    lock = _lock(library)
    try:
        with closing(_socket(address, port)) as listening:
            bound = listening.getsockname()[1]
            access = Access.at(address, bound)
            jobs = JobFolder(library)
            worker = PreviewWorker()
            previews = Previews(worker)
            moving = MovingPreviews(library.state_folder / "moving")
            studio = Studio(
                library,
                jobs,
                JobRunner(jobs),
                previews,
                access,
                moving,
                AtlasMaker(library),
                threads=threads,
                device=device,
            )
            threading.Thread(target=_warm, args=(worker, threads, device), daemon=True).start()
            host = f"[{address}]" if ":" in address else address
            link = f"http://{host}:{bound}/#token={access.token}"
            tell(f"the studio of {printable(library.folder)} is open at")
            tell(link)
            tell("Ctrl-C ends it; what is being rendered goes on at the next start")
            if not is_loopback(address):
                _log.warning(
                    "whoever in your network reads this link can use the studio; nothing is encrypted"
                )
            if open_browser:
                threading.Thread(target=_open, args=(link,), daemon=True).start()
            config = uvicorn.Config(
                make_app(studio),
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_GRACE,
                lifespan="on",
                ws="none",
            )
            with suppress(KeyboardInterrupt):  # which uvicorn raises again, once all has ended
                _Server(config, studio.ending).run(sockets=[listening])
    finally:
        lock.release()


class _Server(uvicorn.Server):
    """A server that says when it is to end, before it waits for its answers to be sent."""

    def __init__(self, config: uvicorn.Config, ending: threading.Event) -> None:
        super().__init__(config)
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what is sent without an end, then the rest."""
        self._ending.set()
        await super().shutdown(sockets)


def _checked(folder: Path) -> Path:
    if not folder.exists():
        raise ReadError(f"{printable(folder)}: there is no such folder")
    if not folder.is_dir():
        raise ReadError(f"{printable(folder)} is no folder; name the one that your clips are in")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise WriteError(f"the folder {printable(folder)} cannot be written")
    return folder


def _lock(library: Library) -> FileLock:
    try:
        library.state_folder.mkdir(exist_ok=True)
        return FileLock(library.state_folder / "lock", create=True)
    except BlockingIOError:
        raise WriteError(
            f"{printable(library.folder)}: another studio has this folder open; use that one"
        ) from None
    except OSError as error:
        raise WriteError(f"{printable(library.folder)}: cannot be written ({error.strerror})") from None


def _socket(address: str, port: int | None) -> socket.socket:
    """Return a socket that listens; on the usual port, or another where that is taken and none was asked for."""
    if address in _EVERYWHERE:
        raise SettingsError(
            f"--listen {address or repr('')}: name the one address by which this machine is reached, such as "
            "192.168.1.5, so that requests by other names can be refused"
        )
    ports = [port] if port is not None else [DEFAULT_PORT, 0]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for number in ports:
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((address, number))
            listening.listen(128)
        except OSError as error:
            listening.close()
            if error.errno == errno.EADDRINUSE and number != ports[-1]:
                continue
            if error.errno == errno.EADDRINUSE:
                raise SettingsError(f"--port {number}: another program uses it; name another") from None
            raise SettingsError(
                f"--listen {address}: this machine has no such address ({error.strerror})"
            ) from None
        else:
            return listening
    raise AssertionError  # the loop returns or raises


def _warm(worker: PreviewWorker, threads: int | None, device: str) -> None:
    """Load the embedded network before the first picture is asked for."""
    preset = Preset.build(
        {"pipeline": "zoom", "objective": known_models()[0].objective, "trip": {"duration": 1}}
    )
    with suppress(DreamvidError, OSError, EOFError):
        worker.dream(PreviewRequest(None, preset, Fraction(0), 64, threads, device))


def _open(link: str) -> None:
    with suppress(Exception):  # a machine without a browser
        webbrowser.open(link)
