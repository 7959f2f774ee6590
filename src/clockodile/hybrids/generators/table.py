"""The table of generators. To add one, write its file and give it an entry here: all else goes through the table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from clockodile.core.timing import timed
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset, as_images, as_tensor
from clockodile.hybrids.generators.autoencoder import fit_autoencoder
from clockodile.hybrids.generators.blends import half_and_half, pixel_blend, pyramid_paste
from clockodile.hybrids.generators.flow_of_run import HELD_OUT, fit_flow


@dataclass(frozen=True)
class HybridGenerator:
    """One way to make hybrids."""

    name: str  # in tables and files, and of a flow for `clockodile sample --method`
    title: str  # in figures and sentences
    draw: Callable[..., torch.Tensor]  # draw(nets, run, data, seeds, mix) -> float32 (N, 3, S, S) in [0, 1]
    fit: Callable[..., Any] | None = None  # fit(run, data, retrain=...) -> nets, trained now or loaded


# draw(seeds, mix=0.5): row i depends on seed i alone; mix 0 = first class, 1 = second
Draw = Callable[..., torch.Tensor]


def parents(run: Run, data: Dataset, seeds: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """For each of the seeds a photograph of each class of the pair, of those a generator may know.

    data: all splits. Two of float32 (N, 3, S, S) in [0, 1]; all generators that blend use the same ones, and the same
    two photographs come again only when every pair has had its turn.
    """
    known = (data.split == "train") & (data.fold != HELD_OUT)
    first, second = (np.flatnonzero(known & (data.labels == label)) for label in run.recipe.pair)
    order = np.random.default_rng(run.seed).permutation(len(first) * len(second))
    turn = order[np.asarray(seeds, np.int64) % len(order)]
    return tuple(as_tensor(data.images[rows]) for rows in (first[turn // len(second)], second[turn % len(second)]))


def of_parents(blend: Callable) -> Callable:
    """Draw by arithmetic on the two parents: blend(first, second, mix=...)."""

    def draw(nets, run: Run, data: Dataset, seeds: Sequence[int], mix: float) -> torch.Tensor:
        return blend(*parents(run, data, seeds), mix=mix)

    return draw


@torch.no_grad()
def of_codes(net, run: Run, data: Dataset, seeds: Sequence[int], mix: float) -> torch.Tensor:
    """Draw by an autoencoder from the mixed codes of the two parents: report 000's idea."""
    return net.decode(torch.lerp(*map(net.encode, parents(run, data, seeds)), mix))


def of_flow(way: str) -> Callable:
    """Draw by that method of the flow."""

    def draw(flow, run: Run, data: Dataset, seeds: Sequence[int], mix: float) -> torch.Tensor:
        return getattr(flow, way)(seeds, mix=mix)

    return draw


ENTRIES = (
    HybridGenerator("pixel_blend", "double exposure", of_parents(pixel_blend)),
    HybridGenerator("half_and_half", "half and half", of_parents(half_and_half)),
    HybridGenerator("pyramid_paste", "one pasted into the other", of_parents(pyramid_paste)),
    HybridGenerator("dense_autoencoder", "averaged codes", of_codes, fit_autoencoder),
    HybridGenerator("flow_both", "flow, both everywhere", of_flow("both"), fit_flow),
    HybridGenerator("flow_placed", "flow, told where", of_flow("placed"), fit_flow),
    HybridGenerator("flow_joined", "flow, joined drawings", of_flow("joined"), fit_flow),
)
GENERATORS = {generator.name: generator for generator in ENTRIES}


def prepare(
    names: Sequence[str], run: Run, data: Dataset, *, retrain: bool = False, ready: Mapping[Callable, Any] | None = None
) -> dict[str, Draw]:
    """The `Draw` of each of the generators; nets that several share are made ready once. data: all splits.

    ready: what was made ready before, by the `fit` that has made it.
    """
    nets = dict(ready or {})
    fits = {GENERATORS[name].fit for name in names} - {None, *nets}
    nets |= {fit: fit(run, data, retrain=retrain) for fit in sorted(fits, key=lambda fit: fit.__name__)}

    def drawing(generator: HybridGenerator) -> Draw:
        return lambda seeds, *, mix=0.5: generator.draw(nets.get(generator.fit), run, data, seeds, mix)

    return {name: drawing(GENERATORS[name]) for name in names}


def make_hybrids(draws: Mapping[str, Draw], count: int) -> dict[str, np.ndarray]:
    """What each generator draws from the seeds below `count`, as schemas.SCHEMAS["hybrids.npz"] has it."""
    found = [timed(draw, range(count)) for draw in draws.values()]
    images = np.concatenate([as_images(pictures) for pictures, _ in found])
    seconds = np.array([took / count for _, took in found])
    return {"images": images, "method": np.repeat(list(draws), count), "seconds": seconds}
