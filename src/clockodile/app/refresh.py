"""For maintainers: run everything and replace what is committed of it.

A quick run replaces the notebooks, their figures and the tables of README.md, so that a reader's own first run prints
what the page says. A full run replaces the weights that come with the package.

Everything new is first made below the run folder and checked; only then is anything replaced.
"""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import nbformat

from clockodile.app.execute import NotebookFailed
from clockodile.app.output import print_stderr, write_stdout
from clockodile.app.report import measured_on, results_markdown
from clockodile.app.run import executed_copy, find_notebooks, run_notebooks
from clockodile.core.atomic_files import atomic, file_digest, read_json
from clockodile.core.errors import UserError
from clockodile.core.store import shipped_weights
from clockodile.core.workspace import open_run, project_root

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
RESULTS = re.compile(r"(<!-- table:results -->\n).*?(<!-- /table:results -->)", re.DOTALL)
SHIPPED = (
    "classifier/predictor-*",
    "judge",
    "generators/vae",
)  # weights of a full run that come with the package


def refresh_command(args: argparse.Namespace) -> int:
    """Do what the command line asks. Returns 0, or 1 when a notebook failed."""
    try:
        refresh_project(args.profile)
    except NotebookFailed as failure:
        print_stderr(f"clockodile: {failure}\n  nothing was replaced")
        return 1
    return 0


def refresh_project(profile: str = "quick") -> None:
    """Run all notebooks on the default recipe and replace what is committed of them: `made_new`, `new_weights`.

    profile: "quick" for the pages, "full" for the weights. Raises UserError when the images were the stand-in or a
    result must not be published, NotebookFailed when a notebook fails; nothing was replaced then.
    """
    run = open_run(profile=profile)
    notebooks = find_notebooks()
    before = [file_digest(path) for path in notebooks]
    staged = run.dir / "publish"
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    env = {"CLOCKODILE_PROFILE": profile, "CLOCKODILE_RUNS": str(run.dir.parent)}
    env["CLOCKODILE_PUBLISH"] = str(staged)
    run_notebooks(run, env=env, inject=False, after_each=lambda: refuse_stand_in(run.dir))
    new = new_weights(run.dir) if profile == "full" else made_new(run.dir, notebooks)
    refuse_edited(notebooks, before)
    for path, content in new.items():
        with atomic(path) as temporary:
            temporary.write_bytes(content)
        write_stdout(f"wrote {path.name}, {len(content) / 1000:.0f} kB\n")
    old = sorted(path.name for path in (project_root() / "images4report").glob("*.png") if path not in new)
    if old:
        write_stdout(f"no notebook writes these any more: {', '.join(old)}\n")


def made_new(run_dir: Path, notebooks: Sequence[Path]) -> dict[Path, bytes]:
    """Committed file -> its new content: the notebooks, their figures, and the table of results in README.md."""
    copies = {path: publishable(executed_copy(run_dir, path)) for path in notebooks}
    card, run = (read_json(run_dir / name) or {} for name in ("data_card.json", "run.json"))
    for nb in copies.values():
        nb.metadata["measured_on"] = measured_on(card, run)
    new = {path: f"{nbformat.writes(nb)}\n".encode() for path, nb in copies.items()}
    figures, readme = project_root() / "images4report", project_root() / "README.md"
    new |= {figures / path.name: path.read_bytes() for path in sorted((run_dir / "publish").iterdir())}
    table = results_markdown(run_dir)
    text = RESULTS.sub(lambda match: f"{match[1]}{table}\n{match[2]}", readme.read_text("utf-8"))
    return new | {readme: text.encode()}


def new_weights(run_dir: Path) -> dict[Path, bytes]:
    """The same for the weights."""
    found = sorted(path for pattern in SHIPPED for path in run_dir.glob(f"{pattern}.safetensors"))
    return {shipped_weights() / path.name: path.read_bytes() for path in found}


# --- what must not be published ---------------------------------------------------------------------------


def refuse_stand_in(run_dir: Path) -> None:
    """Raise UserError when the images of this run are drawn and not photographs."""
    source = (read_json(run_dir / "data_card.json") or {}).get("source", {})
    if source.get("stamp"):
        why = source.get("why", "")
        raise UserError(f"the images were the {source['stamp']} ({why}); nothing was replaced")


def refuse_edited(notebooks: Sequence[Path], before: Sequence[str]) -> None:
    """Raise UserError when somebody saved a notebook while it ran: replacing it would lose that work."""
    for path, digest in zip(notebooks, before, strict=True):
        if file_digest(path) != digest:
            raise UserError(f"{path.name} was changed while it ran; nothing was replaced, start again")


def refuse_paths(nb: nbformat.NotebookNode, name: str) -> None:
    """Raise UserError when a cell shows a path of this machine."""
    private = {str(project_root()), str(Path.home())} - {"/"}
    for index, cell in enumerate(nb.cells, 1):
        shown = cell.source + "".join(texts_of(output) for output in cell.get("outputs", ()))
        for path in private:
            if re.search(re.escape(path) + r"(?![\w.-])", shown):
                raise UserError(f"{name}, cell {index} shows {path}; nothing was replaced, let it show less")


def texts_of(output: nbformat.NotebookNode) -> str:
    """Everything readable in one output; pictures are not."""
    data = output.get("data", {})
    return output.get("text", "") + "".join(str(data[kind]) for kind in data if kind.startswith("text/"))


# --- what replaces ----------------------------------------------------------------------------------------


def publishable(copy: Path) -> nbformat.NotebookNode:
    """An executed copy as it may be committed: outputs, counts and ids kept, nothing of this machine or moment.

    Raises UserError when it has an injected cell, a path of this machine or counts other than 1..n.
    """
    nb = nbformat.read(copy, as_version=4)
    if any("injected-parameters" in cell.metadata.get("tags", ()) for cell in nb.cells):
        raise UserError(
            f"{copy.name} has an injected-parameters cell; nothing was replaced, delete that cell"
        )
    for index, cell in enumerate(nb.cells, 1):
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":  # is left out, but a warning must not be lost unseen
                first = output.text.strip().partition("\n")[0][:90]
                write_stdout(f"{copy.name}, cell {index} wrote to stderr: {first}\n")
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    refuse_paths(nb, copy.name)
    code = [cell for cell in nb.cells if cell.cell_type == "code" and cell.source.strip()]
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        raise UserError(f"{copy.name} is not counted 1..{len(code)}; nothing was replaced")
    nb.metadata["kernelspec"] = dict(KERNEL)
    nb.metadata.get("language_info", {}).pop("version", None)  # would change with every Python patch release
    nb.metadata.pop("widgets", None)  # live state; a static figure stands beside each widget
    return nb
