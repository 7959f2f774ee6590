"""CIFAR-10 as two classes, animals and vehicles, whose ids remember which of its ten kinds each picture shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from clockodile.core.atomic_files import file_digest, kept_arrays
from clockodile.core.errors import UserError
from clockodile.core.recipes import Recipe
from clockodile.core.workspace import check_range
from clockodile.data.auxiliary import read_parts
from clockodile.data.cifar import BACKGROUND_PER_CLASS, fetch_cifar, resized
from clockodile.data.class_folders import folders_in, is_background
from clockodile.data.collection import BACKGROUND, TEST, TRAIN, Collection, FileNote, Source
from clockodile.data.files import read_images
from clockodile.data.scan import scan_folder

LICENCE = "CIFAR-10 (Krizhevsky, 2009): for research, with citation; the photographs belong to their makers"
KINDS = {
    "animal": ("bird", "cat", "deer", "dog", "frog", "horse"),
    "vehicle": ("airplane", "automobile", "ship", "truck"),
}
SIDE, LARGEST = 32, 64  # pixels; enlarged any further, sixty thousand pictures no longer fit into memory
# classes of CIFAR-100 that show neither an animal (nor a person) nor a vehicle: the only ones fit for a background
NEITHER = set(
    """
    apple bed bottle bowl bridge can castle chair clock cloud couch cup forest house keyboard lamp maple_tree mountain
    mushroom oak_tree orange orchid palm_tree pear pine_tree plain plate poppy road rose sea skyscraper sunflower
    sweet_pepper table telephone television tulip wardrobe willow_tree
    """.split()
)


def kind_of(ids: np.ndarray) -> np.ndarray:
    """Which of the ten kinds each id names, str (N,): bird for `animal/bird/123`."""
    return np.array([str(name).split("/")[-2] for name in ids])


def cifar10_collection(recipe: Recipe, data_dir: Path | None, *, cache: Path, image_size: int) -> Collection:
    """All of CIFAR-10 as animals and vehicles; its official test images, as many as are there, have split "test".

    From `cifar10.tar.gz` or the folder `cifar10` in `data_dir` (each with train/<kind>/ and test/<kind>/), else
    torchvision's. ids: `animal/bird/<name>`, `test/vehicle/ship/<name>`. Background: pictures in the data folder's
    background folders whose class is in NEITHER, at most 20 of each. Raises SourceUnavailable when CIFAR-10 cannot be
    had, UserError for a damaged archive, a kind without training images, or an image_size above 64.
    """
    check_range("image_size", image_size, 8, LARGEST)
    images, paths, where, notes = _all_images(data_dir, cache)
    split, kinds, names = np.array([path.split("/") for path in paths]).T
    missing = {kind for kinds_ in KINDS.values() for kind in kinds_} - set(kinds[split == TRAIN])
    if missing:
        raise UserError(f"{where} has no images in train/{min(missing)}; get it again, or remove it")
    blocks = [
        (
            np.flatnonzero((split == part) & (kinds == kind)),
            label,
            f"{'' if part == TRAIN else 'test/'}{word}/{kind}",
        )
        for part in (TRAIN, TEST)
        for label, word in enumerate(recipe.classes)
        for kind in KINDS[word]
    ]
    rows = np.concatenate([rows for rows, *_ in blocks])
    ids = [f"{folder}/{Path(names[row]).stem}" for rows, _, folder in blocks for row in rows]
    others, other_ids, left_out = _background(recipe, data_dir)
    return Collection(
        images=resized(np.concatenate([images[rows], others]), image_size),
        labels=np.concatenate(
            [
                *(np.full(len(rows), label, np.int64) for rows, label, _ in blocks),
                np.full(len(others), -1, np.int64),
            ]
        ),
        ids=np.array(ids + other_ids),
        split=np.concatenate([split[rows], np.full(len(others), BACKGROUND)]),
        classes=tuple(recipe.classes),
        source=Source("cifar10", where, "", LICENCE),
        notes=(*notes, *left_out),
    )


def _all_images(data_dir: Path | None, cache: Path) -> tuple[np.ndarray, np.ndarray, str, list[FileNote]]:
    """uint8 (N, 32, 32, 3), `<train or test>/<kind>/<name>` of each, where they came from, and what was refused."""
    if data_dir is not None:
        archive, folder = data_dir / "cifar10.tar.gz", data_dir / "cifar10"
        if archive.is_file():
            return *_unpacked(archive, cache), str(archive), []
        if folder.is_dir():
            return _read_folder(folder)
    parts = dict(zip((TRAIN, TEST), fetch_cifar(cache, "CIFAR10"), strict=True))
    paths = [
        f"{part}/{data.classes[label]}/{row}"
        for part, data in parts.items()
        for row, label in enumerate(data.targets)
    ]
    return np.concatenate([data.data for data in parts.values()]), np.array(paths), parts[TRAIN].url, []


def _unpacked(archive: Path, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images and paths in an archive; read once, then from a file in the cache folder that bears its digest."""
    kept = cache / f"cifar10-{file_digest(archive)[:16]}.npz"
    names = ("images", "paths")
    make = lambda: dict(zip(names, read_parts(archive, (TRAIN, TEST)), strict=True))  # noqa: E731
    arrays = kept_arrays(kept, names, make)
    return arrays["images"], arrays["paths"]


def _read_folder(folder: Path) -> tuple[np.ndarray, np.ndarray, str, list[FileNote]]:
    """`_all_images` of `<folder>/<train or test>/<kind>/`."""
    images, paths, notes = [], [], []
    for place in (
        folder / part / kind for part in (TRAIN, TEST) for kinds in KINDS.values() for kind in kinds
    ):
        if not place.is_dir():
            continue
        files, found = scan_folder(place, base=folder)
        notes += found
        for path, (pixels, text) in zip(files, read_images(files, SIDE), strict=True):
            name = path.relative_to(folder).as_posix()
            notes += [FileNote(name, text, used=pixels is not None)] if text else []
            if pixels is not None:
                images.append(pixels)
                paths.append(f"{place.parent.name}/{place.name}/{path.name}")
    if not images:
        raise UserError(f"{folder} should hold train/<kind>/ and test/<kind>/ with images, but holds none")
    return np.stack(images), np.array(paths), str(folder), notes


def _background(recipe: Recipe, data_dir: Path | None) -> tuple[np.ndarray, list[str], list[FileNote]]:
    """Pictures of neither class, uint8 (M, 32, 32, 3), their ids `<folder>/<class>/<name>`, and what was left out."""
    images, ids, notes = [np.zeros((0, SIDE, SIDE, 3), np.uint8)], [], []
    places = folders_in(data_dir) if data_dir is not None else []
    for holder in (place for place in places if is_background(place, recipe)):
        inside = folders_in(holder)
        fit = [place for place in inside if place.name in NEITHER]
        reason = (
            f"{len(inside) - len(fit)} of {len(inside)} folders may show animals or vehicles: no background"
        )
        notes += [FileNote(holder.name, reason)] if len(fit) < len(inside) else []
        for place in fit:
            files = scan_folder(place)[0][:BACKGROUND_PER_CLASS]
            read = [(path, pixels) for path, (pixels, _) in zip(files, read_images(files, SIDE), strict=True)]
            images += [pixels[None] for _, pixels in read if pixels is not None]
            ids += [f"{holder.name}/{place.name}/{path.stem}" for path, pixels in read if pixels is not None]
    return np.concatenate(images), ids, notes
