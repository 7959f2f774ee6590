"""The whole recipe on a made-up CIFAR-10 of a few pictures, from the command line."""

import pytest
from tiny_cifar10 import write_archive

from clockodile.app.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
LEAST = ["effort=0.01", "seeds=2", "models=hog_svm", "count=6", "n_candidates=1", "n_per_class=2"]


def test_the_recipe_runs_and_its_report_tells_of_all_pictures(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder, run = write_archive(tmp_path / "data", each=7, tests=2), tmp_path / "run"
    words = [word for value in LEAST for word in ("-p", value)]
    command = ["run", "--recipe", "animals_vehicles", "--data-dir", str(folder), "--out", str(run), *words]
    assert main(command) == 0
    assert len(list((run / "executed").glob("*.ipynb"))) == 4
    assert {path.name for path in (run / "animals_vehicles").iterdir()} == {"results.csv"}
    report = (run / "report.html").read_text("utf-8")
    assert "Animals or vehicles?" in report and "all 70 training pictures" in report
    assert "ours, from nothing: accuracy, 20 test images" in report
