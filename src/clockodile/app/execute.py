"""One notebook in one kernel: run it with papermill, keep a clean copy, and tell a failure in four lines.

The copy is written under another name and renamed at the end: a failed or killed run never replaces a good one.
"""

import logging
import math
import re
import signal
import subprocess
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import nbformat
import papermill
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError, strip_color
from papermill.execute import ERROR_MARKER_TAG

from clockodile.core.atomic_files import atomic
from clockodile.core.errors import NotebookFailed, UserError
from clockodile.core.recipes import CELL_TIMEOUT

HEADLESS = {
    "CLOCKODILE_HEADLESS": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # with a caller's Agg, no figures
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # or each kernel prints a warning about frozen modules
}


def execute(
    notebook: Path,
    copy: Path,
    *,
    parameters: Mapping[str, object],
    env: Mapping[str, str] | None = None,
    cell_timeout: float = CELL_TIMEOUT,
) -> None:
    """Run `notebook` in its own folder with this interpreter and write the executed copy to `copy`.

    parameters: set in a cell below the one tagged `parameters`; without any there is no such cell.
    env: added to the kernel's environment. cell_timeout: seconds for one cell, 0 = no limit.
    Raises UserError when a cell raised it, else NotebookFailed; the copy is then `<name>.failed.ipynb`.
    """
    copy.parent.mkdir(parents=True, exist_ok=True)
    partial = copy.with_name(f".{copy.stem}.partial.ipynb")
    failed = copy.with_name(f"{copy.stem}.failed.ipynb")
    deaths: list[int] = []
    limit = math.ceil(cell_timeout)
    with quiet():
        try:
            papermill.execute_notebook(
                nbformat.read(notebook, as_version=4),
                str(partial).replace("{", "{{").replace("}", "}}"),  # papermill formats paths
                parameters=dict(parameters),
                cwd=str(notebook.parent),
                kernel_name="python3",
                language="python",
                progress_bar=False,
                execution_timeout=limit or None,
                kernel_manager_class=kernel_manager({**HEADLESS, **(env or {})}, deaths),
                iopub_timeout=60,  # seconds; the default of 4 fails on a busy machine
                record_timing=False,
            )
        except (PapermillExecutionError, CellTimeoutError, DeadKernelError) as error:
            told = tell(error, notebook, partial, failed, limit, deaths)
            write_clean(partial, failed)
            raise told from None
        except RuntimeError as error:
            why = first_line(str(error))
            raise NotebookFailed(
                f"notebook {notebook.stem}: its Jupyter kernel did not start ({why}); is 127.0.0.1 reachable?"
            ) from None
        else:
            write_clean(partial, copy)
            failed.unlink(missing_ok=True)
        finally:
            partial.unlink(missing_ok=True)


def kernel_manager(env: Mapping[str, str], deaths: list[int]) -> type[AsyncKernelManager]:
    """A kernel manager class that starts the interpreter running now, whatever kernelspecs are installed.

    env: added to the kernel's environment. deaths: receives the exit code of a process that ended unasked.
    """

    class ThisInterpreter(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(**get_kernel_dict(), env=dict(env))

        async def start_kernel(self, **options) -> None:
            self.transport_encryption = "auto"  # unset, ipykernel warns at each start
            await super().start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)

        async def is_alive(self) -> bool:
            code = await self.provisioner.poll() if self.has_kernel else None
            if code is not None:
                deaths.append(code)
            return await super().is_alive()

    return ThisInterpreter


@contextmanager
def quiet() -> Iterator[None]:
    """papermill and nbclient log what `tell` says better; hold them back meanwhile."""
    loggers = [logging.getLogger(name) for name in ("papermill", "traitlets", "asyncio")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except KeyboardInterrupt:
        levels[-1] = logging.CRITICAL  # asyncio tells of tasks that Ctrl-C cut off later, when they are collected
        raise
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


# --- what went wrong ---------------------------------------------------------------------------------------


def tell(
    error: Exception, notebook: Path, partial: Path, failed: Path, cell_timeout: int, deaths: list[int]
) -> UserError | NotebookFailed:
    """The exception to raise instead of `error`, for a reader who did not write the notebook."""
    if isinstance(error, PapermillExecutionError) and error.ename == UserError.__name__:
        return UserError(error.evalue)
    index, cells = failing_cell(error, partial)
    number = sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in cells[: index + 1])
    cause, to_do = explain(error, cell_timeout, deaths)
    lines = (
        f"notebook {notebook.stem} failed in code cell {number}: {clipped(first_line(cells[index].source), 100)}",
        f"  cause: {clipped(cause, 300)}",
        f"  to do: {to_do}",
        f"  copy as far as it got: {failed}",
    )
    return NotebookFailed("\n".join(lines))


def failing_cell(error: Exception, partial: Path) -> tuple[int, list]:
    """Position of the cell that was running, and all cells without papermill's own error markers."""
    nb = nbformat.read(partial, as_version=4)
    cells = [cell for cell in nb.cells if ERROR_MARKER_TAG not in cell.metadata.get("tags", ())]
    if isinstance(error, PapermillExecutionError):
        return error.cell_index, cells
    started = [i for i, cell in enumerate(cells) if cell.metadata.get("papermill", {}).get("start_time")]
    return (started[-1] if started else 0), cells


def explain(error: Exception, cell_timeout: int, deaths: list[int]) -> tuple[str, str]:
    """Cause and remedy, a phrase each."""
    again = "then start the same command again; finished work is used again"
    if isinstance(error, CellTimeoutError):
        return (f"the cell ran longer than {cell_timeout} s", f"give a larger --cell-timeout (0 = no limit); {again}")
    if isinstance(error, DeadKernelError):
        cause = f"its Python process {how_it_died(deaths[0] if deaths else 0)}"
        return cause, f"close other programs or try --profile quick; {again}"
    # the line of the cell at which the exception arose, out of IPython's traceback
    place = re.search(r"^-+> \d+ (.*)$", strip_color("\n".join(error.traceback)), re.MULTILINE)
    where = f" (at: {clipped(place[1].strip(), 100)})" if place else ""
    cause = f"{error.ename}: {first_line(error.evalue)}".rstrip(": ") + where
    return cause, f"read the whole traceback in the copy below and mend it; {again}"


def first_line(text: str) -> str:
    """The first line of `text` that says anything and is no comment; "" when there is none."""
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line and not line.startswith("#")), "")


def how_it_died(code: int) -> str:
    """A phrase for the exit code of the notebook's process; negative codes are signals."""
    if code == -signal.SIGKILL:
        return "was killed, most often because memory ran out"
    if code < 0:
        return f"crashed in compiled code ({signal.strsignal(-code) or f'signal {-code}'})"
    return f"ended itself with exit code {code}"


def clipped(text: str, length: int) -> str:
    """`text` cut to `length` characters."""
    return text if len(text) <= length else text[: length - 3] + "..."


# --- the copy ----------------------------------------------------------------------------------------------


def write_clean(partial: Path, path: Path) -> None:
    """Write what papermill wrote to `partial`, without its marks, to `path`, atomically."""
    nb = clean(nbformat.read(partial, as_version=4))
    with atomic(path) as temporary:
        nbformat.write(nb, temporary)


def clean(nb: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Remove papermill's marks and every timestamp from `nb`; two identical runs give the same file."""
    nb.metadata.pop("papermill", None)
    nb.cells = [cell for cell in nb.cells if ERROR_MARKER_TAG not in cell.metadata.get("tags", ())]
    for cell in nb.cells:
        for mark in ("papermill", "execution"):
            cell.metadata.pop(mark, None)
        if not cell.metadata.get("tags", True):  # papermill adds an empty list to every cell
            del cell.metadata["tags"]
    return nb
