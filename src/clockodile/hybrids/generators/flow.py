"""Flow matching: learn the velocity that leads from noise to photographs (Lipman et al., 2023; Liu et al., 2023).

A picture x on the straight way from noise e to a photograph d is x = (1 - t) e + t d, and its velocity is d - e. A net
that guesses the velocity from x, t and the class can lead any noise to a new picture of that class.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from clockodile.core import atomic_files
from clockodile.core.workspace import pick_device
from clockodile.hybrids.generators.unet import UNet
from clockodile.learn.augmentation import flip, uniform, warp
from clockodile.learn.training import EMA, fast_bfloat16, seeded

LOG = logging.getLogger("clockodile").info


@dataclass(frozen=True)
class FlowConfig:
    """How a flow is trained. The defaults are those with which the shipped weights began."""

    steps: int  # batches
    batch: int = 64  # pictures a step
    widths: tuple[int, int] = (96, 176)  # channels at half and at a quarter of the side
    depth: int = 2  # residual blocks a level
    learning_rate: float = 5e-4  # the highest, for AdamW
    label_lr_factor: float = 1.0  # how much faster labels learn: new ones in a trained net must catch up
    warm_up: float = 0.03  # share of the steps in which it rises; afterwards a cosine to nothing
    ema_decay: float = 0.999  # how much of the averaged weights is kept a step
    others: float = 0.2  # share of a batch that shows other things: what "anything" means must be learned too
    wide: float = 0.0  # share of the first batch that shows pictures of anything; it falls to nothing
    forget: float = 0.1  # share of the pictures whose class is not told
    moved: float = 0.5  # share of the pictures that are turned, scaled and shifted, and told so


def to_signed(images: torch.Tensor) -> torch.Tensor:
    """[0, 1] -> [-1, 1], where noise and pictures are of one size."""
    return images * 2 - 1


def to_unit(x: torch.Tensor) -> torch.Tensor:
    """[-1, 1] -> [0, 1]; what lies outside is cut off."""
    return ((x + 1) / 2).clamp(0, 1)


def flow_loss(
    net: nn.Module,
    photos: torch.Tensor,
    labels: torch.Tensor,
    noise: torch.Tensor,
    time: torch.Tensor,
    *told: torch.Tensor,
) -> torch.Tensor:
    """Mean squared error of the guessed velocity.

    photos, noise: (N, 3, S, S), photos in [-1, 1]; labels: int64 (N,), or a Layout for a net that is asked by one;
    time: (N,) in [0, 1]; told: what else the net is given, such as how photos were moved.
    """
    t = time.view(-1, 1, 1, 1)
    x = (1 - t) * noise + t * photos
    guess = net(x, time, labels, *told)
    return F.mse_loss(guess.float(), photos - noise)


def move(
    images: torch.Tensor, generator: torch.Generator, *, share: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mirror at random; turn, scale and shift `share` of the images, and tell how: (N, WARPS), zeros where not moved.

    A net that is told can be asked for pictures that were not moved: the rims of the moves do not leak (Karras, 2022).
    """
    images = flip(images, generator)
    chosen = (uniform(images, 0, 1, generator) < share).float()
    scale, turn, right, down = (uniform(images, -1, 1, generator) * chosen for _ in range(4))
    moved = warp(images, angle=10 * turn, scale=1 + 0.15 * scale, dx=0.2 * right, dy=0.2 * down)
    return torch.where(chosen > 0, moved, images), torch.cat([scale, turn, right, down], 1).flatten(1)


def draw_batch(
    labels: torch.Tensor, plan: FlowConfig, classes: int, generator: torch.Generator, *, wide: float = 0.0
) -> torch.Tensor:
    """Rows of a batch, (B,): `wide` of them with label C + 1, `others` of the rest with C, every class alike often."""
    shares = torch.full((classes + 2,), (1 - plan.others) / classes)
    shares[classes] = plan.others
    shares *= 1 - wide
    shares[classes + 1] = wide
    counts = torch.bincount(labels, minlength=classes + 2)
    weight = (shares / counts.clamp(min=1))[labels]
    return torch.multinomial(weight, plan.batch, replacement=True, generator=generator)


def share_of_rate(step: int, plan: FlowConfig) -> float:
    """Share of the highest learning rate: up in a straight line, then down along a cosine."""
    rising = max(1, round(plan.warm_up * plan.steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + torch.cos(torch.tensor(torch.pi * (step - rising) / (plan.steps - rising))).item())


def train_flow(
    images: torch.Tensor,
    labels: torch.Tensor,
    plan: FlowConfig,
    *,
    classes: int,
    seed: int,
    start: UNet | None = None,
    checkpoint: Path | None = None,
    every: int = 250,
    after: Callable[[int, list[float], nn.Module], None] | None = None,
) -> tuple[UNet, list[float]]:
    """Train a flow, or go on where an interrupted training stopped.

    images: float32 (N, 3, S, S) in [0, 1]; labels: int64 (N,), C for other things, C + 1 for anything. start: a net
    to go on from (it stays as it is), by default a new one. checkpoint: a file that is written each `every` steps and
    read when it is there; remove it when no more is needed. after: called as often with the step, the losses so far and
    the averaged net. Returns the averaged net on the CPU and the loss of each step.
    """
    device, generator = pick_device(), torch.Generator().manual_seed(seed)
    with seeded(seed):
        net = copy.deepcopy(start) if start else UNet(classes=classes, widths=plan.widths, depth=plan.depth)
    net.to(device, memory_format=torch.channels_last)
    averaged = EMA(net, plan.ema_decay)
    labelling = net.class_embed.weight
    rest = [part for part in net.parameters() if part is not labelling]
    optimiser = torch.optim.AdamW(
        [
            {"params": rest, "share": 1.0},
            {"params": [labelling], "share": plan.label_lr_factor},
        ],
        lr=plan.learning_rate,
        weight_decay=0.01,
        betas=(0.9, 0.99),
        fused=True,
    )
    images, losses = images.to(device), []
    if checkpoint is not None and checkpoint.is_file():
        losses = restore(checkpoint, net, averaged, optimiser, generator)
    for step in range(len(losses), plan.steps):
        for group in optimiser.param_groups:
            group["lr"] = plan.learning_rate * share_of_rate(step, plan) * group["share"]
        wide = plan.wide * (1 - step / plan.steps)
        with seeded(seed * 1_000_003 + step):  # for dropout: a continued training is the same training
            losses.append(flow_step(net.train(), optimiser, images, labels, plan, classes, generator, wide))
        averaged.update()
        if (step + 1) % every == 0 or step + 1 == plan.steps:
            if after is not None:  # first: what is interrupted here is done again
                after(step + 1, losses, averaged.model.eval())
            if checkpoint is not None:
                keep(checkpoint, net, averaged, optimiser, generator, losses)
    return averaged.model.cpu().eval(), losses


def flow_step(
    net, optimiser, images, labels, plan: FlowConfig, classes: int, generator, wide: float
) -> float:
    """One step on a random batch; returns its loss."""
    rows = draw_batch(labels, plan, classes, generator, wide=wide)
    photos, told = move(images[rows.to(images.device)], generator, share=plan.moved)
    forgotten = torch.rand(plan.batch, generator=generator) < plan.forget
    wanted = torch.where(forgotten, net.null_class, labels[rows]).to(images.device)
    noise = torch.randn(photos.shape, generator=generator).to(images.device)
    # most steps where it is decided what the picture shows: neither pure noise nor all but done (Esser et al., 2024)
    time = torch.randn(plan.batch, generator=generator).sigmoid().to(images.device)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=fast_bfloat16(images.device)):
        loss = flow_loss(net, to_signed(photos), wanted, noise, time, told.to(images.device))
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimiser.step()
    return loss.item()


def keep(path: Path, net, averaged, optimiser, generator, losses) -> None:
    """Write all that training needs to go on."""
    with atomic_files.atomic(path) as temporary:
        torch.save(
            {
                "net": net.state_dict(),
                "averaged": averaged.model.state_dict(),
                "optimiser": optimiser.state_dict(),
                "generator": generator.get_state(),
                "losses": losses,
            },
            temporary,
        )


def restore(path: Path, net, averaged, optimiser, generator) -> list[float]:
    """Put back what `keep` wrote; returns the losses so far, none when the file is damaged: it is removed then."""
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch has another error for each kind of damage; all mean "train again"
        LOG(f"{path} is damaged: this training starts anew")
        path.unlink(missing_ok=True)
        return []
    net.load_state_dict(kept["net"])
    averaged.model.load_state_dict(kept["averaged"])
    averaged.steps = len(kept["losses"])
    optimiser.load_state_dict(kept["optimiser"])
    generator.set_state(kept["generator"])
    return kept["losses"]
