"""Which files in a folder are worth opening, in what order, and how their names are written down."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from clockodile.core.atomic_files import read_json
from clockodile.core.errors import os_reason
from clockodile.data.collection import FileNote

SUFFIXES = frozenset(
    (
        ".png .apng .jpg .jpeg .jpe .jfif .gif .webp .bmp .dib .tif .tiff .ppm .pgm .pbm .pnm .avif .jp2"
        " .heic .heif .hif"
    ).split()
)
DROPPINGS = frozenset(".ds_store thumbs.db ehthumbs.db desktop.ini __macosx @eadir $recycle.bin .trashes".split())


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


def is_run(folder: Path) -> bool:
    """Whether a run, or a notebook by itself, has written into a folder: its record or its provenance says so."""
    if isinstance((read_json(folder / "run.json") or {}).get("notebooks"), dict):
        return True
    records = (read_json(path) or {} for path in (folder / "provenance").rglob("*.json"))
    return any({"config", "key", "sha256"} <= record.keys() for record in records)


def made_here(folder: str | Path) -> bool:
    """Whether this program wrote what lies in a folder: its charts and copies are nobody's photographs."""
    folder = Path(folder)
    return is_run(folder) or (folder.name == "figures" and is_run(folder.parent))


def _folder_refusal(path: str) -> str:
    """Why a folder is not looked into; empty if it is."""
    if reason := hidden(os.path.basename(path)):
        return f"{reason} (folder)"
    if os.path.islink(path):
        return "link to a folder"
    return "made by this program (folder)" if made_here(path) else ""


def scan_folder(folder: Path, *, base: Path | None = None) -> tuple[list[Path], list[FileNote]]:
    """Every image file in a folder and the folders inside it, in natural order; a note for every other file.

    base: what the paths in the notes are relative to, by default `folder`, which may be a link; links to folders inside
    it are not followed. Only names are judged; `read_image` judges contents.
    """
    base = folder if base is None else base
    files: list[str] = []
    notes: list[FileNote] = []

    def note(path: str, reason: str) -> None:
        notes.append(FileNote(printable(Path(os.path.relpath(path, base)).as_posix()), reason))

    def note_error(error: OSError) -> None:
        note(error.filename, f"folder cannot be opened ({os_reason(error)})")

    for here, folders, names in os.walk(folder, onerror=note_error):
        folders.sort(key=natural_key)
        for name in list(folders):
            path = os.path.join(here, name)
            if reason := _folder_refusal(path):
                note(path, reason)
                folders.remove(name)
        for name in names:
            path, suffix = os.path.join(here, name), os.path.splitext(name)[1].lower()
            if hidden(name) or suffix not in SUFFIXES:
                note(path, hidden(name) or f"not an image type ({suffix or 'no suffix'})")
            else:
                files.append(path)
    files.sort(key=lambda path: natural_key(Path(os.path.relpath(path, folder)).as_posix()))
    return [Path(path) for path in files], sorted(notes, key=lambda n: natural_key(n.path))


def files_state(files: Iterable[Path]) -> str:
    """16 hexadecimal digits that change when a file is added, removed, renamed or written."""
    digest = hashlib.sha256()
    for path in files:
        with suppress(OSError):  # reading it says what is wrong
            info = os.stat(path)
            digest.update(os.fsencode(path) + f"\0{info.st_size} {info.st_mtime_ns} ".encode())
    return digest.hexdigest()[:16]
