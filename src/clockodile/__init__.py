"""Clockodile: classify tiny photographs, find those that look like both classes, make new ones that do."""

from importlib.metadata import PackageNotFoundError, version

from clockodile.app.memory import keep_freed_memory

keep_freed_memory()  # here, because notebooks, commands and tests all pass here before they compute

try:
    __version__ = version("clockodile")
except PackageNotFoundError:  # imported from a source tree that was never installed
    __version__ = "0+unknown"
