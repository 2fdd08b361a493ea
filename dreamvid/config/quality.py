"""Draft and best quality: settings that are laid over a preset, below those that are given one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from dreamvid.errors import SettingsError
from dreamvid.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

Quality = Literal["draft", "normal", "best"]

QUALITY_SETTINGS: dict[Quality, dict[str, object]] = {
    "draft": {
        "octaves.largest": 400,
        "stability.cadence": 4,
        "stability.flow.preset": "fast",
        "stability.flow.scale": 320,
    },
    "normal": {},
    "best": {
        "ascent.substeps": 3,
        "stability.cadence": 1,
    },
}
"""Settings by dotted path."""

_OVERRULED_BY = {"octaves.largest": "output.dream_width"}
"""Settings that are left out where another one, which has the same purpose, is given."""


def parse_quality(text: str | None, *, draft: bool) -> Quality:
    """Return the quality of ``--quality`` (None where it is not given) and ``--draft``.

    Raises
    ------
    SettingsError
        Where there is no such quality, or the two contradict each other.
    """
    names: tuple[Quality, ...] = get_args(Quality)
    quality = next((name for name in names if name == text), None)
    if text is not None and quality is None:
        raise SettingsError(
            f"--quality: must be draft, normal or best, not '{text}'{did_you_mean(text, names)}"
        )
    if draft and quality not in {None, "draft"}:
        raise SettingsError(f"--draft: is --quality draft, not {quality}; give one of the two")
    return "draft" if draft else quality or "normal"


def with_quality(changes: Mapping[str, object], quality: Quality) -> dict[str, object]:
    """Return changes of a preset, by dotted path, laid over those of a quality."""
    settings = {
        path: value
        for path, value in QUALITY_SETTINGS[quality].items()
        if _OVERRULED_BY.get(path) not in changes
    }
    return {**settings, **changes}
