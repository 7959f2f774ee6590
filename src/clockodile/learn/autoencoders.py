"""Squeeze images through a short code and redraw them: without labels, what is alike gets codes that are alike."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from clockodile.core.workspace import pick_device
from clockodile.learn.training import seeded

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


def train_autoencoder(
    make_model: Callable[[], DenseAutoencoder], images: torch.Tensor, *, seed: int, epochs: int
) -> DenseAutoencoder:
    """Fit by mean squared error with Adam, all images in every step (as report 000 does).

    images: float32 (N, 3, S, S) in [0, 1]. Returns the model on the CPU in evaluation mode.
    """
    device, order = pick_device(), torch.Generator().manual_seed(seed)
    with seeded(seed):
        model = make_model().to(device)
    images = images.to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(epochs):
        some = images[
            torch.randperm(len(images), generator=order)
        ]  # the published numbers hang on this order
        loss = F.mse_loss(model(some), some)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.cpu().eval()
