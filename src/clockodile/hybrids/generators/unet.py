"""The net that learns in which direction a noisy picture becomes a photograph of a wanted class."""

from __future__ import annotations

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

SQUEEZE = 2  # neighbouring pixels put into one place: a quarter of the places, no detail lost
WARPS = 4  # numbers that say how a training picture was moved: scale, turn, right, down


def timestep_embedding(time: torch.Tensor, width: int) -> torch.Tensor:
    """Sines and cosines of a time (N,) in [0, 1] at growing frequencies, (N, width): a number nets can read."""
    frequencies = torch.exp(torch.linspace(0, math.log(1000), width // 2, device=time.device))
    angles = time[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], 1)


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut; time and class scale and shift what lies between them."""

    def __init__(self, inputs: int, outputs: int, cond: int, *, dropout: float = 0.1):
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.GroupNorm(8, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1)
        )
        self.cond = nn.Linear(cond, 2 * outputs)
        self.norm = nn.GroupNorm(8, outputs)
        self.conv2 = nn.Sequential(nn.SiLU(), nn.Dropout(dropout), nn.Conv2d(outputs, outputs, 3, padding=1))
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        for parameter in self.conv2[-1].parameters():
            nn.init.zeros_(parameter)  # every block starts as "change nothing"

    def forward(self, x: torch.Tensor, cond: torch.Tensor) -> torch.Tensor:
        scale, shift = self.cond(cond)[..., None, None].chunk(2, 1)
        return self.shortcut(x) + self.conv2(self.norm(self.conv1(x)) * (1 + scale) + shift)


class Attention(nn.Module):
    """Every place looks at every other: the left edge of a dial must match the right."""

    def __init__(self, width: int, *, heads: int = 4):
        super().__init__()
        self.heads, self.norm = heads, nn.GroupNorm(8, width)
        self.qkv, self.proj = nn.Conv2d(width, 3 * width, 1), nn.Conv2d(width, width, 1)
        for parameter in self.proj.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        count, _, height, width = x.shape
        qkv = self.qkv(self.norm(x)).reshape(count, 3, self.heads, -1, height * width).transpose(3, 4)
        attended = F.scaled_dot_product_attention(*qkv.unbind(1))
        return x + self.proj(attended.transpose(2, 3).reshape(x.shape))


class Stage(nn.Module):
    """A residual block, followed by attention where places are few."""

    def __init__(self, inputs: int, outputs: int, cond: int, *, attend: bool):
        super().__init__()
        self.block = ResidualBlock(inputs, outputs, cond)
        self.attention = Attention(outputs) if attend else nn.Identity()

    def forward(self, x: torch.Tensor, cond: torch.Tensor) -> torch.Tensor:
        return self.attention(self.block(x, cond))


class UNet(nn.Module):
    """Velocity of noisy pictures: down to half the places, through the middle, and up again past what was seen before.

    labels: 0..C-1 a class, C background, C + 1 (`null_class`) any. Ronneberger et al. (2015) for the shape;
    time and class as in Dhariwal & Nichol (2021); pictures are told how they were moved (Karras et al., 2022).
    """

    def __init__(self, *, classes: int, widths: tuple[int, int] = (96, 176), cond: int = 256, depth: int = 2):
        super().__init__()
        self.null_class = classes + 1
        self.cond = cond
        self.time_embed = nn.Sequential(nn.Linear(cond, cond), nn.SiLU(), nn.Linear(cond, cond))
        self.class_embed = nn.Embedding(classes + 2, cond)
        self.aug_embed = nn.Linear(WARPS, cond, bias=False)
        wide, deep = widths
        self.conv_in = nn.Conv2d(3 * SQUEEZE**2, wide, 3, padding=1)
        self.encoder1 = nn.ModuleList(Stage(wide, wide, cond, attend=False) for _ in range(depth))
        self.downsample = nn.Conv2d(wide, deep, 3, stride=2, padding=1)
        self.encoder2 = nn.ModuleList(Stage(deep, deep, cond, attend=True) for _ in range(depth))
        self.middle = nn.ModuleList(Stage(deep, deep, cond, attend=True) for _ in range(depth))
        self.decoder2 = nn.ModuleList(Stage(2 * deep, deep, cond, attend=True) for _ in range(depth))
        self.upsample = nn.Conv2d(deep, wide, 3, padding=1)
        self.decoder1 = nn.ModuleList(Stage(2 * wide, wide, cond, attend=False) for _ in range(depth))
        self.conv_out = nn.Sequential(
            nn.GroupNorm(8, wide), nn.SiLU(), nn.Conv2d(wide, 3 * SQUEEZE**2, 3, padding=1)
        )
        for parameter in self.conv_out[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(
        self, x: torch.Tensor, time: torch.Tensor, labels: torch.Tensor, warp: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Velocity (N, 3, S, S) at x (N, 3, S, S), S a multiple of 4; time (N,) in [0, 1]; labels int64 (N,).

        warp: (N, WARPS) how training pictures were moved; None = not at all.
        """
        cond = self.time_embed(timestep_embedding(time, self.cond)) + self.class_embed(labels)
        if warp is not None:
            cond = cond + self.aug_embed(warp)
        cond = F.silu(cond)
        x = self.conv_in(F.pixel_unshuffle(x, SQUEEZE).contiguous(memory_format=torch.channels_last))
        skips = []
        for stage in self.encoder1:
            skips.append(x := stage(x, cond))
        x = self.downsample(x)
        for stage in self.encoder2:
            skips.append(x := stage(x, cond))
        for stage in self.middle:
            x = stage(x, cond)
        for stage in self.decoder2:
            x = stage(torch.cat([x, skips.pop()], 1), cond)
        x = self.upsample(F.interpolate(x, scale_factor=2.0))
        for stage in self.decoder1:
            x = stage(torch.cat([x, skips.pop()], 1), cond)
        return F.pixel_shuffle(self.conv_out(x), SQUEEZE)


def learn_classes(net: UNet, classes: int) -> UNet:
    """A copy with `classes` classes in place of those it knows, which as yet mean "any picture"."""
    background, null_class = net.class_embed.weight.detach()[-2:]
    net = copy.deepcopy(net)
    labels = torch.stack([*[null_class] * classes, background, null_class])
    net.class_embed = nn.Embedding.from_pretrained(labels, freeze=False)
    net.null_class = classes + 1
    return net
