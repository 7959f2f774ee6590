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

from clockodile.ambiguous.ranker import Ranker
from clockodile.classify.predict_command import Tell
from clockodile.data.collection import FileNote
from clockodile.data.files import read_images
from clockodile.errors import UserError

BATCH = 64  # files decoded and judged together; what is done is kept after each batch
EVERY = 10  # seconds between two lines about the progress


def open_store(path: Path) -> sqlite3.Connection:
    """The database of a ranking; a damaged one is begun anew."""
    for fresh in (False, True):
        if fresh:
            path.unlink(missing_ok=True)
        store = sqlite3.connect(path)
        try:
            store.execute(
                "CREATE TABLE IF NOT EXISTS images (path BLOB PRIMARY KEY, place INTEGER, size INTEGER, "
                "changed INTEGER, turn INTEGER, score REAL, quadrant TEXT, reason TEXT, numbers TEXT)"
            )
            return store
        except sqlite3.DatabaseError:
            store.close()
    raise UserError(f"{path} cannot be used; delete it")


def judge_all(ranker: Ranker, files: Sequence[str], store: sqlite3.Connection, tell: Tell) -> None:
    """Judge every file that is not in the store as it is now; forget files that are gone."""
    turn = (store.execute("SELECT MAX(turn) FROM images").fetchone()[0] or 0) + 1
    start = told_at = time.monotonic()
    done = known = 0
    for some in batches(files):
        stamps = {path: stamp(path) for path in some}
        fresh = []
        for path in some:
            found = store.execute(
                "SELECT size, changed FROM images WHERE path = ?", (os.fsencode(path),)
            ).fetchone()
            if found is not None and found == stamps[path]:
                store.execute(
                    "UPDATE images SET turn = ?, place = ? WHERE path = ?", (turn, done, os.fsencode(path))
                )
                known += 1
            else:
                fresh.append(path)
            done += 1
        if fresh:
            keep(ranker, fresh, stamps, store, turn, done)
        store.commit()
        if time.monotonic() - told_at > EVERY:
            told_at = time.monotonic()
            left = (told_at - start) / max(1, done - known) * (len(files) - done)
            tell(f"{done} of {len(files)} images, about {left / 60:.0f} min left")
    store.execute("DELETE FROM images WHERE turn < ?", (turn,))
    store.commit()
    if known:
        tell(f"{known} of {len(files)} images were judged before")


def batches(files: Sequence[str]) -> Iterator[Sequence[str]]:
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


def keep(ranker, paths, stamps, store, turn: int, place: int) -> None:
    """Judge some files and put them into the store, those that cannot be read with the reason."""
    read = read_images([Path(path) for path in paths], ranker.image_size)
    usable = [pixels for pixels, _ in read if pixels is not None]
    judged = iter(ranker.rows(np.stack(usable)) if usable else [])
    for number, (path, (pixels, why)) in enumerate(zip(paths, read, strict=True)):
        row = (None, "", why, "") if pixels is None else next(judged)
        values = (os.fsencode(path), place + number, *stamps[path], turn, *row)
        store.execute("INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


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

    count: how many; -1 for all. Sorted by the database, on disk if need be.
    """
    asked = "SELECT path, score, quadrant, reason, numbers FROM images WHERE score IS NOT NULL"
    for path, *rest in store.execute(f"{asked} ORDER BY score DESC, place LIMIT ?", (count,)):
        yield os.fsdecode(path), *rest
