"""Muon for a net's inner weights, AdamW for the rest (Jordan et al., 2024).

Muon makes the update of each matrix orthogonal: all directions move equally far. The flow reaches the loss that AdamW
has after 24,000 pictures after 13,000.
"""

import torch
from torch import nn

SMALLEST = 48  # rows and columns from which on a weight counts as a matrix


def fast_bfloat16(device: torch.device) -> bool:
    """Whether products of 16-bit brain floats are faster than those of 32 bit, not only possible.

    On processors: where there are tiles for them (AMX), and on AMD's with AVX-512. Intel's without tiles (a virtual
    machine may hide them) take twice as long as for 32 bit. By the processor's name, not by a stopwatch: the same
    machine must always decide alike.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    found = torch.cpu.get_capabilities()
    intel = "intel" in str(found.get("cpu_name", "")).lower()
    return bool(found.get("amx_bf16") or (found.get("avx512_bf16") and not intel))


class Muon32(torch.optim.Muon):
    """torch's Muon with 32 bits in place of the 16 that it always takes: a processor without these is 20 times slower.

    As there, with Nesterov's momentum, and a learning rate as of AdamW ("match_rms_adamw").
    """

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                state = self.state[weight]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(weight.grad)
                average = state["momentum_buffer"].lerp_(weight.grad, 1 - group["momentum"])
                update = orthogonal(
                    weight.grad.lerp(average, group["momentum"]), group["ns_coefficients"], group["ns_steps"]
                )
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(update, alpha=-group["lr"] * 0.2 * max(weight.shape) ** 0.5)


def orthogonal(matrix: torch.Tensor, coefficients: tuple[float, float, float], steps: int) -> torch.Tensor:
    """Nearly the orthogonal matrix (R, C) that is nearest, by the iteration of Newton and Schulz (Jordan et al.)."""
    a, b, c = coefficients
    wide = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    wide = wide / wide.norm().clamp(min=1e-7)
    for _ in range(steps):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return wide if len(matrix) <= matrix.shape[1] else wide.T


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
        kind = torch.optim.Muon if fast_bfloat16(next(net.parameters()).device) else Muon32
        self.muon = kind(
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
        for group in self.param_groups:
            group["lr"] = lr

    def zero_grad(self) -> None:
        self.muon.zero_grad()
        self.adamw.zero_grad()
        for weight, _ in self.matrices:
            weight.grad = None

    def step(self) -> None:
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
