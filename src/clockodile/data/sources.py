"""Where the images of a run come from: the user's folders, a public data set, or the drawn stand-in.

`collect` takes the first that can be had and says which and why. Nothing disappears on the way: every file
that is refused or ignored has a line in `Collection.notes`.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from clockodile.core.download import SourceUnavailable
from clockodile.core.errors import UserError
from clockodile.core.workspace import Run
from clockodile.data.cifar import cifar100_collection
from clockodile.data.cifar10 import cifar10_collection
from clockodile.data.collection import TEST, TRAIN, Collection, FileNote
from clockodile.data.faces import read_face
from clockodile.data.files import read_image
from clockodile.data.folders import SIDES, folder_collection, suited_side, with_background
from clockodile.data.stand_in import stand_in_collection
from clockodile.data.tiny_imagenet import tiny_imagenet_collection

log = logging.getLogger("clockodile")


def _from_folder(run: Run, image_size: int, **options) -> Collection:
    if run.data_dir is None:
        raise SourceUnavailable("no data folder was given (data_dir or CLOCKODILE_DATA)")
    return folder_collection(run.recipe, run.data_dir, image_size, **options)


def _from_drawing(run: Run, image_size: int) -> Collection:
    return stand_in_collection(run.recipe.classes, image_size=image_size, seed=run.seed)


SOURCES: dict[str, Callable[[Run, int], Collection]] = {
    "folder": _from_folder,
    "faces": partial(_from_folder, read=read_face),
    "cifar100": cifar100_collection,
    "cifar10": cifar10_collection,
    "stand_in": _from_drawing,
    "tiny_imagenet": tiny_imagenet_collection,
}


def drawn(collection: Collection, per_class: int, seed: int) -> Collection:
    """The collection with at most `per_class` images of each class and split, in their old order, and a note on it.

    The background stays whole.
    """
    rng, kept = np.random.default_rng(seed), collection.labels < 0
    for split in (TRAIN, TEST):
        for label in range(len(collection.classes)):
            rows = np.flatnonzero((collection.split == split) & (collection.labels == label))
            kept[rng.permutation(rows)[:per_class]] = True
    if kept.all():
        return collection
    text = f"{kept.sum()} of {len(kept)} images were drawn for the notebooks"
    return collection.rows(kept, FileNote(collection.source.where, text, used=True))


def suited_size(run: Run) -> tuple[int, str]:
    """Pixels a side for a run whose user asked for none, and why when the photographs decided it.

    Raises UserError as `collect`.
    """
    if run.recipe.image_size or run.data_dir is None:
        return run.recipe.image_size or SIDES[0], ""
    return suited_side(run.recipe, run.data_dir)


def collect(run: Run, *, image_size: int = 0) -> Collection:
    """The images of a run from the first source that can be had; which and why is logged and in `Source.why`.

    run.source: "auto" for the recipe's sources in order, or one name. image_size: pixels a side, 0 for what suits.
    Raises UserError when data_dir holds no usable classes, or when the source asked for cannot be had.
    """
    size = image_size or suited_size(run)[0]
    names, why = (run.source,), "asked for by name"
    if run.source == "auto":  # a data folder that was given is the first source's, or an error
        names, why = run.recipe.sources, "a data folder was given"
        names = names if run.data_dir is None else names[:1]
    refused = []
    for name in names:
        try:
            collection = SOURCES[name](run, size)
        except SourceUnavailable as reason:
            log.info("source '%s' cannot be had: %s", name, reason)
            refused.append(f"{name}: {reason}")
            continue
        why = "; ".join(refused) or why
        collection = replace(collection, source=replace(collection.source, why=why))
        if run.background is not None:
            read = read_face if name == "faces" else read_image
            collection = with_background(collection, run.background, read)
        if run.recipe.per_class:
            collection = drawn(collection, run.recipe.per_class, run.seed)
        log.info("source '%s' taken (%s): %d images", name, why, len(collection.images))
        return collection
    raise UserError(
        f"no images to be had for recipe '{run.recipe.name}' ({'; '.join(refused)}); give data_dir a folder of them"
    )
