"""How the flow makes pictures that are both: two classes at once, several tries, and a rule that picks one.

The walk is composed of two classes and may follow what the guides see. The rule is stated before anything is judged:
of all tries for a seed, take the one in which the chooser finds most of the lesser class. The judge of notebook 03 has
no part in either.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from clockodile.core.timing import timed
from clockodile.core.workspace import Run, pick_device
from clockodile.data.dataset import Dataset
from clockodile.hybrids.generators.flow import to_unit
from clockodile.hybrids.generators.sampling import (
    STEPS,
    adams_bashforth2,
    composed_velocity,
    guidance_gradient,
    noise_of,
)
from clockodile.hybrids.generators.unet import UNet
from clockodile.hybrids.guidance import GuidanceClassifier, fit_guidance_classifier
from clockodile.hybrids.selection import SELECTOR, NetworkJudge, fit_network_judge

GUIDANCE_SCALE = 4.0  # how much more of a class than its photographs have, where there are two
GUIDANCE_SCALE_ALONE = 3.0  # the same at the ends of the mix: more would only make caricatures
N_CANDIDATES = 4  # pictures made for each one shown
MOST_CANDIDATES = 1000  # for one seed
PART = 8  # pictures drawn together
COMPOSING = (  # what tries go round: layout, and how much the second class's weight is raised above the first's
    {"spatial_mask": "below", "class_offset": 0.05},
    {"spatial_mask": "inside", "class_offset": -0.2},
    {"spatial_mask": "below", "class_offset": 0.0},
    {"spatial_mask": "below", "class_offset": 0.1},
)
BALANCED = 0.2  # lean by which either class is seen as often when both reign everywhere
CLASSIFIER_GUIDANCE = 0.2  # how strongly a walk follows the guides; a velocity has about 1
QUIET = 0.25  # weight of a class where the other one reigns


@dataclass(frozen=True)
class HybridSampler:
    """All that is needed to make hybrids of two classes."""

    net: UNet
    guidance_classifier: GuidanceClassifier  # steer
    selector: NetworkJudge  # chooses
    classes: tuple[str, ...]
    pair: tuple[int, int]
    size: int  # pixels a side


def fit_hybrid_sampler(run: Run, data: Dataset, net: UNet, *, retrain: bool = False) -> HybridSampler:
    """A flow, as from `fit_flow`, with the guides and the chooser of a run, trained when they are not there.

    data: all splits.
    """
    guidance_classifier, selector = (
        fit_guidance_classifier(run, data, retrain=retrain),
        fit_network_judge(SELECTOR, run, data, retrain=retrain),
    )
    net = copy.deepcopy(net)  # it moves to another device when it draws
    return HybridSampler(
        net, guidance_classifier, selector, tuple(data.classes), run.recipe.pair, int(data.images.shape[1])
    )


@dataclass(frozen=True)
class BestOfN:
    """Hybrids and how each came about."""

    images: torch.Tensor  # float32 (N, 3, S, S) in [0, 1]
    number: np.ndarray  # int (N,) which try was taken
    tried: torch.Tensor  # (T, N, 3, S, S) all tries
    worth: torch.Tensor  # (T, N) what the rule found in them, see `worth`
    seconds: tuple[float, ...]  # (T,) that it took to draw all N, without the rule


def spatial_masks(size: int) -> dict[str, torch.Tensor]:
    """Where the first class reigns: name -> share (size, size) in [0, 1]; the second reigns in the rest."""
    line = torch.linspace(-1, 1, size)
    down, right = torch.meshgrid(line, line, indexing="ij")
    disc = torch.sigmoid(12 * (0.6 - (down**2 + right**2).sqrt()))
    above = torch.sigmoid(-8 * down)
    return {"inside": disc, "around": 1 - disc, "above": above, "below": 1 - above}


def mixing_weights(mix: float) -> tuple[float, float]:
    """How much of either class: both in full at mix 0.5, only the first at 0, only the second at 1."""
    return min(1.0, 2 * (1 - mix)), min(1.0, 2 * mix)


def default_guidance_scale(mix: float) -> float:
    """GUIDANCE at mix 0.5, GUIDANCE_ALONE at its ends, and even steps in between."""
    return GUIDANCE_SCALE_ALONE + (GUIDANCE_SCALE - GUIDANCE_SCALE_ALONE) * min(mixing_weights(mix))


def class_weights(
    sampler: HybridSampler,
    mix: float,
    *,
    guidance: float | None = None,
    spatial_mask: str = "everywhere",
    class_offset: float = 0.0,
) -> dict[int, torch.Tensor | float]:
    """Weights of the two classes for `composed_velocity`: `mixing_weights` times the guidance.

    spatial_mask: of `spatial_masks`, or "everywhere"; class_offset: -1..1, how much the second class's weight is raised
    and the first's lowered. Both count in full at mix 0.5 and fade towards the ends, where there is only one class.
    """
    middle, maps = min(mixing_weights(mix)), (1.0, 1.0)
    guidance = default_guidance_scale(mix) if guidance is None else guidance
    if spatial_mask != "everywhere":
        first, kept = spatial_masks(sampler.size)[spatial_mask][None, None], (1 - QUIET) * middle
        maps = (1 - kept * (1 - first), 1 - kept * first)
    leaning = (1 - class_offset * middle, 1 + class_offset * middle)
    return {
        label: guidance * share * leant * where
        for label, share, leant, where in zip(sampler.pair, mixing_weights(mix), leaning, maps, strict=True)
        if share
    }


@torch.no_grad()
def mix_once(
    sampler: HybridSampler,
    seeds: Sequence[int],
    *,
    mix: float = 0.5,
    guidance: float | None = None,
    spatial_mask: str = "everywhere",
    class_offset: float = 0.0,
    classifier_guidance: float = 0.0,
    steps: int = STEPS,
) -> torch.Tensor:
    """One picture for each seed, (N, 3, S, S) in [0, 1]; mix 0 is the pair's first class, 1 the second.

    follow: how strongly the walk is pulled to what the guides would rather see, 0..about 1, see `guidance_gradient`. As
    layout and lean do, it fades towards the ends of the mix.

    Classes are compared with *other things*: compared with "anything", two classes of a pair pull against each other.
    """
    device = pick_device()
    sampler.net.to(device)
    weights = class_weights(
        sampler, mix, guidance=guidance, spatial_mask=spatial_mask, class_offset=class_offset
    )
    velocity = composed_velocity(sampler.net, weights, base=len(sampler.classes))
    pull = None
    if strength := classifier_guidance * min(mixing_weights(mix)):
        guidance_classifier = copy.deepcopy(sampler.guidance_classifier).to(device)
        pull = guidance_gradient(
            lambda images: worth(guidance_classifier.evidence(images)[:, list(sampler.pair)], mix), strength
        )

    def draw(noise: torch.Tensor) -> torch.Tensor:
        return to_unit(adams_bashforth2(velocity, noise.to(device), steps=steps, pull=pull)).cpu()

    return in_equal_parts(draw, noise_of(seeds, sampler.size))


def in_equal_parts(function: Callable[[torch.Tensor], torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
    """function(rows), always asked for PART rows at once: sums are rounded otherwise in batches of another size.

    So a picture is the same to the last bit however many are made.
    """
    found = []
    for part in rows.split(PART):
        filled = torch.cat([part, part[:1].expand(PART - len(part), *part.shape[1:])])
        found.append(function(filled)[: len(part)])
    return torch.cat(found)


def best_of_n(
    sampler: HybridSampler,
    seeds: Sequence[int],
    *,
    mix: float = 0.5,
    n_candidates: int = N_CANDIDATES,
    **options,
) -> BestOfN:
    """The best of several tries for each seed, by the chooser; tries go round COMPOSING.

    options: of `mix_once`. Pictures depend on their own seed only.
    """

    def draw(seeds: Sequence[int], number: int) -> torch.Tensor:
        return mix_once(sampler, seeds, mix=mix, **way_of(number), **options)

    return select_best(sampler, draw, seeds, mix=mix, n_candidates=n_candidates)


def select_best(
    sampler: HybridSampler,
    draw: Callable[[Sequence[int], int], torch.Tensor],
    seeds: Sequence[int],
    *,
    mix: float = 0.5,
    n_candidates: int = N_CANDIDATES,
) -> BestOfN:
    """The same for pictures of any origin: draw(N seeds of their own, number of the try) -> (N, 3, S, S) in [0, 1]."""
    tried, found, seconds = [], [], []
    for number in range(n_candidates):
        drawn, took = timed(draw, seeds_of(seeds, number), number)
        tried.append(drawn)
        seconds.append(took)
        evidence = in_equal_parts(sampler.selector.evidence, tried[-1])[:, list(sampler.pair)]
        found.append(worth(evidence, mix))
    made, found = torch.stack(tried), torch.stack(found)
    chosen = found.argmax(0)
    best = made[chosen, torch.arange(len(seeds))]
    return BestOfN(best, chosen.numpy(), made, found, tuple(seconds))


def mix_line(sampler: HybridSampler, seeds: Sequence[int], mixes: Sequence[float], **options) -> torch.Tensor:
    """From the first class to the second, (M, N, 3, S, S): the first walk of each seed at each of M mixes.

    options: of `mix_once`.
    """
    noise = seeds_of(seeds, 0)
    return torch.stack([mix_once(sampler, noise, mix=mix, **way_of(0), **options) for mix in mixes])


def seeds_of(seeds: Sequence[int], number: int) -> list[int]:
    """Seeds of the noise of a try."""
    return [int(seed) * MOST_CANDIDATES + int(number) for seed in seeds]


def way_of(number: int) -> dict:
    """Options of `mix_once` for a try."""
    return COMPOSING[number % len(COMPOSING)]


def worth(evidence: torch.Tensor, mix: float) -> torch.Tensor:
    """What the rule looks at, (...), from evidence (..., 2): the lesser one, after adding what is not wanted of either.

    At the ends it is the evidence of the only class that is wanted.
    """
    parts = [evidence[..., place] + (1 - share) for place, share in enumerate(mixing_weights(mix)) if share]
    return torch.stack(parts).amin(0)
