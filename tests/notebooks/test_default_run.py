"""All four notebooks, run once as a user runs them, on the images of this machine; and what is asked of that run."""

import json
import re
import subprocess
import sys

import nbformat
import pytest

from clockodile.app.run import find_notebooks, run_notebooks
from clockodile.core.workspace import open_run

SOLUTION = re.compile(r"<details>.*?```python\n(.*?)```", re.DOTALL)
FACTS = "nbval-check-output"  # the tag of cells whose printed output is the same on any images
FILES = (
    "dataset.npz",
    "splits.csv",
    "oof_predictions.npz",
    "classifier_runs.csv",
    "classifier/predictor-compact.safetensors",
    "judge.safetensors",
    "ambiguous.csv",
    "pairs.csv",
    "generators/flow.safetensors",
    "hybrids.npz",
    "hybrids.csv",
)

# so few pictures are drawn that nothing of what is tested here changes, and minutes are saved
FEWER = {"count": 16, "n_per_class": 16}

# four notebooks with all their nets
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
each_notebook = pytest.mark.parametrize("notebook", find_notebooks(), ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def quick_run(tmp_path_factory):
    """The default recipe in the quick profile, from whatever source this machine has.

    Each notebook runs with the solutions of its exercises behind it, as a learner would run them.
    """
    folder = tmp_path_factory.mktemp("with_solutions")
    for notebook in find_notebooks():
        content = nbformat.read(notebook, as_version=4)
        content.cells += [nbformat.v4.new_code_cell(solution) for solution in solutions_of(content)]
        nbformat.write(content, folder / notebook.name)
    run = open_run()
    run_notebooks(run, parameters=FEWER, notebooks_dir=folder)
    return run


def solutions_of(content) -> list[str]:
    """The code in the folded parts of a notebook's text."""
    text = "\n".join(cell.source for cell in content.cells if cell.cell_type == "markdown")
    return SOLUTION.findall(text)


def executed(run, notebook):
    """The executed copy of a notebook."""
    return nbformat.read(run.dir / "executed" / notebook.name, as_version=4)


def metrics(run) -> dict:
    return json.loads((run.dir / "metrics.json").read_text())


def test_the_default_run_leaves_everything_behind(quick_run):
    assert not [name for name in FILES if not (quick_run.dir / name).is_file()]
    assert (quick_run.dir / "report.html").stat().st_size > 100_000
    assert set(metrics(quick_run)) == {"01", "02", "03", "04"}


def facts_said_again(run, notebook):
    """The tagged cells of the committed page with their outputs, each now printing what it printed in the run."""
    said = {cell.source: cell.get("outputs", []) for cell in executed(run, notebook).cells}
    page = nbformat.read(notebook, as_version=4)
    page.cells = [cell for cell in page.cells if FACTS in cell.metadata.get("tags", [])]
    for cell in page.cells:
        text = "".join(output.get("text", "(no text)") for output in said[cell.source])
        cell.source = f"print({text!r}, end='')"
    return page


def test_nbval_finds_the_facts_of_the_committed_pages(quick_run, tmp_path):
    """What the tagged cells print is the same on any images."""
    for notebook in find_notebooks():
        page = facts_said_again(quick_run, notebook)
        assert page.cells and all(cell.outputs for cell in page.cells)
        nbformat.write(page, tmp_path / notebook.name)
    options = ["--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    words = [sys.executable, "-m", "pytest", *options, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]


@each_notebook
def test_solutions_of_the_exercises_run(quick_run, notebook):
    """A solution that ends in the exercise's own check is right by it; others hold assertions."""
    solutions = solutions_of(nbformat.read(notebook, as_version=4))
    assert len(solutions) >= 2
    last = executed(quick_run, notebook).cells[-len(solutions) :]
    assert [cell.source for cell in last] == solutions
    for cell in last:
        assert cell.execution_count
        said = "".join(output.get("text", "") for output in cell.outputs)
        assert "assert " in cell.source or "Right." in said, cell.source


def test_the_first_reports_net_does_as_well_as_reported(quick_run):
    """86.4 +/- 2.1 % on the photographs."""
    if json.loads((quick_run.dir / "data_card.json").read_text())["source"]["stamp"]:
        pytest.skip("these are drawn images")
    rows = {row["name"]: row for row in metrics(quick_run)["02"]}
    found = rows["report 000's net, split as its author did"]
    assert 0.82 < found["mean"] < 0.95
    assert found["n"] == quick_run.profile.seeds


def test_no_cell_of_it_complains(quick_run):
    for notebook in find_notebooks():
        outputs = [out for cell in executed(quick_run, notebook).cells for out in cell.get("outputs", ())]
        assert len(outputs) > 20 and [out.text for out in outputs if out.get("name") == "stderr"] == []
