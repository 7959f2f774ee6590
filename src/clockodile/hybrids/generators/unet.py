"""A U-Net that guesses the velocity of a noisy picture, told for every place what is to be there.

Ronneberger et al. (2015) for the shape, Dhariwal & Nichol (2021) for how time and class scale and shift the features,
Peebles & Xie (2023) for layer norms and gates that start at nothing.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

PATCH = 2  # pixels a side that share one place: a quarter of the places, no detail lost


@dataclass(frozen=True)
class Layout:
    """Which class each place of a canvas shows, and which part of that class's photograph.

    R regions cover the canvas. A plain picture has one region, whose frame is the canvas itself; "a clock, half size,
    lower right, on a crocodile" has two.
    """

    labels: torch.Tensor  # int64 (N, R) the class of each region
    masks: torch.Tensor | None = None  # float32 (N, R, S, S) in [0, 1], summing to 1 over R; None: one region
    # float32 (N, 2, S, S): x, y in the region's own photograph, -1..1; None: plain
    coords: torch.Tensor | None = None

    def to(self, device: torch.device) -> "Layout":
        """The same on another device."""
        return Layout(*(part if part is None else part.to(device) for part in vars(self).values()))

    def rows(self, start: int, count: int) -> "Layout":
        """Some of its pictures; what is told of a single one holds for all."""
        parts = []
        for part in vars(self).values():
            if part is not None:
                part = part.expand(count, *part.shape[1:]) if len(part) == 1 else part[start : start + count]
            parts.append(part)
        return Layout(*parts)


def plain_coords(count: int, size: int, *, device: torch.device | None = None) -> torch.Tensor:
    """Coordinates of a photograph that fills the canvas: float32 (count, 2, size, size), pixel centres in -1..1."""
    line = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    x, y = torch.meshgrid(line, line, indexing="xy")
    return torch.stack([x, y]).expand(count, 2, size, size)


def timestep_embedding(time: torch.Tensor, width: int) -> torch.Tensor:
    """Sines and cosines of a time (N,) in [0, 1] at growing frequencies, (N, width): a number nets can read."""
    frequencies = torch.exp(torch.linspace(0, math.log(1000), width // 2, device=time.device))
    angles = time[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], 1)


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of each place, (N, C, H, W); much cheaper on a CPU than group norm."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut; the condition scales and shifts the features before each place's second."""

    def __init__(self, channels: int, cond: int, *, dropout: float):
        super().__init__()
        self.norm1, self.conv1 = LayerNorm2d(channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.cond = nn.Linear(cond, 2 * channels)
        self.norm2 = LayerNorm2d(channels, elementwise_affine=False)
        self.dropout, self.conv2 = nn.Dropout2d(dropout), nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)  # every block starts as "change nothing"
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x: torch.Tensor, cond: torch.Tensor, masks: torch.Tensor | None) -> torch.Tensor:
        scale, shift = spread(self.cond(cond), masks).chunk(2, 1)
        hidden = self.norm2(self.conv1(F.silu(self.norm1(x)))) * (1 + scale) + shift
        return x + self.conv2(self.dropout(F.silu(hidden)))


def spread(values: torch.Tensor, masks: torch.Tensor | None) -> torch.Tensor:
    """Values of regions (N, R, C) at each place, (N, C, H, W).

    masks: (N, R, H, W), or None for one region; then (N, C, 1, 1).
    """
    if masks is None:
        return values[:, 0, :, None, None]
    return torch.einsum("nrc,nrhw->nhwc", values, masks.to(values.dtype)).permute(0, 3, 1, 2)


class Attention(nn.Module):
    """Self-attention over all places (Vaswani et al., 2017): the left edge of a dial must match the right."""

    def __init__(self, channels: int, *, heads: int = 3):
        super().__init__()
        self.heads, self.norm = heads, LayerNorm2d(channels)
        self.qkv, self.proj = nn.Conv2d(channels, 3 * channels, 1), nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.proj.weight)
        nn.init.zeros_(self.proj.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        count, channels, height, width = x.shape
        tokens = self.qkv(self.norm(x)).permute(0, 2, 3, 1).reshape(count, height * width, 3, self.heads, -1)
        query, key, value = tokens.permute(2, 0, 3, 1, 4)  # each (N, heads, places, channels a head)
        # written out: of so few places a CPU does it several times as fast as scaled_dot_product_attention
        weights = torch.softmax(query @ key.transpose(2, 3) * query.shape[-1] ** -0.5, -1)
        mixed = (weights @ value).transpose(1, 2)
        return x + self.proj(mixed.reshape(count, height, width, channels).permute(0, 3, 1, 2))


class UNetStage(nn.Module):
    """A residual block, after skipped features were merged in (decoder), before attention (where places are few)."""

    def __init__(self, channels: int, cond: int, *, dropout: float, attention: bool, skip: bool):
        super().__init__()
        self.merge = nn.Conv2d(2 * channels, channels, 1) if skip else None
        self.block = ResidualBlock(channels, cond, dropout=dropout)
        self.attention = Attention(channels) if attention else nn.Identity()

    def forward(self, x, cond, masks, skip=None):
        if self.merge is not None:
            x = self.merge(torch.cat([x, skip], 1))
        return self.attention(self.block(x, cond, masks))


class UNet(nn.Module):
    """Velocity of noisy pictures for wanted classes, down to a quarter of the side and up again.

    Labels are 0..C-1 for a class and C, `null_class`, for "any picture" (classifier-free guidance).
    """

    def __init__(
        self,
        *,
        classes: int,
        widths: tuple[int, int] = (64, 192),  # channels at half and at a quarter of the side
        depths: tuple[int, int] = (1, 2),  # encoder stages at each, and as many decoder stages
        cond: int = 256,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.null_class, self.cond_width = classes, cond
        self.time_embed = nn.Sequential(nn.Linear(cond, cond), nn.SiLU(), nn.Linear(cond, cond))
        self.class_embed = nn.Embedding(classes + 1, cond)
        wide, deep = widths
        few, many = depths

        def stages(channels: int, count: int, **options) -> nn.ModuleList:
            return nn.ModuleList(UNetStage(channels, cond, dropout=dropout, **options) for _ in range(count))

        self.conv_in = nn.Conv2d(5 * PATCH**2, wide, 3, padding=1)
        self.encoder1 = stages(wide, few, attention=False, skip=False)
        self.downsample = nn.Conv2d(4 * wide, deep, 1)
        self.encoder2 = stages(deep, many, attention=True, skip=False)
        self.middle = stages(deep, 1, attention=True, skip=False)
        self.decoder2 = stages(deep, many, attention=True, skip=True)
        self.upsample = nn.Conv2d(deep, 4 * wide, 1)
        self.decoder1 = stages(wide, few, attention=False, skip=True)
        self.norm_out, self.conv_out = LayerNorm2d(wide), nn.Conv2d(wide, 3 * PATCH**2, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, x: torch.Tensor, time: torch.Tensor, layout: Layout) -> torch.Tensor:
        """Velocity (N, 3, S, S) at x (N, 3, S, S), S a multiple of 4; time (N,) in [0, 1], 0 = noise."""
        size = x.shape[-1]
        coords = layout.coords if layout.coords is not None else plain_coords(len(x), size, device=x.device)
        cond = self.time_embed(timestep_embedding(time, self.cond_width))[:, None]
        cond = F.silu(cond + self.class_embed(layout.labels))  # (N, R, cond)
        fine = coarse = None
        if layout.masks is not None:
            fine = F.avg_pool2d(layout.masks, PATCH)
            coarse = F.avg_pool2d(fine, 2)
        patches = F.pixel_unshuffle(torch.cat([x, coords.to(x)], 1), PATCH)
        x = self.conv_in(patches.contiguous(memory_format=torch.channels_last))
        skips = []
        for stage in self.encoder1:
            skips.append(x := stage(x, cond, fine))
        x = self.downsample(F.pixel_unshuffle(x, 2))
        for stage in self.encoder2:
            skips.append(x := stage(x, cond, coarse))
        for stage in self.middle:
            x = stage(x, cond, coarse)
        for stage in self.decoder2:
            x = stage(x, cond, coarse, skips.pop())
        x = F.pixel_shuffle(self.upsample(x), 2)
        for stage in self.decoder1:
            x = stage(x, cond, fine, skips.pop())
        return F.pixel_shuffle(self.conv_out(F.silu(self.norm_out(x))), PATCH)
