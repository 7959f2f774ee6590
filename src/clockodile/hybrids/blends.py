"""Hybrids without learning: arithmetic on the pixels of two photographs."""

from __future__ import annotations

import torch


def pixel_blend(first: torch.Tensor, second: torch.Tensor, *, mix: float = 0.5) -> torch.Tensor:
    """Double exposure: (1 - mix) of the first image and `mix` of the second. Both float (N, 3, H, W) in [0, 1]."""
    return torch.lerp(first, second, mix)
