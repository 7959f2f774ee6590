"""`clockodile run`: the notebooks in order, in one run folder that one run at a time may write to."""

import argparse
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import clockodile
from clockodile.app.memory import environment
from clockodile.app.output import make_writable, only_writer, print_stderr, write_stdout
from clockodile.app.parameters import (
    COMMON,
    Parameter,
    check_parameters,
    check_text,
    convert,
    parse_assignments,
    read_parameters,
)
from clockodile.core.atomic_files import read_json, sweep, write_json
from clockodile.core.errors import NotebookFailed, UserError, os_reason
from clockodile.core.recipes import CELL_TIMEOUT, DEFAULT_RECIPE, RECIPES
from clockodile.core.workspace import Run, open_run, project_root
from clockodile.data.scan import is_run


def run_command(args: argparse.Namespace) -> int:
    """Do what the command line asks. Returns 0, or 1 when a notebook failed. Raises UserError for a wrong argument."""
    settings, own = split_parameters(args)
    recipe_why = ""
    if "recipe" not in settings:
        settings["recipe"], recipe_why = guess_recipe(settings.get("data_dir", ""))
    run = open_run(**settings, background=args.background)
    env = {}
    if args.background:
        env["CLOCKODILE_BACKGROUND"] = str(Path(args.background).expanduser().resolve())
    options = {"recipe_why": recipe_why, "cell_timeout": args.cell_timeout, "env": env}
    try:
        report = run_notebooks(run, args.only, own, **options)
    except NotebookFailed as failure:
        print_stderr(f"clockodile: {failure}")
        return 1
    from clockodile.app.report import results_text

    table = results_text(run.dir) or "no notebook has recorded a number"
    write_stdout(f"\n{table}\n\nreport: {report}\n")
    return 0


def run_notebooks(
    run: Run,
    only: Sequence[str] = (),
    parameters: Mapping[str, object] | None = None,
    *,
    notebooks_dir: Path | None = None,
    recipe_why: str = "",
    cell_timeout: float = CELL_TIMEOUT,
    env: Mapping[str, str] | None = None,
    inject: bool = True,
    after_each: Callable[[], None] = lambda: None,
) -> Path:
    """Run the notebooks for `run` and write the report; returns its path. Tells on stdout how far it is.

    only: names or numbers of notebooks ("02"), () = all. parameters: name -> value, each for the notebooks that declare
    it. recipe_why: why this recipe was taken when the user named none. cell_timeout: seconds a cell may take, 0 = no
    limit. env: added to the kernels' environment. inject: False sets no parameter at all, so that the copies can be
    committed. after_each: called when a notebook has ended well; may raise. Raises UserError before anything starts
    when an argument is wrong, NotebookFailed when a notebook fails.
    """
    found = find_notebooks(notebooks_dir)
    selected = select(found, only)
    values = plan_parameters(run, found, selected, parameters or {})
    check_folder(run)
    make_writable(run.dir)
    # what takes seconds to load is loaded when nothing has been refused
    from clockodile.app.report import write_report

    options = {"cell_timeout": cell_timeout, "env": environment() | dict(env or {})}
    with only_writer(run.dir):
        sweep(run.dir)
        why, profile = f" ({recipe_why})" if recipe_why else "", f"{run.profile.name}, seed {run.seed}"
        write_stdout(f"recipe   {run.recipe.name}{why}\nprofile  {profile}\nfolder   {run.dir}\n")
        for number, notebook in enumerate(selected, 1):
            label = f"[{number}/{len(selected)}] {notebook.stem:<18} "
            try:
                run_one(run, notebook, values[notebook.stem] if inject else {}, label, **options)
            except (NotebookFailed, UserError):
                if number > 1:
                    with suppress(Exception):  # a report of what did finish; the failure itself matters more
                        write_report(run.dir)
                raise
            if number == 1:
                print_source(run.dir)
            after_each()
        return write_report(run.dir)


def run_one(run: Run, notebook: Path, parameters: Mapping, label: str, **options) -> None:
    """Run one notebook, print a line that begins with `label`, and write to run.json what became of it.

    Raises as `execute` does.
    """
    from clockodile.app.execute import execute

    start, status, at_once = time.time(), "failed", sys.stdout.isatty()
    if at_once:  # elsewhere the line is printed whole at the end
        write_stdout(label)
    write_run_json(run, notebook.stem, parameters, "running", start)
    try:
        execute(notebook, executed_copy(run.dir, notebook), parameters=parameters, **options)
        status = "done"
    finally:
        write_run_json(run, notebook.stem, parameters, status, start)
        minutes, seconds = divmod(round(time.time() - start), 60)
        took = f"{minutes:3d} min {seconds:02d} s" if minutes else f"{seconds:3d} s"
        text = took if status == "done" else f"stopped after {took.strip()}"
        write_stdout(("" if at_once else label) + text + "\n")


def print_source(run_dir: Path) -> None:
    """The source of the images and why it was taken; loudly when they are not photographs."""
    card = read_json(run_dir / "data_card.json") or {}
    source = card.get("source")
    if not source:
        return
    if stamp := source.get("stamp"):
        text = f"images   {source['kind']}\nNOTE: {stamp} images, not photographs: {source['why']}\n"
    else:
        text = f"images   {source['kind']}: {source['why']}\n"
    write_stdout(text + "".join(f"NOTE: {warning}\n" for warning in card.get("warnings", ())))


# --- what was asked for ------------------------------------------------------------------------------------


def split_parameters(args: argparse.Namespace) -> tuple[dict, dict[str, str]]:
    """What open_run takes, from flags and -p together, and the notebooks' own parameters as texts.

    Raises UserError when a flag and a -p contradict each other.
    """
    for name in args.pair or ():
        if "," in name:
            raise UserError(f"--pair: '{name}' has a comma, which ends a name; rename that class's folder")
    given = parse_assignments(args.parameters)
    flags = {name: getattr(args, name) for name in COMMON}
    flags["pair"] = ",".join(args.pair) if args.pair else None
    for name, flag in flags.items():
        if flag is not None and given.setdefault(name, flag) != flag:
            option = "--out" if name == "run_dir" else "--" + name.replace("_", "-")
            raise UserError(f"'{name}' is given twice: {option} {flag} and -p {name}={given[name]}")
    settings = {name: given.pop(name) for name in COMMON if name in given}
    if "seed" in settings:
        settings["seed"] = convert(Parameter("seed", "int", 0), settings["seed"])
    return settings, given


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


# --- before anything starts --------------------------------------------------------------------------------


def find_notebooks(notebooks_dir: Path | None = None) -> list[Path]:
    """The numbered notebooks (01_data.ipynb ...) in order. Raises UserError when there are none."""
    carried = Path(clockodile.__file__).parent / "notebooks"  # of an installed package: see setup.py
    folder = Path(notebooks_dir or (carried if carried.is_dir() else project_root() / "notebooks"))
    found = sorted(path for path in folder.glob("*.ipynb") if re.match(r"\d\d_", path.name))
    if not found:
        raise UserError(f"there are no notebooks in {folder}; run clockodile from a checkout of the project")
    return found


def select(notebooks: Sequence[Path], only: Sequence[str]) -> list[Path]:
    """Those of `notebooks` named by `only` ("2", "02", "02_classification", "02,03"), in their own order; () = all.

    Raises UserError for an unknown name, and when something is given that names none.
    """
    names = {path.stem: path for path in notebooks}
    wanted = set()
    for word in (word for text in only for word in text.split(",") if word):
        stem = word.removesuffix(".ipynb")
        hits = [name for name in names if stem == name or stem.zfill(2) == name[:2]]
        if not hits:
            raise UserError(f"unknown notebook '{word}'; known: {', '.join(names)}")
        wanted.update(hits)
    if only and not wanted:
        raise UserError(f"--only names no notebook; known: {', '.join(names)}")
    return [path for name, path in names.items() if not wanted or name in wanted]


def plan_parameters(
    run: Run, found: Sequence[Path], selected: Sequence[Path], parameters: Mapping[str, object]
) -> dict[str, dict[str, object]]:
    """What each selected notebook receives. parameters: the notebooks' own. Raises UserError as `check_parameters`."""
    common = common_parameters(run)
    for name, value in common.items():
        check_text(name, value)
    declared = {path.stem: read_parameters(path) for path in found}
    chosen = {path.stem: declared.pop(path.stem) for path in selected}
    checked = check_parameters(chosen, parameters, left_out=declared)
    return {
        notebook: values | {name: common[name] for name in COMMON if name in chosen[notebook]}
        for notebook, values in checked.items()
    }


def common_parameters(run: Run) -> dict[str, object]:
    """The parameters every notebook declares, as `run` has them."""
    return {
        "recipe": run.recipe.name,
        "classes": run.classes,
        "profile": run.profile.name,
        "seed": run.seed,
        "source": run.source,
        "data_dir": str(run.data_dir or ""),
        "run_dir": str(run.dir),
    }


def check_folder(run: Run) -> None:
    """Raise UserError when the run's files would replace somebody else's, or be taken for photographs next time."""
    if run.data_dir is not None and run.dir.is_relative_to(run.data_dir):
        raise UserError(
            f"run folder {run.dir} lies in the data folder, where its figures would be taken for a class; "
            "give an --out elsewhere"
        )
    try:
        foreign = run.dir.is_dir() and holds_files(run.dir) and not is_run(run.dir)
    except OSError as error:
        raise UserError(f"{run.dir}: {os_reason(error)}; give another --out") from None
    if foreign:
        raise UserError(f"{run.dir} holds files, and no run made them; give an --out that is new or empty")


def holds_files(folder: Path) -> bool:
    """Whether there is any file below a folder; hidden entries of its own do not count."""
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    return any(not path.is_dir() for entry in entries for path in (entry, *entry.rglob("*")))


# --- what the run folder says about its run ----------------------------------------------------------------


def executed_copy(run_dir: Path, notebook: Path) -> Path:
    """Where the executed copy of a notebook lies."""
    return run_dir / "executed" / notebook.name


def write_run_json(run: Run, name: str, parameters: Mapping[str, object], status: str, start: float) -> None:
    """Write run.json: settings of this run, settings and status of each notebook that ever ran here.

    name: of the notebook; parameters: what it was given.
    """
    settings = {name: value for name, value in common_parameters(run).items() if name != "run_dir"}
    earlier = (read_json(run.dir / "run.json") or {}).get("notebooks", {})
    entry = {
        "name": name,
        "status": status,  # running (or killed), done, failed
        "started": start,  # seconds since 1970
        "seconds": round(time.time() - start, 1),
        "settings": settings,
        "parameters": {own: value for own, value in parameters.items() if own not in COMMON},
    }
    content = {
        "version": clockodile.__version__,
        "title": run.recipe.title,
        "settings": settings,
        "notebooks": {**earlier, name[:2]: entry},
    }
    write_json(run.dir / "run.json", content)
