"""The subcommands of the command line. To add one, write its two functions and add one line to COMMANDS.

Nothing heavy is imported at the top: `clockodile --help` must not wait for torch.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clockodile.app.parameters import COMMON, Parameter, convert, parse_assignments
from clockodile.app.progress import print_stderr, write_stdout
from clockodile.core.errors import UserError
from clockodile.core.recipes import DEFAULT_RECIPE, PROFILES, RECIPES

# of predict and rank
SCHEDULER = (
    "let the workers of this Dask scheduler judge, such as tcp://host:8786; they must see the same files"
)


@dataclass(frozen=True)
class Command:
    """One subcommand."""

    name: str
    help: str  # one line for `clockodile --help`; "" hides the command there
    options: Callable[[argparse.ArgumentParser], None]  # declares its arguments
    run: Callable[[argparse.Namespace], int]  # does it, returns the exit code; imports what it needs itself


def at_least(low: float, kind: type = int) -> Callable[[str], float]:
    """Reads a finite number from `low` on. ValueError otherwise, which argparse reports."""

    def number(text: str) -> float:
        value = kind(text)
        if not low <= value < float("inf"):
            raise ValueError
        return value

    return number


# --- clockodile run ----------------------------------------------------------------------------------------


def run_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clockodile run`. Defaults are None so that a value given twice can be noticed."""
    add = parser.add_argument
    add("--recipe", metavar="NAME", help=f"what to run on: {', '.join(RECIPES)} (default {DEFAULT_RECIPE})")
    classes = "classes of the recipe's data set in place of its own, such as bee,apple"
    add("--classes", metavar="A,B,...", help=classes)
    add("--profile", metavar="NAME", help=f"how much to compute: {', '.join(PROFILES)} (default quick)")
    add("--source", metavar="NAME", help="where the images come from (default auto: the first that works)")
    own = "your images: a folder that holds one folder of images for each class"
    add("--data-dir", metavar="DIR", help=own)
    pair = "the two classes that notebooks 03 and 04 compare (default: as the recipe says)"
    add("--pair", metavar=("A", "B"), nargs=2, help=pair)
    add("--seed", metavar="N", help="all randomness derives from it (default 0)")
    others = (
        "a folder of pictures that show none of the classes: with it notebook 03 can tell both from neither"
    )
    add("--background", metavar="DIR", default="", help=others)
    add("--out", metavar="DIR", dest="run_dir", help="run folder (default runs/<recipe>-<profile>)")
    add("--only", metavar="NN", nargs="+", default=[], help="run just these notebooks, such as 02 03")
    assignment = {"metavar": "name=value", "dest": "parameters", "action": "append", "default": []}
    add("-p", **assignment, help="set a notebook's parameter")
    limit = "longest time for one cell, 0 = no limit (default 7200)"
    add("--cell-timeout", metavar="SECONDS", type=at_least(0, float), help=limit)


def run(args: argparse.Namespace) -> int:
    """Run the notebooks and end with the results table and the path of the report."""
    settings, own = split_parameters(args)
    recipe_why = ""
    if "recipe" not in settings:
        settings["recipe"], recipe_why = guess_recipe(settings.get("data_dir", ""))

    from clockodile.app.execute import CELL_TIMEOUT, NotebookFailed
    from clockodile.app.progress import ProgressPrinter
    from clockodile.app.report import results_text
    from clockodile.app.run import run_notebooks
    from clockodile.core.workspace import open_run

    opened = open_run(**settings, background=args.background)
    env = {"CLOCKODILE_BACKGROUND": args.background and str(Path(args.background).expanduser().resolve())}
    progress = ProgressPrinter(opened, recipe_why)
    timeout = CELL_TIMEOUT if args.cell_timeout is None else args.cell_timeout
    try:
        options = {"progress": progress, "cell_timeout": timeout, "env": env if args.background else None}
        report = run_notebooks(opened, args.only, own, **options)
    except NotebookFailed as failure:
        print_stderr(f"clockodile: {failure}")
        return 1
    table = results_text(opened.dir) or "no notebook has recorded a number"
    write_stdout(f"\n{table}\n\nreport: {report}\n")
    return 0


def split_parameters(args: argparse.Namespace) -> tuple[dict, dict[str, str]]:
    """What open_run takes, from flags and -p together, and the notebooks' own parameters as texts.

    Raises UserError when a flag and a -p contradict each other.
    """
    given = parse_assignments(args.parameters)
    flags = {name: getattr(args, name) for name in COMMON} | {"pair": pair_text(args.pair)}
    for name, flag in flags.items():
        if flag is not None and given.setdefault(name, flag) != flag:
            option = "--out" if name == "run_dir" else "--" + name.replace("_", "-")
            raise UserError(f"'{name}' is given twice: {option} {flag} and -p {name}={given[name]}")
    settings = {name: given.pop(name) for name in COMMON if name in given}
    if "seed" in settings:
        settings["seed"] = convert(Parameter("seed", "int", 0), settings["seed"])
    return settings, given


def pair_text(names: list[str] | None) -> str | None:
    """Two class names as notebooks want them. Raises UserError for a name that would be taken for two."""
    for name in names or ():
        if "," in name:
            raise UserError(f"--pair: '{name}' has a comma, which ends a name; rename that class's folder")
    return ",".join(names) if names else None


def guess_recipe(data_dir: str) -> tuple[str, str]:
    """The recipe for a data folder when none was named, and why ("" when there was nothing to decide).

    The default's class folders may also lie in a subfolder of its name.
    """
    folder, recipe = Path(data_dir).expanduser(), RECIPES[DEFAULT_RECIPE]
    if not data_dir or not folder.is_dir():
        return recipe.name, ""
    wanted, places = " and ".join(recipe.classes), (folder, folder / recipe.name)
    if any(all((place / name).is_dir() for name in recipe.classes) for place in places):
        return recipe.name, f"chosen because {data_dir} holds {wanted}"
    return "folder", f"chosen because {data_dir} does not hold {wanted}; --recipe overrides"


def run_or_pretrained(
    parser: argparse.ArgumentParser, paths: str, paths_help: str, shipped: str, usage: str
) -> None:
    """Paths that begin with a RUN folder, or --pretrained and no RUN; usage: what follows either of them."""
    parser.usage = "\n       ".join(f"{parser.prog} {first} {usage}" for first in ("RUN", "--pretrained"))
    parser.add_argument("paths", metavar=paths, nargs="+", help=paths_help)
    package = f"use {shipped} with the package; no RUN then"
    parser.add_argument("--pretrained", action="store_true", help=package)


# --- clockodile predict ------------------------------------------------------------------------------------


def predict_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clockodile predict`."""
    parser.epilog = (
        "Ends with 0 when every image was judged, 1 when some were refused (each is named on stderr; the others are "
        "judged), 2 when none could be judged or an argument is wrong. Files in folders that are no images by their "
        "names are passed over."
    )
    add = parser.add_argument
    run_or_image = "RUN, a folder that `clockodile run` made; then images or folders of images"
    usage = "IMAGES... [--csv FILE] [--json] [--scheduler ADDRESS]"
    run_or_pretrained(parser, "RUN IMAGES", run_or_image, "the best nets that come", usage)
    add("--csv", metavar="FILE", help="write a table with every class's probability instead; - for stdout")
    add("--json", action="store_true", help="print one JSON object instead, refused files included")
    add("--scheduler", metavar="ADDRESS", default="", help=SCHEDULER)


def predict(args: argparse.Namespace) -> int:
    """Say which class each image shows, and how sure that is: path, predicted class, calibrated probability.

    The classes are only compared with each other: of an image of something else the numbers cannot say that
    none of them fits.
    """
    from clockodile.app.predict import predict_command

    return predict_command(
        args.paths,
        pretrained=args.pretrained,
        csv_file=args.csv,
        json=args.json,
        scheduler=args.scheduler,
    )


# --- clockodile rank ---------------------------------------------------------------------------------------


def rank_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clockodile rank`."""
    parser.epilog = (
        "Ends with 0 when every image was ranked, 1 when some were refused (each is named on stderr), 2 when none "
        "could be judged or an argument is wrong. After an interruption the same command goes on where it was."
    )
    add = parser.add_argument
    run_or_folder = "RUN, a run folder; then the folder of images to rank"
    usage = "FOLDER [--top K] [--csv FILE] [--html FILE] [--scheduler ADDRESS]"
    run_or_pretrained(parser, "RUN FOLDER", run_or_folder, "the judge that comes", usage)
    shown = "how many to show (default 24); the table holds all"
    add("--top", metavar="K", type=at_least(1), default=24, help=shown)
    add("--csv", metavar="FILE", help="write a table of all images, the most ambiguous first; - for stdout")
    add("--html", metavar="FILE", help="write a page with the first K images in it")
    add("--scheduler", metavar="ADDRESS", default="", help=SCHEDULER)


def rank(args: argparse.Namespace) -> int:
    """Rank any images by how much they look like both classes; no labels are needed."""
    from clockodile.app.rank import rank_command

    return rank_command(
        args.paths,
        pretrained=args.pretrained,
        count=args.top,
        csv_file=args.csv,
        html_file=args.html,
        scheduler=args.scheduler,
    )


# --- clockodile sample -------------------------------------------------------------------------------------


def sample_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clockodile sample`."""
    parser.usage = (
        "clockodile sample RUN|--pretrained [--n N] [--mix W] [--method M] [--seed S] --out DIR [--grid]"
    )
    parser.epilog = (
        "Writes 0000.png, 0001.png, ... as they are made, then contact_sheet.png with the first 512. Picture i depends "
        "on the seed plus i alone, never on how many are made. Ends with 0, or 2 when an argument is wrong."
    )
    add = parser.add_argument
    add("run", metavar="RUN", nargs="?", help="a folder that `clockodile run` made")
    add("--pretrained", action="store_true", help="use the flow that comes with the package; no RUN then")
    add("--n", metavar="N", type=at_least(1), default=24, help="how many pictures (default 24, most 100000)")
    add("--mix", metavar="W", type=float, default=0.5, help="0 first class, 1 second, 0.5 (default) a hybrid")
    methods = "flow_best (default), flow_placed, flow_both; with a RUN also vae, pixel_blend and its like"
    add("--method", metavar="M", default="flow_best", help=methods)
    add("--seed", metavar="S", type=int, default=0, help="of the first picture (default 0)")
    add("--out", metavar="DIR", required=True, help="folder for the pictures; made when it is not there")
    add("--grid", action="store_true", help="also grid.png: rows are seeds, columns go from class to class")


def sample(args: argparse.Namespace) -> int:
    """Make new pictures of two classes, or of what lies between them."""
    from clockodile.app.sample import sample_command

    if args.pretrained == (args.run is not None):
        raise UserError("give either a RUN folder or --pretrained")
    options = {name: getattr(args, name) for name in ("mix", "method", "seed", "out", "grid")}
    return sample_command(args.run, count=args.n, **options)


# --- clockodile pool ---------------------------------------------------------------------------------------


def pool_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clockodile pool`."""
    parser.epilog = (
        "Writes pool.csv and pool.png. Ends with 0, 1 when files were left out (each is named on stderr), 2 when none "
        "can be used or an argument is wrong."
    )
    parser.add_argument(
        "folder", metavar="DIR", help="holds a file of answers (picture,source,answer) a person"
    )
    parser.add_argument("--out", metavar="DIR2", required=True, help="folder for the table and the figure")
    names = "the two classes of the quiz (default: clock crocodile)"
    parser.add_argument("--classes", metavar=("A", "B"), nargs=2, default=("clock", "crocodile"), help=names)


def pool(args: argparse.Namespace) -> int:
    """Pool a class's answers to the quiz of notebook 04: shares with intervals, and how far people agree."""
    from clockodile.app.pool import pool_command

    return pool_command(args.folder, args.out, args.classes)


# --- clockodile collect ------------------------------------------------------------------------------------


def collect_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clockodile collect`."""
    add = parser.add_argument
    add("query", metavar="QUERY", help="words to look for, such as 'alarm clock'")
    add("--class", metavar="NAME", dest="name", required=True, help="the class, a folder in DIR")
    add(
        "--out",
        metavar="DIR",
        required=True,
        help="the folder that holds the classes; nothing in it is overwritten",
    )
    add(
        "--max",
        metavar="N",
        dest="most",
        type=at_least(1),
        default=100,
        help="photographs to keep (default 100)",
    )


def collect_photographs(args: argparse.Namespace) -> int:
    """Collect openly licensed photographs for one class, with their sources, and a sheet to look them through."""
    from clockodile.app.collect import collect_command

    return collect_command(args.query, name=args.name, out=args.out, most=args.most)


# --- clockodile demo ---------------------------------------------------------------------------------------


def demo_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clockodile demo`."""
    add = parser.add_argument
    add("folder", metavar="DIR", nargs="?", help="a built site (default build/site of this checkout)")
    add("--port", metavar="N", type=port, default=8000, help="default 8000; 0 for any that is free")
    add("--no-browser", action="store_true", help="only print the address")


def port(text: str) -> int:
    """Reads the number of a port. ValueError otherwise, which argparse reports."""
    if not 0 <= int(text) < 2**16:
        raise ValueError
    return int(text)


def demo(args: argparse.Namespace) -> int:
    """Open the playground: our nets in the browser, on photographs and drawings of yours. `make site` builds it."""
    from clockodile.app.demo import demo_command

    return demo_command(args.folder, args.port, browser=not args.no_browser)


# --- clockodile recipes, clockodile refresh ----------------------------------------------------------------


def list_recipes(args: argparse.Namespace) -> int:
    """Print what can be run on and how long it may take."""
    lines = ["recipes (--recipe)"]
    for recipe in RECIPES.values():
        classes = ", ".join(recipe.classes) or "every class folder of yours; needs --data-dir"
        default = " (default)" if recipe.name == DEFAULT_RECIPE else ""
        lines.append(f"  {recipe.name:<18} {classes}{default}; sources: {', '.join(recipe.sources)}")
    lines.append("profiles (--profile)")
    lines += [
        f"  {profile.name:<18} {profile.folds} folds, {profile.seeds} seeds" for profile in PROFILES.values()
    ]
    write_stdout("\n".join(lines) + "\n")
    return 0


def refresh_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of `clockodile refresh`, the maintainers' command."""
    what = "quick for the pages (the default), full for the weights"
    parser.add_argument("--profile", metavar="NAME", default="quick", help=what)


def refresh(args: argparse.Namespace) -> int:
    """Run everything and replace the committed notebooks, figures and tables, or the weights."""
    from clockodile.app.execute import NotebookFailed
    from clockodile.app.refresh import refresh_project

    try:
        refresh_project(args.profile)
    except NotebookFailed as failure:
        print_stderr(f"clockodile: {failure}\n  nothing was replaced")
        return 1
    return 0


COMMANDS = (
    Command("run", "run the notebooks without a browser and write a report", run_options, run),
    Command("predict", "say which class photographs of yours show", predict_options, predict),
    Command("rank", "rank photographs of yours by how much they look like both classes", rank_options, rank),
    Command("sample", "make new pictures of two classes, or of both at once", sample_options, sample),
    Command("pool", "pool a class's answers to the quiz of notebook 04", pool_options, pool),
    Command(
        "collect",
        "collect photographs for a class from a search engine",
        collect_options,
        collect_photographs,
    ),
    Command("demo", "open the playground: our nets in your browser", demo_options, demo),
    Command("recipes", "list what can be run on, and the profiles", lambda parser: None, list_recipes),
    Command("refresh", "", refresh_options, refresh),
)
