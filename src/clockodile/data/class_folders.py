"""Which folders hold the classes of a recipe, however people spell and nest them; or what to do about it."""

import difflib
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from clockodile.core.errors import UserError, os_reason
from clockodile.core.recipes import Recipe
from clockodile.data.scan import hidden, made_here, natural_key, printable

SPLIT_WORD = re.compile("(train)(?:ing)?|(test)(?:ing)?|(val)(?:id|idation)?", re.IGNORECASE)


def folders_in(folder: Path) -> list[Path]:
    """Folders directly inside, in natural order, without hidden ones and our own; empty when it cannot be read."""
    try:
        inside = [path for path in folder.iterdir() if not hidden(path.name) and path.is_dir()]
    except OSError:
        return []
    return sorted((path for path in inside if not made_here(path)), key=lambda path: natural_key(path.name))


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
            raise UserError(f"{_names(found)} in {found[0].parent} could both be class '{name}'; rename one of them")
        if found:
            return found[0]
    return None


def _names(folders: Iterable[Path], joint: str = " and ") -> str:
    return joint.join(f"'{printable(folder.name)}'" for folder in folders)


def is_background(folder: Path, recipe: Recipe) -> bool:
    """True when the recipe says that a folder of this name holds background."""
    return _fold(folder.name) in {_fold(name) for name in recipe.background}


def _candidates(recipe: Recipe, place: Path) -> list[Path]:
    """The folders in a place that are no background."""
    return [folder for folder in folders_in(place) if not is_background(folder, recipe)]


def _no_folders(recipe: Recipe, root: Path, folders: list[Path]) -> UserError:
    """The error for a data folder without any class folder that fits."""
    wanted = " and ".join(f"'{name}'" for name in recipe.classes[:4]) or "two or more class folders"
    try:
        loose = sum(path.is_file() for path in root.iterdir() if not hidden(path.name))
    except OSError as error:
        return UserError(f"{root} cannot be opened ({os_reason(error)}); give a folder you may read")
    if loose and not folders:
        return UserError(f"{loose} files lie directly in {root}, in no class folder; sort them into one folder a class")
    found = _names(folders[:6], ", ") or "no folders"
    return UserError(f"{root} should hold {wanted}, but holds {found}; give data_dir the folder above {wanted}")


def named_classes(recipe: Recipe, root: Path) -> tuple[Path, dict[str, Path]]:
    """The folder that holds the classes of a recipe that names them, and the folder of each."""
    fitting = {}
    for place in (root / recipe.name, root):
        folders = _candidates(recipe, place)
        found = {name: _class_folder(name, folders) for name in recipe.classes}
        fitting[place] = {name: folder for name, folder in found.items() if folder is not None}
    holder = max(fitting, key=lambda place: len(fitting[place]))  # the first of equals: <root>/<recipe name>
    found = fitting[holder]
    if not found:
        raise _no_folders(recipe, root, folders_in(root))
    missing = [name for name in recipe.classes if name not in found]
    if missing:
        names = [folder.name for folder in _candidates(recipe, holder)]
        near = difflib.get_close_matches(missing[0], names, n=1)
        advice = f"did you mean '{printable(near[0])}'?" if near else "add one with its images"
        raise UserError(f"no folder '{missing[0]}' in {holder}, only '{', '.join(found)}'; {advice}")
    if len(set(found.values())) < len(found):
        raise UserError(f"two classes share one folder in {holder}; give each class a folder of its own")
    return holder, found


def any_classes(recipe: Recipe, root: Path) -> tuple[Path, dict[str, Path]]:
    """The folder that holds the classes of a recipe that takes what is there, and the folder of each."""
    holder, folders = root, _candidates(recipe, root)
    if recipe.sources != ("folder",):  # a folder of the recipe's name says which data set is meant
        nested = _candidates(recipe, root / recipe.name)
        holder, folders = (root / recipe.name, nested) if len(nested) >= 2 else (root, folders)
    if not folders:
        raise _no_folders(recipe, root, [])
    if len(folders) == 1:  # often one level too high
        deeper = len(folders_in(folders[0])) >= 2
        advice = f"point data_dir at {folders[0]}" if deeper else "add a folder with the other class"
        raise UserError(f"only one class folder, {_names(folders)}, in {root}; {advice}")
    named = {printable(folder.name): folder for folder in folders}
    if len(named) < len(folders):
        raise UserError(f"two folders in {holder} differ only in how an accent is stored; rename one of them")
    return holder, named


def split_part(name: str) -> tuple[str, bool]:
    """The part of a split that a folder's name begins or ends with, "" for none, and whether it says nothing else.

    "train1", "testA" and "my-val" are parts, "trainers" and "valley" are not.
    """
    name = re.sub(r"[\W_]*sets?$", "", name, flags=re.IGNORECASE)  # "testset", "my_val_set"
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+", name)
    for hit in (SPLIT_WORD.fullmatch(word) for word in words[:1] + words[-1:]):
        if hit:
            return hit[hit.lastindex].lower(), len(words) == 1
    return "", False


def refuse_split(folders: Iterable[Path]) -> None:
    """Raise UserError when folders taken for classes are parts of a split: two that differ, or a `test` by itself.

    A lone `train` may well be a class, unless it holds folders of its own.
    """
    parts = {folder: split_part(folder.name) for folder in folders}
    if len({part for part, _ in parts.values() if part}) < 2:
        for folder, (part, alone) in parts.items():
            sure = alone and (part != "train" or len(folders_in(folder)) >= 2)
            parts[folder] = (part if sure else "", alone)
    named = [folder for folder, (part, _) in parts.items() if part]
    if named:
        deeper = next((folder for folder in named if len(folders_in(folder)) >= 2), None)
        advice = f"point data_dir at {deeper}" if deeper else "move such folders elsewhere, or rename them"
        raise UserError(f"{_names(named)} in {named[0].parent}: parts of a split, not classes; {advice}")
