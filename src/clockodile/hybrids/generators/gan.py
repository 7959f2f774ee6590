"""A forger and a detective: a net that draws and a net that tells drawn from real (Goodfellow et al., 2014).

The second report's way to hybrids: both nets are told the class as a vector of weights, so that the one that draws can
be asked for half a clock and half a crocodile. Convolutions as in DCGAN (Radford et al., 2016). With few photographs
the detective soon knows them by heart; what helps is to show it nothing but randomly changed pictures, real and drawn
changed alike (Zhao et al., 2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from clockodile.core.workspace import pick_device
from clockodile.hybrids.generators.flow import to_signed, to_unit
from clockodile.hybrids.generators.vae import class_weights, codes_of
from clockodile.learn.augmentation import flip, uniform
from clockodile.learn.autoencoders import SHRINK, check_side
from clockodile.learn.training import EMA, fast_bfloat16, seeded


@dataclass(frozen=True)
class GanConfig:
    """How the two nets are trained. The defaults are those of the full profile."""

    steps: int  # batches, each used by both nets
    batch: int = 32  # real pictures a step, and as many drawn ones
    code: int = 64  # random numbers a picture is drawn from
    width: int = 32  # channels where the picture is largest; up to four times as many where it is smallest
    lr_generator: float = 3e-4  # Adam's learning rate of the net that draws
    # of the net that tells, faster: it has to keep up (Heusel et al., 2017)
    lr_discriminator: float = 6e-4
    ema_decay: float = 0.999  # how much of the averaged weights is kept a step


# --- the two nets -----------------------------------------------------------------------------------------------


class UpBlock(nn.Module):
    """Twice the side: enlarge, convolve, normalise; the class sets scale and shift of each channel."""

    def __init__(self, inputs: int, outputs: int, classes: int):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs, affine=False)
        self.cond = nn.Linear(classes, 2 * outputs)
        nn.init.normal_(self.cond.weight, std=0.02)  # at first all classes are drawn alike

    def forward(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        scale, shift = self.cond(weights)[..., None, None].chunk(2, 1)
        x = self.norm(self.conv(F.interpolate(x, scale_factor=2.0)))
        return F.relu(x * (1 + scale) + shift)


class Generator(nn.Module):
    """Draws: codes and class weights -> pictures."""

    def __init__(self, *, classes: int, image_size: int = 32, code: int = 64, width: int = 32):
        super().__init__()
        check_side(image_size)
        self.code, self.classes = code, classes
        self.start = (4 * width, image_size // SHRINK, image_size // SHRINK)
        self.from_code = nn.Linear(code + classes, self.start[0] * self.start[1] * self.start[2])
        widths = (4 * width, 4 * width, 2 * width, width)
        self.blocks = nn.ModuleList(
            UpBlock(inputs, outputs, classes) for inputs, outputs in zip(widths[:-1], widths[1:], strict=True)
        )
        self.conv_out = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, codes: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Pictures (N, 3, S, S) in [-1, 1] of codes (N, code) and class weights (N, C), rows summing to 1."""
        x = self.from_code(torch.cat([codes, weights], 1)).unflatten(1, self.start)
        for stage in self.blocks:
            x = stage(x, weights)
        return self.conv_out(x).tanh()


class Discriminator(nn.Module):
    """Tells: pictures and class weights -> how real, for a picture of that class.

    Spectral normalisation keeps every layer's slope at one, so that the scores stay of use to the net that draws
    (Miyato et al., 2018); the class is compared with what was seen by a scalar product (Miyato & Koyama, 2018).
    """

    def __init__(self, *, classes: int, width: int = 32):
        super().__init__()
        sizes = [(3, width, 3), (width, 2 * width, 4), (2 * width, 4 * width, 4), (4 * width, 4 * width, 4)]
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(inputs, outputs, kernel, stride=kernel - 2, padding=1))
            for inputs, outputs, kernel in sizes
        )
        self.score = spectral_norm(nn.Linear(4 * width, 1))
        self.projection = spectral_norm(nn.Linear(classes, 4 * width, bias=False))

    def forward(self, pictures: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Scores (N,), higher = more real. pictures: (N, 3, S, S) in [-1, 1]; weights: (N, C)."""
        x = pictures
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.1)
        seen = x.float().sum((2, 3))
        return (self.score(seen).flatten() + (self.projection(weights) * seen).sum(1)).float()


# --- changes through which gradients flow -----------------------------------------------------------------------


def change_colour(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Random brightness, saturation and contrast. Nothing is cut off: a gradient must come through."""
    pictures = pictures + uniform(pictures, -0.5, 0.5, generator)
    grey = pictures.mean(1, keepdim=True)
    pictures = grey + (pictures - grey) * uniform(pictures, 0, 2, generator)
    mean = pictures.mean((1, 2, 3), keepdim=True)
    return mean + (pictures - mean) * uniform(pictures, 0.5, 1.5, generator)


def translate(pictures: torch.Tensor, generator: torch.Generator, *, most: float = 0.125) -> torch.Tensor:
    """Shift by whole pixels, up to `most` of the side each way; what comes in is grey.

    A shift is a product with a matrix of zeros and ones, so its gradient is the shift back.
    """
    height, width = pictures.shape[2:]
    down = shift_matrix(pictures, height, most, generator)
    right = shift_matrix(pictures, width, most, generator)
    return down @ pictures @ right.transpose(2, 3)


def shift_matrix(pictures: torch.Tensor, side: int, most: float, generator: torch.Generator) -> torch.Tensor:
    """A matrix for each picture, (N, 1, side, side), that moves a column by a random whole number of places."""
    shift = uniform(pictures, -most * side, most * side, generator).round()
    place = torch.arange(side, device=pictures.device)
    return (place[:, None] - place == shift).to(pictures.dtype)


def cut_out(pictures: torch.Tensor, generator: torch.Generator, *, share: float = 0.5) -> torch.Tensor:
    """Cover a square of `share` of the side, anywhere and partly outside, with grey."""
    inside = True
    for axis in (2, 3):
        side = pictures.shape[axis]
        shape = [1, 1, 1, 1]
        shape[axis] = side
        place = torch.arange(side, device=pictures.device).view(shape)
        inside = inside & ((place - uniform(pictures, 0, side, generator)).abs() < share * side / 2)
    return pictures * ~inside


def augment_differentiably(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Colour, translation and cutout (Zhao et al., 2020), each picture differently: (N, 3, S, S), grey is 0.

    Differentiable: the net that draws learns through the changes, and is not led to draw changed pictures because real
    ones are changed in the same way.
    """
    return cut_out(translate(change_colour(pictures, generator), generator), generator)


# --- what each net wants ----------------------------------------------------------------------------------------


def d_loss(real: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    """Hinge loss of the net that tells (Lim & Ye, 2017): real scores above 1, drawn ones below -1; both (N,)."""
    return F.relu(1 - real).mean() + F.relu(1 + drawn).mean()


def g_loss(drawn: torch.Tensor) -> torch.Tensor:
    """Loss of the net that draws: its pictures' scores (N,) should be high."""
    return -drawn.mean()


# --- training and asking ----------------------------------------------------------------------------------------


def train_gan(
    images: torch.Tensor,
    labels: torch.Tensor,
    plan: GanConfig,
    *,
    classes: int,
    seed: int,
) -> tuple[Generator, list[tuple[float, float]]]:
    """Train both nets in turn, one step each.

    images: float32 (N, 3, S, S) in [0, 1], S a multiple of 8; labels: int64 (N,). Returns the averaged generator on
    the CPU in evaluation mode, and the losses of each step: (discriminator, generator).
    """
    device, generator = pick_device(), torch.Generator().manual_seed(seed)
    with seeded(seed):
        net_g = Generator(classes=classes, image_size=images.shape[-1], code=plan.code, width=plan.width)
        net_d = Discriminator(classes=classes, width=plan.width)
    net_g.to(device, memory_format=torch.channels_last)
    net_d.to(device, memory_format=torch.channels_last)
    averaged = EMA(net_g, plan.ema_decay)
    optimisers = [
        torch.optim.Adam(net.parameters(), lr=rate, betas=(0.0, 0.99), fused=True)
        for net, rate in ((net_d, plan.lr_discriminator), (net_g, plan.lr_generator))
    ]
    images, losses = to_signed(images).to(device), []
    for _step in range(plan.steps):
        rows = torch.randint(len(images), (plan.batch,), generator=generator)
        losses.append(gan_step(net_g, net_d, optimisers, images[rows], labels[rows], generator))
        averaged.update()
    return averaged.model.cpu().eval(), losses


def gan_step(net_g, net_d, optimisers, real, labels, generator) -> tuple[float, float]:
    """One step of the net that tells, then one of the net that draws; returns both losses."""
    device = real.device
    weights = F.one_hot(labels, net_g.classes).float().to(device)
    real = flip(real, generator)
    found = []
    for optimiser in optimisers:
        telling = not found
        codes = torch.randn((len(real), net_g.code), generator=generator).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=fast_bfloat16(device)):
            with torch.set_grad_enabled(not telling):
                drawn = net_g(codes, weights).float()
            if telling:
                shown = augment_differentiably(torch.cat([real, drawn]), generator).contiguous(
                    memory_format=torch.channels_last
                )
                loss = d_loss(*net_d(shown, weights.repeat(2, 1)).chunk(2))
            else:
                loss = g_loss(net_d(augment_differentiably(drawn, generator), weights))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        found.append(loss.item())
    return tuple(found)


@torch.no_grad()
def gan_hybrids(
    generator: Generator, seeds: Sequence[int], *, pair: tuple[int, int] = (0, 1), mix: float = 0.5
) -> torch.Tensor:
    """Pictures (N, 3, S, S) in [0, 1] drawn with 1 - mix of the pair's first class and mix of the second.

    Picture i depends on seed i alone; 0.5 is what the second report asked for.
    """
    weights = class_weights(len(seeds), generator.classes, pair=pair, mix=mix)
    return to_unit(generator(codes_of(seeds, generator.code), weights))
