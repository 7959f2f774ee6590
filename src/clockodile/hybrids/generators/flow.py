"""Flow matching: learn the velocity that leads from noise to photographs (Lipman et al., 2023; Liu et al., 2023).

A picture x on the straight way from noise e to a photograph d is x = (1 - t) e + t d, and its velocity is d - e. A net
that guesses the velocity from x, t and the class can lead any noise to a new picture of that class.
"""

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
    rows = [torch.randn((3, size, size), generator=torch.Generator().manual_seed(int(seed))) for seed in seeds]
    return torch.stack(rows)


def composed_velocity(net: nn.Module, layouts: Sequence[Layout], weights: Sequence[float | torch.Tensor]) -> Velocity:
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


@torch.no_grad()
def losses_told(
    net: nn.Module, images: torch.Tensor, layouts: Sequence[Layout], *, times: Sequence[float]
) -> torch.Tensor:
    """The net's losses on pictures when told each of the layouts, (len(layouts), N), summed over times.

    Over noisy versions of each picture that share their noise, one for each of the times: the class whose loss is least
    explains the picture best (a generative classifier; Li et al., 2023). images: (N, 3, S, S) in [0, 1]; layouts: each
    of one picture.
    """
    device = next(net.parameters()).device
    layouts = [layout.to(device) for layout in layouts]
    losses = torch.zeros(len(layouts), len(images))
    for start in range(0, len(images), BATCH):
        rows = slice(start, start + BATCH)
        photos = to_signed(images[rows]).to(device)
        for number, time in enumerate(times):
            noise = noise_of([number], images.shape[-1]).to(device)
            x, t = (1 - time) * noise + time * photos, torch.full((len(photos),), time, device=device)
            for place, asked in enumerate(layouts):
                off = guess(net, x, t, asked.rows(0, len(photos))) - (photos - noise)
                losses[place, rows] += off.square().mean((1, 2, 3)).cpu()
    return losses
