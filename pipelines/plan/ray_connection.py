"""Connect to a Ray cluster, which then prints nothing by itself."""

from __future__ import annotations

import importlib.util
import io
import logging
import os
import re
import signal
import socket
import threading
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dreamvid.errors import SettingsError
from dreamvid.text import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)

AUTO = "auto"
_ANSWER_SECONDS = 10.0
_PORT = 6379
"""That of a cluster's head, where an address names none."""
_COLOR = re.compile(r"\x1b\[\d*m")


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Connect to a cluster, with the token that it wants; yield the module ``ray``.

    Until the end, what Ray prints on standard output goes into the log.

    Raises
    ------
    SettingsError
        Where Ray is not installed, or there is no such cluster.
    """
    if importlib.util.find_spec("ray") is None:
        raise SettingsError("--cluster needs Ray: pip install 'dreamvid[cluster]'")
    if address != AUTO:
        _check_answers(address)
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray's default to come; else it warns
    import ray  # noqa: PLC0415  only where a cluster is used

    with redirect_stdout(_LogLines()):  # deaths of processes and machines, even without its log_to_driver
        with _same_handler(signal.SIGTERM):
            _connect(ray, address)
        try:
            yield ray
        finally:
            ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if address == AUTO:
            raise SettingsError(
                f"--cluster auto: this machine belongs to no Ray cluster ({line}); 'ray start' makes or joins one"
            ) from None
        raise SettingsError(
            f"--cluster {quoted(address)}: no Ray cluster answers there, or it has another token ({line})"
        ) from None


def _check_answers(address: str) -> None:
    """Raise a ``SettingsError`` where nothing answers, which Ray itself would try for many minutes."""
    parts = urlsplit(address if "://" in address else f"ray://{address}")
    try:
        with socket.create_connection((parts.hostname or "", parts.port or _PORT), timeout=_ANSWER_SECONDS):
            pass
    except (OSError, ValueError) as error:
        raise SettingsError(f"--cluster {quoted(address)}: no Ray cluster answers there ({error})") from None


@contextmanager
def _same_handler(number: int) -> Iterator[None]:
    """Give a signal back the handler that it has now; Ray's ends the process at once."""
    handler = signal.getsignal(number)
    try:
        yield
    finally:
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(number, handler)


class _LogLines(io.TextIOBase):
    """Logs each line that is written."""

    def __init__(self) -> None:
        self._rest = ""

    def write(self, text: str) -> int:
        """Log whole lines, without colors."""
        *lines, self._rest = (self._rest + _COLOR.sub("", text)).split("\n")
        for line in lines:
            if line.strip():
                _log.info("Ray: %s", line.rstrip())
        return len(text)
