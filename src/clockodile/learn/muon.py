"""Muon for a net's inner weights, AdamW for the rest (Jordan et al., 2024).

Muon makes the update of each matrix orthogonal: all directions move equally far. The flow reaches the loss that AdamW
has after 24,000 pictures after 13,000.
"""

from __future__ import annotations

import torch
from torch import nn

SMALLEST = 48  # rows and columns from which on a weight counts as a matrix


class MuonWithAdamW:
    """Two optimisers in one: torch's Muon for matrices and convolutions, its AdamW for all else.

    outer: names of layers whose weights are AdamW's whatever their shape (first, last, embeddings).
    """

    def __init__(self, net: nn.Module, *, lr: float, weight_decay: float, outer: tuple[str, ...]):
        self.matrices, rest = [], []  # a weight and the same memory as a matrix; all others
        for name, weight in net.named_parameters():
            is_outer = any(part in name for part in outer)
            if weight.ndim < 2 or is_outer or min(len(weight), weight[0].numel()) < SMALLEST:
                rest.append(weight)
            elif weight.ndim == 2:
                self.matrices.append((weight, weight))
            else:
                matrix = as_matrix(weight.detach())
                assert matrix.data_ptr() == weight.data_ptr(), "the net must be in channels_last"
                self.matrices.append((weight, nn.Parameter(matrix)))
        self.muon = torch.optim.Muon(
            [matrix for _, matrix in self.matrices],
            lr=lr,
            weight_decay=weight_decay,
            adjust_lr_fn="match_rms_adamw",  # one learning rate serves both
        )
        self.adamw = torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.99), weight_decay=weight_decay)

    @property
    def param_groups(self) -> list[dict]:
        """The settings of both, as torch's own optimisers have them."""
        return self.muon.param_groups + self.adamw.param_groups

    def set_lr(self, lr: float) -> None:
        """The learning rate of both."""
        for group in self.param_groups:
            group["lr"] = lr

    def zero_grad(self) -> None:
        """Forget all gradients."""
        self.muon.zero_grad()
        self.adamw.zero_grad()
        for weight, _ in self.matrices:
            weight.grad = None

    def step(self) -> None:
        """One step of both."""
        for weight, matrix in self.matrices:
            if weight is not matrix:
                matrix.grad = as_matrix(weight.grad)
        self.muon.step()
        self.adamw.step()

    def state_dict(self) -> dict:
        """All that `load_state_dict` needs."""
        return {"muon": self.muon.state_dict(), "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        """Go on from a `state_dict`."""
        self.muon.load_state_dict(state["muon"])
        self.adamw.load_state_dict(state["adamw"])


def as_matrix(weight: torch.Tensor) -> torch.Tensor:
    """A convolution's weight (O, I, H, W) as (O, H * W * I); of one in channels_last the same memory."""
    return weight.permute(0, 2, 3, 1).reshape(len(weight), -1)
