"""What every method enters into the comparison of notebook 04: its pictures, and how long one of them took."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from clockodile.core.atomic_files import file_digest
from clockodile.core.source_code import source_key
from clockodile.core.timing import timed
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset, as_images
from clockodile.hybrids import mixing
from clockodile.hybrids.generators.sampling import STEPS
from clockodile.hybrids.generators.table import CLASSIC
from clockodile.hybrids.mixing import (
    BALANCED,
    CLASSIFIER_GUIDANCE,
    PART,
    BestOfN,
    HybridSampler,
    best_of_n,
    mix_once,
    select_best,
)

FLOW_ENTRIES = {
    "flow": 0.0,
    "following": CLASSIFIER_GUIDANCE,
}  # how strongly each is pulled towards what the guides see
SEARCHED = ("pixel_blend", "pyramid_paste")  # classic methods whose tries the same rule may choose among
INVENTING = ("vae", "gan", "flow")  # what can be asked for one class alone
TRAINED = (
    "dense_autoencoder",
    "conv_autoencoder",
    "vae",
    "gan",
    "guidance_classifier",
    "selector",
)  # files; the flow says its loss


def titles(n_candidates: int) -> dict[str, str]:
    """Every entry of hybrids: name -> title in figures and sentences, in the order in which they are shown."""
    found = {name: method.title for name, method in CLASSIC.items()}
    found |= {f"{name}_best": f"{found[name]}, best of {n_candidates}" for name in SEARCHED}
    found |= {"equal": "flow, equal weights", "balanced": "flow, balanced"}
    for name in FLOW_ENTRIES:
        found |= {name: name, f"{name}_best": f"{name}, best of {n_candidates}"}
    return found


def config_of(
    run: Run, data: Dataset, losses: Sequence[float], *, count: int, n_candidates: int, n_per_class: int
) -> dict:
    """What the entries depend on. losses: of the flow's training; all else as of `gather`; all nets must be there."""
    ways = [
        *mixing.COMPOSING,
        BALANCED,
        CLASSIFIER_GUIDANCE,
        mixing.GUIDANCE_SCALE,
        mixing.GUIDANCE_SCALE_ALONE,
        STEPS,
    ]
    config = {
        "data": data.fingerprint,
        "seed": run.seed,
        "count": count,
        "tries": n_candidates,
        "alone": n_per_class,
    }
    config |= {"source": source_key(gather), "flow": losses[-1], "ways": ways}
    return config | {name: file_digest(run.dir / f"generators/{name}.safetensors") for name in TRAINED}


def gather(
    run: Run, data: Dataset, sampler: HybridSampler, *, count: int, n_candidates: int, n_per_class: int
) -> dict[str, np.ndarray]:
    """Let every method make `count` hybrids, the best of `n_candidates` where there is a choice, and one class.

    data: all splits; alone: pictures of each class of the pair by each of INVENTING, named "alone_<name>_<class>".
    Returns the parts of hybrids.npz: images uint8 (M, S, S, 3) with their method, mix and seed (M,); "entries", the
    names (E,), and "seconds" (E,) that each takes for a picture on this machine, nets being there; and for each
    entry that was searched "tried_<name>", uint8 (tries * count, S, S, 3), and "worth_<name>" (tries, count), what the
    rule found.
    """
    seeds, made, seconds, mixes, searched = range(count), {}, {}, {}, {}
    drawn_by = {name: method.prepare(run, data) for name, method in CLASSIC.items()}

    def enter(name: str, make: Callable, *words, per: int, mix: float = 0.5, **options) -> None:
        found, took = timed(make, *words, mix=mix, **options)
        if isinstance(found, BestOfN):
            searched[name], found = found, found.images
        made[name], seconds[name], mixes[name] = found, took / per, mix

    for name, draw in drawn_by.items():
        enter(name, draw, seeds, per=count)
    for name in SEARCHED:
        tried_by = tries_by(drawn_by[name])
        enter(
            f"{name}_best",
            select_best,
            sampler,
            tried_by,
            seeds,
            n_candidates=n_candidates,
            per=filled(count),
        )
    for name, class_offset in {"equal": 0.0, "balanced": BALANCED}.items():
        enter(
            name, mix_once, sampler, mixing.seeds_of(seeds, 0), class_offset=class_offset, per=filled(count)
        )
    for name, pull in FLOW_ENTRIES.items():
        best = f"{name}_best"
        enter(
            best,
            best_of_n,
            sampler,
            seeds,
            n_candidates=n_candidates,
            classifier_guidance=pull,
            per=filled(count),
        )
        made[name], mixes[name] = searched[best].tried[0], mixes[best]
        seconds[name] = searched[best].seconds[0] / filled(count)
    for name in INVENTING:
        for mix, label in zip((0.0, 1.0), run.recipe.pair, strict=True):
            entry = f"alone_{name}_{data.classes[label]}"
            if name in CLASSIC:
                enter(entry, drawn_by[name], range(n_per_class), mix=mix, per=n_per_class)
            else:
                first = mixing.seeds_of(range(n_per_class), 0)
                enter(entry, mix_once, sampler, first, mix=mix, per=filled(n_per_class))
    lengths = [len(images) for images in made.values()]
    return {
        "images": np.concatenate([as_images(images) for images in made.values()]),
        "method": np.repeat(list(made), lengths),
        "mix": np.repeat([mixes[name] for name in made], lengths),
        "seed": np.concatenate([np.arange(length) for length in lengths]),
        "entries": np.array(list(made)),
        "seconds": np.array([seconds[name] for name in made]),
        **{f"tried_{name}": as_images(found.tried.flatten(0, 1)) for name, found in searched.items()},
        **{f"worth_{name}": found.worth.numpy() for name, found in searched.items()},
    }


def tries_by(draw: Callable) -> Callable:
    """A classic method as `select_best` asks for tries: each has seeds of its own, its number changes nothing."""
    return lambda seeds, number: draw(seeds)


def filled(count: int) -> int:
    """How many pictures are drawn for `count` of the flow's, which come in whole parts."""
    return -(-count // PART) * PART
