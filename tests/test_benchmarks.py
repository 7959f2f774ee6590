import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from made_photos import write_photos

from clockodile.ambiguous.score_table import SCORES

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "classify.py"
TRAININGS = [
    "ours, quick profile",
    "ours, full profile",
    "report 000's net",
    "ResNet-18 for 32 pixels",
    "ResNet-18 as for 224 pixels",
    "timm's recipe",
]


@pytest.fixture(scope="module")
def bench():
    """The script as a module, nothing run."""
    spec = importlib.util.spec_from_file_location("benchmark_classify", SCRIPT)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def line_of(text: str, start: str) -> str:
    """The one line that starts so."""
    (line,) = [line for line in text.splitlines() if line.startswith(start)]
    return line


@pytest.mark.slow
def test_a_quick_run_prints_every_row(tmp_path):
    folder = write_photos(tmp_path / "photos", classes=("clock", "crocodile"))
    words = [sys.executable, SCRIPT, "--quick", "--full", "--data-dir", folder]
    # on a busy machine two threads wait for each other longer than one takes
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, env=alone)
    assert done.returncode == 0, done.stderr
    table, _, rest = done.stdout.partition("Time to the same accuracy")
    for start in TRAININGS:
        epochs, accuracy, _, spread, seconds, ratio, rate = line_of(table, start)[44:].split()
        assert epochs == "1" and 0 <= float(accuracy) <= 100 and float(rate) > 0
    assert line_of(table, "ours, quick profile").split()[-2] == "1.0"  # times itself
    for start in TRAININGS[2:]:
        assert "ours after" in line_of(rest, start) or "not reached by ours" in line_of(rest, start)
    assert "machine: " in table and "torch 2" in table and "48 photographs" in table
    assert "whole benchmark" in rest


def test_time_spent_watching_is_not_counted(bench, data, monkeypatch):
    quick = bench.evaluate

    def slow(*arguments):
        time.sleep(0.5)
        return quick(*arguments)

    monkeypatch.setattr(bench, "evaluate", slow)
    start = time.perf_counter()
    outcome = bench.ours(bench.make_fold(data, 0), 3)
    assert outcome.seconds < time.perf_counter() - start - 3 * 0.5
    assert len(outcome.curve) == 3 and outcome.accuracy == outcome.curve[-1][1]


def test_a_fold_holds_out_its_own_images_only(bench, data):
    fold = bench.make_fold(data, 2)
    assert len(fold.labels) == len(fold.pictures) == 96 and len(fold.unseen[1]) == 24
    assert np.array_equal(np.asarray(fold.pictures[5][0]), data.images[data.fold != 2][5])
    assert set(fold.some(10).labels.tolist()) == {0, 1}


@pytest.mark.parametrize(
    "accuracies, reached",
    [
        ([0.5, 0.8, 0.9], (1, 1)),
        ([0.5, 0.9, 0.7, 0.8], (1, 3)),
        ([0.5, 0.9, 0.7], (1, None)),
        ([0.5, 0.6], (None, None)),
        ([0.8], (0, 0)),
    ],
)
def test_when_an_accuracy_is_reached(bench, accuracies, reached):
    assert bench.epochs_to_reach(accuracies, 0.8) == reached


@pytest.mark.slow
def test_known_hybrids_are_ranked_by_every_method(tmp_path):
    words = [sys.executable, SCRIPT.with_name("ambiguity.py"), "--quick", "--only", "hybrids"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    lines = [line.split("average precision") for line in done.stdout.splitlines() if "precision" in line]
    found = {title.strip(): float(value) for title, value in lines}
    chance = float(done.stdout.split("chance ")[1].split()[0])
    assert len(found) == len(SCORES)
    assert found[SCORES["evidence"].title] > 3 * chance
