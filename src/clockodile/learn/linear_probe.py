"""Classifiers on top of a pretrained backbone: a linear probe, or all of it trained on."""

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import nn

from clockodile.core.errors import UserError
from clockodile.core.workspace import pick_device
from clockodile.learn.augmentation import augment
from clockodile.learn.backbones import Backbone
from clockodile.learn.training import seeded

HEAD_RATE = 10  # the new head learns faster than the backbone, which is already good


class ProbedBackbone(nn.Module):
    """A classifier made of two parts. backbone: images to features (N, D); head: features to logits (N, C)."""

    stored_prefixes = ("head.",)  # what predictor.py keeps of it; the backbone comes with its package

    def __init__(self, backbone: nn.Module, head: nn.Module):
        super().__init__()
        self.backbone, self.head = backbone, head

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """The backbone's features (N, D) of images (N, 3, S, S) in [0, 1]."""
        return self.backbone.features(images)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (N, C) of images (N, 3, S, S) in [0, 1]."""
        return self.head(self.features(images))

    def freeze(self) -> None:
        """Never to be trained again, see Backbone.freeze; it can no longer be saved."""
        self.backbone.freeze()


# --- linear probe -------------------------------------------------------------------------------------------


class Probe(nn.Module):
    """Standardise, then one linear layer: features (N, D) to logits (N, C). `Probe(**probe.state_dict())` copies it.

    mean, std: (D,); weight: (C, D); bias: (C,).
    """

    def __init__(self, mean: torch.Tensor, std: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor):
        super().__init__()
        for name, values in {"mean": mean, "std": std, "weight": weight, "bias": bias}.items():
            self.register_buffer(name, torch.as_tensor(values, dtype=torch.float32))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits (N, C) of features (N, D)."""
        return F.linear((features - self.mean) / self.std, self.weight, self.bias)


def fit_probe(features: torch.Tensor, labels: torch.Tensor, *, classes: int, strength: float = 10.0) -> Probe:
    """Logistic regression on standardised features (multinomial, L2), fitted until it converges.

    features: float32 (N, D); labels: int64 (N,), each class at least once. strength: of the penalty, 1 / C in
    scikit-learn's terms. To use mirror images for training, give their features as further rows.
    Raises UserError when a class has no images.
    """
    labels = np.asarray(labels)
    counts = np.bincount(labels, minlength=classes)
    if len(counts) > classes or not counts.all():
        raise UserError(f"a probe for {classes} classes needs images of each; there are {counts.tolist()}")
    scaler = StandardScaler().fit(np.asarray(features, dtype=np.float64))
    model = LogisticRegression(C=1 / strength, max_iter=10_000, tol=1e-6)  # 1e-4 still moves close calls
    model.fit(scaler.transform(np.asarray(features, dtype=np.float64)), labels)
    weight, bias = model.coef_, model.intercept_
    if classes == 2:  # scikit-learn has one row, the difference of two logits; we share it between them
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return Probe(*(torch.from_numpy(values) for values in (scaler.mean_, scaler.scale_, weight, bias)))


def fit_probe_from(
    features: torch.Tensor,
    labels: torch.Tensor,
    *,
    weight: torch.Tensor,
    bias: torch.Tensor,
    strength: float,
    one_vs_rest: bool = False,
    steps: int = 20,
) -> Probe:
    """Logistic regression on standardised features that begins at a known layer, and is drawn back to it (L2).

    features: float32 (N, D); labels: int64 (N,); weight (C, D), bias (C,): the layer, for features as they are; zeros
    for the usual regression. strength: of the pull, as in fit_probe. one_vs_rest: a sigmoid for each class, and the
    loss is the sum of their cross-entropies, in place of one softmax. steps: of L-BFGS, at most.
    """
    mean, std = features.mean(0), features.std(0).clamp(min=1e-3)
    rows, start = (features - mean) / std, weight * std
    moved = torch.zeros(start.shape, requires_grad=True)
    shift = (bias + weight @ mean).clone().requires_grad_()
    targets = F.one_hot(labels, len(bias)).float()
    if one_vs_rest:  # its logits must say "none of these" too: in a softmax a common part would not matter
        shift.data -= torch.logsumexp(F.linear(rows, start, shift.data), 1).mean()
    optimiser = torch.optim.LBFGS([moved, shift], max_iter=steps, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        logits = F.linear(rows, start + moved, shift)
        if one_vs_rest:
            fit = F.binary_cross_entropy_with_logits(logits, targets, reduction="sum")
        else:
            fit = F.cross_entropy(logits, labels, reduction="sum")
        total = (fit + strength / 2 * moved.square().sum()) / len(rows)
        total.backward()
        return total

    optimiser.step(loss)
    return Probe(mean, std, (start + moved).detach(), shift.detach())


# --- fine-tuning --------------------------------------------------------------------------------------------


def fine_tune(
    make_backbone: Callable[[], Backbone],
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    classes: int,
    seed: int,
    epochs: int = 4,
    side: int = 96,
    batch: int = 32,
    learning_rate: float = 1e-4,
) -> ProbedBackbone:
    """Train all weights of a backbone and a new linear head: AdamW, one cycle, mirrored and shifted images.

    images: float32 (N, 3, S, S) in [0, 1]; labels: int64 (N,); side: pixels the images are upscaled to; learning_rate:
    the backbone's highest, the head's is ten times that. Returns the model on the CPU in evaluation mode.
    """
    device = pick_device()
    with seeded(seed):
        backbone = make_backbone()
        backbone.side = side
        head = nn.Linear(backbone.width, classes)
        nn.init.zeros_(head.weight)  # from zero, so that chance does not disturb the first steps
        nn.init.zeros_(head.bias)
        model = ProbedBackbone(backbone, head).to(device, memory_format=torch.channels_last)
        generator = torch.Generator().manual_seed(seed)
        rates = [learning_rate, HEAD_RATE * learning_rate]
        parts = [{"params": part.parameters()} for part in (model.backbone, model.head)]
        optimiser = torch.optim.AdamW(parts, lr=learning_rate, weight_decay=0.01)
        steps = math.ceil(len(images) / batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=max(1, epochs * steps))
        model.train()
        for module in model.modules():  # ImageNet's statistics stay: an image never depends on its batch
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        for _ in range(epochs):
            for rows in torch.randperm(len(images), generator=generator).tensor_split(steps):
                changed = augment(images[rows], ("flip", "crop"), generator).to(device)
                loss = F.cross_entropy(model(changed), labels[rows].to(device))
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
    return model.cpu().eval()
