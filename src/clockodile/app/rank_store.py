"""What a ranking knows so far, in a small database: so it can be interrupted, and need not fit into memory.

Paths are stored as bytes: a file's name need not be text.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from clockodile.app.predict import Tell
from clockodile.app.ranker import Ranker
from clockodile.data.collection import FileNote
from clockodile.data.files import read_images

BATCH = 64  # files decoded and judged together; what is done is kept after each batch
EVERY = 10  # seconds between two lines about the progress


def open_store(path: Path) -> sqlite3.Connection:
    """The database of a ranking; one that is damaged is begun anew.

    Raises sqlite3.OperationalError when it cannot be opened or another ranking is at work on it.
    """
    try:
        return _opened(path)
    except sqlite3.OperationalError:  # locked, or a folder one may not write in: not ours to delete
        raise
    except sqlite3.DatabaseError:
        path.unlink(missing_ok=True)
        return _opened(path)


def _opened(path: Path) -> sqlite3.Connection:
    store = sqlite3.connect(path)
    try:
        store.execute(
            "CREATE TABLE IF NOT EXISTS images (path BLOB PRIMARY KEY, place INTEGER, size INTEGER, "
            "changed INTEGER, turn INTEGER, score REAL, finer REAL, quadrant TEXT, reason TEXT, numbers TEXT)"
        )
    except sqlite3.DatabaseError:
        store.close()
        raise
    return store


def judge_all(ranker: Ranker, files: Sequence[str], store: sqlite3.Connection, tell: Tell) -> None:
    """Judge every file that has no score in the store as it is now; forget files that are gone."""
    turn = (store.execute("SELECT MAX(turn) FROM images").fetchone()[0] or 0) + 1
    start = told_at = time.monotonic()
    known = 0
    for some in batches(list(enumerate(files))):
        stamps = {path: stamp(path) for _, path in some}
        fresh = []
        for place, path in some:
            found = store.execute(
                "SELECT size, changed FROM images WHERE path = ? AND score IS NOT NULL", (os.fsencode(path),)
            ).fetchone()
            if found is not None and found == stamps[path]:
                store.execute(
                    "UPDATE images SET turn = ?, place = ? WHERE path = ?", (turn, place, os.fsencode(path))
                )
                known += 1
            else:
                fresh.append((place, path))
        if fresh:
            keep(ranker, fresh, stamps, store, turn)
        store.commit()
        done = some[-1][0] + 1
        if time.monotonic() - told_at > EVERY:
            told_at = time.monotonic()
            tell(progress(done, known, len(files), told_at - start))
    store.execute("DELETE FROM images WHERE turn < ?", (turn,))
    store.commit()
    if known:
        tell(f"{known} of {len(files)} images were judged before")


def progress(done: int, known: int, total: int, seconds: float) -> str:
    """One line: how far, and how long the rest will take at the pace of the images that had to be judged."""
    judged = done - known
    left = f", about {seconds / judged * (total - done) / 60:.0f} min left" if judged else ""
    return f"{done} of {total} images{left}"


def batches(files: Sequence) -> Iterator[Sequence]:
    """The files in parts of BATCH."""
    for start in range(0, len(files), BATCH):
        yield files[start : start + BATCH]


def stamp(path: str) -> tuple[int, int]:
    """Size and time of the last change of a file, by which it is known again; (-1, -1) when it is gone."""
    try:
        info = os.stat(path)
    except OSError:
        return -1, -1
    return info.st_size, info.st_mtime_ns


def keep(ranker, numbered, stamps, store, turn: int) -> None:
    """Judge some files and put them into the store, those that cannot be read with the reason.

    numbered: (place, path) of each.
    """
    read = read_images([Path(path) for _, path in numbered], ranker.image_size)
    usable = [pixels for pixels, _ in read if pixels is not None]
    judged = iter(ranker.rows(np.stack(usable)) if usable else [])
    for (place, path), (pixels, why) in zip(numbered, read, strict=True):
        row = (None, None, "", why, "") if pixels is None else next(judged)
        values = (os.fsencode(path), place, *stamps[path], turn, *row)
        store.execute("INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


# --- reading ---------------------------------------------------------------------------------------------------


def count_judged(store: sqlite3.Connection) -> int:
    """How many images of the present turn have a score."""
    asked = "SELECT COUNT(*) FROM images WHERE score IS NOT NULL AND turn = (SELECT MAX(turn) FROM images)"
    return store.execute(asked).fetchone()[0]


def unreadable(store: sqlite3.Connection) -> list[FileNote]:
    """The files that could not be read, and why."""
    rows = store.execute("SELECT path, reason FROM images WHERE score IS NULL ORDER BY place")
    return [FileNote(os.fsdecode(path), reason) for path, reason in rows]


def ranked(store: sqlite3.Connection, count: int = -1) -> Iterator[tuple[str, float, str, str, str]]:
    """Path, score, quadrant, reason and numbers (JSON: probabilities, evidence), the highest score first.

    count: how many; -1 for all. Equal scores are told apart by the smaller log-odds. Sorted by the database, on disk
    if need be.
    """
    asked = "SELECT path, score, quadrant, reason, numbers FROM images WHERE score IS NOT NULL"
    for path, *rest in store.execute(f"{asked} ORDER BY score DESC, finer DESC, place LIMIT ?", (count,)):
        yield os.fsdecode(path), *rest
