"""Random changes that keep the class: each a pure function on a batch, testable and viewable alone.

Every function takes images float (N, 3, H, W) in [0, 1] and a torch.Generator, and returns the same shape and range.
Image i is changed by the numbers drawn for row i, so a batch is changed in one go and without a loop.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F

Augmentation = Callable[[torch.Tensor, torch.Generator], torch.Tensor]

GREY_WEIGHTS = (0.299, 0.587, 0.114)  # luma of red, green, blue (ITU-R BT.601)


def uniform(images: torch.Tensor, low: float, high: float, generator: torch.Generator) -> torch.Tensor:
    """One random number per image, shaped (N, 1, 1, 1) to multiply with a batch."""
    drawn = torch.rand(len(images), generator=generator, device=generator.device)
    numbers = drawn * (high - low) + low
    return numbers.to(images.device).view(-1, 1, 1, 1)


def flip(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Mirror left and right with probability one half."""
    return torch.where(uniform(images, 0, 1, generator) < 0.5, images.flip(3), images)


def crop(images: torch.Tensor, generator: torch.Generator, *, margin: float = 0.125) -> torch.Tensor:
    """Shift by up to `margin` of the side in each direction; the uncovered rim repeats the edge mirrored."""
    dx = uniform(images, -2 * margin, 2 * margin, generator)
    dy = uniform(images, -2 * margin, 2 * margin, generator)
    return warp(images, dx=dx, dy=dy)


def shift(images: torch.Tensor, generator: torch.Generator, *, margin: float = 0.0625) -> torch.Tensor:
    """As `crop`, but by whole pixels and half as far: for nets that see many small pictures a few times each."""
    most, side = round(margin * images.shape[-1]), images.shape[-1]
    padded = F.pad(images, (most,) * 4, mode="reflect").permute(0, 2, 3, 1)
    dy, dx = torch.randint(2 * most + 1, (2, len(images)), generator=generator).to(images.device)
    windows = padded.unfold(1, side, 1).unfold(2, side, 1)  # (N, 2 * most + 1, 2 * most + 1, 3, side, side)
    return windows[torch.arange(len(images), device=images.device), dy, dx]


def affine(
    images: torch.Tensor, generator: torch.Generator, *, degrees: float = 12, zoom: float = 0.15
) -> torch.Tensor:
    """Turn by up to `degrees` and scale by up to `zoom` (a fraction) either way."""
    angle = uniform(images, -degrees, degrees, generator)
    scale = uniform(images, 1 - zoom, 1 + zoom, generator)
    return warp(images, angle=angle, scale=scale)


def warp(images: torch.Tensor, *, angle=None, scale=None, dx=None, dy=None) -> torch.Tensor:
    """Turn (degrees), scale and shift (1 = half a side) each image about its centre; all are (N, 1, 1, 1) or None."""
    ones = images.new_ones(len(images))
    radians = torch.deg2rad(angle.flatten()) if angle is not None else 0 * ones
    scale = scale.flatten() if scale is not None else ones
    dx, dy = (shift.flatten() if shift is not None else 0 * ones for shift in (dx, dy))
    cos, sin = torch.cos(radians) / scale, torch.sin(radians) / scale
    matrix = torch.stack([torch.stack([cos, -sin, dx], 1), torch.stack([sin, cos, dy], 1)], 1)  # (N, 2, 3)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False).clamp(0, 1)


def colour(
    images: torch.Tensor,
    generator: torch.Generator,
    *,
    brightness: float = 0.2,
    contrast: float = 0.25,
    saturation: float = 0.3,
) -> torch.Tensor:
    """Brightness, contrast and saturation, each changed by up to the given fraction."""
    weights = images.new_tensor(GREY_WEIGHTS).view(1, 3, 1, 1)
    images = images + uniform(images, -brightness, brightness, generator)
    mean = images.mean((1, 2, 3), keepdim=True)
    images = mean + (images - mean) * uniform(images, 1 - contrast, 1 + contrast, generator)
    grey = (images * weights).sum(1, keepdim=True)
    return (grey + (images - grey) * uniform(images, 1 - saturation, 1 + saturation, generator)).clamp(0, 1)


def erase(images: torch.Tensor, generator: torch.Generator, *, side: float = 0.35) -> torch.Tensor:
    """Cover a random square of up to `side` of the picture with the picture's mean colour (Zhong et al., 2017)."""
    height, width = images.shape[2:]
    half = uniform(images, 0.1, side, generator) / 2
    y = torch.linspace(0, 1, height, device=images.device).view(1, 1, -1, 1)
    x = torch.linspace(0, 1, width, device=images.device).view(1, 1, 1, -1)
    inside_y = (y - uniform(images, 0, 1, generator)).abs() < half
    inside_x = (x - uniform(images, 0, 1, generator)).abs() < half
    return torch.where(inside_y & inside_x, images.mean((2, 3), keepdim=True), images)


def seldom_much(images: torch.Tensor, most: float, generator: torch.Generator) -> torch.Tensor:
    """One random strength per image, (N, 1, 1, 1): near 0 for half of them, up to `most` for a few."""
    return most * uniform(images, 0, 1, generator) ** 3


def noise(images: torch.Tensor, generator: torch.Generator, *, deviation: float = 0.12) -> torch.Tensor:
    """Independent Gaussian noise on every value: hardly any for most images, standard deviation `deviation` at most."""
    grain = torch.randn(images.shape, generator=generator).to(images.device)
    return (images + grain * seldom_much(images, deviation, generator)).clamp(0, 1)


def blur(images: torch.Tensor, generator: torch.Generator, *, strength: float = 1.0) -> torch.Tensor:
    """Mix each image with its 3x3 mean: hardly for most images, by the share `strength` (0..1) at most."""
    soft = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return torch.lerp(images, soft, seldom_much(images, strength, generator))


def upside_down(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Mirror top and bottom: the WRONG augmentation here, kept as the gallery's bad example.

    It needs no randomness; `generator` is there because every augmentation has the same signature.
    """
    return images.flip(2)


AUGMENTATIONS: dict[str, Augmentation] = {
    "flip": flip,
    "crop": crop,
    "affine": affine,
    "colour": colour,
    "erase": erase,
    "noise": noise,
    "blur": blur,
}

FURTHER: dict[str, Augmentation] = {"shift": shift}  # not in the gallery of notebook 01


def augment(images: torch.Tensor, names: tuple[str, ...], generator: torch.Generator) -> torch.Tensor:
    """Apply the named augmentations in the given order. Raises KeyError for an unknown one."""
    for name in names:
        images = (AUGMENTATIONS | FURTHER)[name](images, generator)
    return images
