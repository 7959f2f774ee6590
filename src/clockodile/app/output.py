"""What commands write: text, safe on any terminal and in any pipe, and folders that one command at a time fills."""

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from filelock import FileLock, Timeout

from clockodile.core.errors import UserError, os_reason


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


def make_writable(folder: Path) -> None:
    """Make a folder and try to write in it. Raises UserError when that cannot be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = "it is a file" if folder.is_file() else os_reason(error)
        raise UserError(f"cannot write in {folder}: {reason}; give another --out") from None


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the system drops it however this process ends. Raises UserError when another has it."""
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise UserError(f"another command is writing in {folder}; wait for it or give another --out") from None
