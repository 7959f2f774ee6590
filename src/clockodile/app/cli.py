"""The command line: its subcommands with their options, and what goes wrong as one line and an exit code.

To add a subcommand, write the function of its options and its line in COMMANDS. Nothing heavy is imported here:
`clockodile --help` must not wait for torch.
"""

import argparse
import difflib
import importlib
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

import clockodile
from clockodile.app.memory import keep_freed_memory
from clockodile.app.output import prepare_streams, print_stderr, write_stdout
from clockodile.core.errors import UserError, os_reason
from clockodile.core.recipes import CELL_TIMEOUT, DEFAULT_RECIPE, PROFILES, RECIPES


def run_of(command: str) -> Callable[[argparse.Namespace], int]:
    """What does a command and returns the exit code: `recipes_command` of this module, `predict_command` of
    clockodile.app.predict, which is imported only now.
    """
    name = f"{command}_command"
    return globals().get(name) or getattr(importlib.import_module(f"clockodile.app.{command}"), name)


# --- the options of each command ---------------------------------------------------------------------------


def number(kind: type, low: float, high: float) -> Callable[[str], float]:
    """Reads an int or a float in a range. ArgumentTypeError otherwise, which argparse reports."""

    def read(text: str) -> float:
        with suppress(ValueError):
            value = kind(text)
            if low <= value <= high:
                return value
        words = "a whole number" if kind is int else "a number"
        raise argparse.ArgumentTypeError(f"give {words} from {low} to {high}, not '{text}'")

    return read


def run_options(parser: argparse.ArgumentParser) -> None:
    """Run the notebooks and end with the results table and the path of the report."""
    # defaults are None so that a value given twice can be noticed
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
    others = "a folder of pictures that show none of the classes: with it notebook 03 can tell both from neither"
    add("--background", metavar="DIR", default="", help=others)
    add("--out", metavar="DIR", dest="run_dir", help="run folder (default runs/<recipe>-<profile>)")
    add("--only", metavar="NN", nargs="+", default=[], help="run just these notebooks, such as 02 03")
    assignment = {"metavar": "name=value", "dest": "parameters", "action": "append", "default": []}
    add("-p", **assignment, help="set a notebook's parameter")
    limit = f"longest time for one cell, 0 = no limit (default {CELL_TIMEOUT})"
    seconds = number(float, 0, 1_000_000)
    add("--cell-timeout", metavar="SECONDS", type=seconds, default=CELL_TIMEOUT, help=limit)


def judging_options(
    parser: argparse.ArgumentParser, paths: str, paths_help: str, *, shipped: str, table: str, usage: str
) -> None:
    """What predict and rank have in common: paths that begin with a RUN folder, or --pretrained and no RUN.

    shipped: what that uses; table: what --csv writes; usage: what follows RUN or --pretrained.
    """
    parser.usage = "\n       ".join(f"{parser.prog} {first} {usage}" for first in ("RUN", "--pretrained"))
    add = parser.add_argument
    add("paths", metavar=paths, nargs="+", help=paths_help)
    add("--pretrained", action="store_true", help=f"use {shipped} with the package; no RUN then")
    add("--csv", metavar="FILE", help=f"write a table {table}; - for stdout")
    workers = "let the workers of this Dask scheduler judge, such as tcp://host:8786; they must see the same files"
    add("--scheduler", metavar="ADDRESS", default="", help=workers)


def predict_options(parser: argparse.ArgumentParser) -> None:
    """Say which class each image shows, and how sure that is: path, predicted class, calibrated probability.

    The classes are only compared with each other: of an image of something else the numbers cannot say that
    none of them fits.
    """
    parser.epilog = (
        "Ends with 0 when every image was judged, 1 when some were refused (each is named on stderr; the others are "
        "judged), 2 when none could be judged or an argument is wrong. Files in folders that are no images by their "
        "names are passed over."
    )
    run_or_image = "RUN, a folder that `clockodile run` made; then images or folders of images"
    judging_options(
        *(parser, "RUN IMAGES", run_or_image),
        shipped="the best nets that come",
        table="with every class's probability instead",
        usage="IMAGES... [--csv FILE] [--json] [--scheduler ADDRESS]",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead, refused files included")


def rank_options(parser: argparse.ArgumentParser) -> None:
    """Rank any images by how much they look like both classes; no labels are needed."""
    parser.epilog = (
        "Ends with 0 when every image was ranked, 1 when some were refused (each is named on stderr), 2 when none "
        "could be judged or an argument is wrong. After an interruption the same command goes on where it was."
    )
    run_or_folder = "RUN, a run folder; then the folder of images to rank"
    judging_options(
        *(parser, "RUN FOLDER", run_or_folder),
        shipped="the judge that comes",
        table="of all images, the most ambiguous first",
        usage="FOLDER [--top K] [--csv FILE] [--html FILE] [--scheduler ADDRESS]",
    )
    add = parser.add_argument
    shown = "how many to show (default 24); the table holds all"
    add("--top", metavar="K", type=number(int, 1, 1_000_000), default=24, help=shown)
    add("--html", metavar="FILE", help="write a page with the first K images in it")


def sample_options(parser: argparse.ArgumentParser) -> None:
    """Make new pictures of two classes, or of what lies between them."""
    parser.usage = "clockodile sample RUN|--pretrained [--n N] [--mix W] [--method M] [--seed S] --out DIR [--grid]"
    parser.epilog = (
        "Writes 0000.png, 0001.png, ... as they are made, then contact_sheet.png with the first 512. Picture i depends "
        "on the seed plus i alone, never on how many are made. Nothing is overwritten: the same call again goes on "
        "where an interrupted one was, another call wants another DIR. Ends with 0, or 2 when an argument is wrong."
    )
    add = parser.add_argument
    add("run", metavar="RUN", nargs="?", help="a folder that `clockodile run` made")
    add("--pretrained", action="store_true", help="use the flow that comes with the package; no RUN then")
    count = number(int, 1, 100_000)
    add("--n", metavar="N", type=count, default=24, help="how many pictures (default 24, most 100000)")
    mix = "0 first class, 1 second, 0.5 (default) a hybrid"
    add("--mix", metavar="W", type=number(float, 0, 1), default=0.5, help=mix)
    methods = "flow_joined (default), flow_placed, flow_both"
    add("--method", metavar="M", default="flow_joined", help=methods)
    first = "of the first picture (default 0)"
    add("--seed", metavar="S", type=number(int, 0, 2**31 - 1), default=0, help=first)
    add(
        "--out",
        metavar="DIR",
        required=True,
        help="folder for the pictures, one for each call; made when it is not there",
    )
    add("--grid", action="store_true", help="also grid.png: rows are seeds, columns go from class to class")


def pool_options(parser: argparse.ArgumentParser) -> None:
    """Pool a class's answers to the quiz of notebook 04: shares with intervals, and how far people agree."""
    parser.epilog = (
        "Writes pool.csv and pool.png. Ends with 0, 1 when files were left out (each is named on stderr), 2 when none "
        "can be used or an argument is wrong."
    )
    add = parser.add_argument
    add("folder", metavar="DIR", help="holds a file of answers (picture,source,answer) a person")
    add("--out", metavar="DIR2", required=True, help="folder for the table and the figure")
    names = "the two classes of the quiz (default: clock crocodile)"
    add("--classes", metavar=("A", "B"), nargs=2, default=("clock", "crocodile"), help=names)


def collect_options(parser: argparse.ArgumentParser) -> None:
    """Collect openly licensed photographs for one class, with their sources, and a sheet to look them through."""
    add = parser.add_argument
    add("query", metavar="QUERY", help="words to look for, such as 'alarm clock'")
    add("--class", metavar="NAME", dest="name", required=True, help="the class, a folder in DIR")
    folder = "the folder that holds the classes; nothing in it is overwritten"
    add("--out", metavar="DIR", required=True, help=folder)
    most = "photographs to keep (default 100, most 500)"
    add("--max", metavar="N", dest="most", type=number(int, 1, 500), default=100, help=most)


def demo_options(parser: argparse.ArgumentParser) -> None:
    """Open the playground: our nets in the browser, on photographs and drawings of yours. `make site` builds it."""
    add = parser.add_argument
    add("folder", metavar="DIR", nargs="?", help="a built site (default build/site of this checkout)")
    port = number(int, 0, 2**16 - 1)
    add("--port", metavar="N", type=port, default=8000, help="default 8000; 0 for any that is free")
    add("--no-browser", action="store_true", help="only print the address")


def recipes_options(parser: argparse.ArgumentParser) -> None:
    """Print what can be run on and how long it may take."""


def recipes_command(args: argparse.Namespace) -> int:
    """Print the recipes and the profiles."""
    lines = ["recipes (--recipe)"]
    for recipe in RECIPES.values():
        classes = ", ".join(recipe.classes) or "every class folder of yours; needs --data-dir"
        default = " (default)" if recipe.name == DEFAULT_RECIPE else ""
        lines.append(f"  {recipe.name:<18} {classes}{default}; sources: {', '.join(recipe.sources)}")
    lines.append("profiles (--profile)")
    lines += [f"  {profile.name:<18} {profile.folds} folds, {profile.seeds} seeds" for profile in PROFILES.values()]
    write_stdout("\n".join(lines) + "\n")
    return 0


def refresh_options(parser: argparse.ArgumentParser) -> None:
    """Run everything and replace the committed notebooks, figures and tables, or the weights."""
    what = "quick for the pages (the default), full for the weights"
    parser.add_argument("--profile", metavar="NAME", default="quick", help=what)


# a line for `clockodile --help` ("" hides the command there), and what declares its arguments; that one's docstring
# describes the command
COMMANDS = {
    "run": ("run the notebooks without a browser and write a report", run_options),
    "predict": ("say which class photographs of yours show", predict_options),
    "rank": ("rank photographs of yours by how much they look like both classes", rank_options),
    "sample": ("make new pictures of two classes, or of both at once", sample_options),
    "pool": ("pool a class's answers to the quiz of notebook 04", pool_options),
    "collect": ("collect photographs for a class from a search engine", collect_options),
    "demo": ("open the playground: our nets in your browser", demo_options),
    "recipes": ("list what can be run on, and the profiles", recipes_options),
    "refresh": ("", refresh_options),
}


# --- from words to a command -------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    """argparse that reports a mistake in one line, as everything else here does."""

    def error(self, message: str):
        raise UserError(f"{message}; see {self.prog} --help")

    def _print_message(self, message: str, file=None) -> None:
        write_stdout(message)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments, and the chosen command as `command`. Raises UserError for a mistake, naming the nearest option
    or command where there is one.
    """
    parser = Parser(prog="clockodile", description=clockodile.__doc__, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"clockodile {clockodile.__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", title="commands")
    for command, (line, options) in COMMANDS.items():
        shown = {"help": line} if line else {}
        subparser = subparsers.add_parser(command, description=options.__doc__, allow_abbrev=False, **shown)
        options(subparser)
        subparser.set_defaults(command=command, parser=subparser)

    words = list(sys.argv[1:] if argv is None else argv)
    if words and not words[0].startswith("-") and words[0] not in COMMANDS:
        raise UserError(f"unknown command '{words[0]}'; {nearest_word(words[0], list(COMMANDS))}")
    args, left = parser.parse_known_args(words)
    if not hasattr(args, "command"):
        raise UserError("name a command, such as `clockodile run`; see clockodile --help")
    if hasattr(args, "paths"):
        left = take_paths(args.paths, left)
    if left:
        options = [option for action in args.parser._actions for option in action.option_strings]
        raise UserError(f"unknown argument '{left[0]}'; {nearest_word(left[0].partition('=')[0], options)}")
    return args


def take_paths(paths: list[str], left: Sequence[str]) -> list[str]:
    """Add the words that are no options to `paths`, and return the options: argparse stops collecting at the first."""
    end = left.index("--") if "--" in left else len(left)
    paths += [word for word in left[:end] if not word.startswith("-")] + left[end + 1 :]
    return [word for word in left[:end] if word.startswith("-")]


def nearest_word(word: str, known: Sequence[str]) -> str:
    """The second half of a message about an unknown word."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean '{near[0]}'?" if near else "see clockodile --help"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line. Returns 0, 1 when a notebook failed, 2 for the user's mistake, 130 after Ctrl-C."""
    prepare_streams()
    keep_freed_memory()
    # SIGTERM (`timeout`, a closing session) unwinds like Ctrl-C, so that the kernel is shut down too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        args = parse(argv)
        return run_of(args.command)(args)
    except SystemExit as end:  # --help, --version, SIGTERM
        return int(end.code or 0)
    except UserError as error:
        print_stderr(f"clockodile: {' '.join(str(error).split())}")
        return 2
    except KeyboardInterrupt:
        print_stderr("clockodile: stopped; what was finished is kept and used again")
        return 130
    except BrokenPipeError:  # whoever read the output is gone
        return 1
    except OSError as error:  # a full disk, a folder that vanished
        place = f"{error.filename}: " if error.filename else ""
        print_stderr(f"clockodile: {place}{os_reason(error)}")
        return 1
