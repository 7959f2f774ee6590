"""The net that learns in which direction a noisy picture becomes a photograph of a wanted class."""

from __future__ import annotations

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

SQUEEZE = 2  # neighbouring pixels put into one place: a quarter of the places, no detail lost
WARPS = 4  # numbers that say how a training picture was moved: scale, turn, right, down


def waves(time: torch.Tensor, width: int) -> torch.Tensor:
    """Sines and cosines of a time (N,) in [0, 1] at growing frequencies, (N, width): a number nets can read."""
    frequencies = torch.exp(torch.linspace(0, math.log(1000), width // 2, device=time.device))
    angles = time[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], 1)


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut; time and class scale and shift what lies between them."""

    def __init__(self, inputs: int, outputs: int, told: int, *, dropout: float = 0.1):
        super().__init__()
        self.enter = nn.Sequential(
            nn.GroupNorm(8, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1)
        )
        self.tell = nn.Linear(told, 2 * outputs)
        self.norm = nn.GroupNorm(8, outputs)
        self.leave = nn.Sequential(nn.SiLU(), nn.Dropout(dropout), nn.Conv2d(outputs, outputs, 3, padding=1))
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        for parameter in self.leave[-1].parameters():
            nn.init.zeros_(parameter)  # every block starts as "change nothing"

    def forward(self, x: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        scale, shift = self.tell(told)[..., None, None].chunk(2, 1)
        return self.shortcut(x) + self.leave(self.norm(self.enter(x)) * (1 + scale) + shift)


class Attention(nn.Module):
    """Every place looks at every other: the left edge of a dial must match the right."""

    def __init__(self, width: int, *, heads: int = 4):
        super().__init__()
        self.heads, self.norm = heads, nn.GroupNorm(8, width)
        self.ask, self.answer = nn.Conv2d(width, 3 * width, 1), nn.Conv2d(width, width, 1)
        for parameter in self.answer.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        count, _, height, width = x.shape
        asked = self.ask(self.norm(x)).reshape(count, 3, self.heads, -1, height * width).transpose(3, 4)
        seen = F.scaled_dot_product_attention(*asked.unbind(1))
        return x + self.answer(seen.transpose(2, 3).reshape(x.shape))


class Stage(nn.Module):
    """A residual block, followed by attention where places are few."""

    def __init__(self, inputs: int, outputs: int, told: int, *, attend: bool):
        super().__init__()
        self.block = ResidualBlock(inputs, outputs, told)
        self.attention = Attention(outputs) if attend else nn.Identity()

    def forward(self, x: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        return self.attention(self.block(x, told))


class UNet(nn.Module):
    """Velocity of noisy pictures: down to half the places, through the middle, and up again past what was seen before.

    labels: 0..C-1 a class, C "other things", C + 1 "anything" (`self.anything`). Ronneberger et al. (2015) for the
    shape; time and class as in Dhariwal & Nichol (2021); pictures are told how they were moved (Karras et al., 2022).
    """

    def __init__(self, *, classes: int, widths: tuple[int, int] = (96, 176), told: int = 256, depth: int = 2):
        super().__init__()
        self.anything = classes + 1
        self.told = told
        self.tell_time = nn.Sequential(nn.Linear(told, told), nn.SiLU(), nn.Linear(told, told))
        self.tell_class = nn.Embedding(classes + 2, told)
        self.tell_warp = nn.Linear(WARPS, told, bias=False)
        wide, deep = widths
        self.enter = nn.Conv2d(3 * SQUEEZE**2, wide, 3, padding=1)
        self.down = nn.ModuleList(Stage(wide, wide, told, attend=False) for _ in range(depth))
        self.shrink = nn.Conv2d(wide, deep, 3, stride=2, padding=1)
        self.below = nn.ModuleList(Stage(deep, deep, told, attend=True) for _ in range(depth))
        self.middle = nn.ModuleList(Stage(deep, deep, told, attend=True) for _ in range(depth))
        self.above = nn.ModuleList(Stage(2 * deep, deep, told, attend=True) for _ in range(depth))
        self.grow = nn.Conv2d(deep, wide, 3, padding=1)
        self.up = nn.ModuleList(Stage(2 * wide, wide, told, attend=False) for _ in range(depth))
        self.leave = nn.Sequential(
            nn.GroupNorm(8, wide), nn.SiLU(), nn.Conv2d(wide, 3 * SQUEEZE**2, 3, padding=1)
        )
        for parameter in self.leave[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(
        self, x: torch.Tensor, time: torch.Tensor, labels: torch.Tensor, warp: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Velocity (N, 3, S, S) at x (N, 3, S, S), S a multiple of 4; time (N,) in [0, 1]; labels int64 (N,).

        warp: (N, WARPS) how training pictures were moved; None = not at all.
        """
        told = self.tell_time(waves(time, self.told)) + self.tell_class(labels)
        if warp is not None:
            told = told + self.tell_warp(warp)
        told = F.silu(told)
        x = self.enter(F.pixel_unshuffle(x, SQUEEZE).contiguous(memory_format=torch.channels_last))
        seen = []
        for stage in self.down:
            seen.append(x := stage(x, told))
        x = self.shrink(x)
        for stage in self.below:
            seen.append(x := stage(x, told))
        for stage in self.middle:
            x = stage(x, told)
        for stage in self.above:
            x = stage(torch.cat([x, seen.pop()], 1), told)
        x = self.grow(F.interpolate(x, scale_factor=2.0))
        for stage in self.up:
            x = stage(torch.cat([x, seen.pop()], 1), told)
        return F.pixel_shuffle(self.leave(x), SQUEEZE)


def learn_classes(net: UNet, classes: int) -> UNet:
    """A copy with `classes` classes in place of those it knows, which as yet mean "anything"."""
    others, anything = net.tell_class.weight.detach()[-2:]
    net = copy.deepcopy(net)
    labels = torch.stack([*[anything] * classes, others, anything])
    net.tell_class = nn.Embedding.from_pretrained(labels, freeze=False)
    net.anything = classes + 1
    return net
