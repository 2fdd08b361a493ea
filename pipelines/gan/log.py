"""The log of a training: one row of figures for some steps, as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLUMNS = (
    "step",
    "seconds",
    "discriminator_loss",
    "generator_loss",
    "real_score",
    "generated_score",
    "strength",
)

Row = dict[str, float]
"""Figures by column: means over the steps since the row before, the strength as it was after them."""


def to_csv(rows: Sequence[Mapping[str, float]]) -> bytes:
    """Return rows as the text of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([f"{row[column]:.6g}" for column in COLUMNS] for row in rows)
    return text.getvalue().encode()


def from_csv(data: bytes) -> list[Row]:
    """Return the rows of a CSV file; raises ``ValueError`` where it is none."""
    reader = csv.DictReader(io.StringIO(data.decode("ascii")))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise ValueError("other columns")
    try:
        return [{column: float(row[column]) for column in COLUMNS} for row in reader]
    except TypeError as error:  # a row that is cut off
        raise ValueError(str(error)) from error
