"""The command before anything of it is loaded."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from dreamvid.__main__ import main


class Interrupts:
    """Is interrupted where the command line is imported."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "dreamvid.cli.main":
            raise KeyboardInterrupt


def test_an_interruption_while_the_command_loads_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "dreamvid.cli.main", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupts(), *sys.meta_path])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 130
    assert capfd.readouterr() == ("", "")
