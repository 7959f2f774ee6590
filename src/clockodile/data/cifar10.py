"""Photographs of anything at all: how light falls and where edges run need not be learned from crocodiles alone.

CIFAR-10 (Krizhevsky, 2009) was gathered as CIFAR-100 was and shares no class with it.
"""

from __future__ import annotations

import logging
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from clockodile.core.errors import UserError
from clockodile.core.workspace import Run, cache_dir
from clockodile.data.cifar import fetch_cifar, resized

LOG = logging.getLogger("clockodile").info
ARCHIVE = "cifar10.tar.gz"  # in the data folder: cifar10/train/<class>/<number>.jpg
CLASSES, COUNT, SIZE = 10, 50_000, 32  # of CIFAR-10's training images


def cifar10_photographs(
    run: Run, *, size: int, count: int = COUNT, log: Callable[[str], None] = LOG
) -> np.ndarray:
    """CIFAR-10's training images, uint8 (count, size, size, 3), from the data folder, the cache or the network.

    Raises Refused, one phrase, when they cannot be had; UserError for a damaged archive in the data folder.
    """
    archive = run.data_dir / ARCHIVE if run.data_dir else None
    if archive is not None and archive.is_file():
        return resized(read_archive(archive, count)[0], size)
    from torchvision.datasets import CIFAR10  # a second to import

    train, _ = fetch_cifar(cache_dir(), dataset=CIFAR10, log=log)
    return resized(train.data[:count], size)


def read_archive(archive: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first training JPEGs of every class, read out of the archive in passing; nothing is unpacked to disk.

    Returns uint8 (count, 32, 32, 3) and int64 (count,), classes in turn. Raises UserError when there are too few.
    """
    each = -(-count // CLASSES)
    found, taken = [], Counter()
    mend = "get it again, or remove it"
    try:
        with tarfile.open(archive, "r|gz") as tar:
            for entry in tar:
                parts = Path(entry.name).parts
                if not entry.isfile() or parts[-3:-2] != ("train",) or taken[parts[-2]] == each:
                    continue
                with Image.open(tar.extractfile(entry)) as picture:
                    if picture.size != (SIZE, SIZE):
                        raise UserError(f"{archive}: {entry.name} is not {SIZE} pixels a side; {mend}")
                    found.append((taken[parts[-2]], parts[-2], np.asarray(picture.convert("RGB"))))
                taken[parts[-2]] += 1
                if len(found) == each * CLASSES:
                    break
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise UserError(f"{archive} is damaged ({error}); {mend}") from error
    if len(found) < count:
        raise UserError(f"{archive} holds {len(found)} of the {count} images wanted; {mend}")
    found.sort(key=lambda one: one[:2])
    names = sorted(taken)
    chosen = found[:count]
    return np.stack([image for *_, image in chosen]), np.array([names.index(name) for _, name, _ in chosen])
