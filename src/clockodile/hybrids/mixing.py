"""How the flow makes pictures that are both: two classes composed, classifier guidance, and best-of-n selection.

The selection score is stated before anything is judged: of all candidates for a seed, take the one in which the
selector finds most of the lesser class. The judge of notebook 03 has no part in it.
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
from clockodile.hybrids.generators.flow_of_run import fit_flow
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

FLOW, CLASSIFIER_OF_GUIDANCE = "flow", "guidance_classifier"  # names of the files in generators/
GUIDANCE_SCALE = 4.0  # of classifier-free guidance, where there are two classes
GUIDANCE_SCALE_ALONE = 3.0  # the same at the ends of the mix: more would only make caricatures
N_CANDIDATES = 4  # pictures made for each one shown
MOST_CANDIDATES = 1000  # for one seed
PART = 8  # pictures drawn together
COMPOSING = (  # what candidates go round: spatial mask of the first class, and class-weight offset
    {"spatial_mask": "below", "class_offset": 0.05},
    {"spatial_mask": "inside", "class_offset": -0.2},
    {"spatial_mask": "below", "class_offset": 0.0},
    {"spatial_mask": "below", "class_offset": 0.1},
)
BALANCED = 0.2  # class-weight offset by which either class is seen as often without a spatial mask
CLASSIFIER_GUIDANCE = 0.2  # scale of the classifier's gradient; a velocity has about 1
QUIET = 0.25  # weight of a class where the spatial mask is the other one's


@dataclass(frozen=True)
class HybridSampler:
    """All that is needed to make hybrids of two classes."""

    net: UNet
    guidance_classifier: GuidanceClassifier  # steers
    selector: NetworkJudge  # gives the selection scores
    classes: tuple[str, ...]
    pair: tuple[int, int]
    size: int  # pixels a side


def fit_hybrid_sampler(
    run: Run, data: Dataset, *, net: UNet | None = None, retrain: bool = False
) -> HybridSampler:
    """The flow, the guidance classifier and the selector of a run, trained when they are not there.

    data: all splits; net: the flow where it has been fitted already.
    """
    return HybridSampler(
        # a copy, for it moves to another device when it draws
        copy.deepcopy(net) if net else fit_flow(run, data, retrain=retrain)[0],
        fit_guidance_classifier(run, data, retrain=retrain),
        fit_network_judge(SELECTOR, run, data, retrain=retrain),
        tuple(data.classes),
        run.recipe.pair,
        int(data.images.shape[1]),
    )


@dataclass(frozen=True)
class BestOfN:
    """Hybrids and how each came about."""

    images: torch.Tensor  # float32 (N, 3, S, S) in [0, 1]
    number: np.ndarray  # int (N,) which candidate was selected
    candidates: torch.Tensor  # (T, N, 3, S, S) all of them
    scores: torch.Tensor  # (T, N) see `selection_score`
    seconds: tuple[float, ...]  # (T,) that it took to draw N candidates, without the scores


def spatial_masks(size: int) -> dict[str, torch.Tensor]:
    """Where the first class has its full weight: name -> (size, size) in [0, 1]; the second has it in the rest."""
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
    """One picture for each seed of noise, (N, 3, S, S) in [0, 1]; mix 0 is the pair's first class, 1 the second.

    guidance, spatial_mask, class_offset: of `class_weights`. classifier_guidance: scale of the classifier's gradient,
    0..about 1, see `guidance_gradient`; as mask and offset do, it fades towards the ends of the mix.

    Classes are compared with *other things*: compared with the null class, two classes of a pair oppose each other.
    """
    device = pick_device()
    sampler.net.to(device)
    weights = class_weights(
        sampler, mix, guidance=guidance, spatial_mask=spatial_mask, class_offset=class_offset
    )
    velocity = composed_velocity(sampler.net, weights, base=len(sampler.classes))
    gradient = None
    if strength := classifier_guidance * min(mixing_weights(mix)):
        classifier = copy.deepcopy(sampler.guidance_classifier).to(device)
        gradient = guidance_gradient(
            lambda images: selection_score(classifier.evidence(images)[:, list(sampler.pair)], mix), strength
        )

    def draw(noise: torch.Tensor) -> torch.Tensor:
        return to_unit(adams_bashforth2(velocity, noise.to(device), steps=steps, guidance=gradient)).cpu()

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


def flow_candidate(
    sampler: HybridSampler, seeds: Sequence[int], *, mix: float = 0.5, candidate: int = 0, **options
) -> torch.Tensor:
    """Pictures of one candidate, (N, 3, S, S) in [0, 1]; candidates go round COMPOSING. options: of `mix_once`."""
    composing = COMPOSING[candidate % len(COMPOSING)]
    return mix_once(sampler, candidate_seeds(seeds, candidate), mix=mix, **composing | options)


def best_of_n(
    draw: Callable[..., torch.Tensor],
    selector: NetworkJudge,
    pair: tuple[int, int],
    seeds: Sequence[int],
    *,
    mix: float = 0.5,
    n_candidates: int = N_CANDIDATES,
) -> BestOfN:
    """For each seed the candidate with the highest selection score. draw: of a generator, see `generators.table`."""
    candidates, scores, seconds = [], [], []
    for number in range(n_candidates):
        drawn, took = timed(draw, seeds, mix=mix, candidate=number)
        evidence = in_equal_parts(selector.evidence, drawn)[:, list(pair)]
        candidates.append(drawn)
        seconds.append(took)
        scores.append(selection_score(evidence, mix))
    made, found = torch.stack(candidates), torch.stack(scores)
    chosen = found.argmax(0)
    best = made[chosen, torch.arange(len(seeds))]
    return BestOfN(best, chosen.numpy(), made, found, tuple(seconds))


def candidate_seeds(seeds: Sequence[int], candidate: int) -> list[int]:
    """Seeds of the noise of a candidate."""
    return [int(seed) * MOST_CANDIDATES + int(candidate) for seed in seeds]


def selection_score(evidence: torch.Tensor, mix: float) -> torch.Tensor:
    """(...) from evidence (..., 2): the lesser of the two, after adding what is not wanted of either class.

    At the ends of the mix it is the evidence of the only class that is wanted.
    """
    parts = [evidence[..., place] + (1 - share) for place, share in enumerate(mixing_weights(mix)) if share]
    return torch.stack(parts).amin(0)
