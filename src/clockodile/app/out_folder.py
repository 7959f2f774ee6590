"""The folder that a command writes into: made and tried before the work, and written by one command at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from clockodile.core.errors import UserError, os_reason


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
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"another command is writing in {folder}; wait for it or give another --out"
        ) from None
    try:
        yield
    finally:
        lock.release()
