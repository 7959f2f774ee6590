"""The user's folders as a source: every usable image in the class folders, and a note on everything else."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clockodile.core.errors import UserError
from clockodile.core.recipes import Recipe
from clockodile.data.class_folders import any_classes, folders_in, is_background, named_classes
from clockodile.data.collection import BACKGROUND, TRAIN, Collection, FileNote, Source
from clockodile.data.files import read_images
from clockodile.data.scan import hidden, natural_key, printable, scan_folder

LOG = logging.getLogger("clockodile").info
UNEQUAL = 5  # times as many images in the largest class as in the smallest, from which on it is noted


@dataclass(frozen=True)
class _Picture:
    """One usable image and where it came from."""

    path: str  # POSIX, relative to the folder that holds the class folder
    shown: str  # POSIX, relative to the data folder, for notes
    label: int  # -1 for background
    pixels: np.ndarray  # uint8 (S, S, 3)
    digest: bytes  # of the pixels: the same image under two names has the same


# --- reading them -------------------------------------------------------------------------------------------


def _relative(path: Path, base: Path) -> str:
    return printable(path.relative_to(base).as_posix())


def _read_folder(
    folder: Path, label: int, *, root: Path, image_size: int, log: Callable[[str], None]
) -> tuple[list[_Picture], list[FileNote]]:
    """Every usable image in a class folder, in natural order, and a note for each file refused or changed."""
    files, notes = scan_folder(folder, base=root)
    pictures = []
    for path, (pixels, text) in zip(files, read_images(files, image_size, log=log), strict=True):
        shown = _relative(path, root)
        if text:
            notes.append(FileNote(shown, text, used=pixels is not None))
        if pixels is not None:
            digest = hashlib.sha256(pixels.tobytes()).digest()
            pictures.append(_Picture(_relative(path, folder.parent), shown, label, pixels, digest))
    return pictures, notes


def _drop_conflicts(
    pictures: list[_Picture], classes: tuple[str, ...]
) -> tuple[list[_Picture], list[FileNote]]:
    """Leave out images that stand in two classes, and background that is a labelled image.

    Such an image cannot be right in both places, and only its owner knows which is wrong. The same image
    twice in one class stays: the two are grouped later, so that no split parts them.
    """
    labels = defaultdict(set)
    for picture in pictures:
        if picture.label >= 0:
            labels[picture.digest].add(picture.label)
    kept, notes = [], []
    for picture in pictures:
        found = sorted(labels.get(picture.digest, ()))
        names = " and ".join(f"'{classes[label]}'" for label in found)
        if len(found) > 1:
            notes.append(FileNote(picture.shown, f"same image in {names}; left out"))
        elif picture.label < 0 and found:
            notes.append(FileNote(picture.shown, f"same image in class {names}; left out of the background"))
        else:
            kept.append(picture)
    return kept, notes


def _unique_ids(pictures: list[_Picture]) -> list[str]:
    """Each image's path without suffix; with it where two files differ in nothing else."""
    stems = [os.path.splitext(picture.path)[0] for picture in pictures]
    count = Counter(stems)
    ids = [stem if count[stem] == 1 else picture.path for stem, picture in zip(stems, pictures, strict=True)]
    seen = Counter()
    for row, name in enumerate(ids):  # two background folders of one name, or "a.png" beside "a.png.png"
        seen[name] += 1
        if seen[name] > 1:
            ids[row] = f"{name}#{seen[name]}"
    return ids


# --- what a user has to know --------------------------------------------------------------------------------


def _check_counts(
    recipe: Recipe, folders: dict[str, Path], counts: Counter, notes: list[FileNote], root: Path
):
    """Raise UserError for the first class with too few usable images, with the commonest refusal."""
    for name, folder in folders.items():
        if counts[name] >= recipe.min_per_class:
            continue
        inside = _relative(folder, root) + "/"
        refused = [n.reason for n in notes if not n.used and n.path.startswith(inside)]
        reasons = Counter(r.split(":")[0] for r in refused if not r.startswith(("hidden", "left by")))
        why = "; commonest refusal: {} ({} files)".format(*reasons.most_common(1)[0]) if reasons else ""
        raise UserError(
            f"class '{name}' has {counts[name]} usable images in {folder}, {recipe.min_per_class} are needed"
            f"{why}; add images"
        )


def _note_unequal(folders: dict[str, Path], counts: Counter, root: Path) -> list[FileNote]:
    small, large = min(folders, key=counts.__getitem__), max(folders, key=counts.__getitem__)
    if counts[large] <= UNEQUAL * counts[small]:
        return []
    text = f"very unequal classes: {counts[small]} images here, {counts[large]} in '{large}'"
    return [FileNote(_relative(folders[small], root), text, used=True)]


def _note_ignored(recipe: Recipe, holder: Path, folders: dict[str, Path], root: Path) -> list[FileNote]:
    """Notes on what lies beside the class folders, and on class folders that are spelled differently."""
    notes = []
    for path in sorted(holder.iterdir(), key=lambda path: natural_key(path.name)):
        name = next((name for name, folder in folders.items() if folder == path), None)
        own_root = holder == root and path == root / recipe.name
        if name is not None and name != printable(path.name):
            notes.append(FileNote(_relative(path, root), f"taken for class '{name}'", used=True))
        elif name is None and not is_background(path, recipe) and not own_root:
            place = "no class of this recipe" if path.is_dir() else "lies in no class folder"
            notes.append(FileNote(_relative(path, root), hidden(path.name) or place))
    return notes


def _leave_out_empty(
    folders: dict[str, Path], images: dict[str, int], root: Path
) -> tuple[dict, list[FileNote]]:
    """Folders without image files are no classes, as long as two others remain. images: files in each."""
    full = {name: folder for name, folder in folders.items() if images[name]}
    if len(full) < 2:
        return folders, []
    empty = [folder for name, folder in folders.items() if not images[name]]
    return full, [
        FileNote(_relative(folder, root), "no images in this folder; not a class") for folder in empty
    ]


# --- the collection -----------------------------------------------------------------------------------------


def _where(root: Path, holder: Path) -> str:
    """The data folder by its name, and what lies below: reports are passed on, so no private paths."""
    return printable(Path(root.resolve().name, holder.relative_to(root)).as_posix())


def _as_collection(
    pictures: list[_Picture], classes: tuple[str, ...], source: Source, notes: list[FileNote]
) -> Collection:
    return Collection(
        images=np.stack([picture.pixels for picture in pictures]),
        labels=np.array([picture.label for picture in pictures], np.int64),
        ids=np.array(_unique_ids(pictures)),
        split=np.array([TRAIN if picture.label >= 0 else BACKGROUND for picture in pictures]),
        classes=classes,
        source=source,
        notes=tuple(sorted(notes, key=lambda note: natural_key(note.path))),
    )


def folder_collection(
    recipe: Recipe, data_dir: Path, image_size: int, *, log: Callable[[str], None] = LOG
) -> Collection:
    """The images in the folders `<data_dir>/<recipe name>/<class>` or `<data_dir>/<class>`, all as train.

    image_size: pixels a side that everything is cropped and scaled to. Folders named in recipe.background,
    beside or above the class folders, become background. Raises UserError for classes missing or too small.
    """
    root = Path(data_dir)
    holder, folders = (named_classes if recipe.classes else any_classes)(recipe, root)
    notes = _note_ignored(recipe, holder, folders, root)
    if not recipe.classes:
        folders, empty = _leave_out_empty(
            folders, {n: len(scan_folder(f)[0]) for n, f in folders.items()}, root
        )
        notes += empty
    beside = {
        folder for place in (root, holder) for folder in folders_in(place) if is_background(folder, recipe)
    }
    places = [(folder, label) for label, folder in enumerate(folders.values())]
    places += [
        (folder, -1) for folder in sorted(beside, key=lambda folder: natural_key(_relative(folder, root)))
    ]
    pictures = []
    for folder, label in places:
        found, said = _read_folder(folder, label, root=root, image_size=image_size, log=log)
        pictures += found
        notes += said
    classes = tuple(folders)
    pictures, conflicts = _drop_conflicts(pictures, classes)
    notes += conflicts
    counts = Counter(classes[picture.label] for picture in pictures if picture.label >= 0)
    _check_counts(recipe, folders, counts, notes, root)
    notes += _note_unequal(folders, counts, root)
    source = Source(
        "folder", _where(root, holder), "a data folder was given", "that of the photographs in the folder"
    )
    return _as_collection(pictures, classes, source, notes)
