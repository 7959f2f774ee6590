"""Flow matching: learn the velocity that leads from noise to photographs (Lipman et al., 2023; Liu et al., 2023).

A picture x on the straight way from noise e to a photograph d is x = (1 - t) e + t d, and its velocity is d - e. A net
that guesses the velocity from x, t and the class can lead any noise to a new picture of that class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from clockodile.hybrids.generators.unet import Layout
from clockodile.learn.muon import fast_bfloat16

STEPS = 16  # of the ODE solver, one evaluation of the net each
GUIDANCE_SCALE = 5.0  # how many times what makes a class special is asked for; 1 = as the net learned it
BATCH = 48  # pictures sampled at once
FINE = (0.2, 0.35, 0.5, 0.65)  # times at which texture tells classes apart
COARSE = (0.05, 0.1, 0.2)  # times at which only large shapes are left to tell by

Velocity = Callable[[torch.Tensor, float], torch.Tensor]  # of x (N, 3, S, S) at a time in [0, 1]


def to_signed(images: torch.Tensor) -> torch.Tensor:
    """[0, 1] -> [-1, 1], where noise and pictures are of one size."""
    return images * 2 - 1


def to_unit(x: torch.Tensor) -> torch.Tensor:
    """[-1, 1] -> [0, 1]; what lies outside is cut off."""
    return ((x + 1) / 2).clamp(0, 1)


def guess(net: nn.Module, x: torch.Tensor, time: torch.Tensor, layout: Layout) -> torch.Tensor:
    """The net's velocity as float32 (N, 3, S, S), in 16 bits where that is fast. time: (N,) in [0, 1]."""
    with torch.autocast(x.device.type, torch.bfloat16, enabled=fast_bfloat16(x.device)):
        return net(x, time, layout).float()


def flow_loss(
    net: nn.Module, photos: torch.Tensor, layout: Layout, noise: torch.Tensor, time: torch.Tensor
) -> torch.Tensor:
    """Mean squared error of the guessed velocity.

    photos, noise: (N, 3, S, S), photos in [-1, 1]; layout: what they show; time: (N,) in [0, 1].
    """
    t = time.view(-1, 1, 1, 1)
    x = (1 - t) * noise + t * photos
    return F.mse_loss(guess(net, x, time, layout), photos - noise)


def noise_of(seeds: Sequence[int], size: int) -> torch.Tensor:
    """Gaussian noise (N, 3, S, S); row i comes from seed i alone, so image i never depends on its neighbours."""
    rows = [
        torch.randn((3, size, size), generator=torch.Generator().manual_seed(int(seed))) for seed in seeds
    ]
    return torch.stack(rows)


def composed_velocity(
    net: nn.Module, layouts: Sequence[Layout], weights: Sequence[float | torch.Tensor]
) -> Velocity:
    """base + sum over layouts of weight * (velocity of the layout - base), where base is the null class.

    One layout is classifier-free guidance (Ho & Salimans, 2022) with the weight as guidance scale; two are a product of
    experts, the pictures that both claim (Liu et al., 2022). A weight is a number, or (N or 1, 1, S, S).
    """

    def velocity(x: torch.Tensor, time: float) -> torch.Tensor:
        t = torch.full((len(x),), time, device=x.device)
        anything = replace(layouts[0], labels=torch.full_like(layouts[0].labels, net.null_class))
        base = guess(net, x, t, anything)
        return base + sum(
            weight * (guess(net, x, t, layout) - base)
            for layout, weight in zip(layouts, weights, strict=True)
            if torch.is_tensor(weight) or weight
        )

    return velocity


def keeping(velocity: Velocity, noise: torch.Tensor, photos: torch.Tensor, where: torch.Tensor) -> Velocity:
    """A velocity that leads to `photos` where `where` is 1, straight from the noise, and is as it was where it is 0.

    noise, photos: (N, 3, S, S), photos in [-1, 1]; where: (N or 1, 1, S, S).
    """
    return lambda x, time: torch.lerp(velocity(x, time), photos - noise, where)


@torch.no_grad()
def adams_bashforth2(velocity: Velocity, noise: torch.Tensor, *, steps: int = STEPS) -> torch.Tensor:
    """Integrate a velocity from time 0 (noise) to 1 by the two-step Adams-Bashforth method; x in about [-1, 1].

    One evaluation a step: how the velocity changed since the step before says how the path bends.
    """
    x, before = noise, None
    for now, then in pairwise(torch.linspace(0, 1, steps + 1).tolist()):
        slope = velocity(x, now)
        bend = 0 if before is None else (slope - before) / 2
        x, before = x + (then - now) * (slope + bend), slope
    return x


def told_and_untold(
    net: nn.Module,
    images: torch.Tensor,
    layout: Layout,
    *,
    times: Sequence[float] = FINE,
    where: torch.Tensor | None = None,
) -> torch.Tensor:
    """The net's losses on pictures, (2, N): told nothing, and told `layout`.

    Over noisy versions of each picture that share their noise, one for each of the times. images: (N, 3, S, S) in
    [0, 1]; layout: of one picture; where: (1, 1, S, S), how much each place counts, all the same without it.
    """
    untold = replace(layout, labels=torch.full_like(layout.labels, net.null_class))
    return losses_told(net, images, (untold, layout), times=times, where=where)


@torch.no_grad()
def losses_told(
    net: nn.Module,
    images: torch.Tensor,
    layouts: Sequence[Layout],
    *,
    times: Sequence[float],
    where: torch.Tensor | None = None,
) -> torch.Tensor:
    """The net's losses on pictures, (len(layouts), N), when told each of the layouts; else as `told_and_untold`."""
    device = next(net.parameters()).device
    layouts, where = [layout.to(device) for layout in layouts], 1 if where is None else where.to(device)
    losses = torch.zeros(len(layouts), len(images))
    for start in range(0, len(images), BATCH):
        rows = slice(start, start + BATCH)
        photos = to_signed(images[rows]).to(device)
        for number, time in enumerate(times):
            noise = noise_of([number], images.shape[-1]).to(device)
            x, t = (1 - time) * noise + time * photos, torch.full((len(photos),), time, device=device)
            for place, asked in enumerate(layouts):
                off = guess(net, x, t, asked.rows(0, len(photos))) - (photos - noise)
                losses[place, rows] += (off.square() * where).mean((1, 2, 3)).cpu()
    return losses


def class_evidence(net: nn.Module, images: torch.Tensor, label: int) -> torch.Tensor:
    """How much better the net explains pictures when told their class, (N,): 0 = not at all, higher = more of it.

    (loss when told nothing - loss when told `label`) / loss when told nothing: the generative classifier of Li et al.
    (2023). images: (N, 3, S, S) in [0, 1].
    """
    untold, told = told_and_untold(net, images, Layout(torch.tensor([[label]])))
    return (untold - told) / untold
