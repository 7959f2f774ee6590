"""Report 000's idea: squeeze images through a short code, average the codes of both classes, decode the average."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from clockodile.classify.training import seeded
from clockodile.workspace import pick_device


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


def train_autoencoder(
    images: torch.Tensor, *, seed: int, epochs: int, learning_rate: float = 1e-3, batch: int = 250
) -> tuple[DenseAutoencoder, list[float]]:
    """Fit by mean squared error with Adam. images: float32 (N, 3, S, S) in [0, 1].

    Returns the model on the CPU in evaluation mode, and the mean loss of each epoch.
    """
    device, order = pick_device(), torch.Generator().manual_seed(seed)
    with seeded(seed):
        model = DenseAutoencoder(image_size=images.shape[-1]).to(device)
    images = images.to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    losses = []
    for _ in range(epochs):
        batches = torch.randperm(len(images), generator=order).split(batch)
        losses.append(sum(train_step(model, optimiser, images[rows]) for rows in batches) / len(batches))
    return model.cpu().eval(), losses


def train_step(model: DenseAutoencoder, optimiser: torch.optim.Optimizer, images: torch.Tensor) -> float:
    """One step on one batch; returns its mean squared error."""
    loss = F.mse_loss(model(images), images)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()


@torch.no_grad()
def code_blend(
    model: DenseAutoencoder, first: torch.Tensor, second: torch.Tensor, *, mix: float = 0.5
) -> torch.Tensor:
    """Decode the average of two images' codes; for class means pass all images of a class and use `class_mean_blend`.

    first, second: float (N, 3, S, S) in [0, 1]; returns the same shape and range.
    """
    return model.decode(torch.lerp(model.encode(first), model.encode(second), mix))


@torch.no_grad()
def class_mean_blend(
    model: DenseAutoencoder, first: torch.Tensor, second: torch.Tensor, *, mix: float = 0.5
) -> torch.Tensor:
    """Decode the point between the mean codes of two classes (report 000). Returns one image (1, 3, S, S)."""
    means = [model.encode(images).mean(0, keepdim=True) for images in (first, second)]
    return model.decode(torch.lerp(*means, mix))
