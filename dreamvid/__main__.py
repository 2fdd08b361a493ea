"""``python -m dreamvid``."""

from dreamvid.cli.main import main

main()
