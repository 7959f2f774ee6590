"""Which files in a folder are worth opening, in what order, and how their names are written down."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

from clockodile.core.errors import os_reason
from clockodile.data.collection import FileNote

SUFFIXES = frozenset(
    (
        ".png .apng .jpg .jpeg .jpe .jfif .gif .webp .bmp .dib .tif .tiff .ppm .pgm .pbm .pnm .avif .jp2"
        " .heic .heif .hif"
    ).split()
)
DROPPINGS = frozenset(
    ".ds_store thumbs.db ehthumbs.db desktop.ini __macosx @eadir $recycle.bin .trashes".split()
)


def printable(text: str) -> str:
    """`text` in composed Unicode; control characters and bytes that are no text are written as escapes.

    File names may hold both; neither survives a CSV or JSON file, and macOS stores accents decomposed.
    """
    bad = {"Cc", "Cs", "Zl", "Zp"}
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in bad else c
        for c in unicodedata.normalize("NFC", text)
    )


def _natural(text: str) -> tuple:
    """Runs of digits as numbers, everything else as text, in a form that can be compared."""
    runs = [run for run in re.split(r"(\d+)", text) if run]
    return tuple((0, int(run), "") if run.isdecimal() else (1, 0, run) for run in runs)


def natural_key(path: str) -> tuple:
    """Sort key of a POSIX path: 2 before 10, capitals beside small letters, the same on every file system."""
    stem, suffix = os.path.splitext(unicodedata.normalize("NFC", path))
    parts = tuple(_natural(part) for part in stem.casefold().split("/"))
    return (parts, suffix.casefold(), path)


def hidden(name: str) -> str:
    """Why a file or folder of this name is not looked at; empty if it is."""
    if name.casefold() in DROPPINGS:
        return "left by the operating system"
    return "hidden" if name.startswith(".") else ""


MADE_HERE = (
    "run.json",
    "data_card.json",
)  # files by which a folder that a run or a notebook wrote into is known


def made_here(folder: str | Path) -> bool:
    """Whether this program wrote into a folder: its charts and copies are nobody's photographs."""
    marks = MADE_HERE
    if os.path.basename(folder) == "figures":
        marks += tuple(os.path.join("..", mark) for mark in marks)
    return any(os.path.isfile(os.path.join(folder, mark)) for mark in marks)


def _identity(path: str | Path) -> tuple[int, int]:
    """What two paths to the same folder have in common."""
    info = os.stat(path)
    return info.st_dev, info.st_ino


def _sorted_entries(folder: str) -> list[os.DirEntry]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: natural_key(entry.name))


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _refusal(entry: os.DirEntry, seen: set[tuple[int, int]]) -> str:
    """Why a directory entry is not worth opening; empty if it is. seen: identities of the folders read already."""
    folder, suffix = _is_folder(entry), os.path.splitext(entry.name)[1].lower()
    if hidden(entry.name):
        return hidden(entry.name) + " (folder)" * folder
    if folder and _identity(entry.path) in seen:
        return "link to a folder that is read already"
    if folder:
        return "made by this program (folder)" if made_here(entry.path) else ""
    return "" if suffix in SUFFIXES else f"not an image type ({suffix or 'no suffix'})"


def scan_folder(folder: Path, *, base: Path | None = None) -> tuple[list[Path], list[FileNote]]:
    """Every image file in a folder and the folders inside it, in natural order; a note for every other file.

    base: what the paths in the notes are relative to, by default `folder`. Links to folders are followed,
    each real folder is read once, and no link leads back up. Only names are judged; `read_image` judges
    contents.
    """
    base = folder if base is None else base
    files: list[str] = []
    notes: list[FileNote] = []

    def note(path: str, reason: str) -> None:
        notes.append(FileNote(printable(Path(os.path.relpath(path, base)).as_posix()), reason))

    seen = {_identity(above) for above in (*folder.absolute().parents, *folder.resolve().parents, folder)}
    waiting = [str(folder)]  # not recursion: folders may be nested deeper than Python's stack
    while waiting:
        here = waiting.pop()
        try:
            for entry in _sorted_entries(here):
                reason = _refusal(entry, seen)
                if reason:
                    note(entry.path, reason)
                elif _is_folder(entry):
                    seen.add(_identity(entry.path))
                    waiting.append(entry.path)
                else:
                    files.append(entry.path)
        except OSError as error:
            note(here, f"folder cannot be opened ({os_reason(error)})")
    files.sort(key=lambda path: natural_key(Path(os.path.relpath(path, folder)).as_posix()))
    return [Path(path) for path in files], sorted(notes, key=lambda n: natural_key(n.path))
