"""Where a run happens: recipe, profile, seed, data folder and run folder, resolved once at the top of a notebook."""

import hashlib
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from clockodile.core.errors import UserError
from clockodile.core.recipes import DEFAULT_RECIPE, Profile, Recipe, get_profile, get_recipe
from clockodile.core.store import begin_run


@dataclass(frozen=True)
class Run:
    """One run folder and everything that decides what goes into it."""

    dir: Path  # every file the notebooks hand to each other lies below
    recipe: Recipe
    profile: Profile
    seed: int  # all randomness derives from it
    source: str  # "auto" or one name out of recipe.sources
    data_dir: Path | None  # folder with class folders; None = none was given
    # names, or labels, of the two classes that were asked for; () = none was (see classify.own_net.choose_pair)
    pair: tuple[str | int, ...] = ()
    background: Path | None = None  # folder of pictures of none of the classes, outside the data folder
    classes: str = ""  # names, with commas, of the classes asked for in place of the recipe's own


def project_root() -> Path:
    """The checkout this package runs from, or the current folder when it was installed without one."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "pyproject.toml").is_file() else Path.cwd()


def cache_dir() -> Path:
    """Where downloads are kept between runs: $XDG_CACHE_HOME/clockodile, by default ~/.cache/clockodile."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clockodile"


def pick_device() -> torch.device:
    """The GPU if there is one (CUDA or Apple's), else the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def ask_for_determinism() -> None:
    """On a CUDA device, have torch take algorithms that give the same numbers every time, where there are such.

    Where there are none it warns. Runs on a processor are the same every time without being asked to.
    """
    if pick_device().type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)


def someone_is_watching() -> bool:
    """True in a notebook that a person has open; headless runs and tests set CLOCKODILE_HEADLESS."""
    return not os.environ.get("CLOCKODILE_HEADLESS")


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise UserError unless low <= value <= high: parameters of the right type can still make no sense."""
    if not low <= value <= high:
        raise UserError(f"parameter '{name}' is {value!r}; give one from {low} to {high}")


def names_of_pair(pair: str | tuple[int, int]) -> tuple[str | int, ...]:
    """The two names in "clock, crocodile", or () for an empty text; two labels as they are.

    A notebook calls its labels `pair` too, and a cell may be run twice. Raises UserError for any other number of names.
    """
    if not isinstance(pair, str):
        return tuple(pair)
    names = tuple(name.strip() for name in pair.split(",")) if pair.strip() else ()
    if names and (len(names) != 2 or not all(names) or names[0] == names[1]):
        raise UserError(
            f"parameter 'pair' is '{pair}'; give two different classes: "
            "names of two classes with a comma between them, such as clock,crocodile"
        )
    return names


def recipe_for(recipe: Recipe, classes: str) -> Recipe:
    """The recipe for other classes of the same data set. classes: "bee, apple", or "" for the recipe's own.

    Raises UserError for fewer than two names, or one that is given twice.
    """
    names = tuple(name.strip() for name in classes.split(",")) if classes.strip() else ()
    if not names:
        return recipe
    if len(names) < 2 or not all(names) or len(set(names)) < len(names):
        raise UserError(
            f"parameter 'classes' is '{classes}'; give two or more different classes: "
            "their names with commas between them, such as bee,apple"
        )
    title = " or ".join(names) + "?" if len(names) < 4 else f"{', '.join(names[:2])} and {len(names) - 2} others"
    return replace(recipe, classes=names, pair=(0, 1), title=title[0].upper() + title[1:])


def given_folder(name: str, given: str, variable: str, hint: str) -> Path | None:
    """The folder given, else that of an environment variable, else None. Raises UserError when it is not a folder."""
    text = given or os.environ.get(variable, "")
    if not text:
        return None
    path = Path(text).expanduser().resolve()
    if not path.is_dir():
        raise UserError(f"{name if given else variable}: there is no folder {text}; give one {hint}")
    return path


def find_background(background: str, recipe: Recipe, data_dir: Path | None) -> tuple[Recipe, Path | None]:
    """The folder of other things that was given, else $CLOCKODILE_BACKGROUND, else None; and the recipe.

    A folder beside the classes needs no reading of its own: the recipe then knows it by its name. Raises UserError when
    it is no folder, holds the data folder, or lies in a class.
    """
    hint = "of pictures that show none of the classes"
    path = given_folder("background", background, "CLOCKODILE_BACKGROUND", hint)
    if path is None:
        return recipe, None
    if data_dir is None or not path.is_relative_to(data_dir):
        if data_dir is not None and data_dir.is_relative_to(path):
            raise UserError(f"background: {path} holds the data folder; give one of other things alone")
        return recipe, path
    if path.parent not in (data_dir, data_dir / recipe.name) or path == data_dir / recipe.name:
        raise UserError(f"background: {path} lies among the photographs of a class; move it out of there")
    return replace(recipe, background=(*recipe.background, path.name)), None


def default_run_dir(recipe: Recipe, profile: Profile, data_dir: Path | None, classes: str = "") -> Path:
    """runs/<what>-<profile> in $CLOCKODILE_RUNS or the checkout.

    A folder of one's own gets a run folder of its own, and so do classes that were asked for.
    """
    runs = Path(os.environ.get("CLOCKODILE_RUNS") or project_root() / "runs")
    what = recipe.name
    if not recipe.classes and data_dir is not None:  # users' own photographs
        place = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:6]  # two folders may have the same name
        what = re.sub(r"[^\w.-]+", "_", data_dir.name) or recipe.name
        what = f"{what}-{place}" if recipe.sources == ("folder",) else f"{recipe.name}-{what}-{place}"
    if classes:
        what += "-" + re.sub(r"[^\w.]+", "_", classes)[:60]
    return runs / f"{what}-{profile.name}"


def open_run(
    *,
    recipe: str = DEFAULT_RECIPE,
    classes: str = "",
    profile: str = "",
    seed: int = 0,
    source: str = "auto",
    data_dir: str = "",
    run_dir: str = "",
    effort: float = 1.0,
    pair: str | tuple[int, int] = "",
    background: str = "",
) -> Run:
    """Resolve a notebook's parameters; empty texts mean the environment's ($CLOCKODILE_PROFILE, _DATA, _BACKGROUND) or
    the default value.

    classes: names with commas in place of the recipe's own. effort: share of the usual training, 0.001 to 100. pair:
    two class names with a comma, or two labels. From here on `retrain` trains again what an earlier run in this process
    has trained. Raises UserError for an unknown name or a folder that is not there.
    """
    picked = get_recipe(recipe)
    profile_picked = get_profile(profile or os.environ.get("CLOCKODILE_PROFILE", "") or "quick")
    if source not in ("auto", *picked.sources):
        raise UserError(f"unknown source '{source}' for recipe '{recipe}'; known: auto, {', '.join(picked.sources)}")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**31:
        raise UserError(f"seed is {seed!r}; give a whole number from 0 to {2**31 - 1}")
    check_range("effort", effort, 0.001, 100)
    profile_picked = profile_picked.with_effort(effort)
    hint = "that holds a folder of images for each class"
    folder = given_folder("data_dir", data_dir, "CLOCKODILE_DATA", hint)
    if folder is None and set(picked.sources) <= {"folder", "faces"}:
        raise UserError(f"recipe '{recipe}' needs your images; give --data-dir (or data_dir) with one folder a class")
    picked, others = find_background(background, picked, folder)
    place = (
        Path(run_dir).expanduser().resolve() if run_dir else default_run_dir(picked, profile_picked, folder, classes)
    )
    ask_for_determinism()
    begin_run()
    chosen = recipe_for(picked, classes)
    return Run(place, chosen, profile_picked, seed, source, folder, names_of_pair(pair), others, classes)
