"""DeepDream for moving pictures."""

from dreamvid._version import __version__

__all__ = ["__version__"]
