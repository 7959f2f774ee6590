"""The user's folders as a source: every usable image in the class folders, and a note on everything else."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from clockodile.core.errors import UserError, os_reason
from clockodile.core.recipes import Recipe
from clockodile.data.class_folders import any_classes, folders_in, is_background, named_classes, refuse_split
from clockodile.data.collection import BACKGROUND, TRAIN, Collection, FileNote, Source
from clockodile.data.files import InvalidImage, Read, read_image, read_images, short_side
from clockodile.data.scan import hidden, made_here, natural_key, printable, scan_folder

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
    files: list[Path]  # that may be images, in natural order
    notes: list[FileNote]  # on all other files


@dataclass(frozen=True)
class _Picture:
    """One usable image and where it came from."""

    path: str  # POSIX, relative to the folder that holds the class folder
    shown: str  # POSIX, relative to the data folder, for notes
    label: int  # -1 for background
    pixels: np.ndarray  # uint8 (S, S, 3)
    digest: bytes  # of the pixels: the same image under two names has the same


# --- finding them -------------------------------------------------------------------------------------------


def _scanned(path: Path, name: str, root: Path) -> _Folder:
    """Raises UserError when the folder cannot be opened: a class must not vanish because of a permission."""
    try:
        os.scandir(path).close()
    except OSError as error:
        raise UserError(
            f"{path} cannot be opened ({os_reason(error)}); allow it, or move it out of {path.parent}"
        ) from error
    return _Folder(path, name, *scan_folder(path, base=root))


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
    """16 hexadecimal digits that change when an image file is added, removed, renamed or written."""
    digest = hashlib.sha256()
    for path in (path for folder in folders for path in folder.files):
        try:
            info = os.stat(path)
            digest.update(f"{info.st_size} {info.st_mtime_ns} ".encode())
        except OSError:
            pass  # reading it says what is wrong
        digest.update(os.fsencode(path) + b"\0")
    return digest.hexdigest()[:16]


def folder_state(recipe: Recipe, data_dir: Path) -> str:
    """`Source.files` as it would be now, without reading an image. Raises UserError as `folder_collection` does."""
    return _state(_find_folders(recipe, Path(data_dir))[1])


# --- reading them -------------------------------------------------------------------------------------------


def _relative(path: Path, base: Path) -> str:
    return printable(path.relative_to(base).as_posix())


def _read_folder(
    folder: _Folder, label: int, *, root: Path, image_size: int, read: Read
) -> tuple[list[_Picture], list[FileNote]]:
    """Every usable image in a class folder, in natural order, and a note for each file refused or changed."""
    pictures, notes = [], list(folder.notes)
    for path, (pixels, text) in zip(folder.files, read_images(folder.files, image_size, read), strict=True):
        shown = _relative(path, root)
        if text:
            notes.append(FileNote(shown, text, used=pixels is not None))
        if pixels is not None:
            digest = hashlib.sha256(pixels.tobytes()).digest()
            pictures.append(_Picture(_relative(path, folder.path.parent), shown, label, pixels, digest))
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


def _refusals(folder: Path, notes: list[FileNote], root: Path) -> Counter:
    """How often each reason kept a file in a folder, or the folder itself, from being used."""
    place = _relative(folder, root)
    refused = [n.reason for n in notes if not n.used and (n.path == place or n.path.startswith(place + "/"))]
    return Counter(r.split(":")[0] for r in refused if not r.startswith(("hidden", "left by", "made by")))


def _commonest(refusals: Counter) -> str:
    return "commonest refusal: {} ({} files)".format(*refusals.most_common(1)[0])


def _check_counts(recipe: Recipe, folder: _Folder, count: int, refusals: Counter) -> None:
    """Raise UserError for a class with too few usable images, with the commonest refusal."""
    if count < recipe.min_per_class:
        why = f"; {_commonest(refusals)}" if refusals else ""
        raise UserError(
            f"class '{folder.name}' has {count} usable images in {folder.path}, {recipe.min_per_class} are needed"
            f"{why}; add images"
        )


def _note_unequal(classes: list[_Folder], counts: Counter, root: Path) -> list[FileNote]:
    small, large = (pick(classes, key=lambda folder: counts[folder.name]) for pick in (min, max))
    if counts[large.name] <= UNEQUAL * counts[small.name]:
        return []
    text = f"very unequal classes: {counts[small.name]} images here, {counts[large.name]} in '{large.name}'"
    return [FileNote(_relative(small.path, root), text, used=True)]


def _note_ignored(recipe: Recipe, holder: Path, names: dict[Path, str], root: Path) -> list[FileNote]:
    """Notes on what lies beside the folders in use, and on class folders that are spelled differently.

    names: class of each folder that is used or has its own note, "" for those without one.
    """
    notes = []
    # what lies beside the folder of a data set by its name is other data sets
    places = {holder, root} if not recipe.classes and recipe.sources == ("folder",) else {holder}
    for path in (path for place in places for path in place.iterdir() if path != holder):
        name, shown = names.get(path), _relative(path, root)
        if name and name != printable(path.name):
            notes.append(FileNote(shown, f"taken for class '{name}'", used=True))
        elif name is None and not (holder == root and path == root / recipe.name):
            place = "no class of this recipe" if path.is_dir() else "lies in no class folder"
            ours = "made by this program" if made_here(path) else ""
            notes.append(FileNote(shown, hidden(path.name) or ours or place))
    return notes


def _warnings(
    classes: list[_Folder], empty: list[_Folder], counts: Counter, notes: list[FileNote], root: Path
) -> list[str]:
    """What must be said aloud: folders that became no class, and classes of which much is missing."""
    lines = []
    for folder in empty:
        refusals = _refusals(folder.path, folder.notes, root)
        why = f"no file in it is an image; {_commonest(refusals)}" if refusals else "it holds no files"
        lines.append(f"folder '{folder.name}' is no class: {why}")
    for folder in classes:
        refusals = _refusals(folder.path, notes, root)
        if refusals.total() > counts[folder.name]:
            lines.append(
                f"class '{folder.name}': {refusals.total()} files are not used, {counts[folder.name]} are; "
                f"{_commonest(refusals)}"
            )
    return lines + [f"{note.path}: {note.reason}" for note in notes if note.reason.startswith(UNREADABLE)]


# --- what is needed besides -------------------------------------------------------------------------------------


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
            sides.append(short_side(path))
    median = int(np.median(sides)) if sides else SIDES[0]
    fitting = max((side for side in SIDES if side <= median), default=SIDES[0])
    quick = max((side for side in SIDES if len(files) * side**2 <= MOST_VALUES), default=SIDES[0])
    side = min(fitting, quick)
    why = f"all pictures are made {side} pixels a side; half of the photographs have {median} or more"
    if quick < fitting:
        why += f"; {fitting} would suit them, but of {len(files)} photographs take long (-p image_size={fitting})"
    return side, why


def with_background(collection: Collection, background: Path, read: Read = read_image) -> Collection:
    """The collection with the pictures of a folder of other things, and notes on that folder's other files.

    Pictures that are also in a class are left out. Raises UserError when none is left.
    """
    size, above = collection.images.shape[1], background.parent
    folder = _scanned(background, "", above)
    found, notes = _read_folder(folder, -1, root=above, image_size=size, read=read)
    labelled = {
        hashlib.sha256(image.tobytes()).digest() for image in collection.images[collection.labels >= 0]
    }
    twice = [picture for picture in found if picture.digest in labelled]
    notes += [FileNote(one.shown, "same image in a class; left out of the background") for one in twice]
    found = [picture for picture in found if picture.digest not in labelled]
    if not found:
        refusals = _refusals(background, notes, above)
        why = _commonest(refusals) if refusals else "it holds no files"
        raise UserError(f"background: no picture in {background} can be used; {why}")
    taken, ids = set(collection.ids.tolist()), [f"background/{name}" for name in _unique_ids(found)]
    ids = [f"{name}#2" if name in taken else name for name in ids]
    added = {
        "images": np.stack([picture.pixels for picture in found]),
        "labels": np.full(len(found), -1),
        "ids": np.array(ids),
        "split": np.full(len(found), BACKGROUND),
    }
    parts = {name: np.concatenate([getattr(collection, name), values]) for name, values in added.items()}
    return replace(collection, **parts, notes=(*collection.notes, *notes))


def background_state(background: Path) -> str:
    """16 hexadecimal digits that change with the image files in a folder of other things; no picture is read."""
    return _state([_scanned(background, "", background.parent)])


# --- the collection -----------------------------------------------------------------------------------------


def _where(root: Path, holder: Path) -> str:
    """The data folder by its name, and what lies below: reports are passed on, so no private paths."""
    return printable(Path(root.resolve().name, holder.relative_to(root)).as_posix())


def folder_collection(
    recipe: Recipe,
    data_dir: Path,
    image_size: int,
    *,
    read: Read = read_image,
    read_background: Read = read_image,
) -> Collection:
    """The images in the folders `<data_dir>/<recipe name>/<class>` or `<data_dir>/<class>`, all as train.

    image_size: pixels a side that everything is cropped and scaled to; read, read_background: how. Folders named in
    recipe.background, beside or above the class folders, become background. Raises UserError for classes missing or
    too small.
    """
    root = Path(data_dir)
    holder, folders, empty = _find_folders(recipe, root)
    classes = [folder for folder in folders if folder.name]
    labels = {folder.name: label for label, folder in enumerate(classes)}
    notes = _note_ignored(recipe, holder, {folder.path: folder.name for folder in folders + empty}, root)
    for folder in empty:
        notes += folder.notes
        notes.append(FileNote(_relative(folder.path, root), "no images in this folder; not a class"))
    pictures = []
    for folder in folders:
        look = read if folder.name else read_background
        found, said = _read_folder(
            folder, labels.get(folder.name, -1), root=root, image_size=image_size, read=look
        )
        pictures += found
        notes += said
    pictures, conflicts = _drop_conflicts(pictures, tuple(labels))
    notes += conflicts
    counts = Counter(classes[picture.label].name for picture in pictures if picture.label >= 0)
    for folder in classes:
        _check_counts(recipe, folder, counts[folder.name], _refusals(folder.path, notes, root))
    notes += _note_unequal(classes, counts, root)
    return Collection(
        images=np.stack([picture.pixels for picture in pictures]),
        labels=np.array([picture.label for picture in pictures], np.int64),
        ids=np.array(_unique_ids(pictures)),
        split=np.array([TRAIN if picture.label >= 0 else BACKGROUND for picture in pictures]),
        classes=tuple(labels),
        source=Source(
            "folder",
            _where(root, holder),
            "a data folder was given",
            "that of the photographs in the folder",
            files=_state(folders),
        ),
        notes=tuple(sorted(notes, key=lambda note: natural_key(note.path))),
        warnings=tuple(_warnings(classes, empty, counts, notes, root)),
    )
