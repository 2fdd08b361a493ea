"""List the import circles among dreamvid's modules, type-only imports included; exit with 1 where there is one.

Run in the project's folder. Needs grimp, which import-linter brings along.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import grimp

if TYPE_CHECKING:
    from collections.abc import Iterator


def find_circles(graph: grimp.ImportGraph) -> Iterator[list[str]]:
    """Yield each group of modules that import one another, directly or through others of the group."""
    remaining = set(graph.modules)
    while remaining:
        module = min(remaining)
        circle = graph.find_upstream_modules(module) & graph.find_downstream_modules(module)
        remaining -= {module, *circle}
        if circle:
            yield sorted({module, *circle})


def main() -> int:
    """Print each circle with the lines that close it; return how many there are."""
    graph = grimp.build_graph("dreamvid", cache_dir=None)
    circles = list(find_circles(graph))
    for circle in circles:
        print("circle:", ", ".join(circle))
        for importer in circle:
            for imported in sorted(graph.find_modules_directly_imported_by(importer) & set(circle)):
                for detail in graph.get_import_details(importer=importer, imported=imported):
                    print(f"    {importer}:{detail['line_number']}: {detail['line_contents']}")
    return len(circles)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
