"""CIFAR-10 as two classes, animals and vehicles, whose ids remember which of its ten kinds each picture shows."""

from pathlib import Path

import numpy as np

from clockodile.core.atomic_files import file_digest, kept_arrays
from clockodile.core.errors import UserError
from clockodile.core.workspace import Run, cache_dir, check_range
from clockodile.data.cifar import BACKGROUND_PER_CLASS, MEND, SIDE, fetch_cifar, read_parts, resized
from clockodile.data.class_folders import folders_in, is_background
from clockodile.data.collection import BACKGROUND, TEST, TRAIN, Collection, FileNote, Source
from clockodile.data.files import read_images
from clockodile.data.scan import scan_folder

LICENCE = "CIFAR-10 (Krizhevsky, 2009): for research, with citation; the photographs belong to their makers"
KINDS = {
    "animal": ("bird", "cat", "deer", "dog", "frog", "horse"),
    "vehicle": ("airplane", "automobile", "ship", "truck"),
}
LARGEST = 64  # pixels; enlarged any further, sixty thousand pictures no longer fit into memory
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


def cifar10_collection(run: Run, image_size: int) -> Collection:
    """All of CIFAR-10 as animals and vehicles; its official test images, as many as are there, have split "test".

    From `cifar10.tar.gz` or the folder `cifar10` in the data folder (each with train/<kind>/ and test/<kind>/), else
    torchvision's. ids: `animal/bird/<name>`, `test/vehicle/ship/<name>`. Background: pictures in the data folder's
    background folders whose class is in NEITHER, at most 20 of each. Raises SourceUnavailable when CIFAR-10 cannot be
    had, UserError for a damaged one, a kind without training images, or an image_size above 64.
    """
    check_range("image_size", image_size, 8, LARGEST)
    images, paths, where = _all_images(run.data_dir)
    split, kinds, names = np.array([path.split("/") for path in paths]).T
    missing = {kind for kinds_ in KINDS.values() for kind in kinds_} - set(kinds[split == TRAIN])
    if missing:
        raise UserError(f"{where} has no images in train/{min(missing)}; {MEND}")
    rows, labels, ids = [], [], []
    for part, folder in ((TRAIN, ""), (TEST, "test/")):
        for label, word in enumerate(run.recipe.classes):
            for kind in KINDS[word]:
                found = np.flatnonzero((split == part) & (kinds == kind))
                rows += found.tolist()
                labels += [label] * len(found)
                ids += [f"{folder}{word}/{kind}/{Path(names[row]).stem}" for row in found]
    others, other_ids, notes = _background(run)
    return Collection(
        images=resized(np.concatenate([images[rows], others]), image_size),
        labels=np.array(labels + [-1] * len(others), np.int64),
        ids=np.array(ids + other_ids),
        split=np.concatenate([split[rows], np.full(len(others), BACKGROUND)]),
        classes=run.recipe.classes,
        source=Source("cifar10", where, "", LICENCE),
        notes=tuple(notes),
    )


def _all_images(data_dir: Path | None) -> tuple[np.ndarray, np.ndarray, str]:
    """uint8 (N, 32, 32, 3), `<train or test>/<kind>/<name>` of each, and where they came from."""
    if data_dir is not None:
        archive, folder = data_dir / "cifar10.tar.gz", data_dir / "cifar10"
        if archive.is_file():  # read once, then from a file in the cache folder that bears its digest
            kept, names = cache_dir() / f"cifar10-{file_digest(archive)[:16]}.npz", ("images", "paths")
            found = kept_arrays(kept, names, lambda: dict(zip(names, read_parts(archive, (TRAIN, TEST)), strict=True)))
            return found["images"], found["paths"], str(archive)
        if folder.is_dir():
            return *read_parts(folder, (TRAIN, TEST)), str(folder)
    train, test = fetch_cifar(cache_dir(), "CIFAR10")
    paths = [
        f"{part}/{data.classes[label]}/{row}"
        for part, data in ((TRAIN, train), (TEST, test))
        for row, label in enumerate(data.targets)
    ]
    return np.concatenate([train.data, test.data]), np.array(paths), train.url


def _background(run: Run) -> tuple[np.ndarray, list[str], list[FileNote]]:
    """Pictures of neither class, uint8 (M, 32, 32, 3), their ids `<folder>/<class>/<name>`, and what was left out."""
    images, ids, notes = [np.zeros((0, SIDE, SIDE, 3), np.uint8)], [], []
    places = folders_in(run.data_dir) if run.data_dir is not None else []
    for holder in (place for place in places if is_background(place, run.recipe)):
        inside = folders_in(holder)
        fit = [place for place in inside if place.name in NEITHER]
        if len(fit) < len(inside):
            reason = f"{len(inside) - len(fit)} of {len(inside)} folders may show animals or vehicles: no background"
            notes.append(FileNote(holder.name, reason))
        for place in fit:
            files = scan_folder(place)[0][:BACKGROUND_PER_CLASS]
            for path, (pixels, _) in zip(files, read_images(files, SIDE), strict=True):
                if pixels is not None:
                    images.append(pixels[None])
                    ids.append(f"{holder.name}/{place.name}/{path.stem}")
    return np.concatenate(images), ids, notes
