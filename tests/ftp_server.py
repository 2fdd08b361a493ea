"""A small FTP server, for tests of files that other machines hold; only who has its password gets in."""

from __future__ import annotations

import logging
import threading
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of asyncore, in Python 3.11
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import FTPServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USER, PASSWORD = "dreamer", "a-secret-of-the-tests"
FSSPEC = {"FSSPEC_FTP_USERNAME": USER, "FSSPEC_FTP_PASSWORD": PASSWORD}
"""The environment in which fsspec gets in."""


@dataclass
class Server:
    """What runs; ``fetched`` has the name of each file that was copied from it."""

    folder: Path
    url: str = ""
    fetched: list[str] = field(default_factory=list)


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Serve a folder from a thread of this process."""
    logging.getLogger("pyftpdlib").setLevel(logging.CRITICAL)
    served = Server(folder)
    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, str(folder), perm="elradfmwMT")

    class Handler(FTPHandler):  # type: ignore[misc]  # it has no types
        def on_file_sent(self, file: str) -> None:
            served.fetched.append(file.rpartition("/")[2])

    Handler.authorizer = authorizer
    server = FTPServer(("127.0.0.1", 0), Handler)
    served.url = f"ftp://127.0.0.1:{server.address[1]}"
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            server.serve_forever(timeout=0.05, blocking=False, handle_exit=False)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield served
    finally:
        ended.set()
        thread.join()
        server.close_all()
