"""A user's own folder of three classes, from the command line: a notebook alone first, then those it left out."""

import pytest
from made_photos import write_photos

from clockodile.app.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
QUICKLY = ["-p", "effort=0.01"]
LEAST = ["-p", "seeds=2", "-p", "models=hog_svm", "-p", "count=6", "-p", "n_candidates=1", "-p", "n_per_class=2"]


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """The command line on that folder but for its last words, and the run folder."""
    folder = tmp_path_factory.mktemp("small")
    photos = write_photos(folder / "my photos", classes=("ball", "stripe", "tinted ball"))
    return ["run", "--data-dir", str(photos), "--out", str(folder / "run")], folder / "run"


@pytest.fixture(scope="module")
def notebook_03_alone(command):
    words, run_dir = command
    assert main([*words, "--only", "03", *QUICKLY]) == 0
    return {path.name for path in run_dir.iterdir()}


def test_a_notebook_alone_makes_what_it_needs(notebook_03_alone):
    assert {"dataset.npz", "splits.csv", "ambiguous.csv"} <= notebook_03_alone
    assert "hybrids.npz" not in notebook_03_alone


def test_the_others_complete_it(command, notebook_03_alone, capsys):
    words, run_dir = command
    assert main([*words, "--only", "01,02,04", *QUICKLY, *LEAST]) == 0
    told = capsys.readouterr().out
    assert "recipe   folder" in told and "near-duplicate groups" in told
    assert len(list((run_dir / "executed").glob("*.ipynb"))) == 4
    report = (run_dir / "report.html").read_text("utf-8")
    assert "tinted ball" in report and "crocodile" not in report.partition("</head>")[0]
