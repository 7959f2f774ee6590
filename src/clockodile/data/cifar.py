"""CIFAR as a source: fetched once, checked, kept in the cache; and the recipe's classes taken out of CIFAR-100."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from PIL import Image

from clockodile.core.atomic_files import UNFINISHED
from clockodile.core.download import Limits, SourceUnavailable, disk_reason, download
from clockodile.core.recipes import Recipe
from clockodile.data.collection import BACKGROUND, TEST, TRAIN, Collection, Source
from clockodile.data.files import to_square

LOG = logging.getLogger("clockodile").info
LICENCE = "CIFAR-100 (Krizhevsky, 2009): for research, with citation; the photographs belong to their makers"
BACKGROUND_PER_CLASS = 20  # images of each class that is not in the recipe
LIMITS = Limits()
LOCK = ".cifar.lock"  # in the cache folder; stays there, since removing a lock file is a race


# --- the cache ----------------------------------------------------------------------------------------------


def _unpack(archive: Path, cache: Path, dataset: type) -> None:
    """Unpack beside, check, rename: the folder is complete or absent. Raises Refused."""
    target = cache / dataset.base_folder
    try:
        with tempfile.TemporaryDirectory(dir=cache, prefix=".unpack-") as scratch:
            with tarfile.open(archive) as tar:
                tar.extractall(scratch, filter="data")
            dataset(scratch, train=False)  # RuntimeError unless every file has its MD5
            if target.exists():  # an older copy that failed its check
                shutil.rmtree(target)
            os.rename(Path(scratch) / dataset.base_folder, target)
    except OSError as error:
        if _stored(cache, dataset) is None:  # otherwise another run was faster, with the same files
            raise SourceUnavailable(disk_reason(error)) from error
    except (tarfile.TarError, EOFError, RuntimeError) as error:
        raise SourceUnavailable("the archive does not hold what it should") from error


def _stored(cache: Path, dataset: type):
    """(train, test) from the cache, each file's MD5 checked by torchvision before it is read; else None."""
    try:
        return dataset(cache, train=True), dataset(cache, train=False)
    except (RuntimeError, OSError):
        return None


def _clear_leftovers(cache: Path) -> None:
    """Remove what a killed run left; a running one touches its file every few seconds."""
    for old in (*cache.glob(f"{UNFINISHED}*"), *cache.glob(".unpack-*")):
        try:
            if time.time() - old.stat().st_mtime > 3600:
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        except OSError:  # someone else's, or just gone
            continue


def _has_md5(path: Path, md5: str) -> bool:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "md5").hexdigest() == md5
    except OSError:
        return False


def _take_lock(cache: Path, *, limits: Limits, log: Callable[[str], None]) -> FileLock:
    """The cache's lock, held by us, so that two processes never download at the same time: the second waits.

    Where locks do not work, or their holder hangs, we go on without: that costs a second download, no more.
    """
    lock = FileLock(cache / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log("another process is downloading CIFAR; waiting")
        with suppress(OSError):  # Timeout is one
            lock.acquire(timeout=limits.wait)
    except (NotImplementedError, OSError):  # no locks here; a folder that cannot be written shows soon enough
        pass
    return lock


def _fill(cache: Path, *, url: str, dataset: type, limits: Limits, log: Callable[[str], None]) -> None:
    """Put the data set's folder into the cache, from an archive put there by hand or from `url`. Raises Refused."""
    archive = cache / dataset.filename
    by_hand = _has_md5(archive, dataset.tgz_md5)
    _clear_leftovers(cache)
    if not by_hand:
        log(f"downloading {dataset.filename} (170 MB) to {cache}")
        download(url or dataset.url, archive, dataset.tgz_md5, limits=limits, log=log)
    _unpack(archive, cache, dataset)
    if not by_hand:
        archive.unlink(missing_ok=True)  # the unpacked copy is enough


def fetch_cifar(
    cache: Path,
    *,
    url: str = "",
    dataset: type | None = None,
    limits: Limits = LIMITS,
    log: Callable[[str], None] = LOG,
):
    """torchvision's (train, test) data sets, from the cache if a good copy is there, else from `url`.

    cache: folder that holds or gets `cifar-100-python` (CIFAR10: `cifar-10-batches-py`); an archive put there by hand
    is used as well.
    dataset: torchvision.datasets.CIFAR100 (the default), CIFAR10, or one with other checksums. Raises Refused, one
    phrase.
    """
    if dataset is None:
        from torchvision.datasets import CIFAR100 as dataset  # a second to import; folders never need it
    stored = _stored(cache, dataset)
    if stored is not None:
        return stored
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceUnavailable(disk_reason(error)) from error
    lock = _take_lock(cache, limits=limits, log=log)
    try:
        stored = _stored(cache, dataset)  # again: another process may have filled the cache while we waited
        if stored is None:
            _fill(cache, url=url, dataset=dataset, limits=limits, log=log)
            stored = _stored(cache, dataset)
    finally:
        lock.release()
    if stored is None:
        raise SourceUnavailable("the unpacked copy in the cache folder cannot be read")
    return stored


# --- the collection -----------------------------------------------------------------------------------------


def resized(images: np.ndarray, size: int) -> np.ndarray:
    """uint8 (N, H, W, 3) as (N, size, size, 3); unchanged when it has that size."""
    if images.shape[1:3] == (size, size):
        return images
    return np.stack([np.array(to_square(Image.fromarray(image), size)) for image in images])


def _rows_of(data, name: str, count: int | None = None) -> np.ndarray:
    """Indices of the first `count` images of a class, in the data set's own order."""
    return np.flatnonzero(np.asarray(data.targets) == data.class_to_idx[name])[:count]


def cifar100_collection(
    recipe: Recipe,
    *,
    cache: Path,
    image_size: int,
    url: str = "",
    dataset: type | None = None,
    limits: Limits = LIMITS,
    log: Callable[[str], None] = LOG,
) -> Collection:
    """The recipe's classes out of CIFAR-100: its training images, its test images, and others as background.

    ids: `clock/<train index>`, `test/clock/<test index>`, `cifar100_other/<class>/<train index>`.
    The background is the first 20 training images of every other class. Raises Refused when it cannot be had.
    """
    train, test = fetch_cifar(cache, url=url, dataset=dataset, limits=limits, log=log)
    missing = [name for name in recipe.classes if name not in train.class_to_idx]
    if missing or not recipe.classes:
        raise SourceUnavailable(
            f"CIFAR-100 has no class '{missing[0]}'" if missing else "the recipe names no classes"
        )
    others = [name for name in train.classes if name not in recipe.classes]
    blocks = [(train, _rows_of(train, c), label, c, TRAIN) for label, c in enumerate(recipe.classes)]
    blocks += [(test, _rows_of(test, c), label, f"test/{c}", TEST) for label, c in enumerate(recipe.classes)]
    few = BACKGROUND_PER_CLASS
    blocks += [(train, _rows_of(train, c, few), -1, f"cifar100_other/{c}", BACKGROUND) for c in others]
    return Collection(
        images=resized(np.concatenate([data.data[rows] for data, rows, *_ in blocks]), image_size),
        labels=np.concatenate([np.full(len(rows), label, np.int64) for _, rows, label, *_ in blocks]),
        ids=np.array([f"{folder}/{row}" for _, rows, _, folder, _ in blocks for row in rows]),
        split=np.array([split for _, rows, *_, split in blocks for _ in rows]),
        classes=tuple(recipe.classes),
        source=Source("cifar100", url or train.url, "CIFAR-100 could be had", LICENCE),
    )
