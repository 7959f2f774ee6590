"""The pictures of every generator for the comparison of notebook 04, and how long one of them took."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clockodile.core.atomic_files import file_digest
from clockodile.core.source_code import source_key
from clockodile.core.timing import timed
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset, as_images
from clockodile.hybrids import mixing
from clockodile.hybrids.generators.sampling import STEPS
from clockodile.hybrids.generators.table import GENERATORS, Draw, HybridGenerator, prepare_all
from clockodile.hybrids.mixing import PART, best_of_n
from clockodile.hybrids.selection import NAMES, SELECTOR, fit_network_judge


@dataclass(frozen=True)
class ComparisonRow:
    """A row of the comparison: a generator's first candidates, or the best of several."""

    generator: HybridGenerator
    title: str  # in figures and sentences
    best: bool  # of several candidates


def rows(n_candidates: int) -> dict[str, ComparisonRow]:
    """Every row by its name, in the order in which they are shown."""
    found = {}
    for name, generator in GENERATORS.items():
        found[name] = ComparisonRow(generator, generator.title, best=False)
        if generator.searched:
            found[f"{name}_best"] = ComparisonRow(
                generator, f"{generator.title}, best of {n_candidates}", best=True
            )
    return found


def titles(n_candidates: int) -> dict[str, str]:
    """Name -> title of every row."""
    return {name: row.title for name, row in rows(n_candidates).items()}


def alone(name: str, class_name: str) -> str:
    """Name of the pictures of one class alone by one generator."""
    return f"alone_{name}_{class_name}"


def config_of(run: Run, data: Dataset, *, count: int, n_candidates: int, n_per_class: int) -> dict:
    """What the pictures depend on; arguments as of `gather`, and all nets must be there."""
    settings = [
        *mixing.COMPOSING,
        mixing.BALANCED,
        mixing.CLASSIFIER_GUIDANCE,
        mixing.GUIDANCE_SCALE,
        mixing.GUIDANCE_SCALE_ALONE,
        STEPS,
    ]
    files = {file for generator in GENERATORS.values() for file in generator.files}
    paths = [f"generators/{name}" for name in sorted(files)] + [NAMES[SELECTOR]]
    return {
        "source": source_key(gather),
        "data": data.fingerprint,
        "seed": run.seed,
        "count": count,
        "candidates": n_candidates,
        "alone": n_per_class,
        "settings": settings,
        "generators": list(rows(n_candidates)),
        "files": {path: file_digest(run.dir / f"{path}.safetensors") for path in paths},
    }


def gather(
    run: Run, data: Dataset, *, count: int, n_candidates: int, n_per_class: int
) -> dict[str, np.ndarray]:
    """Let every generator make `count` hybrids, the best of `n_candidates` where it is searched, and one class alone.

    data: all splits; n_per_class: pictures of each class of the pair by each that can be asked for it, see `alone`.
    Returns the parts of hybrids.npz: images uint8 (M, S, S, 3) with their method, mix and seed (M,); "entries", their
    names (E,), and "seconds" (E,) that each takes for a picture on this machine, nets being there; and for each
    generator that was searched "candidates_<name>", uint8 (n_candidates * count, S, S, 3), and "scores_<name>"
    (n_candidates, count), the selection scores.
    """
    pair, made, searched = run.recipe.pair, {}, {}
    draws = prepare_all(run, data)
    selector = fit_network_judge(SELECTOR, run, data)

    def enter(entry: str, draw: Draw, size: int, mix: float, batch: int) -> None:
        images, took = timed(draw, range(size), mix=mix)
        made[entry] = images, mix, took / filled(size, batch)

    for name, draw in draws.items():
        batch = GENERATORS[name].batch
        if not GENERATORS[name].searched:
            enter(name, draw, count, 0.5, batch)
            continue
        best, took = timed(best_of_n, draw, selector, pair, range(count), n_candidates=n_candidates)
        searched[name] = best
        made[name] = best.candidates[0], 0.5, best.seconds[0] / filled(count, batch)
        made[f"{name}_best"] = best.images, 0.5, took / filled(count, PART)
    for name, draw in draws.items():
        if GENERATORS[name].one_class:
            for mix, label in zip((0.0, 1.0), pair, strict=True):
                enter(alone(name, data.classes[label]), draw, n_per_class, mix, GENERATORS[name].batch)
    images, mixes, seconds = zip(*made.values(), strict=True)
    lengths = [len(part) for part in images]
    return {
        "images": np.concatenate([as_images(part) for part in images]),
        "method": np.repeat(list(made), lengths),
        "mix": np.repeat(mixes, lengths),
        "seed": np.concatenate([np.arange(length) for length in lengths]),
        "entries": np.array(list(made)),
        "seconds": np.array(seconds),
        **{
            f"candidates_{name}": as_images(found.candidates.flatten(0, 1))
            for name, found in searched.items()
        },
        **{f"scores_{name}": found.scores.numpy() for name, found in searched.items()},
    }


def filled(count: int, batch: int) -> int:
    """How many pictures are drawn for `count`, in whole batches."""
    return -(-count // batch) * batch
