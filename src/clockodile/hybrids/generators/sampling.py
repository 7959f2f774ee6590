"""From noise to pictures along a learned velocity, of one class or of two at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import nn

from clockodile.core.workspace import pick_device
from clockodile.hybrids.generators.flow import to_unit
from clockodile.learn.training import fast_bfloat16

STEPS = 10  # of the sampler, one evaluation of the net each
Velocity = Callable[[torch.Tensor, float], torch.Tensor]  # of x at a time
Guidance = Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]  # of x, its velocity and the time


def noise_of(seeds: Sequence[int], size: int) -> torch.Tensor:
    """Gaussian noise (N, 3, S, S); row i comes from seed i alone, so image i never depends on its neighbours."""
    rows = [
        torch.randn((3, size, size), generator=torch.Generator().manual_seed(int(seed))) for seed in seeds
    ]
    return torch.stack(rows)


def composed_velocity(
    net: nn.Module, weights: dict[int, float | torch.Tensor], *, base: int | None = None
) -> Velocity:
    """The velocity of a product of experts: base + sum over classes of weight * (velocity of the class - base).

    weights: class -> weight, a number or anything that broadcasts to (N, 1, S, S). One class with weight 1 is that
    class; with more it is classifier-free guidance (Ho & Salimans, 2022); two classes are the places that both like
    (Liu et al., 2022). base: label of the velocity they are compared with, None for the net's null class.
    """
    if [weight for weight in weights.values() if not torch.is_tensor(weight)] == [1.0] and len(weights) == 1:
        (base,), weights = weights, {}  # one class as it is: what it is compared with would cancel out
    labels = [net.null_class if base is None else base, *weights]

    def velocity(x: torch.Tensor, time: float) -> torch.Tensor:
        device, count = x.device, len(x)
        asked = torch.tensor(labels, device=device).repeat_interleave(count)
        with torch.autocast(device.type, torch.bfloat16, enabled=fast_bfloat16(device)):
            found = net(x.repeat(len(labels), 1, 1, 1), torch.full((len(asked),), time, device=device), asked)
        start, *others = found.float().chunk(len(labels))
        return start + sum(
            (weight.to(device) if torch.is_tensor(weight) else weight) * (other - start)
            for weight, other in zip(weights.values(), others, strict=True)
        )

    return velocity


def guidance_gradient(score: Callable[[torch.Tensor], torch.Tensor], scale: float) -> Guidance:
    """Classifier guidance: what turns the sampler towards a higher score.

    score: (N, 3, S, S) in [0, 1] -> (N,), differentiable. It is asked about the picture where the path would end if it
    went straight on (universal guidance, Bansal et al., 2023). The gradient is normalised to a root mean square of
    `scale`, where a velocity has about 1.
    """

    def guidance(x: torch.Tensor, velocity: torch.Tensor, time: float) -> torch.Tensor:
        with torch.enable_grad():
            end = (x + (1 - time) * velocity).detach().requires_grad_()
            (gradient,) = torch.autograd.grad(score(to_unit(end)).sum(), end)
        size = gradient.square().mean((1, 2, 3), keepdim=True).sqrt()
        return scale * gradient / size.clamp_min(1e-12)

    return guidance


@torch.no_grad()
def adams_bashforth2(
    velocity: Velocity, noise: torch.Tensor, *, steps: int = STEPS, guidance: Guidance | None = None
) -> torch.Tensor:
    """Integrate a velocity from time 0 (noise) to 1 by the two-step Adams-Bashforth method; x in about [-1, 1].

    One evaluation a step: how the velocity changed since the step before says how the path bends. guidance: is added to
    each step, but not carried on to the next, for it may turn at once.
    """
    x, before, times = noise, None, torch.linspace(0, 1, steps + 1).tolist()
    for now, then in pairwise(times):
        slope = velocity(x, now)
        bend = 0 if before is None else (slope - before) / 2
        force = 0 if guidance is None else guidance(x, slope, now)
        x, before = x + (then - now) * (slope + bend + force), slope
    return x


@torch.no_grad()
def sample(
    net: nn.Module,
    weights: dict[int, float | torch.Tensor],
    seeds: Sequence[int],
    *,
    size: int = 32,
    steps: int = STEPS,
    base: int | None = None,
    batch: int = 64,
) -> torch.Tensor:
    """Pictures (N, 3, size, size) in [0, 1] by a trained flow; weights and base as of `composed_velocity`."""
    device = pick_device()
    net.to(device).eval()
    found = []
    for first in range(0, len(seeds), batch):
        part = seeds[first : first + batch]
        here = {
            label: weight[first : first + batch] if torch.is_tensor(weight) and len(weight) > 1 else weight
            for label, weight in weights.items()
        }
        velocity = composed_velocity(net, here, base=base)
        found.append(to_unit(adams_bashforth2(velocity, noise_of(part, size).to(device), steps=steps)).cpu())
    return torch.cat(found)
