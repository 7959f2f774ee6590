"""Where the images of a run come from: the user's folders, CIFAR-100, or the rendered stand-in.

`collect` takes the first that can be had and says which and why. Nothing disappears on the way: every file
that is refused, changed or ignored has a line in `Collection.notes`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from clockodile.data.cifar import Refused, cifar100_collection
from clockodile.data.collection import BACKGROUND, TRAIN, Collection, FileNote, Source
from clockodile.data.files import hidden, natural_key, os_reason, printable, read_images, scan_folder
from clockodile.errors import UserError
from clockodile.recipes import Recipe
from clockodile.workspace import Run, cache_dir

LOG = logging.getLogger("clockodile").info
UNEQUAL = 5  # times as many images in the largest class as in the smallest, from which on it is noted
SPLIT_NAMES = frozenset(("train", "training", "test", "testing", "val", "valid", "validation"))


@dataclass(frozen=True)
class _Picture:
    """One usable image and where it came from."""

    path: str  # POSIX, relative to the folder that holds the class folder
    shown: str  # POSIX, relative to the data folder, for notes
    label: int  # -1 for background
    pixels: np.ndarray  # uint8 (S, S, 3)
    digest: bytes  # of the pixels: the same image under two names has the same


# --- which folders ------------------------------------------------------------------------------------------


def _folders(folder: Path) -> list[Path]:
    """Folders directly inside, in natural order, without hidden ones; empty when `folder` cannot be read."""
    try:
        inside = [path for path in folder.iterdir() if not hidden(path.name) and path.is_dir()]
    except OSError:
        return []
    return sorted(inside, key=lambda path: natural_key(path.name))


def _fold(name: str) -> str:
    """What two spellings of a class name have in common: capitals, accents' encoding, blanks."""
    return unicodedata.normalize("NFC", name).casefold().replace("_", " ").replace("-", " ").strip()


def _plurals(name: str) -> set[str]:
    return {name, name + "s", name + "es", name[:-1] + "ies" if name.endswith("y") else name}


def _class_folder(name: str, folders: Iterable[Path]) -> Path | None:
    """The folder of a class: its very name, else the one that differs only in capitals, else only in number.

    Raises UserError when two folders fit equally well.
    """
    wanted = _fold(name)
    tests = (
        lambda folder: folder.name == name,
        lambda folder: _fold(folder.name) == wanted,
        lambda folder: _fold(folder.name) in _plurals(wanted) or wanted in _plurals(_fold(folder.name)),
    )
    for fits in tests:
        found = [folder for folder in folders if fits(folder)]
        if len(found) > 1:
            names = " and ".join(f"'{folder.name}'" for folder in found)
            raise UserError(f"{names} in {found[0].parent} could both be class '{name}'; rename one of them")
        if found:
            return found[0]
    return None


def _is_background(folder: Path, recipe: Recipe) -> bool:
    return _fold(folder.name) in {_fold(name) for name in recipe.background}


def _candidates(recipe: Recipe, root: Path) -> dict[Path, list[Path]]:
    """The two places that may hold the class folders, each with the folders in it that are no background."""
    return {
        place: [folder for folder in _folders(place) if not _is_background(folder, recipe)]
        for place in (root / recipe.name, root)
    }


def _no_folders(recipe: Recipe, root: Path, folders: list[Path]) -> UserError:
    """The error for a data folder without any class folder that fits."""
    wanted = " and ".join(f"'{name}'" for name in recipe.classes[:4]) or "two or more class folders"
    try:
        loose = sum(path.is_file() for path in root.iterdir() if not hidden(path.name))
    except OSError as error:
        return UserError(f"{root} cannot be opened ({os_reason(error)}); give a folder you may read")
    if loose and not folders:
        return UserError(
            f"{loose} files lie directly in {root}, in no class folder; sort them into one folder a class"
        )
    found = ", ".join(f"'{printable(folder.name)}'" for folder in folders[:6]) or "no folders"
    return UserError(
        f"{root} should hold {wanted}, but holds {found}; give data_dir the folder above {wanted}"
    )


def _named_classes(recipe: Recipe, root: Path) -> tuple[Path, dict[str, Path]]:
    """The folder that holds the classes of a recipe that names them, and the folder of each."""
    fitting = {}
    for place, folders in _candidates(recipe, root).items():
        found = {name: _class_folder(name, folders) for name in recipe.classes}
        fitting[place] = {name: folder for name, folder in found.items() if folder is not None}
    holder = max(fitting, key=lambda place: len(fitting[place]))  # the first of equals: <root>/<recipe name>
    found = fitting[holder]
    if not found:
        raise _no_folders(recipe, root, _folders(root))
    missing = [name for name in recipe.classes if name not in found]
    if missing:
        raise UserError(
            f"no folder '{missing[0]}' in {holder}, only '{', '.join(found)}'; add one with its images"
        )
    if len(set(found.values())) < len(found):
        raise UserError(f"two classes share one folder in {holder}; give each class a folder of its own")
    return holder, found


def _any_classes(recipe: Recipe, root: Path) -> tuple[Path, dict[str, Path]]:
    """The folder that holds the classes of a recipe that takes what is there, and the folder of each."""
    places = _candidates(recipe, root)
    holder = next((place for place, folders in places.items() if len(folders) >= 2), root)
    folders = places[holder]
    if not folders:
        raise _no_folders(recipe, root, [])
    if len(folders) == 1:
        raise _one_class(root, folders[0])
    if {_fold(folder.name) for folder in folders} <= SPLIT_NAMES:
        raise UserError(
            f"'{folders[0].name}' and '{folders[1].name}' in {holder} are parts of a split, not classes; "
            f"point data_dir at one of them"
        )
    named = {printable(folder.name): folder for folder in folders}
    if len(named) < len(folders):
        raise UserError(f"two folders in {holder} differ only in how an accent is stored; rename one of them")
    return holder, named


def _one_class(root: Path, folder: Path) -> UserError:
    """The error for a lone class folder, which is often one level too high."""
    advice = (
        f"point data_dir at {folder}" if len(_folders(folder)) >= 2 else "add a folder with the other class"
    )
    return UserError(f"only one class folder, '{printable(folder.name)}', in {root}; {advice}")


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
        elif name is None and not _is_background(path, recipe) and not own_root:
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


# --- the three sources --------------------------------------------------------------------------------------


def folder_collection(
    recipe: Recipe, data_dir: Path, image_size: int, *, log: Callable[[str], None] = LOG
) -> Collection:
    """The images in the folders `<data_dir>/<recipe name>/<class>` or `<data_dir>/<class>`, all as train.

    image_size: pixels a side that everything is cropped and scaled to. Folders named in recipe.background,
    beside or above the class folders, become background. Raises UserError for classes missing or too small.
    """
    root = Path(data_dir)
    holder, folders = (_named_classes if recipe.classes else _any_classes)(recipe, root)
    notes = _note_ignored(recipe, holder, folders, root)
    if not recipe.classes:
        folders, empty = _leave_out_empty(
            folders, {n: len(scan_folder(f)[0]) for n, f in folders.items()}, root
        )
        notes += empty
    beside = {
        folder for place in (root, holder) for folder in _folders(place) if _is_background(folder, recipe)
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
    where = Path(
        root.resolve().name, holder.relative_to(root)
    ).as_posix()  # reports are passed on: no private paths
    source = Source(
        "folder", printable(where), "a data folder was given", "that of the photographs in the folder"
    )
    return _as_collection(pictures, classes, source, notes)


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


def _from_folder(run: Run, *, image_size: int, why: str, log: Callable[[str], None]) -> Collection:
    if run.data_dir is None:
        raise Refused("no data folder was given (data_dir or CLOCKODILE_DATA)")
    return folder_collection(run.recipe, run.data_dir, image_size, log=log)


def _from_cifar100(run: Run, *, image_size: int, why: str, log: Callable[[str], None]) -> Collection:
    return cifar100_collection(run.recipe, cache=cache_dir(), image_size=image_size, log=log)


def _from_rendering(run: Run, *, image_size: int, why: str, log: Callable[[str], None]) -> Collection:
    from clockodile.data.rendered import (
        rendered_collection,
    )  # 800 lines of drawing that photographs never need

    return rendered_collection(run.recipe.classes, image_size=image_size, seed=run.seed, why=why)


SOURCES: dict[str, Callable[..., Collection]] = {
    "folder": _from_folder,
    "cifar100": _from_cifar100,
    "rendered": _from_rendering,
}


# --- choosing among them ------------------------------------------------------------------------------------


def _choices(run: Run, source: str) -> tuple[str, ...]:
    """Names of the sources to try, in order. A data folder that was given is used or is an error."""
    if source != "auto":
        return (source,)
    if run.data_dir is not None:
        return ("folder",)
    return run.recipe.sources


def collect(run: Run, *, image_size: int = 0, log: Callable[[str], None] = LOG) -> Collection:
    """The images of a run from the first source that can be had; which and why is logged and in `Source.why`.

    run.source: "auto" for the recipe's sources in order, or one name. image_size: pixels a side, 0 for the
    recipe's. log: told in plain lines. Raises UserError when data_dir holds no usable classes, or when the
    source asked for cannot be had.
    """
    size = image_size or run.recipe.image_size
    refused = []
    for name in _choices(run, run.source):
        reasons = "; ".join(refused) or (
            "a data folder was given" if run.source == "auto" else "asked for by name"
        )
        try:
            collection = SOURCES[name](run, image_size=size, why=reasons, log=log)
        except Refused as reason:
            log(f"source '{name}' cannot be had: {reason}")
            refused.append(f"{name}: {reason}")
            continue
        collection = replace(collection, source=replace(collection.source, why=reasons))
        log(f"source '{name}' taken ({reasons}): {len(collection.images)} images")
        return collection
    reasons = "; ".join(refused)
    raise UserError(
        f"no images to be had for recipe '{run.recipe.name}' ({reasons}); give data_dir a folder of them"
    )
