"""Columns of tables: what people's spreadsheets, loggers and sensors write."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from dreamvid.errors import DreamvidError
from dreamvid.media.input.table import read_column

if TYPE_CHECKING:
    from pathlib import Path

RATE = Fraction(10)


def read(
    tmp_path: Path, text: str, column: str | None = None, time: str | None = None
) -> tuple[list[float], list[float]]:
    path = tmp_path / "data.csv"
    path.write_bytes(text.encode())
    times, values = read_column(path, column, time, RATE)
    return list(times), list(values)


@pytest.mark.parametrize(
    ("text", "columns", "times", "values"),
    [
        ("time,a,b\n0,1,2\n0.5,3,4\n", (None, None), [0.0, 0.5], [1.0, 3.0]),
        ("time,a,b\n0,1,2\n0.5,3,4\n", ("B", None), [0.0, 0.5], [2.0, 4.0]),
        ("time,a,b\n0,1,2\n0.5,3,4\n", ("3", None), [0.0, 0.5], [2.0, 4.0]),
        ("a,when\n1,0\n3,2\n", (None, "when"), [0.0, 2.0], [1.0, 3.0]),
        ("a,Time (s)\n1,0\n3,2\n", (None, None), [0.0, 2.0], [1.0, 3.0]),
        ("1\n2\n3\n", (None, None), [0.0, 0.1, 0.2], [1.0, 2.0, 3.0]),
        ("0,1\n0.5,2\n", ("2", "1"), [0.0, 0.5], [1.0, 2.0]),
        ("a\n1\n\n3\n", (None, None), [0.0, 0.1], [1.0, 3.0]),
        ("# made by hand\na,b\n1,\n,5\nnan,7\n3,9\n", ("b", None), [0.1, 0.2, 0.3], [5.0, 7.0, 9.0]),
        ("t;v\r\n0;1,5\r\n1;2,5\r\n", (None, None), [0.0, 1.0], [1.5, 2.5]),
        ("t\tv\n0\t1e-3\n1\t2\n", (None, None), [0.0, 1.0], [1e-3, 2.0]),
        ('\ufefft,"my value"\n0,"1"\n1, 2\n', ("my value", None), [0.0, 1.0], [1.0, 2.0]),
    ],
)
def test_times_and_values_are_read(
    tmp_path: Path, text: str, columns: tuple[str | None, str | None], times: list[float], values: list[float]
) -> None:
    assert read(tmp_path, text, *columns) == (times, values)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", None, "is empty"),
        ("a,b\n", None, "holds no number in column a"),
        ("time\n1\n", None, "holds times alone"),
        ("a,b\n1,x\n", "b", "line 2: 'x' is no number"),
        ("t,a\n1,1\n\n1,2\n", None, "line 4: times must grow, and 1 s follows 1 s"),
        ("pulse,b\n1,2\n", "puls", r"no column 'puls' \(did you mean 'pulse'\?\); it has pulse, b"),
        ("1,2\n", "3", "no column '3'; it has 2"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, text: str, column: str | None, message: str) -> None:
    with pytest.raises(DreamvidError, match=message) as caught:
        read(tmp_path, text, column)
    assert "\n" not in str(caught.value)


def test_what_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(DreamvidError, match="no UTF-8 text"):
        read_column(tmp_path / "data.csv", None, None, RATE)
    with pytest.raises(DreamvidError, match="cannot be read"):
        read_column(tmp_path, None, None, RATE)
