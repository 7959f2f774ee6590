"""Squeeze images through a short code and redraw them: without labels, what is alike gets codes that are alike."""

from __future__ import annotations

import torch
from torch import nn

SHRINK = 8  # three halvings: how much smaller the side is where a convolutional net is deepest


def check_side(side: int) -> None:
    """Raise ValueError unless three halvings and doublings lead back to the same side."""
    if side < SHRINK or side % SHRINK:
        raise ValueError(f"pictures of {side} pixels a side; give a multiple of {SHRINK}")


class DenseAutoencoder(nn.Module):
    """Pixels -> hidden -> code -> hidden -> pixels, all dense layers."""

    def __init__(self, *, image_size: int = 32, hidden: int = 256, code: int = 64):
        super().__init__()
        self.shape = (3, image_size, image_size)
        pixels = 3 * image_size * image_size
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, code)
        )
        self.decoder = nn.Sequential(
            nn.Linear(code, hidden), nn.ReLU(), nn.Linear(hidden, pixels), nn.Sigmoid()
        )

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Codes (N, code) of images (N, 3, S, S) in [0, 1]."""
        return self.encoder(images)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Images (N, 3, S, S) in [0, 1] of codes (N, code)."""
        return self.decoder(codes).unflatten(1, self.shape)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images squeezed through the code: same shape and range."""
        return self.decode(self.encode(images))


def halve(inputs: int, outputs: int) -> nn.Sequential:
    """A step down: half the side."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), nn.GroupNorm(8, outputs), nn.SiLU()
    )


def double(inputs: int, outputs: int) -> nn.Sequential:
    """A step up: twice the side."""
    return nn.Sequential(
        nn.Upsample(scale_factor=2.0),
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.GroupNorm(8, outputs),
        nn.SiLU(),
    )
