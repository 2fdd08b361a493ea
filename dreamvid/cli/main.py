"""The ``dreamvid`` command: its subcommands, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreamvid._version import __version__
from dreamvid.cli import demo, doctor, image, models, video
from dreamvid.errors import DreamvidError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

UsageError: Any = typer.BadParameter.__mro__[1]  # click's own, which newer Typers carry under another name
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="dreamvid",
    help="DeepDream for moving pictures: dream whole videos and stills.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("video")(video.video)
app.command("image")(image.image)
app.command("demo")(demo.demo)
app.add_typer(models.app, name="models")
app.command("doctor")(doctor.doctor)


def _show_version(wanted: bool) -> None:  # noqa: FBT001  Typer calls it with the flag's value
    if wanted:
        typer.echo(f"dreamvid {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where an error came from.")] = False,
) -> None:
    """DeepDream for moving pictures: dream whole videos and stills."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code.

    0 done, 1 an error (one line on stderr), 2 an unknown option or a missing argument, 130 interrupted.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = app(arguments or ["--help"], prog_name="dreamvid", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED  # Typer makes this of most interruptions itself
    except UsageError as error:
        _say(f"{' '.join(error.format_message().split())} ('dreamvid --help' lists what there is)")
        sys.exit(EXIT_USAGE)
    except Exception as error:
        if "--traceback" in arguments:
            raise
        _say(explain(error))
        sys.exit(EXIT_ERROR)
    if code == EXIT_INTERRUPTED:
        _say("interrupted: nothing was written; the same command starts anew")
    sys.exit(code if isinstance(code, int) else 0)


def explain(error: Exception) -> str:
    """Return the line that is printed for an error."""
    text = " ".join(str(error).split())
    if isinstance(error, DreamvidError):
        return text
    if isinstance(error, ImportError) and any(lib in text for lib in ("libGL", "libgthread", "libglib")):
        return (
            f"OpenCV cannot load here ({text}): the desktop build is installed; "
            "run 'pip uninstall opencv-python opencv-contrib-python' and "
            "'pip install --force-reinstall opencv-python-headless', or install the system package libgl1"
        )
    if isinstance(error, ImportError):
        return f"a package is missing or broken ({text}); reinstall with 'pip install --force-reinstall dreamvid'"
    if isinstance(error, MemoryError):
        return "out of memory; try a smaller --dream-width, or --tile 256"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'system'}: {error.strerror}"
    return f"unexpected {type(error).__name__}: {text or 'no message'} (--traceback shows where)"


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  a signal handler's signature
    raise KeyboardInterrupt


def _say(text: str) -> None:
    sys.stderr.write(f"dreamvid: {text}\n")


if __name__ == "__main__":
    main()
