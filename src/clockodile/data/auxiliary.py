"""CIFAR-100's other classes, all of their training photographs: what a generator learns from beside its own classes."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from clockodile.core.errors import UserError
from clockodile.core.workspace import Run, cache_dir
from clockodile.data.cifar import fetch_cifar

ARCHIVE = "cifar100.tar.gz"  # in the data folder: cifar100/train/<class>/<number>.png


def cifar100_by_class(run: Run, *, without: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Photographs uint8 (N, 32, 32, 3) and their class names, str (N,), of all classes but some.

    From the data folder's archive, else torchvision's copy. Raises download.Refused when neither can be had.
    """
    archive = run.data_dir / ARCHIVE if run.data_dir else None
    if archive is None or not archive.is_file():
        train, _ = fetch_cifar(cache_dir())
        names = np.array(train.classes)[np.asarray(train.targets)]
        wanted = ~np.isin(names, without)
        return train.data[wanted], names[wanted]
    found = []
    try:
        with tarfile.open(archive, "r|gz") as tar:
            for entry in tar:
                parts = Path(entry.name).parts
                if entry.isfile() and parts[-3:-2] == ("train",) and parts[-2] not in without:
                    content = io.BytesIO(tar.extractfile(entry).read())
                    with Image.open(content, formats=("PNG",)) as picture:
                        found.append((entry.name, parts[-2], np.asarray(picture.convert("RGB"))))
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UserError(f"{archive} is damaged ({error}); get it again, or remove it") from error
    found.sort(key=lambda one: one[0])
    return np.stack([image for *_, image in found]), np.array([name for _, name, _ in found])
