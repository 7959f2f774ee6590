"""CIFAR as a source: torchvision's data set, fetched once and checked; and the recipe's classes out of CIFAR-100."""

from __future__ import annotations

import tarfile
from contextlib import suppress
from pathlib import Path

import numpy as np
from filelock import FileLock
from PIL import Image

from clockodile.core.atomic_files import sweep
from clockodile.core.download import SourceUnavailable, download, failure, has_digest
from clockodile.core.recipes import Recipe, pick
from clockodile.data.collection import BACKGROUND, TEST, TRAIN, Collection, Source
from clockodile.data.files import to_square

LICENCE = "CIFAR-100 (Krizhevsky, 2009): for research, with citation; the photographs belong to their makers"
BACKGROUND_PER_CLASS = 20  # images of each class that is not in the recipe
WAIT = 600.0  # seconds for another process that downloads the same
LOCK = ".cifar.lock"  # in the cache folder; stays there, since removing a lock file is a race


def _stored(cache: Path, dataset: type):
    """(train, test) from the cache, each file's MD5 checked by torchvision before it is read; else None."""
    try:
        return dataset(cache, train=True), dataset(cache, train=False)
    except (RuntimeError, OSError):
        return None


def _fill(cache: Path, dataset: type) -> None:
    """Download the archive unless it is there, and unpack it; torchvision's check refuses a half unpacked copy."""
    archive = cache / dataset.filename
    sweep(cache)
    if not has_digest(archive, "md5", dataset.tgz_md5):
        download(dataset.url, archive, "md5", dataset.tgz_md5)
    with tarfile.open(archive) as tar:
        tar.extractall(cache, filter="data")


def fetch_cifar(cache: Path, name: str = "CIFAR100"):
    """torchvision's (train, test) data sets, from the cache folder if a good copy is there, else from the network.

    name: of torchvision's class, CIFAR100 or CIFAR10. An archive put into the folder by hand is used as well; a second
    process waits. Raises SourceUnavailable, one phrase.
    """
    import torchvision  # a second to import; folders never need it

    dataset = getattr(torchvision.datasets, name)
    if stored := _stored(cache, dataset):
        return stored
    lock = FileLock(cache / LOCK)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with suppress(OSError, NotImplementedError):  # without locks, or if their holder hangs: fetched twice
            lock.acquire(timeout=WAIT)
        if not (stored := _stored(cache, dataset)):  # else another process was faster
            _fill(cache, dataset)
            stored = _stored(cache, dataset)
    except OSError as error:
        raise SourceUnavailable(failure(error)) from error
    except tarfile.TarError as error:
        raise SourceUnavailable("the archive does not hold what it should") from error
    finally:
        lock.release()
    if not stored:
        raise SourceUnavailable("the archive does not hold what it should")
    return stored


def resized(images: np.ndarray, size: int) -> np.ndarray:
    """uint8 (N, H, W, 3) as (N, size, size, 3); unchanged when it has that size."""
    if images.shape[1:3] == (size, size):
        return images
    return np.stack([np.array(to_square(Image.fromarray(image), size)) for image in images])


def _rows_of(data, name: str, count: int | None = None) -> np.ndarray:
    """Indices of the first `count` images of a class, in the data set's own order."""
    return np.flatnonzero(np.asarray(data.targets) == data.class_to_idx[name])[:count]


def cifar100_collection(recipe: Recipe, *, cache: Path, image_size: int) -> Collection:
    """The recipe's classes out of CIFAR-100: its training images, its test images, and others as background.

    ids: `clock/<train index>`, `test/clock/<test index>`, `cifar100_other/<class>/<train index>`. The background is the
    first 20 training images of every other class. Raises SourceUnavailable when it cannot be had, UserError for a
    class that it does not have.
    """
    train, test = fetch_cifar(cache)
    if not recipe.classes:
        raise SourceUnavailable("the recipe names no classes")
    for name in recipe.classes:
        pick("class", name, train.class_to_idx)
    blocks = [(train, _rows_of(train, c), label, c, TRAIN) for label, c in enumerate(recipe.classes)]
    blocks += [(test, _rows_of(test, c), label, f"test/{c}", TEST) for label, c in enumerate(recipe.classes)]
    for other in (name for name in train.classes if name not in recipe.classes):
        rows = _rows_of(train, other, BACKGROUND_PER_CLASS)
        blocks.append((train, rows, -1, f"cifar100_other/{other}", BACKGROUND))
    return Collection(
        images=resized(np.concatenate([data.data[rows] for data, rows, *_ in blocks]), image_size),
        labels=np.concatenate([np.full(len(rows), label, np.int64) for _, rows, label, *_ in blocks]),
        ids=np.array([f"{folder}/{row}" for _, rows, _, folder, _ in blocks for row in rows]),
        split=np.array([split for _, rows, *_, split in blocks for _ in rows]),
        classes=tuple(recipe.classes),
        source=Source("cifar100", train.url, "", LICENCE),
    )
