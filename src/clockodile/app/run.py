"""The headless run: the notebooks in order, in one run folder that one run at a time may write to."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

import clockodile
from clockodile.app.execute import CELL_TIMEOUT, NotebookFailed, execute
from clockodile.app.memory import environment
from clockodile.app.out_folder import make_writable, only_writer
from clockodile.app.parameters import COMMON, check_parameters, check_text, read_parameters
from clockodile.app.progress import Progress
from clockodile.app.report import write_report
from clockodile.core.atomic_files import read_json, sweep, write_json
from clockodile.core.errors import UserError, os_reason
from clockodile.core.workspace import Run, project_root


def run_notebooks(
    run: Run,
    only: Sequence[str] = (),
    parameters: Mapping[str, object] | None = None,
    *,
    notebooks_dir: Path | None = None,
    progress: Progress | None = None,
    cell_timeout: float = CELL_TIMEOUT,
    env: Mapping[str, str] | None = None,
    inject: bool = True,
) -> Path:
    """Run the notebooks for `run` and write the report; returns its path.

    only: names or numbers of notebooks ("02"), () = all.
    parameters: name -> value, each for the notebooks that declare it.
    cell_timeout: seconds a cell may take, 0 = no limit. env: added to the kernels' environment.
    inject: False sets no parameter at all, so that the copies can be committed.
    Raises UserError before anything starts when an argument is wrong, NotebookFailed when a notebook fails.
    """
    progress = progress or Progress()
    found = find_notebooks(notebooks_dir)
    selected = select(found, only)
    values = plan_parameters(run, found, selected, parameters or {})
    check_folder(run)
    make_writable(run.dir)
    options = {"cell_timeout": cell_timeout, "env": environment() | dict(env or {})}
    with only_writer(run.dir):
        sweep(run.dir)
        for number, notebook in enumerate(selected, 1):
            place = (number, len(selected), notebook.stem)
            given = values[notebook.stem] if inject else {}
            run_one(run, notebook, given, place, progress, **options)
        return write_report(run.dir)


def run_one(
    run: Run, notebook: Path, parameters: Mapping, place: tuple[int, int, str], progress: Progress, **options
) -> None:
    """Run one notebook, report to `progress`, and write to run.json what became of it. Raises as `execute` does."""
    progress.started(*place)
    start = time.time()
    write_run_json(run, notebook, parameters, "running", start)
    try:
        execute(notebook, executed_copy(run.dir, notebook), parameters=parameters, **options)
    except BaseException as error:
        write_run_json(run, notebook, parameters, "failed", start)
        progress.failed(*place, time.time() - start)
        if place[0] > 1 and isinstance(error, NotebookFailed | UserError):
            with suppress(Exception):  # a report of what did finish; the failure itself matters more
                write_report(run.dir)
        raise
    write_run_json(run, notebook, parameters, "done", start)
    progress.finished(*place, time.time() - start)


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
    """What each selected notebook receives. Raises UserError as `check_parameters` does, or for a contradiction."""
    common = common_parameters(run)
    for name in set(parameters) & set(common):
        if str(parameters[name]) != str(common[name]):
            raise UserError(
                f"parameter '{name}' contradicts the run, which has {common[name]!r}; give it once"
            )
    for name, value in common.items():
        check_text(name, value)
    declared = {path.stem: read_parameters(path) for path in found}
    chosen = {path.stem: declared.pop(path.stem) for path in selected}
    own = {name: value for name, value in parameters.items() if name not in common}
    checked = check_parameters(chosen, own, left_out=declared)
    return {
        notebook: {name: common[name] for name in COMMON if name in chosen[notebook]} | values
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
        foreign = run.dir.is_dir() and holds_files(run.dir) and not made_by_run(run.dir)
    except OSError as error:
        raise UserError(f"{run.dir}: {os_reason(error)}; give another --out") from None
    if foreign:
        raise UserError(f"{run.dir} holds files, and no run made them; give an --out that is new or empty")


def holds_files(folder: Path) -> bool:
    """Whether there is any file below a folder; hidden entries of its own do not count."""
    entries = (entry for entry in folder.iterdir() if not entry.name.startswith("."))
    return any(not path.is_dir() for entry in entries for path in chain((entry,), entry.rglob("*")))


def made_by_run(folder: Path) -> bool:
    """Whether a run, or a notebook by itself, has written into a folder: its record or its provenance says so."""
    if isinstance((read_json(folder / "run.json") or {}).get("notebooks"), dict):
        return True
    records = (read_json(path) or {} for path in (folder / "provenance").rglob("*.json"))
    return any({"config", "key", "sha256"} <= record.keys() for record in records)


# --- what the run folder says about its run ----------------------------------------------------------------


def executed_copy(run_dir: Path, notebook: Path) -> Path:
    """Where the executed copy of a notebook lies."""
    return run_dir / "executed" / notebook.name


def write_run_json(
    run: Run, notebook: Path, parameters: Mapping[str, object], status: str, start: float
) -> None:
    """Write run.json: settings of this run, settings and status of each notebook that ever ran here."""
    settings = {name: value for name, value in common_parameters(run).items() if name != "run_dir"}
    earlier = (read_json(run.dir / "run.json") or {}).get("notebooks", {})
    own = {name: value for name, value in parameters.items() if name not in COMMON}
    entry = {
        "name": notebook.stem,
        "status": status,  # running (or killed), done, failed
        "started": start,  # seconds since 1970; figures older than this are another run's
        "seconds": round(time.time() - start, 1),
        "settings": settings,
        "parameters": own,
    }
    content = {
        "version": clockodile.__version__,
        "title": run.recipe.title,
        "settings": settings,
        "notebooks": {**earlier, notebook.stem[:2]: entry},
    }
    write_json(run.dir / "run.json", content)
