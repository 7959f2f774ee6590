"""One notebook in one kernel of nbclient's: a clean copy, written whole at the end, or a failure in four lines."""

from __future__ import annotations

import logging
import math
import os
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import nbformat
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert.filters import strip_ansi

from clockodile.core.atomic_files import atomic
from clockodile.core.errors import UserError

CELL_TIMEOUT = 7200  # seconds; the longest cell of the full profile takes well under an hour on two cores
HEADLESS = {
    "CLOCKODILE_HEADLESS": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # with a caller's Agg, no figures
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # or each kernel prints a warning about frozen modules
}
UNSEEN = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}  # what the process itself says
SILENT = logging.Logger("kernels", logging.CRITICAL + 1)  # `explain` says it better


class NotebookFailed(Exception):
    """A notebook did not run to its end. The text is four plain lines: where, cause, what to do, which copy."""


class ThisInterpreter(AsyncKernelManager):
    """Starts the interpreter running now, whatever kernelspecs are installed."""

    kernel_spec = property(lambda self: KernelSpec(**get_kernel_dict()))


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
    logging.getLogger("asyncio").addFilter(is_news)  # for good: its obituaries may come any time later
    nb, running = prepared(nbformat.read(notebook, as_version=4), parameters), None
    manager = ThisInterpreter(transport_encryption="auto", log=SILENT)  # unset, ipykernel warns at each start
    client = NotebookClient(nb, km=manager, log=SILENT, record_timing=False)
    client.timeout = math.ceil(cell_timeout) or None
    client.iopub_timeout = 60  # seconds; the default of 4 fails on a busy machine
    kernel = {"cwd": str(notebook.parent), "env": os.environ | HEADLESS | dict(env or {}), **UNSEEN}
    failed = copy.with_name(f"{copy.stem}.failed.ipynb")
    try:
        with client.setup_kernel(cleanup_kc=True, **kernel):
            for index, cell in enumerate(nb.cells):
                running = cell if cell.cell_type == "code" else running
                client.execute_cell(cell, index)
    except (CellExecutionError, CellTimeoutError, RuntimeError, FileNotFoundError) as error:
        save(nb, failed)
        if getattr(error, "ename", "") == UserError.__name__:
            raise UserError(error.evalue) from None
        code = manager.provisioner.process.poll() if isinstance(error, DeadKernelError) else 0
        cause, to_do = explain(error, client.timeout, code)
        told = (f"notebook {notebook.stem} {place(nb, running)}", f"cause: {cause}", f"to do: {to_do}")
        raise NotebookFailed("\n  ".join((*told, f"copy as far as it got: {failed}"))) from None
    save(nb, copy)
    failed.unlink(missing_ok=True)


def is_news(record: logging.LogRecord) -> bool:
    """False for what asyncio says of tasks that outlive their kernel: nobody waits for them any more."""
    died = record.exc_info and isinstance(record.exc_info[1], DeadKernelError)
    return not died and "Task was destroyed" not in record.getMessage()


def prepared(nb: nbformat.NotebookNode, parameters: Mapping[str, object]) -> nbformat.NotebookNode:
    """`nb` without outputs, with the parameters in a cell of their own below the one that declares them."""
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    if parameters:
        tagged = (i for i, cell in enumerate(nb.cells) if "parameters" in cell.metadata.get("tags", ()))
        source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
        cell = nbformat.v4.new_code_cell(source, id="parameters", metadata={"tags": ["injected-parameters"]})
        nb.cells.insert(next(tagged, -1) + 1, cell)
    return nb


def save(nb: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook atomically, readable by whoever may read the folder."""
    with atomic(path) as temporary:
        nbformat.write(nb, temporary)


def place(nb: nbformat.NotebookNode, running: nbformat.NotebookNode | None) -> str:
    """Where it happened: the number of the code cell, and its first line that is neither empty nor a comment."""
    if running is None:
        return "could not be started"
    cells = [cell for cell in nb.cells if cell.cell_type == "code" and cell.source.strip()]
    line = re.search(r"^\s*([^#\s].*)$", running.source, re.MULTILINE)
    return f"failed in code cell {cells.index(running) + 1}: {shorten(line[1] if line else '(empty)', 100)}"


def explain(error: Exception, seconds: int | None, code: int) -> tuple[str, str]:
    """Cause and remedy, a phrase each; code: exit code of the notebook's process, negative for signals."""
    again = "then start the same command again; finished work is used again"
    if isinstance(error, CellTimeoutError):
        return (
            f"the cell ran longer than {seconds} s",
            f"give a larger --cell-timeout (0 = no limit); {again}",
        )
    if isinstance(error, CellExecutionError):
        arrow = re.search(r"^-+> \d+ (.*)$", strip_ansi(error.traceback), re.MULTILINE)
        line = f" (at: {shorten(arrow[1].strip(), 100)})" if arrow else ""
        cause = f"{error.ename}: {error.evalue.strip().partition(chr(10))[0]}".rstrip(": ")
        return shorten(cause, 190) + line, f"read the whole traceback in the copy below and mend it; {again}"
    if not isinstance(error, DeadKernelError):
        reason = shorten(" ".join(str(error).split()), 190)
        return f"its Python process did not start ({reason})", "set up .venv anew, then try again"
    end = (
        f"crashed in compiled code ({signal.strsignal(-code)})"
        if code < 0
        else f"ended itself with exit code {code}"
    )
    if code == -signal.SIGKILL:
        end = "was killed, most often because memory ran out"
    return f"its Python process {end}", f"close other programs or try --profile quick; {again}"


def shorten(text: str, length: int) -> str:
    """`text` cut to `length` characters."""
    return text if len(text) <= length else text[: length - 3] + "..."
