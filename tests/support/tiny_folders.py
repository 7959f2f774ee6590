"""Folders of small random pictures, and what every source promises."""

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from clockodile.core.recipes import Recipe
from clockodile.data.collection import Collection

SIZE = 16
PETS = Recipe(
    name="pets",
    title="Cats or dogs?",
    sources=("folder", "cifar100", "stand_in"),
    classes=("cat", "dog"),
    min_per_class=3,
)
ANY = replace(PETS, name="any", classes=(), sources=("folder",))


def photo(seed):
    """A random image, uint8 (SIZE, SIZE, 3), another one for each seed."""
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def put(path, image=None, **options):
    """Save an image, an array, or a new random picture named after its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = photo(zlib.crc32(str(path).encode())) if image is None else image
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(path, **options)


def pets(root, count=4, classes=("cat", "dog")):
    """Class folders of `count` pictures each, 0.png upwards."""
    for label, name in enumerate(classes):
        for number in range(count):
            put(root / name / f"{number}.png", photo(1000 * label + number))
    return root


def check_contract(collection: Collection):
    """What every source promises."""
    count = len(collection.images)
    assert collection.images.dtype == np.uint8 and collection.images.shape[1:] == (SIZE, SIZE, 3)
    assert collection.labels.dtype == np.int64 and len(collection.labels) == count
    assert len(set(collection.ids.tolist())) == len(collection.ids) == count and collection.ids.dtype.kind == "U"
    assert len(collection.split) == count and set(collection.split.tolist()) <= {
        "train",
        "test",
        "background",
        "hybrid",
    }
    assert ((collection.labels >= 0) == np.isin(collection.split, ("train", "test"))).all()
    train = collection.labels[collection.split == "train"]
    assert (np.diff(train) >= 0).all() and set(train.tolist()) == set(range(len(collection.classes)))
    for note in collection.notes:
        assert not Path(note.path).is_absolute() and "\n" not in note.reason
