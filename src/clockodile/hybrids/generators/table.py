"""Every way to make hybrids, by name, asked in the same words: the table that the rest of the program goes through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset, as_tensor
from clockodile.hybrids.generators.blends import frequency_hybrid, pixel_blend, pyramid_paste
from clockodile.hybrids.generators.codes import code_blend
from clockodile.hybrids.generators.earlier import fit_autoencoder, fit_conv_autoencoder, fit_gan, fit_vae
from clockodile.hybrids.generators.flow_of_run import HELD_OUT
from clockodile.hybrids.generators.gan import gan_hybrids
from clockodile.hybrids.generators.vae import vae_hybrids

Draw = Callable[
    ..., torch.Tensor
]  # draw(seeds, *, mix=0.5) -> (N, 3, S, S) in [0, 1]; 0 = first class, 1 = second
Prepare = Callable[..., Draw]  # prepare(run, data, *, retrain=False)


@dataclass(frozen=True)
class Method:
    """One way to make hybrids."""

    name: str  # in tables and files
    title: str  # in figures and sentences
    source: str  # who came up with it, and when
    prepare: Prepare  # trains or reads what drawing needs; retrain: trains again what could be read

    def make(
        self, run: Run, data: Dataset, seeds: Sequence[int], *, mix: float = 0.5, retrain: bool = False
    ) -> torch.Tensor:
        """Pictures (N, 3, S, S) in [0, 1], all at once; row i depends on seed i alone. data: all splits."""
        return self.prepare(run, data, retrain=retrain)(seeds, mix=mix)


def parents(data: Dataset, pair: tuple[int, int], seeds: Sequence[int], seed: int) -> np.ndarray:
    """Rows of `data` (N, 2): for each of the seeds a photograph of each class, drawn from those a generator may know.

    data: all splits; seed: the run's. Row i depends on seed i alone. All methods with parents use the same ones.
    """
    known = (data.split == "train") & (data.fold != HELD_OUT)
    choices = [np.flatnonzero(known & (data.labels == label)) for label in pair]
    rows = [
        [random.choice(rows) for rows in choices]
        for random in (np.random.default_rng([seed, s]) for s in seeds)
    ]
    return np.array(rows, np.int64).reshape(-1, 2)


def parent_images(run: Run, data: Dataset, seeds: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """The parents as pictures: two of float (N, 3, S, S) in [0, 1]."""
    rows = parents(data, run.recipe.pair, seeds, run.seed)
    return as_tensor(data.images[rows[:, 0]]), as_tensor(data.images[rows[:, 1]])


def of_parents(blend: Callable) -> Prepare:
    """A method that needs nothing but the two parents: blend(first, second, *, mix)."""

    def prepare(run: Run, data: Dataset, *, retrain: bool = False) -> Draw:
        return lambda seeds, *, mix=0.5: blend(*parent_images(run, data, seeds), mix=mix)

    return prepare


def of_codes(fit: Callable) -> Prepare:
    """A method that mixes the parents' codes; fit(run, data, *, retrain) -> (autoencoder, record)."""

    def prepare(run: Run, data: Dataset, *, retrain: bool = False) -> Draw:
        net, _ = fit(run, data, retrain=retrain)
        return lambda seeds, *, mix=0.5: code_blend(net, *parent_images(run, data, seeds), mix=mix)

    return prepare


def of_nothing(fit: Callable, draw: Callable) -> Prepare:
    """A method that draws from noise; fit(run, data, *, retrain) -> (net, record), draw(net, seeds, *, pair, mix)."""

    def prepare(run: Run, data: Dataset, *, retrain: bool = False) -> Draw:
        net, _ = fit(run, data, retrain=retrain)
        return lambda seeds, *, mix=0.5: draw(net, seeds, pair=run.recipe.pair, mix=mix)

    return prepare


CLASSIC = {
    method.name: method
    for method in (
        Method("pixel_blend", "double exposure", "an old trick of photographers", of_parents(pixel_blend)),
        Method(
            "frequency_hybrid",
            "coarse of one, fine of the other",
            "Oliva, Torralba & Schyns, 2006",
            of_parents(frequency_hybrid),
        ),
        Method(
            "pyramid_paste", "one pasted into the other", "Burt & Adelson, 1983", of_parents(pyramid_paste)
        ),
        Method("dense_autoencoder", "autoencoder, mean code", "report 000", of_codes(fit_autoencoder)),
        Method(
            "conv_autoencoder",
            "convolutional autoencoder, mean code",
            "report 001; Masci et al., 2011",
            of_codes(fit_conv_autoencoder),
        ),
        Method(
            "vae",
            "variational autoencoder, half and half",
            "report 001; Kingma & Welling, 2014; Sohn et al., 2015",
            of_nothing(fit_vae, vae_hybrids),
        ),
        Method(
            "gan",
            "GAN, half and half",
            "report 001; Radford et al., 2016; Zhao et al., 2020",
            of_nothing(fit_gan, gan_hybrids),
        ),
    )
}
