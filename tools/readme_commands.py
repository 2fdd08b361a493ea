"""Print a set-up command of the README, so that what is documented is what is checked.

Usage: ``python tools/readme_commands.py run|test``
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def setup_commands(readme: str) -> dict[str, str]:
    """Return the README's two set-up commands: ``run`` (install and demo) and ``test`` (install and tests)."""
    blocks = re.findall(r"```sh\n(.+?)\n```", readme, flags=re.DOTALL)
    commands = {"run": blocks[0], "test": blocks[1]}
    assert "dreamvid demo" in commands["run"], "the README's first command must run the demonstration"
    assert "pytest" in commands["test"], "the README's second command must run the tests"
    return commands


if __name__ == "__main__":
    root = Path(__file__).resolve().parent.parent
    print(setup_commands((root / "README.md").read_text(encoding="utf-8"))[sys.argv[1]])
