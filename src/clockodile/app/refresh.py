"""For maintainers: run everything and replace what is committed of it.

A quick run replaces the notebooks, their figures and the tables of README.md, so that a reader's own first run prints
what the page says. A full run replaces the weights that come with the package.

Everything new is first made in the run folder; only then is anything replaced. `make check` looks at what came out.
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import nbformat

from clockodile.app.output import print_stderr, write_stdout
from clockodile.app.report import measured_on, results_markdown
from clockodile.app.run import executed_copy, find_notebooks, run_notebooks
from clockodile.core.atomic_files import atomic, file_digest, read_json
from clockodile.core.errors import NotebookFailed, UserError
from clockodile.core.store import shipped_weights
from clockodile.core.workspace import open_run, project_root

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
RESULTS = re.compile(r"(<!-- table:results -->\n).*?(<!-- /table:results -->)", re.DOTALL)
# weights of a full run that come with the package
SHIPPED = ("classifier/predictor-*", "judge")


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
    notebook was edited meanwhile, NotebookFailed when one fails; nothing was replaced then.
    """
    run = open_run(profile=profile)
    notebooks = find_notebooks()
    before = [file_digest(path) for path in notebooks]
    env = {"CLOCKODILE_PROFILE": profile, "CLOCKODILE_RUNS": str(run.dir.parent)}
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
    for record in sorted((run_dir / "figures").glob("*.json")):
        pictures = [f"{about['name']}.png" for about in read_json(record)["figures"]]
        new |= {figures / picture: (run_dir / "figures" / picture).read_bytes() for picture in pictures}
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


# --- what replaces ----------------------------------------------------------------------------------------


def publishable(copy: Path) -> nbformat.NotebookNode:
    """An executed copy as it may be committed: outputs, counts and ids kept, nothing of this machine or moment."""
    nb = nbformat.read(copy, as_version=4)
    for index, cell in enumerate(nb.cells, 1):
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":  # is left out, but a warning must not be lost unseen
                first = output.text.strip().partition("\n")[0][:90]
                write_stdout(f"{copy.name}, cell {index} wrote to stderr: {first}\n")
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    nb.metadata["kernelspec"] = dict(KERNEL)
    nb.metadata.get("language_info", {}).pop("version", None)  # would change with every Python patch release
    nb.metadata.pop("widgets", None)  # live state; a static figure stands beside each widget
    return nb
