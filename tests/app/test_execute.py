"""One notebook in one kernel; what a whole run makes of its failures is in test_run.py."""

import asyncio
import gc
import logging
import sys

import nbformat
import pytest
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from tiny_notebooks import make_notebook, outputs

from clockodile.app import execute
from clockodile.app.execute import NotebookFailed, is_news, place, prepared

VALUES = {"seed": 3, "name": "it's", "parts": [1, 2], "fast": True}


def test_parameters_come_below_the_cell_that_declares_them():
    declared = new_code_cell("seed: int = 0", metadata={"tags": ["parameters"]})
    nb = prepared(new_notebook(cells=[new_markdown_cell("# x"), declared, new_code_cell("seed")]), VALUES)
    assert [cell.source for cell in nb.cells[:2]] == ["# x", "seed: int = 0"]
    found = {}
    exec(nb.cells[2].source, found)
    assert {name: found[name] for name in VALUES} == VALUES
    assert nb.cells[2].metadata.tags == ["injected-parameters"] and len(nb.cells) == 4
    nbformat.validate(nb)


def test_outputs_of_an_earlier_run_are_not_kept():
    old = new_code_cell("1", outputs=[new_output("stream", text="old")], execution_count=7)
    nb = prepared(new_notebook(cells=[old]), {})
    assert [(cell.source, cell.outputs, cell.execution_count) for cell in nb.cells] == [("1", [], None)]


def test_cells_are_counted_as_a_reader_counts_them():
    cells = [
        new_code_cell("a = 1"),
        new_code_cell(""),
        new_markdown_cell("x"),
        new_code_cell("# why\n\nb = 2"),
    ]
    nb = new_notebook(cells=cells)
    assert place(nb, cells[3]) == "failed in code cell 2: b = 2"


@pytest.mark.parametrize("task", ["dead", "destroyed"])
def test_tasks_that_outlive_their_kernel_say_nothing(caplog, task):
    async def die():
        raise DeadKernelError("Kernel died")

    async def main():
        tasks.append(asyncio.ensure_future(die() if task == "dead" else asyncio.sleep(60)))
        await asyncio.sleep(0)

    logger = logging.getLogger("asyncio")
    for hears in (True, False):
        caplog.clear()
        tasks = []
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        loop.close()
        tasks.clear()
        gc.collect()
        assert bool(caplog.records) is hears
        logger.addFilter(is_news)
    logger.removeFilter(is_news)


@pytest.mark.slow
@pytest.mark.parametrize("command", [[sys.executable, "-c", "raise SystemExit(4)"], ["/nowhere/python"]])
def test_a_kernel_that_does_not_start(tmp_path, monkeypatch, command):
    kernel = {"argv": command, "display_name": "x", "language": "python"}
    monkeypatch.setattr(execute, "get_kernel_dict", lambda: kernel)
    notebook = make_notebook(tmp_path / "01_data.ipynb", "print(1)")
    with pytest.raises(NotebookFailed) as error:
        execute.execute(notebook, tmp_path / "out" / "01_data.ipynb", parameters={})
    lines = str(error.value).splitlines()
    assert lines[0] == "notebook 01_data could not be started"
    assert "did not start" in lines[1] and "set up .venv anew" in lines[2] and len(lines) == 4


@pytest.mark.slow
def test_a_copy_is_the_same_every_time(tmp_path):
    notebook = make_notebook(tmp_path / "01_data.ipynb", "print(seed)")
    copies = []
    for _ in range(2):
        execute.execute(notebook, tmp_path / "out" / "01_data.ipynb", parameters={"seed": 5})
        copies.append((tmp_path / "out" / "01_data.ipynb").read_bytes())
    assert copies[0] == copies[1] and outputs(tmp_path / "out" / "01_data.ipynb") == "5\n"
