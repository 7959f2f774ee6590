"""Small data sets that tests share: made here, never read from a data folder."""

from pathlib import Path

import numpy as np
import pytest
from made_photos import striped_and_dotted, write_photos

from clockodile.data.dataset import Dataset
from clockodile.workspace import Run, open_run


@pytest.fixture
def data() -> Dataset:
    """120 images of two classes in five folds, every image a group of its own."""
    images, labels = striped_and_dotted(60)
    return Dataset(
        images=images,
        labels=labels.astype(np.int64),
        ids=np.array([f"{'striped' if label == 0 else 'dotted'}/{i}" for i, label in enumerate(labels)]),
        split=np.full(len(labels), "train"),
        group=np.arange(len(labels)),
        fold=np.arange(len(labels)) % 5,
        classes=("striped", "dotted"),
        card={
            "fingerprint": "f" * 16,
            "split_hash": "0" * 12,
            "source": {"kind": "folder", "stamp": ""},
            "remark": "",
        },
    )


@pytest.fixture
def photos(tmp_path) -> Path:
    """A folder with two classes of photos."""
    return write_photos(tmp_path / "my photos")


@pytest.fixture
def run(tmp_path, photos) -> Run:
    """An opened run on those photos."""
    return open_run(recipe="folder", data_dir=str(photos), run_dir=str(tmp_path / "run"))
