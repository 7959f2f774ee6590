"""All four notebooks, run once as a user runs them, on the images of this machine; and what is asked of that run.

Then a reader opens them in JupyterLab on what that run has left: all cells run, nothing complains, every control works.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

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
FEWER = {"count": 16, "n_candidates": 4, "n_per_class": 16}
TOKEN = "of-the-tests"
# controls a page, in the three pages that have any
CONTROLS = {"01_data": 4, "03_ambiguous": 4, "04_hybrids": 4}

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


# --- JupyterLab -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab(quick_run, tmp_path_factory):
    """The address of a JupyterLab whose notebooks go on with that run."""
    folder = tmp_path_factory.mktemp("lab")
    settings = {'run_dir: str = ""': f"run_dir: str = {str(quick_run.dir)!r}"}
    settings |= {f"{name}: int = 0": f"{name}: int = {value}" for name, value in FEWER.items()}
    for path in find_notebooks():
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            for old, new in settings.items():
                cell.source = cell.source.replace(old, new)
        nbformat.write(notebook, folder / path.name)
    words = ["--no-browser", "--allow-root", "--port=0", f"--IdentityProvider.token={TOKEN}"]
    words += ["--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={folder}"]
    own = {name: str(folder / name) for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR")}
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *words],
        env={**os.environ, **own, "CLOCKODILE_HEADLESS": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield answering(Path(own["JUPYTER_RUNTIME_DIR"]), server)
    finally:
        server.terminate()
        server.wait(30)


def answering(runtime: Path, server: subprocess.Popen) -> str:
    """Wait until the server has written down its address, and answers."""
    for _ in range(600):
        for file in runtime.glob("jpserver-*.json"):
            try:
                address = json.loads(file.read_text())["url"]
                urllib.request.urlopen(f"{address}api?token={TOKEN}").close()
                return address
            except (OSError, ValueError):
                pass
        assert server.poll() is None, "JupyterLab ended"
        time.sleep(0.2)
    raise TimeoutError("JupyterLab does not answer")


@pytest.mark.parametrize("name", CONTROLS)
def test_every_control_changes_its_picture(browser, lab, name):
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(600_000)
    page.goto(f"{lab}lab/workspaces/{name}/tree/{name}.ipynb?token={TOKEN}")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    page.wait_for_function("jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'")
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")  # returns when all have run
    cells = page.evaluate("jupyterapp.shell.currentWidget.content.model.toJSON().cells")
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    assert len(outputs) > 20
    loud = [out for out in outputs if out["output_type"] == "error" or out.get("name") == "stderr"]
    assert loud == []
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    page.set_default_timeout(120_000)
    controls = page.locator(".widget-hslider .noUi-handle, .widget-toggle-button:not(.mod-active)")
    moved = [move(page, control) for control in controls.element_handles()]
    assert len(moved) == CONTROLS[name]
    page.close()


def move(page, control) -> None:
    """Press an arrow on a slider, or click a button, and wait until the picture below it has changed."""
    image = control.evaluate_handle("e => e.closest('.jp-OutputArea-output').querySelector('img')")
    control.scroll_into_view_if_needed()
    before = image.get_attribute("src")
    if "noUi-handle" in control.get_attribute("class"):
        control.focus()
        page.keyboard.press("ArrowRight")
    else:
        control.click()
    page.wait_for_function(
        """([area, before]) => area.querySelector('img').getAttribute('src') !== before""",
        arg=[control.evaluate_handle("e => e.closest('.jp-OutputArea-output')"), before],
    )
