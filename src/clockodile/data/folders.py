"""The user's folders as a source: every usable image in the class folders, and a note on everything else."""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from clockodile.core.errors import UserError, os_reason
from clockodile.core.recipes import Recipe
from clockodile.data.class_folders import any_classes, folders_in, is_background, named_classes, refuse_split
from clockodile.data.collection import BACKGROUND, TRAIN, Collection, FileNote, Source
from clockodile.data.files import InvalidImage, Read, image_sides, read_image, read_images
from clockodile.data.scan import files_state, hidden, made_here, natural_key, printable, scan_folder

UNEQUAL = 5  # times as many images in the largest class as in the smallest, from which on it is noted
SIDES = (32, 64, 96)  # pixels that pictures of a user's photographs may have a side
ASKED = 200  # photographs whose size is looked up to choose one of these
MOST_VALUES = 2_000_000  # pixels of all pictures together: with more, a quick run would not stay quick
UNREADABLE = "folder cannot be opened"  # how the note on such a folder begins


@dataclass(frozen=True)
class _Folder:
    """A folder of one class, or of background, and what its names promise."""

    path: Path
    name: str  # of the class; "" for background
    root: Path  # what paths in notes are relative to
    files: list[Path]  # that may be images, in natural order
    notes: list[FileNote]  # on all other files

    def refusals(self, notes: list[FileNote]) -> tuple[int, str]:
        """How many files in it, or whether the folder itself, were not used; and the commonest reason in words."""
        place = _relative(self.path, self.root)
        inside = [n for n in notes if not n.used and (n.path == place or n.path.startswith(place + "/"))]
        refused = [n.reason for n in inside if not n.reason.startswith(("hidden", "left by", "made by"))]
        if not refused:
            return 0, "it holds no files"
        commonest = Counter(reason.split(":")[0] for reason in refused).most_common(1)[0]
        return len(refused), "commonest refusal: {} ({} files)".format(*commonest)


@dataclass(frozen=True)
class _Picture:
    """One usable image and where it came from."""

    path: str  # POSIX, relative to the folder that holds the class folder
    shown: str  # POSIX, relative to the data folder, for notes
    label: int  # -1 for background
    pixels: np.ndarray  # uint8 (S, S, 3)
    digest: bytes  # of the pixels: the same image under two names has the same


# --- finding them -------------------------------------------------------------------------------------------


def _relative(path: Path, base: Path) -> str:
    return printable(path.relative_to(base).as_posix())


def _scanned(path: Path, name: str, root: Path) -> _Folder:
    """Raises UserError when the folder cannot be opened: a class must not vanish because of a permission."""
    try:
        os.scandir(path).close()
    except OSError as error:
        raise UserError(
            f"{path} cannot be opened ({os_reason(error)}); allow it, or move it out of {path.parent}"
        ) from error
    return _Folder(path, name, root, *scan_folder(path, base=root))


def _find_folders(recipe: Recipe, root: Path) -> tuple[Path, list[_Folder], list[_Folder]]:
    """Where the class folders lie, those with their background, and those left out because they hold no images."""
    holder, named = (named_classes if recipe.classes else any_classes)(recipe, root)
    classes, empty = [_scanned(path, name, root) for name, path in named.items()], []
    if not recipe.classes:
        full = [folder for folder in classes if folder.files]
        if len(full) >= 2:
            classes, empty = full, [folder for folder in classes if not folder.files]
        refuse_split([folder.path for folder in classes])
    beside = {path for place in (root, holder) for path in folders_in(place) if is_background(path, recipe)}
    background = sorted(beside, key=lambda path: natural_key(_relative(path, root)))
    return holder, classes + [_scanned(path, "", root) for path in background], empty


def _state(folders: list[_Folder]) -> str:
    return files_state(path for folder in folders for path in folder.files)


def folder_state(recipe: Recipe, data_dir: Path) -> str:
    """`Source.files` as it would be now, without reading an image. Raises UserError as `folder_collection` does."""
    return _state(_find_folders(recipe, Path(data_dir))[1])


# --- reading them -------------------------------------------------------------------------------------------


def _read_folder(folder: _Folder, label: int, image_size: int, read: Read) -> tuple[list[_Picture], list[FileNote]]:
    """Every usable image in a class folder, in natural order, and a note for each file that has one."""
    pictures, notes = [], list(folder.notes)
    for path, (pixels, text) in zip(folder.files, read_images(folder.files, image_size, read), strict=True):
        shown = _relative(path, folder.root)
        if text:
            notes.append(FileNote(shown, text, used=pixels is not None))
        if pixels is not None:
            digest = hashlib.sha256(pixels.tobytes()).digest()
            pictures.append(_Picture(_relative(path, folder.path.parent), shown, label, pixels, digest))
    return pictures, notes


def _drop_conflicts(pictures: list[_Picture], classes: tuple[str, ...]) -> tuple[list[_Picture], list[FileNote]]:
    """Leave out images that stand in two classes: they cannot be right in both, and only their owner knows which.

    The same image twice in one class stays: the two are grouped later, so that no split parts them.
    """
    labels = defaultdict(set)
    for picture in pictures:
        if picture.label >= 0:
            labels[picture.digest].add(picture.label)
    kept, notes = [], []
    for picture in pictures:
        found = sorted(labels[picture.digest])
        if picture.label >= 0 and len(found) > 1:
            names = " and ".join(f"'{classes[label]}'" for label in found)
            notes.append(FileNote(picture.shown, f"same image in {names}; left out"))
        else:
            kept.append(picture)
    return kept, notes


def _short_ids(pictures: list[_Picture]) -> list[str]:
    """Each image's path without suffix; with it where two files differ in nothing else."""
    stems = [os.path.splitext(picture.path)[0] for picture in pictures]
    count = Counter(stems)
    return [stem if count[stem] == 1 else picture.path for stem, picture in zip(stems, pictures, strict=True)]


def _unique(names: Iterable[str]) -> np.ndarray:
    """The names, those that came before with a number: two background folders may have the same name."""
    seen, unique = Counter(), []
    for name in names:
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return np.array(unique)


# --- what a user has to know --------------------------------------------------------------------------------


def _check_counts(recipe: Recipe, classes: list[_Folder], counts: Counter, notes: list[FileNote]) -> list[str]:
    """What must be said aloud of classes of which much is missing. Raises UserError for one with too few images."""
    lines = []
    for folder in classes:
        count, (refused, commonest) = counts[folder.name], folder.refusals(notes)
        if count < recipe.min_per_class:
            why = f"; {commonest}" if refused else ""
            raise UserError(
                f"class '{folder.name}' has {count} usable images in {folder.path}, {recipe.min_per_class} are needed"
                f"{why}; add images"
            )
        if refused > count:
            lines.append(f"class '{folder.name}': {refused} files are not used, {count} are; {commonest}")
    return lines


def _note_unequal(classes: list[_Folder], counts: Counter) -> list[FileNote]:
    small, large = (pick(classes, key=lambda folder: counts[folder.name]) for pick in (min, max))
    if counts[large.name] <= UNEQUAL * counts[small.name]:
        return []
    text = f"very unequal classes: {counts[small.name]} images here, {counts[large.name]} in '{large.name}'"
    return [FileNote(_relative(small.path, small.root), text, used=True)]


def _note_ignored(recipe: Recipe, holder: Path, names: dict[Path, str], root: Path) -> list[FileNote]:
    """Notes on what lies beside the folders in use, and on class folders that are spelled differently.

    names: class of each folder that is used or has its own note, "" for those without one.
    """
    notes = []
    for path in holder.iterdir():  # what lies beside that folder is other data sets
        name, shown = names.get(path), _relative(path, root)
        if name and name != printable(path.name):
            notes.append(FileNote(shown, f"taken for class '{name}'", used=True))
        elif name is None and not (holder == root and path == root / recipe.name):
            place = "no class of this recipe" if path.is_dir() else "lies in no class folder"
            ours = "made by this program" if made_here(path) else ""
            notes.append(FileNote(shown, hidden(path.name) or ours or place))
    return notes


def class_files(recipe: Recipe, data_dir: Path) -> dict[str, list[Path]]:
    """The files that may be images of each class, in natural order. Raises UserError as `folder_collection` does."""
    return {folder.name: folder.files for folder in _find_folders(recipe, Path(data_dir))[1] if folder.name}


def suited_side(recipe: Recipe, data_dir: Path) -> tuple[int, str]:
    """Pixels a side for a user's photographs, one of SIDES, and why: half of them have at least so many.

    Less where that many pixels would take long. Raises UserError as `folder_collection` does.
    """
    files = [path for paths in class_files(recipe, data_dir).values() for path in paths]
    sides = []
    for path in files[:: -(-len(files) // ASKED) or 1]:
        with suppress(InvalidImage):
            sides.append(image_sides(path))
    shorter = [short for short, _ in sides] or [SIDES[0]]
    median = int(np.median(shorter))
    halved = sum(long > 2 * short for short, long in sides)
    fitting = max((side for side in SIDES if side <= median), default=SIDES[0])
    quick = max((side for side in SIDES if len(files) * side**2 <= MOST_VALUES), default=SIDES[0])
    side = min(fitting, quick)
    whose = "the shorter side" if min(shorter) == median else "in every second photograph the shorter side"
    why = f"the middle square, made {side} pixels a side; {whose} has {median} pixels or more"
    if halved:
        why += f"; of {halved} in {len(sides)} photographs the square shows less than half: trim these"
    if quick < fitting:
        why += f"; {fitting} would suit them, but of {len(files)} photographs take long (-p image_size={fitting})"
    return side, why


def with_background(collection: Collection, background: Path, read: Read = read_image) -> Collection:
    """The collection with the pictures of a folder of other things, and notes on that folder's other files.

    Raises UserError when there are none.
    """
    folder = _scanned(background, "", background.parent)
    found, notes = _read_folder(folder, -1, collection.images.shape[1], read)
    if not found:
        _, why = folder.refusals(notes)
        raise UserError(f"background: no picture in {background} can be used; {why}")
    added = {
        "images": [picture.pixels for picture in found],
        "labels": [-1] * len(found),
        "ids": [f"background/{name}" for name in _short_ids(found)],
        "split": [BACKGROUND] * len(found),
    }
    parts = {name: np.concatenate([getattr(collection, name), values]) for name, values in added.items()}
    parts["ids"] = _unique(parts["ids"].tolist())
    return replace(collection, **parts, notes=(*collection.notes, *notes))


def background_state(background: Path) -> str:
    """16 hexadecimal digits that change with the image files in a folder of other things; no picture is read."""
    return _state([_scanned(background, "", background.parent)])


def folder_collection(recipe: Recipe, data_dir: Path, image_size: int, *, read: Read = read_image) -> Collection:
    """The images in the folders `<data_dir>/<recipe name>/<class>` or `<data_dir>/<class>`, all as train.

    image_size: pixels a side that everything is cropped and scaled to; read: how. Folders named in
    recipe.background, beside or above the class folders, become background. Raises UserError for classes missing or
    too small.
    """
    root = Path(data_dir)
    holder, folders, empty = _find_folders(recipe, root)
    classes = [folder for folder in folders if folder.name]
    labels = {folder.name: label for label, folder in enumerate(classes)}
    notes = _note_ignored(recipe, holder, {folder.path: folder.name for folder in folders + empty}, root)
    warnings = []
    for folder in empty:
        refused, commonest = folder.refusals(folder.notes)
        why = f"no file in it is an image; {commonest}" if refused else commonest
        warnings.append(f"folder '{folder.name}' is no class: {why}")
        notes += folder.notes
        notes.append(FileNote(_relative(folder.path, root), "no images in this folder; not a class"))
    pictures = []
    for folder in folders:
        found, said = _read_folder(folder, labels.get(folder.name, -1), image_size, read)
        pictures += found
        notes += said
    pictures, conflicts = _drop_conflicts(pictures, tuple(labels))
    notes += conflicts
    counts = Counter(classes[picture.label].name for picture in pictures if picture.label >= 0)
    warnings += _check_counts(recipe, classes, counts, notes)
    warnings += [f"{note.path}: {note.reason}" for note in notes if note.reason.startswith(UNREADABLE)]
    notes += _note_unequal(classes, counts)
    # the data folder by its name, and what lies below: reports are passed on, so no private paths
    where = printable(Path(root.resolve().name, holder.relative_to(root)).as_posix())
    licence = "that of the photographs in the folder"
    return Collection(
        images=np.stack([picture.pixels for picture in pictures]),
        labels=np.array([picture.label for picture in pictures], np.int64),
        ids=_unique(_short_ids(pictures)),
        split=np.array([TRAIN if picture.label >= 0 else BACKGROUND for picture in pictures]),
        classes=tuple(labels),
        source=Source("folder", where, "a data folder was given", licence, files=_state(folders)),
        notes=tuple(sorted(notes, key=lambda note: natural_key(note.path))),
        warnings=tuple(warnings),
    )
