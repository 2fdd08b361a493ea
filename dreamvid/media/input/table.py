"""Read a column of numbers over time from a table: CSV, or with semicolons or tabs between the cells."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING, Final

import numpy as np

from dreamvid.errors import ReadError, SettingsError
from dreamvid.text import did_you_mean, printable, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction
    from pathlib import Path

    from numpy.typing import NDArray

_MAX_BYTES: Final = 1 << 28
_DELIMITERS: Final = (";", "\t", ",")
_TIMES: Final = ("time", "t", "seconds", "sec", "s", "timestamp")
_EMPTY: Final = {"", "nan", "na", "null"}

Row = tuple[int, list[str]]
"""Cells with the number of their line."""


def read_column(
    path: Path, column: str | None, time: str | None, rate: Fraction
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the times (seconds, growing) and values of a column; rows in which either is empty are left out.

    Parameters
    ----------
    column
        Name, or number from 1; None is the first that does not hold the times.
    time
        Column of the times, likewise; None is one that is named after time. Where there is none, rows follow at
        ``rate`` from time 0 on.
    rate
        Rows a second.

    Raises
    ------
    ReadError
        In one line, with the number of the line that is wrong.
    SettingsError
        Where there is no such column.
    """
    rows = _read_rows(path)
    first = rows[0][1]
    names = first if any(cell.lower() not in _EMPTY and not _is_number(cell) for cell in first) else []
    width = len(first)
    when = _find(path, "time", time, names, width) if time is not None else _find_time(names)
    which = _find(path, "column", column, names, width) if column is not None else 1 if when == 0 else 0
    if which >= width:
        raise ReadError(f"{printable(path)} holds times alone, and no column of values")
    times: list[float] = []
    values: list[float] = []
    for index, (line, cells) in enumerate(rows[1:] if names else rows):
        value = _number(path, line, cells, which)
        now = index / float(rate) if when is None else _number(path, line, cells, when)
        if value is None or now is None:
            continue
        if times and now <= times[-1]:
            raise ReadError(
                f"{printable(path)}, line {line}: times must grow, and {now:g} s follows {times[-1]:g} s"
            )
        times.append(now)
        values.append(value)
    if not times:
        raise ReadError(
            f"{printable(path)} holds no number in column {(names or range(1, width + 1))[which]}"
        )
    return np.array(times), np.array(values)


def _read_rows(path: Path) -> list[Row]:
    """Return the rows that are not empty, nor comments that begin with #; at least one."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ReadError(
                f"{printable(path)} is larger than {_MAX_BYTES >> 20} MB, which is too much for a table"
            )
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ReadError(f"{printable(path)} is no UTF-8 text") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ReadError(f"{printable(path)}: cannot be read ({reason})") from None
    try:
        rows = list(_rows(text))
    except csv.Error as error:
        raise ReadError(f"{printable(path)} is no table ({error})") from None
    if not rows:
        raise ReadError(f"{printable(path)} is empty")
    return rows


def _rows(text: str) -> Iterator[Row]:
    lines = text.splitlines()
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    delimiter = next((each for each in _DELIMITERS if each in first), ",")
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    for row in reader:
        cells = [cell.strip() for cell in row]
        if any(cells) and not cells[0].startswith("#"):
            # Where semicolons part cells, commas are decimal points.
            yield reader.line_num, [cell.replace(",", ".") for cell in cells] if delimiter == ";" else cells


def _find_time(names: Sequence[str]) -> int | None:
    """Return the first column that is named after time, whatever unit follows: ``time (s)``."""
    words = [name.lower().partition("(")[0].partition("[")[0].strip() for name in names]
    return next((index for index, word in enumerate(words) if word in _TIMES), None)


def _find(path: Path, what: str, name: str, names: Sequence[str], width: int) -> int:
    """Return the index of a column by its name, or its number from 1."""
    lower = [each.lower() for each in names]
    if name in names:
        return list(names).index(name)
    if name.lower() in lower:
        return lower.index(name.lower())
    if name.isdecimal() and 1 <= int(name) <= width:
        return int(name) - 1
    known = f"{did_you_mean(name, names)}; it has {', '.join(names[:10])}" if names else f"; it has {width}"
    raise SettingsError(f"{what}: {printable(path)} has no column {quoted(name)}{known}")


def _number(path: Path, line: int, cells: Sequence[str], column: int) -> float | None:
    """Return the number in a cell; None where it is empty."""
    text = cells[column] if column < len(cells) else ""
    if text.lower() in _EMPTY:
        return None
    if not _is_number(text):
        raise ReadError(f"{printable(path)}, line {line}: {quoted(text)} is no number")
    return float(text)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
