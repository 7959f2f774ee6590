"""How the flow makes pictures that are both: two classes at once, several tries, and a rule that picks one.

The rule is stated before anything is judged: of all tries for a seed, take the one in which the guides find most of the
lesser class. The judge of notebook 03 has no part in it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from clockodile.data.dataset import Dataset
from clockodile.hybrids.flow import to_unit
from clockodile.hybrids.guides import Guides, fit_guides
from clockodile.hybrids.sampling import composed_velocity, following, noise_of, walk
from clockodile.hybrids.unet import UNet
from clockodile.workspace import Run, pick_device

GUIDANCE = 4.0  # how much more of a class than its photographs have
STEPS = 8  # of the walk, two questions each
TRIES = 8  # pictures made for each one shown
MOST_TRIES = 1000  # for one seed
PART = 8  # pictures drawn together
COMPOSING = (  # what tries go round: layout, and how much the second class's weight is raised above the first's
    {"layout": "below", "lean": 0.1},
    {"layout": "inside", "lean": -0.1},
    {"layout": "below", "lean": 0.0},
    {"layout": "everywhere", "lean": 0.25},
    {"layout": "below", "lean": 0.1},
    {"layout": "above", "lean": 0.0},
)
PRACTISED = (  # gone round while practising, later only the first: weight of "both", and of the second class beside it
    {"both": 1.5, "lean": 0.7},
    {"both": 2.0, "lean": 1.0},
    {"both": 1.5, "lean": 0.0},
)
QUIET = 0.25  # weight of a class where the other one reigns


@dataclass(frozen=True)
class Mixer:
    """All that is needed to make hybrids of two classes."""

    net: UNet
    guides: Guides
    classes: tuple[str, ...]
    pair: tuple[int, int]
    size: int  # pixels a side
    ways: tuple[dict, ...] = COMPOSING  # options of `mix_once` that tries go round


def fit_composer(run: Run, data: Dataset, net: UNet, *, retrain: bool = False) -> Mixer:
    """A flow, as from `fit_flow`, and the guides of a run, which are trained when they are not there.

    data: all splits.
    """
    guides = fit_guides(run, data, retrain=retrain)
    net = copy.deepcopy(net)  # it moves to another device when it draws
    return Mixer(net, guides, tuple(data.classes), run.recipe.pair, int(data.images.shape[1]))


@dataclass(frozen=True)
class Mixed:
    """Hybrids and how each came about."""

    images: torch.Tensor  # float32 (N, 3, S, S) in [0, 1]
    number: np.ndarray  # int (N,) which try was taken
    tried: torch.Tensor  # (T, N, 3, S, S) all tries
    worth: torch.Tensor  # (T, N) what the rule found in them, see `worth`


def layouts(size: int) -> dict[str, torch.Tensor]:
    """Where the first class reigns: name -> share (size, size) in [0, 1]; the second reigns in the rest."""
    line = torch.linspace(-1, 1, size)
    down, right = torch.meshgrid(line, line, indexing="ij")
    disc = torch.sigmoid(12 * (0.6 - (down**2 + right**2).sqrt()))
    above = torch.sigmoid(-8 * down)
    return {"inside": disc, "around": 1 - disc, "above": above, "below": 1 - above}


def class_weights(
    mixer: Mixer,
    mix: float,
    *,
    guidance: float = GUIDANCE,
    layout: str = "everywhere",
    lean: float = 0.0,
    both: float = 0.0,
) -> dict[int, torch.Tensor | float]:
    """Weights of the two classes for `composed_velocity`: both in full at mix 0.5, only one at 0 and at 1.

    lean: -1..1, how much the second class's weight is raised and the first's lowered, where there are both. both:
    weight of the label "both" at mix 0.5, for a net that has practised; `lean` (any number) is then the weight of the
    second class beside it.
    """
    if both:
        middle = 1 - abs(2 * mix - 1)
        ends = guidance * max(0, 1 - 2 * mix), guidance * max(0, 2 * mix - 1)
        found = {
            mixer.pair[0]: ends[0],
            mixer.pair[1]: ends[1] + lean * middle,
            mixer.net.both: both * middle,
        }
        return {label: weight for label, weight in found.items() if weight}
    shares = min(1.0, 2 * (1 - mix)), min(1.0, 2 * mix)
    if mix not in (0, 1):
        shares = shares[0] * (1 - lean), shares[1] * (1 + lean)
    if layout == "everywhere" or mix in (0, 1):
        maps = (1.0, 1.0)
    else:
        first = layouts(mixer.size)[layout][None, None]
        maps = (QUIET + (1 - QUIET) * first, QUIET + (1 - QUIET) * (1 - first))
    return {
        label: guidance * share * where
        for label, share, where in zip(mixer.pair, shares, maps, strict=True)
        if share
    }


@torch.no_grad()
def mix_once(
    mixer: Mixer,
    seeds: Sequence[int],
    *,
    mix: float = 0.5,
    guidance: float = GUIDANCE,
    layout: str = "everywhere",
    lean: float = 0.0,
    both: float = 0.0,
    follow: float = 0.0,
    steps: int = STEPS,
) -> torch.Tensor:
    """One picture for each seed, (N, 3, S, S) in [0, 1]; mix 0 is the pair's first class, 1 the second.

    follow: how strongly the walk is pulled to what the guides' nets would rather see, 0..about 1, see `following`.

    Classes are compared with *other things*: compared with "anything", of which they are the greater part, two classes
    of a pair would nearly cancel each other.
    """
    device = pick_device()
    mixer.net.to(device)
    weights = class_weights(mixer, mix, guidance=guidance, layout=layout, lean=lean, both=both)
    velocity = composed_velocity(mixer.net, weights, base=len(mixer.classes))
    if follow:
        guides = copy.deepcopy(mixer.guides).to(device)
        velocity = following(
            velocity, lambda images: worth(guides.nets_evidence(images)[:, list(mixer.pair)], mix), follow
        )

    def draw(noise: torch.Tensor) -> torch.Tensor:
        return to_unit(walk(velocity, noise.to(device), steps=steps)).cpu()

    return in_equal_parts(draw, noise_of(seeds, mixer.size))


def in_equal_parts(function: Callable[[torch.Tensor], torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
    """function(rows), always asked for PART rows at once: sums are rounded otherwise in batches of another size.

    So a picture is the same to the last bit however many are made.
    """
    found = []
    for part in rows.split(PART):
        filled = torch.cat([part, part[:1].expand(PART - len(part), *part.shape[1:])])
        found.append(function(filled)[: len(part)])
    return torch.cat(found)


def mix_best(mixer: Mixer, seeds: Sequence[int], *, mix: float = 0.5, tries: int = TRIES, **options) -> Mixed:
    """The best of several tries for each seed, by the guides' rule; tries go round the mixer's ways.

    options: of `mix_once`. Pictures depend on their own seed only.
    """

    def draw(seeds: Sequence[int], number: int) -> torch.Tensor:
        return mix_once(mixer, seeds, mix=mix, **way_of(mixer, number), **options)

    return keep_best(mixer, draw, seeds, mix=mix, tries=tries)


def keep_best(
    mixer: Mixer,
    draw: Callable[[Sequence[int], int], torch.Tensor],
    seeds: Sequence[int],
    *,
    mix: float = 0.5,
    tries: int = TRIES,
) -> Mixed:
    """The same for pictures of any origin: draw(N seeds of their own, number of the try) -> (N, 3, S, S) in [0, 1]."""
    tried, found = [], []
    for number in range(tries):
        tried.append(draw(seeds_of(seeds, number), number))
        evidence = in_equal_parts(mixer.guides.evidence, tried[-1])[:, list(mixer.pair)]
        found.append(worth(evidence, mix))
    made, found = torch.stack(tried), torch.stack(found)
    chosen = found.argmax(0)
    return Mixed(made[chosen, torch.arange(len(seeds))], chosen.numpy(), made, found)


def mix_line(
    mixer: Mixer, seeds: Sequence[int], mixes: Sequence[float], *, tries: int = TRIES, **options
) -> torch.Tensor:
    """From the first class to the second, (M, N, 3, S, S): the try that was best as a hybrid, at each of M mixes.

    With a single try both classes are wanted everywhere and alike.
    """
    if tries == 1:
        noise, way = seeds_of(seeds, 0), plain_way(mixer)
        return torch.stack([mix_once(mixer, noise, mix=mix, **way, **options) for mix in mixes])
    best = mix_best(mixer, seeds, tries=tries, **options).number
    lines = torch.empty(len(mixes), len(seeds), 3, mixer.size, mixer.size)
    for number in np.unique(best):
        rows = np.flatnonzero(best == number)
        noise = seeds_of([seeds[row] for row in rows], number)
        for line, mix in zip(lines, mixes, strict=True):
            line[rows] = mix_once(mixer, noise, mix=mix, **way_of(mixer, number), **options)
    return lines


def seeds_of(seeds: Sequence[int], number: int) -> list[int]:
    """Seeds of the noise of a try."""
    return [int(seed) * MOST_TRIES + int(number) for seed in seeds]


def way_of(mixer: Mixer, number: int) -> dict:
    """Options of `mix_once` for a try."""
    return mixer.ways[number % len(mixer.ways)]


def plain_way(mixer: Mixer) -> dict:
    """Options of `mix_once` for a single walk: classes alike and everywhere, or a practised net's first way."""
    return mixer.ways[0] if "both" in mixer.ways[0] else {}


def worth(evidence: torch.Tensor, mix: float) -> torch.Tensor:
    """What the rule looks at, from evidence (..., 2): the wanted class for a pure one; for a hybrid the lesser one."""
    if mix in (0, 1):
        return evidence[..., int(mix)]
    return evidence.amin(-1)
