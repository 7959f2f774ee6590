"""Recipes on made-up data sets of a few pictures, from the command line: what notebooks 01 to 03 do otherwise there.

Their notebook 04 is the same as that of a user's folder, which test_small_folder.py runs; faces have a file of their
own.
"""

import pytest
import tiny_cifar10
import tiny_tiny_imagenet

from clockodile.app.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
LEAST = ["effort=0.01", "seeds=2", "models=hog_svm"]


@pytest.fixture
def report_of(tmp_path, monkeypatch):
    """report_of(recipe, data folder, notebooks, ...): run those notebooks with next to no training; the report."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def report(recipe, folder, only, *words):
        words = [*words, *(word for value in LEAST for word in ("-p", value))]
        place = ["--data-dir", str(folder), "--out", str(tmp_path / "run")]
        assert main(["run", "--recipe", recipe, *place, "--only", only, *words]) == 0
        assert len(list((tmp_path / "run" / "executed").glob("*.ipynb"))) == len(only.split(","))
        return (tmp_path / "run" / "report.html").read_text("utf-8")

    return report


def test_animals_and_vehicles(report_of, tmp_path):
    folder = tiny_cifar10.write_archive(tmp_path / "data", each=7, tests=2)
    report = report_of("animals_vehicles", folder, "01,02,03")
    assert {path.name for path in (tmp_path / "run" / "animals_vehicles").iterdir()} == {"results.csv"}
    assert "Animals or vehicles?" in report and "all 70 training pictures" in report
    assert "ours, from nothing: accuracy, 20 test images" in report


def test_tiny_imagenet(report_of, tmp_path):
    folder = tiny_tiny_imagenet.write_data_set(tmp_path / "data", "tar")
    classes = ",".join(tiny_tiny_imagenet.CLASSES.values())
    report = report_of("tiny_imagenet", folder, "01,02", "--classes", classes)
    assert "Tiny ImageNet: 4 classes, top-5" in report and "school bus" in report
    assert "rocodile" not in report.partition("</head>")[0]
