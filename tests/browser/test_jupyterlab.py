"""A notebook in JupyterLab as a reader meets it: all cells run, nothing complains on the screen, a control works."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

pytestmark = pytest.mark.slow
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_data.ipynb"
TOKEN = "of-the-tests"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab whose folder holds the first notebook, which is to draw its pictures itself."""
    folder = tmp_path_factory.mktemp("lab")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace('source: str = "auto"', 'source: str = "stand_in"')
    nbformat.write(notebook, folder / NOTEBOOK.name)
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


def test_a_notebook_runs_and_a_control_moves_a_picture(browser, lab):
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(240_000)
    page.goto(f"{lab}lab/tree/{NOTEBOOK.name}?token={TOKEN}")
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
    output = page.locator(".jp-OutputArea-output:has(.widget-hslider):has(img)").first
    output.scroll_into_view_if_needed()
    before = output.locator("img").first.get_attribute("src")
    output.locator(".widget-hslider .noUi-handle").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "([image, before]) => image.getAttribute('src') !== before",
        arg=[output.locator("img").first.element_handle(), before],
    )
    page.close()
