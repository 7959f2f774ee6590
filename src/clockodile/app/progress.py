"""What commands print: safe on any terminal and in any pipe; and how a run reports while it goes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

from clockodile.core.atomic_files import read_json
from clockodile.core.errors import UserError, os_reason

if TYPE_CHECKING:  # the command line must not wait for torch
    from clockodile.core.workspace import Run


def prepare_streams() -> None:
    """Escape letters that a terminal's encoding lacks, and put a sink where a stream is closed.

    Without stderr `print` would write messages to stdout, into the user's table.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def write_stdout(text: str | Iterable[str]) -> None:
    """Results and progress. A reader that has seen enough (`| head`) is no error: the work goes on without it.

    Raises UserError for a full disk.
    """
    error = _write(sys.stdout, text)
    if error is not None and not isinstance(error, BrokenPipeError):
        raise UserError(f"stdout: {os_reason(error)}") from error


def print_stderr(line: str) -> None:
    """One line for people, on stderr; one that is closed or full is no reason to stop."""
    _write(sys.stderr, line + "\n")


def _write(stream: TextIO | None, text: str | Iterable[str]) -> OSError | None:
    """What kept the text from being written; None when nothing did, or nobody wants it."""
    if stream is None:
        return None
    try:
        stream.writelines([text] if isinstance(text, str) else text)
        stream.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # or Python complains again at its end
        return error
    return None


class Progress:
    """Called by `run_notebooks` as it goes; this one prints nothing. An exception raised in it ends the run."""

    def started(self, number: int, total: int, name: str) -> None:
        """Notebook `name`, the `number`-th of `total`, starts."""

    def finished(self, number: int, total: int, name: str, seconds: float) -> None:
        """It ran to its end."""

    def failed(self, number: int, total: int, name: str, seconds: float) -> None:
        """It did not."""


class ProgressPrinter(Progress):
    """Prints a heading, a line for each notebook and, after the first, where the images came from."""

    def __init__(self, run: Run, recipe_why: str = ""):
        """recipe_why: why this recipe was taken when the user named none."""
        self.run, self.recipe_why = run, recipe_why
        self.heading_printed = self.source_printed = False
        self.terminal = sys.stdout.isatty()

    def started(self, number: int, total: int, name: str) -> None:
        """The heading comes with the first notebook, so that a mistake before it stays one line.

        On a terminal a notebook's line begins at once; elsewhere it is printed whole at the end.
        """
        if not self.heading_printed:
            why = f" ({self.recipe_why})" if self.recipe_why else ""
            profile = f"{self.run.profile.name}, seed {self.run.seed}"
            write_stdout(
                f"recipe   {self.run.recipe.name}{why}\nprofile  {profile}\nfolder   {self.run.dir}\n"
            )
            self.heading_printed = True
        if self.terminal:
            write_stdout(label(number, total, name))

    def finished(self, number: int, total: int, name: str, seconds: float) -> None:
        """Duration, and after the first notebook the source of the images."""
        self.ended(number, total, name, duration(seconds))
        if not self.source_printed:
            self.print_source()

    def failed(self, number: int, total: int, name: str, seconds: float) -> None:
        """Duration until it failed; the reason goes to stderr."""
        self.ended(number, total, name, f"stopped after {duration(seconds).strip()}")

    def ended(self, number: int, total: int, name: str, text: str) -> None:
        """The rest of a notebook's line, or all of it."""
        write_stdout((text if self.terminal else label(number, total, name) + text) + "\n")

    def print_source(self) -> None:
        """The source of the images and why it was taken; loudly when they are not photographs."""
        card = read_json(self.run.dir / "data_card.json") or {}
        source = card.get("source")
        if not source:
            return
        if stamp := source.get("stamp"):
            text = f"images   {source['kind']}\nNOTE: {stamp} images, not photographs: {source['why']}\n"
        else:
            text = f"images   {source['kind']}: {source['why']}\n"
        text += "".join(f"NOTE: {warning}\n" for warning in card.get("warnings", ()))
        write_stdout(text)
        self.source_printed = True


def label(number: int, total: int, name: str) -> str:
    """How a notebook's line begins."""
    return f"[{number}/{total}] {name:<18} "


def duration(seconds: float) -> str:
    """ "38 s" or "12 min 05 s"."""
    whole = round(seconds)
    return f"{whole:3d} s" if whole < 60 else f"{whole // 60:3d} min {whole % 60:02d} s"
