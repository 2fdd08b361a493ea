"""Saying a thing once, however often it happens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dreamvid.types import Notify

_FIGURES = re.compile(r"\d+")


class Once:
    """Tells ``notify`` of each thing the first time; texts that differ only in figures are the same thing."""

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self._said: set[str] = set()

    def say(self, text: str) -> None:
        """Say something, unless it was said before."""
        subject = _FIGURES.sub("", text)
        if subject not in self._said:
            self._said.add(subject)
            self._notify(text)
