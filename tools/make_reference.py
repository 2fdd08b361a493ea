"""Write ``docs/settings.md``, the reference of every setting, from the settings themselves.

``python tools/make_reference.py`` writes it; a test proves that it is current.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreamvid.cli.options import FLAGS, SWITCHES
from dreamvid.config.schema import preset_schema
from dreamvid.schedule.easing import EASINGS
from dreamvid.schedule.expression import FUNCTIONS, NAMES, SIGNALS

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
_HEAD = """# Settings

Every setting of a preset, in the words of the program itself. A path such as `ascent.steps` is a key in a group in
a preset file and `--set ascent.steps=9` on the command line; the common ones have a flag. What says
*schedule* may change over time: keyframes or an expression in place of the value.

*Made by `tools/make_reference.py`; do not edit.*
"""


def page() -> str:
    """Return the whole page."""
    schema = preset_schema()
    lines = [_HEAD, "## The preset", "", *_table(schema, "", schema)]
    for name, value in schema["properties"].items():
        group = _group(value, schema)
        if group is not None:
            lines += ["", f"## {name}", "", group["description"], "", *_table(group, f"{name}.", schema)]
    scene = schema["$defs"]["SceneSettings"]
    lines += ["", "## scenes", "", scene["description"], "", *_table(scene, "", schema)]
    names = [name for name in NAMES if name not in SIGNALS]
    lines += [
        "",
        "## Schedules",
        "",
        f"Easings: {_words(EASINGS)}, or a cubic Bezier `[x1, y1, x2, y2]`.",
        "",
    ]
    lines += [f"Names in expressions: {_words(names)}.", "", f"Functions: {_words(FUNCTIONS)}.", ""]
    return "\n".join(lines)


def _words(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(group: dict[str, Any], prefix: str, schema: dict[str, Any]) -> list[str]:
    return ["| setting | default | range | |", "|---|---|---|---|", *_rows(group, prefix, schema)]


def _rows(group: dict[str, Any], prefix: str, schema: dict[str, Any]) -> Iterator[str]:
    flags = {path: flag for flag, path in (FLAGS | SWITCHES).items()}
    for name, value in group["properties"].items():
        inner = _group(value, schema)
        path = f"{prefix}{name}"
        if inner is not None and prefix:
            yield from _rows(inner, f"{path}.", schema)
        elif inner is None:
            changes = any(option.get("type") == "object" for option in _options(value, schema))
            limits = ", ".join(filter(None, [_range(value, schema), "*schedule*" if changes else ""]))
            flag = f" `{flags[path]}`" if path in flags else ""
            yield f"| `{path}` | {_default(value)} | {limits} | {value['description']}{flag} |"


def _group(value: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return the group of settings that a value is, if it is one."""
    return next((o for o in _options(value, schema) if o.get("title", "").endswith("Settings")), None)


def _options(value: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all that a value may be, references followed."""
    if "$ref" in value:
        return _options(schema["$defs"][value["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in value:
        return [option for inner in value["anyOf"] for option in _options(inner, schema)]
    return [value]


def _default(value: dict[str, Any]) -> str:
    default = value.get("default")
    if default is None or default in ("", []):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _range(value: dict[str, Any], schema: dict[str, Any]) -> str:
    unit = str(value.get("unit", ""))
    for option in _options(value, schema):
        if option.get("type") == "boolean":
            return "`true`, `false`"
        if "enum" in option:
            return ", ".join(f"`{word}`" for word in option["enum"])
        low = option.get("minimum", option.get("exclusiveMinimum"))
        high = option.get("maximum", option.get("exclusiveMaximum"))
        if option.get("type") in {"integer", "number"} and (low is not None or high is not None):
            above = "> " if "exclusiveMinimum" in option else ""
            text = f"{above}{low:g}" if high is None else f"{above}{low:g} to {high:g}"
            return f"{text} {unit}".strip()
    return unit


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
