"""``dreamvid studio``: a page in the browser to find a look and render it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from dreamvid.cli.options import CommonOptions, common_command
from dreamvid.errors import SettingsError

_PACKAGES = ("starlette", "uvicorn")
_LAST_PORT = 65535


@common_command("device", threads="CPU threads for previews; default: all cores.")
def studio(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="Folder with your clips; results go there, too.")
    ] = Path(),
    *,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=0, max=_LAST_PORT, help="Port (default 8480, or another where that is taken)."
        ),
    ] = None,
    listen: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Address of this machine by which others may reach the page; by default none can.",
        ),
    ] = "127.0.0.1",
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser.")
    ] = True,
    common: CommonOptions,
) -> None:
    """Open a page in the browser: find a look by its dials, render it, and come back to it."""
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise SettingsError(f"the studio needs {' and '.join(missing)}: pip install 'dreamvid[studio]'")
    from dreamvid.studio.server import serve  # noqa: PLC0415  loads Starlette

    serve(
        folder,
        address=listen,
        port=port,
        open_browser=open_browser,
        threads=common.threads,
        device=common.device,
        tell=typer.echo,
    )
