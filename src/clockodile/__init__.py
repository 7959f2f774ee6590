"""Clockodile: classify tiny photographs, find those that look like both classes, make new ones that do."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("clockodile")
except PackageNotFoundError:  # imported from a source tree that was never installed
    __version__ = "0+unknown"
