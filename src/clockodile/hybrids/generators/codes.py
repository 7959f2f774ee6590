"""Report 000's idea: average the codes of pictures of both classes, and decode the average."""

from __future__ import annotations

import torch

from clockodile.learn.autoencoders import DenseAutoencoder


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
