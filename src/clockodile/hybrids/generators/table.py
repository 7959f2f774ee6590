"""The table of generators. To add one, write its file and give it an entry here: all else goes through the table.

Every generator is asked in the same words: `prepare` trains or loads what it needs, and the `Draw` that it returns
makes pictures from seeds and a mix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from clockodile.core.recipes import Profile
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset, as_tensor
from clockodile.hybrids.generators import flow_of_run, trained
from clockodile.hybrids.generators.blends import frequency_hybrid, pixel_blend, pyramid_paste
from clockodile.hybrids.generators.codes import code_blend
from clockodile.hybrids.generators.gan import gan_hybrids
from clockodile.hybrids.generators.trained import TrainedNet
from clockodile.hybrids.generators.vae import vae_hybrids
from clockodile.hybrids.mixing import (
    BALANCED,
    CLASSIFIER_GUIDANCE,
    CLASSIFIER_OF_GUIDANCE,
    FLOW,
    PART,
    candidate_seeds,
    fit_hybrid_sampler,
    flow_candidate,
)

# draw(seeds, *, mix=0.5, candidate=0) -> float32 (N, 3, S, S) in [0, 1]; mix 0 = first class, 1 = second;
# candidate: which of a seed's pictures, for best-of-n. Row i depends on seed i alone
Draw = Callable[..., torch.Tensor]


def nothing(run: Run, data: Dataset, *, retrain: bool = False) -> None:
    """What a generator without nets trains."""


@dataclass(frozen=True)
class HybridGenerator:
    """One way to make hybrids."""

    name: str  # in tables and files
    title: str  # in figures and sentences
    source: str  # who came up with it, and when
    draw: Callable[..., torch.Tensor]  # draw(nets, run, data, seeds, mix=..., candidate=...), as `Draw`
    fit: Callable[..., Any] = nothing  # fit(run, data, retrain=...) -> nets, trained now or loaded
    trained: TrainedNet | None = None  # its net where it is one of `trained.py`
    budget: Callable[[Profile], Any] | None = None  # how a profile trains its nets; None without nets
    files: tuple[str, ...] = ()  # names of those nets' files in generators/: stored pictures depend on them
    from_noise: bool = False  # invents its pictures; otherwise it blends two photographs
    one_class: bool = False  # can be asked for one class alone, by a mix of 0 or 1
    searched: bool = False  # its candidates may be searched: best-of-n
    batch: int = 1  # pictures are drawn in whole batches of so many
    published: bool = False  # among the results that the README shows

    def prepare(self, run: Run, data: Dataset, *, retrain: bool = False) -> Draw:
        """Train or load what drawing needs. data: all splits; retrain: train again what could be loaded."""
        return self.drawing(self.fit(run, data, retrain=retrain), run, data)

    def drawing(self, nets: Any, run: Run | None, data: Dataset | None) -> Draw:
        """The same with nets that are there already; those of the flow need neither run nor data."""

        def draw(seeds: Sequence[int], *, mix: float = 0.5, candidate: int = 0) -> torch.Tensor:
            return self.draw(nets, run, data, seeds, mix=mix, candidate=candidate)

        return draw


# --- generators that blend photographs ------------------------------------------------------------------------


def parents(
    data: Dataset, pair: tuple[int, int], seeds: Sequence[int], seed: int, candidate: int = 0
) -> np.ndarray:
    """Rows of `data` (N, 2): for each of the seeds a photograph of each class, drawn from those a generator may know.

    data: all splits; seed: the run's. Row i depends on seed i alone. All generators with parents use the same ones.
    """
    known = (data.split == "train") & (data.fold != flow_of_run.HELD_OUT)
    choices = [np.flatnonzero(known & (data.labels == label)) for label in pair]
    rows = [
        [random.choice(rows) for rows in choices]
        for random in (np.random.default_rng([seed, s, candidate]) for s in seeds)
    ]
    return np.array(rows, np.int64).reshape(-1, 2)


def parent_images(
    run: Run, data: Dataset, seeds: Sequence[int], candidate: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """The parents as pictures: two of float (N, 3, S, S) in [0, 1]."""
    rows = parents(data, run.recipe.pair, seeds, run.seed, candidate)
    return as_tensor(data.images[rows[:, 0]]), as_tensor(data.images[rows[:, 1]])


def of_parents(blend: Callable) -> Callable:
    """Draw by arithmetic on the two parents: blend(first, second, *, mix)."""

    def draw(nets, run: Run, data: Dataset, seeds, *, mix: float, candidate: int) -> torch.Tensor:
        return blend(*parent_images(run, data, seeds, candidate), mix=mix)

    return draw


def of_codes(net, run: Run, data: Dataset, seeds, *, mix: float, candidate: int) -> torch.Tensor:
    """Draw by an autoencoder from the mixed codes of the two parents."""
    return code_blend(net, *parent_images(run, data, seeds, candidate), mix=mix)


# --- generators that invent pictures from noise ---------------------------------------------------------------


def of_noise(sample: Callable) -> Callable:
    """Draw by sample(net, seeds, *, pair, mix)."""

    def draw(net, run: Run, data: Dataset, seeds, *, mix: float, candidate: int) -> torch.Tensor:
        return sample(net, candidate_seeds(seeds, candidate), pair=run.recipe.pair, mix=mix)

    return draw


def of_flow(**options) -> Callable:
    """Draw by the flow; options: of `mixing.mix_once`, in place of those of the candidate."""

    def draw(sampler, run, data, seeds, *, mix: float, candidate: int) -> torch.Tensor:
        return flow_candidate(sampler, seeds, mix=mix, candidate=candidate, **options)

    return draw


def fit_one(kind: TrainedNet, run: Run, data: Dataset, *, retrain: bool = False):
    """The net of one kind."""
    return kind.fit(run, data, retrain=retrain)[0]


def _of_blend(blend: Callable, title: str, source: str, **properties) -> HybridGenerator:
    return HybridGenerator(blend.__name__, title, source, of_parents(blend), **properties)


def _of_net(kind: TrainedNet, title: str, source: str, draw: Callable, **properties) -> HybridGenerator:
    own = {"trained": kind, "budget": kind.config, "files": (kind.name,)}
    return HybridGenerator(kind.name, title, source, draw, partial(fit_one, kind), **own, **properties)


def _of_flow(name: str, title: str, source: str, options: dict, **properties) -> HybridGenerator:
    steered = (CLASSIFIER_OF_GUIDANCE,) if options.get("classifier_guidance") else ()
    own = {
        "budget": partial(flow_of_run.configs_of, finetune=False),
        "files": (FLOW, *steered),
        "batch": PART,
    }
    own |= {"from_noise": True, "published": True}
    return HybridGenerator(name, title, source, of_flow(**options), fit_hybrid_sampler, **own, **properties)


ALONE = {"from_noise": True, "one_class": True}
COMPOSED = "Lipman et al., 2023; Liu et al., 2022"
UNMASKED = {"spatial_mask": "everywhere"}
GUIDED = {"classifier_guidance": CLASSIFIER_GUIDANCE}
ENTRIES = (
    _of_blend(pixel_blend, "double exposure", "old photographers", searched=True, published=True),
    _of_blend(frequency_hybrid, "coarse of one, fine of the other", "Oliva, Torralba & Schyns, 2006"),
    _of_blend(
        pyramid_paste, "one pasted into the other", "Burt & Adelson, 1983", searched=True, published=True
    ),
    _of_net(trained.DENSE_AUTOENCODER, "autoencoder, mean code", "report 000", of_codes),
    _of_net(
        trained.CONV_AUTOENCODER,
        "convolutional autoencoder, mean code",
        "report 001; Masci et al., 2011",
        of_codes,
    ),
    _of_net(
        trained.VAE,
        "variational autoencoder, half and half",
        "report 001; Kingma & Welling, 2014; Sohn et al., 2015; Ghosh et al., 2020",
        of_noise(vae_hybrids),
        **ALONE,
    ),
    _of_net(
        trained.GAN,
        "GAN, half and half",
        "report 001; Radford et al., 2016; Zhao et al., 2020",
        of_noise(gan_hybrids),
        **ALONE,
    ),
    _of_flow("flow_equal", "flow, equal weights", COMPOSED, UNMASKED | {"class_offset": 0.0}),
    _of_flow("flow_balanced", "flow, balanced", COMPOSED, UNMASKED | {"class_offset": BALANCED}),
    _of_flow("flow", "flow", COMPOSED, {}, one_class=True, searched=True),
    _of_flow("flow_guided", "flow, classifier guidance", "Bansal et al., 2023", GUIDED, searched=True),
)
GENERATORS = {generator.name: generator for generator in ENTRIES}


def prepare_all(run: Run, data: Dataset) -> dict[str, Draw]:
    """The `Draw` of every generator by its name; nets that several share are made ready once. data: all splits."""
    nets = {fit: fit(run, data) for fit in {generator.fit: None for generator in GENERATORS.values()}}
    return {name: found.drawing(nets[found.fit], run, data) for name, found in GENERATORS.items()}
