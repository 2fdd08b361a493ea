"""Times and rates as people write them, kept exact."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

_RATIO = re.compile(r"^\d{1,12}/[1-9]\d{0,11}$")
_RATE = re.compile(r"\d{1,12}(\.\d{0,12})?|\.\d{1,12}|\d{1,12}/0*[1-9]\d{0,11}")
_CLOCK = re.compile(r"^(?:(?:(\d+):)?([0-5]?\d):)?(\d+(?:\.\d+)?)$")


def parse_time(value: object) -> Fraction:
    """Return seconds from ``12.5``, ``1:05``, ``1:02:03.5`` or ``25/2``."""
    if isinstance(value, Fraction):
        return value
    text = str(value).strip().removesuffix("s")
    if _RATIO.match(text):
        return Fraction(text)
    match = _CLOCK.match(text)
    if match is None:
        raise ValueError("must be seconds (12.5) or a clock time (1:05)")
    hours, minutes, seconds = match.groups()
    return Fraction(seconds) + 60 * int(minutes or 0) + 3600 * int(hours or 0)


def parse_rate(value: object) -> Fraction:
    """Return frames per second from ``24``, ``23.976`` or ``24000/1001``.

    The broadcast decimals 23.976, 29.97, 47.952, 59.94 and 119.88 mean the NTSC rates x * 1000/1001.
    """
    if isinstance(value, Fraction):
        return value
    text = str(value).strip()
    if not _RATE.fullmatch(text):
        raise ValueError("must be a rate such as 24, 23.976 or 24000/1001")
    rate = Fraction(text)
    ntsc = Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)
    return ntsc if rate.denominator != 1 and abs(ntsc - rate) < Fraction(1, 1000) else rate


def _positive(value: Fraction) -> Fraction:
    if not 0 < value <= 1000:  # noqa: PLR2004  a rate beyond any camera, or a slip of the keyboard
        raise ValueError("must be more than 0 and at most 1000")
    return value


def _plain(value: Fraction) -> str:
    return str(value)


Seconds = Annotated[Fraction, BeforeValidator(parse_time), PlainSerializer(_plain)]
Rate = Annotated[Fraction, BeforeValidator(parse_rate), AfterValidator(_positive), PlainSerializer(_plain)]


def unit(name: str) -> dict[str, Any]:
    """Return the JSON-Schema extra that names a field's unit."""
    return {"unit": name}
