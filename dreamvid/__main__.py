"""The command, and ``python -m dreamvid``."""

import sys

EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line; one that is interrupted while it loads is as quiet as one that is later."""
    try:
        from dreamvid.cli.main import main as run  # noqa: PLC0415  takes a third of a second

        run()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
