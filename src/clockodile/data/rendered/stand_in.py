"""The stand-in as a whole: one picture of a subject, and the collection of all of them.

Every picture has its own random generator, so image i of a group never depends on how many are drawn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from clockodile.core.errors import UserError
from clockodile.data.collection import BACKGROUND, HYBRID, TEST, TRAIN, Collection, Source
from clockodile.data.rendered.camera import SUPERSAMPLE, photograph
from clockodile.data.rendered.clocks import CLOCKS
from clockodile.data.rendered.colours import Generator, chance, pick
from clockodile.data.rendered.crocodiles import CROCODILES
from clockodile.data.rendered.hybrids import HYBRIDS
from clockodile.data.rendered.neither import BACKGROUNDS

Kind = Callable[[Generator, int], Image.Image]
SPLIT_CODES = {TRAIN: 0, TEST: 1, BACKGROUND: 2, HYBRID: 3}  # part of every image's seed: never renumber
CLASS_CODES = {"clock": 0, "crocodile": 1, "background": 2, "hybrid": 3}
WHY = "drawn because there is neither a data folder nor a network"


def render(kinds: tuple[Kind, ...], rng: Generator, size: int) -> np.ndarray:
    """One picture of a random kind, uint8 (size, size, 3)."""
    return photograph(rng, pick(rng, kinds)(rng, size * SUPERSAMPLE), size)


def render_clock(rng: Generator, size: int = 32) -> np.ndarray:
    """A clock, uint8 (size, size, 3)."""
    return render(CLOCKS, rng, size)


def render_crocodile(rng: Generator, size: int = 32) -> np.ndarray:
    """A crocodile, uint8 (size, size, 3), facing left or right."""
    picture = render(CROCODILES, rng, size)
    return picture[:, ::-1].copy() if chance(rng, 0.5) else picture


def render_background(rng: Generator, size: int = 32) -> np.ndarray:
    """Something that is neither clock nor crocodile, uint8 (size, size, 3)."""
    return render(BACKGROUNDS, rng, size)


def render_hybrid(rng: Generator, size: int = 32) -> np.ndarray:
    """Something that is both clock and crocodile, uint8 (size, size, 3)."""
    return render(HYBRIDS, rng, size)


PAINTERS = {
    "clock": render_clock,
    "crocodile": render_crocodile,
    "background": render_background,
    "hybrid": render_hybrid,
}


def render_group(split: str, subject: str, count: int, *, image_size: int, seed: int) -> np.ndarray:
    """`count` pictures of one subject, uint8 (count, S, S, 3). Picture i is the same whatever the count."""
    pictures = np.empty((count, image_size, image_size, 3), dtype=np.uint8)
    for i in range(count):
        rng = np.random.default_rng([seed, SPLIT_CODES[split], CLASS_CODES[subject], i])
        pictures[i] = PAINTERS[subject](rng, image_size)
    return pictures


def rendered_collection(
    classes: tuple[str, ...] = ("clock", "crocodile"),
    *,
    image_size: int = 32,
    seed: int = 0,
    why: str = WHY,
    per_class: int = 500,
    test_per_class: int = 100,
    background: int = 100,
    hybrids: int = 100,
) -> Collection:
    """Draw the whole stand-in: train and test by class, then `background` of neither and `hybrids` of both.

    Returns a Collection in that order, the last two labelled -1. The same seed gives the same bytes.
    Raises UserError unless `classes` are clock and crocodile, in either order.
    """
    if sorted(classes) != ["clock", "crocodile"]:
        named = ", ".join(classes) or "no class"
        raise UserError(f"the stand-in draws only clock and crocodile, not {named}; give a data folder")
    groups = [(TRAIN, name, per_class) for name in classes]
    groups += [(TEST, name, test_per_class) for name in classes]
    groups += [(BACKGROUND, "background", background), (HYBRID, "hybrid", hybrids)]
    images, labels, ids, splits = [], [], [], []
    for split, subject, count in groups:
        images.append(render_group(split, subject, count, image_size=image_size, seed=seed))
        labels += [classes.index(subject) if subject in classes else -1] * count
        folder = f"test-{subject}" if split == TEST else subject
        ids += [f"rendered/{folder}/{i:04d}" for i in range(count)]
        splits += [split] * count
    source = Source(
        kind="rendered",
        where=f"drawn by clockodile.data.rendered, seed {seed}",
        why=why,
        licence="our own drawings, MIT",
        stamp="rendered stand-in",
    )
    labels = np.array(labels, dtype=np.int64)
    return Collection(np.concatenate(images), labels, np.array(ids), np.array(splits), tuple(classes), source)
