"""Training a net: the simplest way (all images in every step), and the way that gets most out of few images."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass

import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from clockodile.core.workspace import pick_device
from clockodile.learn.augmentation import augment
from clockodile.learn.muon import MuonWithAdamW, fast_bfloat16

WHITENED = 4096  # images, evenly from all, by which a computed first layer is set


@dataclass(frozen=True)
class TrainConfig:
    """How a net is trained batch by batch. The defaults are ours."""

    epochs: int  # how often each image is seen
    batch: int = 32  # images a step
    learning_rate: float = 2e-3  # the highest of the schedule, for AdamW
    weight_decay: float = 0.05  # share of every weight taken away a step, times the learning rate
    warm_up: float | None = 0.2  # share of the steps in which the learning rate rises; None keeps it constant
    augmentations: tuple[str, ...] = ("flip", "crop", "colour", "noise", "blur")  # of data.augmentation
    label_smoothing: float = 0.1  # share of the target given to all classes alike
    ema_decay: float = 0.99  # how much of the averaged weights is kept a step; 0 = use the last weights
    muon: bool = False  # Muon instead of AdamW for all inner weights: pays from some ten thousand images on


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Everything torch draws inside comes from `seed`; the state outside is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


# --- all images in every step ----------------------------------------------------------------------------------


def train_full_batch(
    make_model: Callable[[], nn.Module],
    images: torch.Tensor,
    targets: torch.Tensor,
    *,
    seed: int,
    epochs: int,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = F.cross_entropy,
) -> tuple[nn.Module, list[float]]:
    """Fit a net with Adam, all images in every step (as report 000 does).

    images: float32 (N, 3, S, S) in [0, 1]; targets: what `loss` compares the net's answers with, such as labels int64
    (N,). Returns the model on the CPU in evaluation mode, and the loss before each step.
    """
    device = pick_device()
    with seeded(seed):
        model = make_model().to(device, memory_format=torch.channels_last)
    # colours of a pixel side by side in memory: convolutions take a third of the time on a CPU
    images, targets = images.to(device, memory_format=torch.channels_last), targets.to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(epochs):
        now = loss(model(images), targets)
        optimiser.zero_grad()
        now.backward()
        optimiser.step()
        losses.append(now.item())
    return model.cpu().eval(), losses


# --- batch by batch --------------------------------------------------------------------------------------------


def one_cycle(step: int, steps: int, *, warm_up: float | None) -> float:
    """Share of the highest learning rate at a step: up in a straight line, then down to 0 (Smith, 2018).

    step: 0..steps-1; warm_up: share of the steps that rise, None for a constant 1. Returns a number in [0, 1].
    """
    done = (step + 1) / (steps + 1)
    if warm_up is None:
        return 1.0
    return done / warm_up if done < warm_up else (1 - done) / (1 - warm_up) if warm_up < 1 else 1.0


class EMA:
    """A running mean of a model's weights: a smoother, usually better model than the last step's (Polyak, 1992).

    Early on the mean is short, so that the random start is soon forgotten. Batch-norm statistics are averaged too.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.model, self.decay, self.steps = deepcopy(model), decay, 0
        self.pairs = [
            (mean, now)
            for mean, now in zip(self.model.state_dict().values(), model.state_dict().values(), strict=True)
            if mean.is_floating_point()
        ]

    @torch.no_grad()
    def update(self) -> None:
        """Move the mean towards the model as it is now."""
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps)) if self.decay else 0
        means, now = (list(tensors) for tensors in zip(*self.pairs, strict=True))
        torch._foreach_lerp_(means, now, 1 - keep)


def train(
    make_model: Callable[[], nn.Module],
    images: torch.Tensor,
    labels: torch.Tensor,
    plan: TrainConfig,
    *,
    seed: int,
    validation: tuple[torch.Tensor, torch.Tensor] | None = None,
    after_epoch: Callable[[dict], None] | None = None,
) -> tuple[nn.Module, pd.DataFrame]:
    """Fit a classifier by AdamW or Muon on random batches, each augmented anew.

    images: (N, 3, S, S), float32 in [0, 1] or, in a quarter of the memory, uint8; labels: int64 (N,);
    after_epoch: is given each row of the history. Validation images are watched, never used. Returns the averaged model
    on the CPU in evaluation mode, and one row an epoch: epoch, learning_rate, loss and accuracy on the augmented
    batches (and validation_loss, validation_accuracy).
    """
    device, generator = pick_device(), torch.Generator().manual_seed(seed)
    with seeded(seed):
        model = make_model()
    if hasattr(model, "whiten"):  # a first layer that is computed rather than learned
        model.whiten(as_float(images[:: -(-len(images) // WHITENED)]))
    model.to(device, memory_format=torch.channels_last)
    averaged = EMA(model, plan.ema_decay)
    options = {"lr": plan.learning_rate, "weight_decay": plan.weight_decay}
    if plan.muon:
        optimiser = MuonWithAdamW(model, **options, outer=("stem", "out"))
    else:
        optimiser = torch.optim.AdamW(model.parameters(), **options, betas=(0.9, 0.99), fused=True)
    images = images.to(device)
    classes = predict(model, images[:1]).shape[1]  # the labels need not hold every class
    targets = F.one_hot(labels, classes).float().to(device)
    # what does not fill a batch is left for another epoch's shuffle
    per_epoch = max(1, len(images) // plan.batch)
    history = []
    with seeded(seed):  # for dropout
        for epoch in range(plan.epochs):
            model.train()
            order, sums = torch.randperm(len(images), generator=generator), torch.zeros(2)
            for index in range(per_epoch):
                share = one_cycle(epoch * per_epoch + index, plan.epochs * per_epoch, warm_up=plan.warm_up)
                for group in optimiser.param_groups:
                    group["lr"] = plan.learning_rate * share
                chosen = order[index * plan.batch : (index + 1) * plan.batch].to(device)
                sums += take_step(model, optimiser, images[chosen], targets[chosen], plan, generator)
                averaged.update()
            row = {"epoch": epoch, "learning_rate": plan.learning_rate * share}
            row |= dict(zip(("loss", "accuracy"), (sums / per_epoch).tolist(), strict=True))
            if validation is not None:
                measured = evaluate(averaged.model, *validation)
                row |= {f"validation_{name}": value for name, value in measured.items()}
            history.append(row)
            if after_epoch is not None:
                after_epoch(row)
    return averaged.model.cpu().eval(), pd.DataFrame(history)


def as_float(images: torch.Tensor) -> torch.Tensor:
    """Images of bytes as float32 in [0, 1]; floats as they are."""
    return images if images.is_floating_point() else images.float().div(255)


def take_step(model, optimiser, images, targets, plan: TrainConfig, generator) -> torch.Tensor:
    """One step of training on a batch; targets: class probabilities (B, C). Returns loss and accuracy, (2,)."""
    images = augment(as_float(images), plan.augmentations, generator)
    images = images.contiguous(memory_format=torch.channels_last)
    # products of 16-bit numbers, sums in 32: three times faster where the processor has them, no less accurate
    with torch.autocast(images.device.type, torch.bfloat16, enabled=fast_bfloat16(images.device)):
        logits = model(images)
    loss = F.cross_entropy(logits.float(), targets, label_smoothing=plan.label_smoothing)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    accuracy = (logits.argmax(1) == targets.argmax(1)).float().mean()
    return torch.stack([loss.detach(), accuracy]).cpu()


# --- asking a trained net --------------------------------------------------------------------------------------


BATCH = 64  # images a net is asked about at once: their maps fit into a processor's cache


@torch.no_grad()
def in_batches(ask: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    """What `ask` says of images (N, 3, S, S), float or uint8, in batches, colours side by side: half the time."""
    parts = images.split(BATCH)
    return torch.cat([ask(as_float(part).contiguous(memory_format=torch.channels_last)) for part in parts])


def predict(model: nn.Module, images: torch.Tensor, *, mirrored: bool = False) -> torch.Tensor:
    """Logits (N, C) on the CPU for images (N, 3, S, S), float in [0, 1] or uint8, in evaluation mode, by the fastest
    device.

    mirrored: also ask about the mirrored image, and return log of the mean of both probabilities.
    """
    home, device = next(model.parameters()).device, pick_device()
    model.eval().to(device)
    logits = in_batches(lambda part: model(part.to(device)).cpu(), images)
    model.to(home)
    if not mirrored:
        return logits
    other = predict(model, images.flip(3))
    return torch.stack([logits, other]).log_softmax(2).logsumexp(0) - torch.log(torch.tensor(2.0))


def evaluate(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """Mean cross-entropy in nats ("loss") and share of correct predictions ("accuracy")."""
    logits = predict(model, images)
    return {
        "loss": F.cross_entropy(logits, labels.cpu()).item(),
        "accuracy": (logits.argmax(1) == labels.cpu()).float().mean().item(),
    }
