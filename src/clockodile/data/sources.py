"""Where the images of a run come from: the user's folders, CIFAR-100, or the rendered stand-in.

`collect` takes the first that can be had and says which and why. Nothing disappears on the way: every file
that is refused, changed or ignored has a line in `Collection.notes`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from clockodile.core.download import SourceUnavailable
from clockodile.core.errors import UserError
from clockodile.core.workspace import Run, cache_dir
from clockodile.data.cifar import cifar100_collection
from clockodile.data.collection import Collection
from clockodile.data.folders import folder_collection

LOG = logging.getLogger("clockodile").info


def _from_folder(run: Run, *, image_size: int, why: str, log: Callable[[str], None]) -> Collection:
    if run.data_dir is None:
        raise SourceUnavailable("no data folder was given (data_dir or CLOCKODILE_DATA)")
    return folder_collection(run.recipe, run.data_dir, image_size)


def _from_cifar100(run: Run, *, image_size: int, why: str, log: Callable[[str], None]) -> Collection:
    return cifar100_collection(run.recipe, cache=cache_dir(), image_size=image_size, log=log)


def _from_rendering(run: Run, *, image_size: int, why: str, log: Callable[[str], None]) -> Collection:
    # imported here: a thousand lines of drawing that photographs never need
    from clockodile.data.rendered import rendered_collection

    return rendered_collection(run.recipe.classes, image_size=image_size, seed=run.seed, why=why)


SOURCES: dict[str, Callable[..., Collection]] = {
    "folder": _from_folder,
    "cifar100": _from_cifar100,
    "rendered": _from_rendering,
}


def _choices(run: Run, source: str) -> tuple[str, ...]:
    """Names of the sources to try, in order. A data folder that was given is used or is an error."""
    if source != "auto":
        return (source,)
    if run.data_dir is not None:
        return ("folder",)
    return run.recipe.sources


def collect(run: Run, *, image_size: int = 0, log: Callable[[str], None] = LOG) -> Collection:
    """The images of a run from the first source that can be had; which and why is logged and in `Source.why`.

    run.source: "auto" for the recipe's sources in order, or one name. image_size: pixels a side, 0 for the
    recipe's. log: told in plain lines. Raises UserError when data_dir holds no usable classes, or when the
    source asked for cannot be had.
    """
    size = image_size or run.recipe.image_size
    refused = []
    for name in _choices(run, run.source):
        reasons = "; ".join(refused) or (
            "a data folder was given" if run.source == "auto" else "asked for by name"
        )
        try:
            collection = SOURCES[name](run, image_size=size, why=reasons, log=log)
        except SourceUnavailable as reason:
            log(f"source '{name}' cannot be had: {reason}")
            refused.append(f"{name}: {reason}")
            continue
        collection = replace(collection, source=replace(collection.source, why=reasons))
        log(f"source '{name}' taken ({reasons}): {len(collection.images)} images")
        return collection
    reasons = "; ".join(refused)
    raise UserError(
        f"no images to be had for recipe '{run.recipe.name}' ({reasons}); give data_dir a folder of them"
    )
