"""The notebooks in JupyterLab as a reader meets them: all cells run, nothing complains, every control works."""

import itertools
import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

from clockodile.app.run import find_notebooks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
NOTEBOOKS = find_notebooks()
TOKEN = "of-the-tests"
# pictures that the program draws itself, and hardly any training: what is tested is what a reader sees and moves
SETTINGS = {
    'source: str = "auto"': 'source: str = "stand_in"',
    "effort: float = 1.0": "effort: float = 0.01",
    'models: str = ""': 'models: str = "hog_svm"',
    "seeds: int = 0": "seeds: int = 1",
    "count: int = 0": "count: int = 16",
    "n_candidates: int = 0": "n_candidates: int = 2",
    "n_per_class: int = 0": "n_per_class: int = 16",
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab whose folder holds the notebooks, changed by SETTINGS."""
    folder = tmp_path_factory.mktemp("lab")
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        for cell, (old, new) in itertools.product(notebook.cells, SETTINGS.items()):
            cell.source = cell.source.replace(old, new)
        nbformat.write(notebook, folder / path.name)
    settings = ["--no-browser", "--allow-root", "--port=0", f"--IdentityProvider.token={TOKEN}"]
    settings += ["--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={folder}"]
    own = {
        name: str(folder / name) for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "CLOCKODILE_RUNS")
    }
    environment = {**os.environ, **own, "CLOCKODILE_HEADLESS": ""}
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *settings],
        env=environment,
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


CONTROLS = ".widget-hslider .noUi-handle, .widget-toggle-button:not(.mod-active)"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_every_control_changes_its_picture(browser, lab, notebook):
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(600_000)
    page.goto(f"{lab}lab/workspaces/{notebook.stem}/tree/{notebook.name}?token={TOKEN}")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    page.wait_for_function(
        "jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    )
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")  # returns when all have run
    cells = page.evaluate("jupyterapp.shell.currentWidget.content.model.toJSON().cells")
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    assert len(outputs) > 20
    loud = [out for out in outputs if out["output_type"] == "error" or out.get("name") == "stderr"]
    assert loud == []
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    page.set_default_timeout(120_000)
    moved = [move(page, control) for control in page.locator(CONTROLS).element_handles()]
    assert (
        len(moved)
        == {"01_data": 4, "02_classification": 0, "03_ambiguous": 4, "04_hybrids": 4}[notebook.stem]
    )
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
