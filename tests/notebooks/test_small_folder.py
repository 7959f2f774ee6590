"""A user's own folder of three classes, from the command line: a notebook alone first, then those it left out.

Then a reader opens them in JupyterLab on what that run has left: all cells run, nothing complains, every control works.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import nbformat
import pytest
from made_photos import write_photos

from clockodile.app.cli import main
from clockodile.app.run import find_notebooks
from clockodile.data.widgets import PAGE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
QUICKLY = ["-p", "effort=0.01"]
FEW = {"count": 6, "n_per_class": 2}
LEAST = ["-p", "seeds=2", "-p", "models=hog_svm", *(word for name in FEW for word in ("-p", f"{name}={FEW[name]}"))]
TOKEN = "of-the-tests"
# controls a page, in the three pages that have any
CONTROLS = {"01_data": 5, "03_ambiguous": 4, "04_hybrids": 4}


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """The command line on that folder but for its last words, and the run folder."""
    folder = tmp_path_factory.mktemp("small")
    # so many that a class fills more than one page of the tiles that one can leaf through
    photos = write_photos(folder / "my photos", classes=("ball", "stripe", "tinted ball"), count=PAGE + 2)
    return ["run", "--data-dir", str(photos), "--out", str(folder / "run")], folder / "run"


@pytest.fixture(scope="module")
def notebook_03_alone(command):
    words, run_dir = command
    assert main([*words, "--only", "03", *QUICKLY]) == 0
    return {path.name for path in run_dir.iterdir()}


def test_a_notebook_alone_makes_what_it_needs(notebook_03_alone):
    assert {"dataset.npz", "splits.csv", "ambiguous.csv"} <= notebook_03_alone
    assert "hybrids.npz" not in notebook_03_alone


@pytest.fixture(scope="module")
def all_four(command, notebook_03_alone):
    """The words and the folder of a run of all four notebooks, and what the others printed when they completed it."""
    words, run_dir = command
    with redirect_stdout(StringIO()) as told:
        assert main([*words, "--only", "01,02,04", *QUICKLY, *LEAST]) == 0
    return words, run_dir, told.getvalue()


def test_the_others_complete_it(all_four):
    _, run_dir, told = all_four
    assert "recipe   folder" in told and "near-duplicate groups" in told
    assert len(list((run_dir / "executed").glob("*.ipynb"))) == 4
    report = (run_dir / "report.html").read_text("utf-8")
    assert "tinted ball" in report and "crocodile" not in report.partition("</head>")[0]


# --- JupyterLab -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab(all_four, tmp_path_factory):
    """The address of a JupyterLab whose notebooks go on with that run."""
    words, run_dir, _ = all_four
    places = {"data_dir": words[2], "run_dir": run_dir}
    folder = tmp_path_factory.mktemp("lab")
    settings = {
        'recipe: str = "clocks_crocodiles"': 'recipe: str = "folder"',
        "effort: float = 1.0": "effort: float = 0.01",
    }
    settings |= {f'{name}: str = ""': f"{name}: str = {str(path)!r}" for name, path in places.items()}
    settings |= {f"{name}: int = 0": f"{name}: int = {value}" for name, value in FEW.items()}
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
