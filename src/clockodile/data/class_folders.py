"""Which folders hold the classes of a recipe, however people spell and nest them; or what to do about it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path

from clockodile.core.errors import UserError, os_reason
from clockodile.core.recipes import Recipe
from clockodile.data.scan import hidden, natural_key, printable

SPLIT_NAMES = frozenset(("train", "training", "test", "testing", "val", "valid", "validation"))


def folders_in(folder: Path) -> list[Path]:
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


def is_background(folder: Path, recipe: Recipe) -> bool:
    """True when the recipe says that a folder of this name holds background."""
    return _fold(folder.name) in {_fold(name) for name in recipe.background}


def _candidates(recipe: Recipe, root: Path) -> dict[Path, list[Path]]:
    """The two places that may hold the class folders, each with the folders in it that are no background."""
    return {
        place: [folder for folder in folders_in(place) if not is_background(folder, recipe)]
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


def _one_class(root: Path, folder: Path) -> UserError:
    """The error for a lone class folder, which is often one level too high."""
    advice = (
        f"point data_dir at {folder}" if len(folders_in(folder)) >= 2 else "add a folder with the other class"
    )
    return UserError(f"only one class folder, '{printable(folder.name)}', in {root}; {advice}")


def named_classes(recipe: Recipe, root: Path) -> tuple[Path, dict[str, Path]]:
    """The folder that holds the classes of a recipe that names them, and the folder of each."""
    fitting = {}
    for place, folders in _candidates(recipe, root).items():
        found = {name: _class_folder(name, folders) for name in recipe.classes}
        fitting[place] = {name: folder for name, folder in found.items() if folder is not None}
    holder = max(fitting, key=lambda place: len(fitting[place]))  # the first of equals: <root>/<recipe name>
    found = fitting[holder]
    if not found:
        raise _no_folders(recipe, root, folders_in(root))
    missing = [name for name in recipe.classes if name not in found]
    if missing:
        raise UserError(
            f"no folder '{missing[0]}' in {holder}, only '{', '.join(found)}'; add one with its images"
        )
    if len(set(found.values())) < len(found):
        raise UserError(f"two classes share one folder in {holder}; give each class a folder of its own")
    return holder, found


def any_classes(recipe: Recipe, root: Path) -> tuple[Path, dict[str, Path]]:
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
