"""Pictures made for tests: two classes that a net learns in seconds, and folders of photos of many sizes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from clockodile.data.dataset import Dataset


def striped_and_dotted(count: int, size: int = 32, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """`count` images of each of two classes that a net learns in seconds: stripes, and a disc. uint8 (2N, S, S, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    images = np.empty((2 * count, size, size, 3))
    for index in range(2 * count):
        centre, radius, phase = rng.uniform(0.3, 0.7, 2), rng.uniform(0.15, 0.3), rng.uniform(0, 6)
        disc = np.hypot(y - centre[0], x - centre[1]) < radius
        pattern = np.sin(rng.uniform(15, 25) * (x + rng.uniform(0, 1) * y) + phase) > 0 if index < count else disc
        colours = rng.uniform(0, 255, (2, 3))
        images[index] = np.where(pattern[..., None], colours[0], colours[1]) + rng.normal(0, 12, (size, size, 3))
    return images.clip(0, 255).astype(np.uint8), np.repeat([0, 1], count)


def write_photos(root: Path, classes: tuple[str, ...] = ("striped", "dotted"), count: int = 24) -> Path:
    """A user's folder: photos of many sizes, some not square, JPEG and PNG."""
    for label, name in enumerate(classes):
        folder = root / name
        folder.mkdir(parents=True)
        size = 40 + 24 * label
        images = striped_and_dotted(count, size=size, seed=label)[0]
        for index, image in enumerate(images[:count] if label % 2 == 0 else images[count:]):
            tint = np.roll(image, label, axis=2)  # a third class differs by colour as well
            picture = Image.fromarray(tint).resize((size + 7 * (index % 3), size))
            picture.save(folder / f"photo {index}{'.jpg' if index % 2 else '.png'}")
    return root


def striped_dataset() -> Dataset:
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
        card={"fingerprint": "f" * 16, "split_hash": "0" * 12, "source": {"kind": "folder", "stamp": ""}, "remark": ""},
    )


def with_noise(data: Dataset) -> Dataset:
    """The same 120 images with sixty pictures of noise, of twenty kinds, as other things."""
    noise = np.random.default_rng(0).integers(0, 256, (60, *data.images.shape[1:]), dtype=np.uint8)
    return replace(
        data,
        images=np.concatenate([data.images, noise]),
        labels=np.concatenate([data.labels, np.full(60, -1)]),
        ids=np.concatenate([data.ids, [f"noise/kind {i % 20}/{i}" for i in range(60)]]),
        split=np.concatenate([data.split, np.full(60, "background")]),
        group=np.arange(180),
        fold=np.concatenate([data.fold, np.full(60, -1)]),
    )
