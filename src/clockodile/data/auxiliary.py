"""Photographs beside the run's own: how light falls and where edges run need not be learned from crocodiles alone."""

from __future__ import annotations

import io
import tarfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from clockodile.core.errors import UserError
from clockodile.core.workspace import Run, cache_dir
from clockodile.data.cifar import fetch_cifar

SIZE = 32  # pixels a side
MEND = "get it again, or remove it"


def cifar100_by_class(run: Run, *, without: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """CIFAR-100's training images uint8 (N, 32, 32, 3) and their class names, str (N,), of all classes but some.

    From cifar100.tar.gz in the data folder, else torchvision's copy. Raises SourceUnavailable when neither can be had,
    UserError for a damaged archive.
    """
    archive = run.data_dir / "cifar100.tar.gz" if run.data_dir else None
    if archive is not None and archive.is_file():
        return read_archive(archive, without=without)
    train, _ = fetch_cifar(cache_dir())
    names = np.array(train.classes)[np.asarray(train.targets)]
    wanted = ~np.isin(names, without)
    return train.data[wanted], names[wanted]


def read_archive(archive: Path, *, without: tuple[str, ...] = ()) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (N, 32, 32, 3) and class names str (N,) of `.../train/<class>/<file>` in a tar.gz, sorted by path.

    Nothing is unpacked to disk. Raises UserError for a damaged archive, and for anything but small PNG and JPEG in it.
    """
    images, paths = read_parts(archive, ("train",), without=without)
    return images, np.array([path.split("/")[1] for path in paths])


def read_parts(
    archive: Path, parts: tuple[str, ...], *, without: tuple[str, ...] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """The same for several folders beside `train`; str (N,) `<part>/<class>/<file>` in place of names."""
    found = []
    try:
        with tarfile.open(archive, "r|gz") as tar:
            for entry in tar:
                place = Path(entry.name).parts[-3:]
                if entry.isfile() and len(place) == 3 and place[0] in parts and place[1] not in without:
                    content = io.BytesIO(tar.extractfile(entry).read(1 << 20))
                    found.append(("/".join(place), _pixels(content, f"{archive}: {entry.name}")))
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise UserError(f"{archive} is damaged ({error}); {MEND}") from error
    if not found:
        raise UserError(f"{archive} holds no images in {parts[0]}/<class>; {MEND}")
    found.sort(key=lambda one: one[0])
    return np.stack([image for _, image in found]), np.array([name for name, _ in found])


def _pixels(content: io.BytesIO, name: str) -> np.ndarray:
    """A picture's pixels, uint8 (32, 32, 3). Of other formats than these, some would start another program."""
    try:
        with Image.open(content, formats=("PNG", "JPEG")) as picture:
            if picture.size == (SIZE, SIZE):  # told by the header, before anything large is unpacked
                return np.asarray(picture.convert("RGB"))
    except Exception as error:  # Pillow's readers raise whatever the damage led to
        raise UserError(f"{name} is no whole PNG or JPEG of {SIZE} pixels a side; {MEND}") from error
    raise UserError(f"{name} is not {SIZE} pixels a side; {MEND}")
