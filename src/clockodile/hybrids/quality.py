"""How good are made images? First measures; what counts as "both" is judged more strictly elsewhere."""

from __future__ import annotations

import torch


def sharpness(images: torch.Tensor) -> torch.Tensor:
    """Mean step between neighbouring pixels: blurred images score low. images: (N, 3, H, W) in [0, 1]; returns (N,)."""
    vertical = (images[:, :, 1:] - images[:, :, :-1]).abs().mean((1, 2, 3))
    horizontal = (images[..., 1:] - images[..., :-1]).abs().mean((1, 2, 3))
    return (vertical + horizontal) / 2


def undecided(probability: torch.Tensor, *, margin: float = 0.25) -> torch.Tensor:
    """Whether a classifier's probability (N,) lies within `margin` of one half. Returns bool (N,)."""
    return (probability - 0.5).abs() < margin
