"""A body of the preview's process that needs no network."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dreamvid.studio.preview_worker import PreviewReply

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


def echo(connection: Connection) -> None:
    """Answer with the size that was asked for, or end over an odd one."""
    while True:
        request = connection.recv()
        if request.longest % 2:
            os._exit(1)
        connection.send(PreviewReply(str(request.longest).encode()))
