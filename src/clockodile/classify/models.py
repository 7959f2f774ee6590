"""Classifiers as small torch modules: images in, one logit per class out."""

from __future__ import annotations

import torch
from torch import nn


class ThreeBlockNet(nn.Module):
    """The net of the first report (000): three Conv-MaxPool-ReLU blocks, then two dense layers.

    The report ends in one sigmoid and binary cross-entropy. Here each class has a logit and the loss is softmax
    cross-entropy: for two classes the same model (the sigmoid of the difference of two logits), and it works for C > 2.
    """

    def __init__(
        self, *, classes: int = 2, image_size: int = 32, channels: tuple = (16, 32, 64), hidden: int = 128
    ):
        super().__init__()
        blocks, width = [], 3
        for out in channels:
            blocks += [nn.Conv2d(width, out, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()]
            width = out
        side = image_size // 2 ** len(channels)  # each block halves the picture: 32 -> 4
        self.blocks = nn.Sequential(*blocks)
        self.hidden = nn.Linear(width * side * side, hidden)
        self.out = nn.Linear(hidden, classes)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Latent vectors: what the last layer sees. images: (N, 3, S, S) in [0, 1]; returns (N, hidden), >= 0."""
        return torch.relu(self.hidden(self.blocks(images).flatten(1)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (N, C) of images (N, 3, S, S) in [0, 1]."""
        return self.out(self.features(images))


def count_parameters(model: nn.Module) -> int:
    """Number of trained values in a model."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
