"""The ``dreamvid`` command: its subcommands, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from dreamvid._version import __version__
from dreamvid.cli import (
    activations,
    atlas,
    demo,
    doctor,
    gan,
    image,
    jobs,
    measure,
    models,
    plan,
    presets,
    render,
    replay,
    studio,
    sweep,
    video,
    walk,
    worker,
    zoom,
)
from dreamvid.cli.explain import explain
from dreamvid.cli.interrupt import Interrupted, set_handler
from dreamvid.cli.notices import notices_to
from dreamvid.cli.progress import Lines
from dreamvid.errors import SettingsError
from dreamvid.text import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="dreamvid",
    help="DeepDream for video: dream videos, zoom trips and still images.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("video")(video.video)
app.command("zoom")(zoom.zoom)
app.command("image")(image.image)
app.command("atlas")(atlas.atlas)
app.command("sweep")(sweep.sweep)
app.command("render")(render.render)
app.command("worker", hidden=True)(worker.worker)
app.command("replay")(replay.replay)
app.command("plan")(plan.plan)
app.command("part")(plan.part)
app.command("join")(plan.join)
app.add_typer(presets.app, name="presets")
app.command("studio")(studio.studio)
app.command("demo")(demo.demo)
app.command("jobs")(jobs.jobs)
app.command("measure")(measure.measure)
app.command("activations")(activations.activations)
gan.app.command("walk")(walk.walk)
gan.app.command("grid")(walk.grid)
app.add_typer(gan.app, name="gan")
app.add_typer(models.app, name="models")
app.command("doctor")(doctor.doctor)


def _print_version(value: bool) -> None:  # noqa: FBT001  Typer calls it with the flag's value
    if value:
        typer.echo(f"dreamvid {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show the traceback of an error.")] = False,
) -> None:
    """DeepDream for video: dream videos, zoom trips and still images."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Exit codes: 0 success, 1 an error (one line on stderr), 2 an unknown option or a missing argument,
    130 interrupted.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    _open_standard_streams()
    set_handler(("SIGTERM", "SIGHUP"), _interrupt)  # they tidy up as Ctrl-C does
    try:
        _check_arguments(arguments)
        with notices_to(Lines()):  # for commands without a display of their own
            code = app(
                arguments or ["--help"], prog_name="dreamvid", standalone_mode=False, obj=tuple(arguments)
            )
    except Interrupted as error:
        _print_error(str(error))
        sys.exit(EXIT_INTERRUPTED)
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED  # Typer itself turns most interruptions into this code
    except typer.TyperException as error:
        _print_error(_explain_usage(error, arguments))
        sys.exit(error.exit_code)  # 2
    except Exception as error:
        if "--traceback" in arguments:
            raise
        _print_error(explain(error))
        sys.exit(EXIT_ERROR)
    if code == EXIT_INTERRUPTED:
        _print_error("interrupted: nothing was written; the same command starts anew")
    sys.exit(code if isinstance(code, int) else 0)


def _check_arguments(arguments: Sequence[str]) -> None:
    """Raise a ``SettingsError`` for a null character, which no file name can hold."""
    for argument in arguments:
        if "\0" in argument:
            raise SettingsError(f"{quoted(argument)}: a null character cannot be part of a name or value")


def _explain_usage(error: typer.TyperException, arguments: Sequence[str]) -> str:
    """Return the line for a command that cannot be understood."""
    text = " ".join(error.format_message().split()).rstrip(".")
    dashed_file = next((a for a in arguments if a.startswith("-") and os.path.lexists(a)), None)
    if dashed_file is not None:
        return f"{text}; a file whose name begins with a dash is written ./{dashed_file}"
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "dreamvid"
    return f"{text}; '{command} --help' lists what there is"


def _open_standard_streams() -> None:
    """Open closed standard streams on the null device, and let no character be an error in the others.

    A file would otherwise get the number of a closed stream, and C libraries would print into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+", encoding="utf-8"))  # noqa: PTH123, SIM115  for good
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  a signal handler's signature
    raise KeyboardInterrupt


def _print_error(text: str) -> None:
    with suppress(OSError):  # stderr may be closed
        sys.stderr.write(f"dreamvid: {text}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    main()
