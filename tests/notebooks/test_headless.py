"""All four notebooks, run as a user runs them: on the images of this machine, the stand-in, and a user's own folder."""

import json
import re
from dataclasses import replace

import nbformat
import numpy as np
import PIL.Image
import pytest
from made_photos import write_photos

from clockodile.app.cli import main
from clockodile.app.run import find_notebooks, run_notebooks
from clockodile.core.workspace import open_run
from clockodile.show import plots

SOLUTION = re.compile(r"<details>.*?```python\n(.*?)```", re.DOTALL)
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

# four notebooks with all their nets: ten minutes or more on two cores without bfloat16
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def quick_run(tmp_path_factory):
    """The default recipe in the quick profile, from whatever source this machine has; nbval finds it again after.

    Each notebook runs with the solutions of its exercises behind it, as a learner would run them.
    """
    folder = tmp_path_factory.mktemp("with_solutions")
    for notebook in find_notebooks():
        content = nbformat.read(notebook, as_version=4)
        content.cells += [nbformat.v4.new_code_cell(solution) for solution in solutions_of(content)]
        nbformat.write(content, folder / notebook.name)
    run = open_run()
    run_notebooks(run, notebooks_dir=folder)
    return run


def solutions_of(content) -> list[str]:
    """The code in the folded parts of a notebook's text."""
    text = "\n".join(cell.source for cell in content.cells if cell.cell_type == "markdown")
    return SOLUTION.findall(text)


def test_the_default_run_leaves_everything_behind(quick_run):
    assert not [name for name in FILES if not (quick_run.dir / name).is_file()]
    assert len(list((quick_run.dir / "executed").glob("*.ipynb"))) == 4
    assert set(json.loads((quick_run.dir / "metrics.json").read_text())) == {"01", "02", "03", "04"}


def test_the_first_reports_net_does_as_well_as_reported(quick_run):
    """Real photographs 86.4 +/- 2.1 % before; the stand-in is made to be neither trivial nor hopeless."""
    rows = {row["name"]: row for row in json.loads((quick_run.dir / "metrics.json").read_text())["02"]}
    found = rows["report 000's net, both unseen quarters"]
    assert 0.82 < found["mean"] < 0.95
    assert found["n"] == quick_run.profile.seeds


@pytest.mark.parametrize("notebook", find_notebooks(), ids=lambda path: path.stem)
def test_solutions_of_the_exercises_run(quick_run, notebook):
    solutions = solutions_of(nbformat.read(notebook, as_version=4))
    assert len(solutions) >= 2
    executed = nbformat.read(quick_run.dir / "executed" / notebook.name, as_version=4).cells
    assert [cell.source for cell in executed[-len(solutions) :]] == solutions
    assert all(cell.execution_count for cell in executed[-len(solutions) :])


def test_three_classes_of_a_users_own_photos_from_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("CLOCKODILE_DATA", raising=False)
    photos = write_photos(tmp_path / "my photos", classes=("ball", "stripe", "tinted ball"))
    out = tmp_path / "run"
    options = ["-p", "seeds=2", "-p", "models=hog_svm", "-p", "count=16"]
    options += ["-p", "effort=0.02", "-p", "tries=2"]
    assert main(["run", "--data-dir", str(photos), "--out", str(out), *options]) == 0
    told = capsys.readouterr().out
    assert "recipe   folder" in told and "near-duplicate groups" in told
    assert "tinted ball" in (out / "report.html").read_text("utf-8")


def test_the_stand_in_says_so_everywhere(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("CLOCKODILE_DATA", raising=False)
    options = ["--source", "rendered", "--out", str(tmp_path)]
    small = {"seeds": 2, "models": "mean_colour", "effort": 0.02, "count": 10, "tries": 2}
    for name, value in small.items():
        options += ["-p", f"{name}={value}"]
    assert main(["run", *options]) == 0
    assert "rendered stand-in" in capsys.readouterr().out
    assert "these images are not photographs" in (tmp_path / "report.html").read_text("utf-8")
    figures = list((tmp_path / "figures").glob("*.png"))
    assert len(figures) > 15 and all(stamped(path) for path in figures)


def stamped(path) -> bool:
    """Whether the red label of the stand-in is in the figure, in its lower right corner."""
    picture = np.asarray(PIL.Image.open(path).convert("RGB"))[-40:, -160:]
    return int((picture == plots.colour_values(plots.ALARM)).all(2).sum()) > 200


def test_a_notebook_alone_makes_what_it_needs(tmp_path, quick_run):
    photos = write_photos(tmp_path / "photos")
    run = replace(open_run(recipe="folder", data_dir=str(photos)), dir=tmp_path / "run")
    run_notebooks(run, only=["03"])
    assert (run.dir / "ambiguous.csv").is_file() and (run.dir / "three_block_predictions.npz").is_file()
