"""Pictures changed on purpose, each value by so little that nobody sees it, until a classifier errs.

Epsilon is the most that any value may change, in steps of 8-bit images: 4 means 4/255. True labels are attacked: the
loss of the right class rises, whatever class wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from clockodile.classify.robustness import draw_per_image
from clockodile.core.stats import wilson_interval
from clockodile.core.workspace import check_range
from clockodile.learn.training import on_fastest_device, predict

Attack = Callable[..., torch.Tensor]  # attack(model, images, labels, epsilon=...) -> images
LEVELS = 255  # steps of an 8-bit value from black to white
BATCH = 250  # images a backward pass; only memory depends on it


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode, so that no batch-norm statistic moves; every module's own mode comes back after."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def loss_gradient(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Gradient of each image's cross-entropy with respect to that image; the model's own .grad stay as they were.

    images: float (N, 3, S, S) in [0, 1]; labels: int64 (N,). Returns the shape, type and device of `images`.
    """
    gradients = []
    for part, right in zip(images.detach().split(BATCH), labels.split(BATCH), strict=True):
        with on_fastest_device(model) as device, evaluating(model), torch.enable_grad():
            pixels = part.clone().requires_grad_()
            # in float32 the gradient of a very sure answer is rounded off, and a saturated net looks robust
            logits = model(pixels.to(device)).cpu().double()
            # summed, not averaged: an image's gradient must not depend on the batch
            loss = F.cross_entropy(logits, right.cpu(), reduction="sum")
            gradients += torch.autograd.grad(loss, pixels)
    return torch.cat(gradients)


def fgsm(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, *, epsilon: float) -> torch.Tensor:
    """One step of full length along the sign of the gradient (fast gradient sign method, Goodfellow et al. 2015).

    images: (N, 3, S, S) in [0, 1]; labels: (N,); epsilon: largest change in 1/255. Returns images in [0, 1].
    """
    check_range("epsilon", epsilon, 0, LEVELS)
    reach = epsilon / LEVELS
    return (images + reach * loss_gradient(model, images, labels).sign()).clamp(0, 1)


def pgd(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    epsilon: float,
    steps: int = 10,
    step: float | None = None,
    seed: int,
    restarts: int = 1,
) -> torch.Tensor:
    """Many small steps from a random start, never leaving the reach (projected gradient descent, Madry et al. 2018).

    Arguments as for `fgsm`; step: length of a step in 1/255, None for 2.5 * epsilon / steps; restarts: random starts,
    of which each image keeps the one it is judged worst with.
    """
    check_range("epsilon", epsilon, 0, LEVELS)
    reach = epsilon / LEVELS
    length = 2.5 * reach / steps if step is None else step / LEVELS
    lowest, highest = (images - reach).clamp(0, 1), (images + reach).clamp(0, 1)
    attempts = []
    for restart in range(restarts):
        start = 2 * draw_per_image(images, seed=seed + 1_000_003 * restart) - 1
        attacked = torch.clamp(images + reach * start, lowest, highest)
        for _ in range(steps):
            attacked = attacked + length * loss_gradient(model, attacked, labels).sign()
            attacked = torch.clamp(attacked, lowest, highest)
        attempts.append(attacked)
    return attempts[0] if restarts == 1 else most_harmful(model, attempts, labels)


def most_harmful(model: nn.Module, attempts: Sequence[torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
    """For each image the attempt in which another class leads the right one by most. attempts: R of (N, 3, S, S)."""
    with evaluating(model):
        logits = torch.stack([predict(model, attempt) for attempt in attempts])  # (R, N, C)
    right = F.one_hot(labels.cpu(), logits.shape[-1]).bool()
    lead = logits.masked_fill(right, -torch.inf).amax(-1) - (logits * right).sum(-1)
    rows = torch.arange(len(labels))
    return torch.stack(list(attempts))[lead.argmax(0), rows]


def adversarial_batch(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    generator: torch.Generator,
    *,
    epsilon: float,
) -> torch.Tensor:
    """One step of 1.25 epsilon from a random start: what "fast" adversarial training learns from (Wong et al. 2020).

    With functools.partial(adversarial_batch, epsilon=4) it is a hook(model, images, labels, generator) -> images for a
    training loop. The model is attacked in evaluation mode and gets its own mode back.
    """
    check_range("epsilon", epsilon, 0, LEVELS)
    reach = epsilon / LEVELS
    start = reach * (2 * torch.rand(images.shape, generator=generator).to(images) - 1)
    step = 1.25 * reach * loss_gradient(model, (images + start).clamp(0, 1), labels).sign()
    return (images + (start + step).clamp(-reach, reach)).clamp(0, 1)


# --- measuring ------------------------------------------------------------------------------------------------


def accuracy_against_epsilon(
    models: dict[str, nn.Module],
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    epsilons: Sequence[float],
    attack: Attack = fgsm,
) -> pd.DataFrame:
    """Accuracy of each model under its own attack of each strength, on images it has not been trained on.

    attack: `fgsm`, or functools.partial(pgd, seed=0). Returns columns model, epsilon (1/255), accuracy, low, high, the
    ends of its 95 % interval.
    """
    rows = []
    for name, model in models.items():
        for epsilon in epsilons:
            attacked = attack(model, images, labels, epsilon=epsilon)
            rows.append((name, epsilon, accuracy(model, attacked, labels)))
    table = pd.DataFrame(rows, columns=["model", "epsilon", "accuracy"])
    low, high = wilson_interval(table["accuracy"], len(labels))
    return table.assign(low=low, high=high)


def transfer_table(
    models: dict[str, nn.Module],
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    epsilon: float,
    attack: Attack = fgsm,
) -> pd.DataFrame:
    """Accuracy of each model (columns) on images made against each model (rows); first row: the images as they are.

    The diagonal is the attack of one's own; off it, the attacker knows another model only.
    """
    made = {"nothing": images}
    made |= {name: attack(model, images, labels, epsilon=epsilon) for name, model in models.items()}
    table = {
        name: [accuracy(model, attacked, labels) for attacked in made.values()]
        for name, model in models.items()
    }
    return pd.DataFrame(table, index=pd.Index(made, name="made against"))


def accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of right predictions."""
    return (predict(model, images).argmax(1) == labels.cpu()).double().mean().item()
