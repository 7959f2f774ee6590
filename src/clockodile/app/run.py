"""The headless run: the notebooks in order, in one run folder that one run at a time may write to."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

import clockodile
from clockodile.app.execute import CELL_TIMEOUT, NotebookFailed, execute
from clockodile.app.parameters import COMMON, Parameter, check_parameters, read_parameters
from clockodile.app.progress import Progress
from clockodile.app.report import write_report
from clockodile.core.atomic_files import read_json, sweep, write_json
from clockodile.core.errors import UserError
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
    prepare_folder(run.dir)
    with only_run_in(run.dir):
        for number, notebook in enumerate(selected, 1):
            place = (number, len(selected), notebook.stem)
            given = values[notebook.stem] if inject else {}
            run_one(run, notebook, given, place, progress, cell_timeout=cell_timeout, env=env)
        return write_report(run.dir)


def run_one(
    run: Run, notebook: Path, parameters: Mapping, place: tuple[int, int, str], progress: Progress, **options
) -> None:
    """Run one notebook, tell `progress`, and note in run.json what became of it. Raises as `execute` does."""
    progress.started(*place)
    start = time.time()
    note(run, notebook, parameters, "running", start)
    try:
        execute(notebook, executed_copy(run.dir, notebook), parameters=parameters, **options)
    except BaseException as error:
        note(run, notebook, parameters, "failed", start)
        progress.failed(*place, time.time() - start)
        if place[0] > 1 and isinstance(error, NotebookFailed | UserError):
            with suppress(
                Exception
            ):  # a report of what did finish; the failure itself matters more than this one
                write_report(run.dir)
        raise
    note(run, notebook, parameters, "done", start)
    progress.finished(*place, time.time() - start)


# --- before anything starts --------------------------------------------------------------------------------


def find_notebooks(notebooks_dir: Path | None = None) -> list[Path]:
    """The numbered notebooks (01_data.ipynb ...) in order. Raises UserError when there are none."""
    folder = Path(notebooks_dir) if notebooks_dir else project_root() / "notebooks"
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
    """What each selected notebook receives.

    Raises UserError as `check_parameters` does, or when `run` is contradicted.
    """
    common = common_parameters(run)
    for name in set(parameters) & set(common):
        if str(parameters[name]) != str(common[name]):
            raise UserError(
                f"parameter '{name}' contradicts the run, which has {common[name]!r}; give it once"
            )
    declared: dict[str, dict[str, Parameter]] = {path.stem: read_parameters(path) for path in found}
    chosen = {path.stem: declared.pop(path.stem) for path in selected}
    own = {name: value for name, value in parameters.items() if name not in common}
    checked = check_parameters(chosen, own, left_out=declared)
    return {
        notebook: {**{name: common[name] for name in COMMON if name in chosen[notebook]}, **values}
        for notebook, values in checked.items()
    }


def common_parameters(run: Run) -> dict[str, object]:
    """The parameters every notebook declares, as `run` has them."""
    return {
        "recipe": run.recipe.name,
        "profile": run.profile.name,
        "seed": run.seed,
        "source": run.source,
        "data_dir": str(run.data_dir or ""),
        "run_dir": str(run.dir),
    }


def prepare_folder(run_dir: Path) -> None:
    """Make the run folder and try to write in it. Raises UserError when that cannot be done."""
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=run_dir):
            pass
    except OSError as error:
        reason = "it is a file" if run_dir.is_file() else error.strerror
        raise UserError(f"cannot write in {run_dir}: {reason}; give another --out") from None


@contextmanager
def only_run_in(run_dir: Path) -> Iterator[None]:
    """Hold the folder's lock; the system drops it however this process ends.

    Raises UserError when another has it.
    """
    lock = FileLock(run_dir / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(f"another run is writing in {run_dir}; wait for it or give another --out") from None
    try:
        sweep(run_dir)
        yield
    finally:
        lock.release()


# --- what the run folder says about its run ----------------------------------------------------------------


def executed_copy(run_dir: Path, notebook: Path) -> Path:
    """Where the executed copy of a notebook lies."""
    return run_dir / "executed" / notebook.name


def note(run: Run, notebook: Path, parameters: Mapping[str, object], status: str, start: float) -> None:
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
