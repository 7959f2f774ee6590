"""Notebooks of a few lines, so that tests of the runner take seconds."""

import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

COMMON = """recipe: str = "clocks_crocodiles"
profile: str = ""
seed: int = 0  # help with an = sign
source: str = "auto"
data_dir: str = ""
run_dir: str = ""
"""
DATA = """from clockodile.core import atomic_files, results
atomic_files.write_json(__import__("pathlib").Path(run_dir) / "data_card.json", {
    "source": {"kind": "folder", "where": "x", "why": "it was given", "licence": "yours", "stamp": ""},
    "classes": ["clock", "crocodile"], "counts": {"train": {"clock": 2, "crocodile": 3}}, "notes": []})
results.record_metrics(run_dir, "01", [results.metric("images", 5)])"""


def make_notebook(path: Path, *cells: str, own: str = "") -> Path:
    """A notebook with the common parameters, its `own` ones and these code cells."""
    parameters = new_code_cell(COMMON + own, metadata={"tags": ["parameters"]})
    notebook = new_notebook(cells=[new_markdown_cell(f"# {path.stem}"), parameters, *map(new_code_cell, cells)])
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def outputs(path: Path) -> str:
    """Everything a notebook printed."""
    cells = nbformat.read(path, as_version=4).cells
    return "".join(output.get("text", "") for cell in cells for output in cell.get("outputs", ()))


def command(root: Path, *words: str) -> list[str]:
    """A command line that runs `clockodile` on the notebooks in root/notebooks, in a process of its own."""
    code = (
        "import sys, pathlib, clockodile.app.run as run, clockodile.app.cli as cli\n"
        f"run.project_root = lambda: pathlib.Path({str(root)!r})\n"
        f"sys.exit(cli.main({list(words)!r}))"
    )
    return [sys.executable, "-c", code]
