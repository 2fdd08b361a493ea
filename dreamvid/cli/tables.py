"""Tables for people."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def show_table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows under a header; as wide as the terminal, in a pipe 200 characters."""
    from rich import box  # noqa: PLC0415  rich is slow to import, and only tables need it
    from rich.console import Console  # noqa: PLC0415  the same
    from rich.table import Table  # noqa: PLC0415  the same

    table = Table(*header, box=box.SIMPLE_HEAD, highlight=False)
    for row in rows:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else 200
    Console(width=width, markup=False).print(table)
