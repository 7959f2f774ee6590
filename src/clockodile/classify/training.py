"""Training the simplest way: the whole training set is one batch, one epoch is one step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from clockodile.workspace import pick_device


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Everything torch draws inside comes from `seed`; the state outside is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def train_full_batch(
    make_model: Callable[[], nn.Module],
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    seed: int,
    epochs: int,
    learning_rate: float = 1e-3,
    validation: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> tuple[nn.Module, pd.DataFrame]:
    """Fit a classifier with Adam and cross-entropy, all images in every step (as report 000 does).

    images: float32 (N, 3, S, S) in [0, 1]; labels: int64 (N,). Returns the model on the CPU in evaluation mode, and one
    row an epoch: epoch, loss, accuracy (and validation_loss, validation_accuracy), measured before the epoch's step.
    """
    device = pick_device()
    with seeded(seed):
        model = make_model().to(device, memory_format=torch.channels_last)
    # colours of a pixel side by side in memory: convolutions take a third of the time on a CPU
    images, labels = images.to(device, memory_format=torch.channels_last), labels.to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    history = []
    for epoch in range(epochs):
        row = {"epoch": epoch}
        if validation is not None:
            row |= {f"validation_{name}": value for name, value in evaluate(model, *validation).items()}
        model.train()
        logits = model(images)
        loss = F.cross_entropy(logits, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        accuracy = (logits.argmax(1) == labels).float().mean()
        history.append(row | {"loss": loss.item(), "accuracy": accuracy.item()})
    return model.cpu().eval(), pd.DataFrame(history)


@torch.no_grad()
def predict(model: nn.Module, images: torch.Tensor, *, batch: int = 1000) -> torch.Tensor:
    """Logits (N, C) on the CPU for images (N, 3, S, S) in [0, 1], in evaluation mode."""
    model.eval()
    device = next(model.parameters()).device
    return torch.cat([model(part.to(device)).cpu() for part in images.split(batch)])


def evaluate(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """Mean cross-entropy in nats ("loss") and share of correct predictions ("accuracy")."""
    logits = predict(model, images)
    return {
        "loss": F.cross_entropy(logits, labels.cpu()).item(),
        "accuracy": (logits.argmax(1) == labels.cpu()).float().mean().item(),
    }
