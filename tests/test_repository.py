"""What may be tracked: text, notebooks, figures and the shipped weights; no data, no results of runs, nothing large."""

import subprocess
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
LARGEST = 700_000  # bytes; each version of a large file stays in the history for good
DATA = {".npz", ".npy", ".pkl", ".pt", ".pth", ".parquet", ".h5", ".gz", ".zip", ".tar", ".sqlite", ".db"}
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".heic", ".tif", ".tiff"}
FIGURES = ("images4report/", "teaching/")
WEIGHTS = "src/clockodile/weights/"


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Paths of the files that git knows, relative to the project."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_nothing_large_but_weights(tracked):
    sizes = {path.as_posix(): (ROOT / path).stat().st_size for path in tracked}
    assert {name: size for name, size in sizes.items() if size > LARGEST and not name.startswith(WEIGHTS)} == {}


def test_no_data_and_no_pictures_but_figures(tracked):
    names = [path.as_posix() for path in tracked]
    assert [name for name in names if Path(name).suffix.lower() in DATA] == []
    pictures = [name for name in names if Path(name).suffix.lower() in PICTURES]
    assert pictures and [name for name in pictures if not name.startswith(FIGURES)] == []
    weights = [name for name in names if name.endswith(".safetensors")]
    assert [name for name in weights if not name.startswith(WEIGHTS)] == []


def test_no_results_of_runs(tracked):
    assert [path for path in tracked if path.parts[0].startswith("runs")] == []
    ignored = subprocess.run(["git", "check-ignore", "-q", "runs3/dataset.npz"], cwd=ROOT)
    assert ignored.returncode == 0


def test_a_test_process_has_one_thread():
    """Two processes on two cores: with more threads they wait for each other (the variables are set in conftest.py)."""
    assert torch.get_num_threads() == 1
