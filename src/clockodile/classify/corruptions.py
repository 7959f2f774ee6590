"""Harmless changes of pictures: which of them does a classifier mind? (see robustness.py)

Every change is a pure function of float images (N, 3, S, S) in [0, 1], and returns the same shape and range. What
becomes of a picture never depends on the others of its batch.
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torchvision.transforms.functional import gaussian_blur

from clockodile.data.dataset import as_images, as_tensor
from clockodile.learn.augmentation import GREY_WEIGHTS

Change = Callable[[torch.Tensor], torch.Tensor]
ORIGINAL = "as they are"


def draw_per_image(images: torch.Tensor, *, seed: int, draw: Callable = torch.rand) -> torch.Tensor:
    """Random numbers of the shape of `images`; row i depends on the seed and on picture i (in 8 bits) alone.

    draw: torch.rand (uniform, 0..1) or torch.randn. The same picture gets the same numbers in every batch.
    """
    seeds = [zlib.crc32(picture.tobytes(), seed) for picture in as_images(images)]
    rows = [draw(images.shape[1:], generator=torch.Generator().manual_seed(number)) for number in seeds]
    return torch.stack(rows).to(images)


def mean_colour(images: torch.Tensor) -> torch.Tensor:
    """Each picture filled with its own mean colour."""
    return images.mean((2, 3), keepdim=True).expand_as(images)


def central_square(side: int) -> torch.Tensor:
    """Cover (side, side) in 0..1 of the central square that holds half the AREA: its side is side / sqrt(2).

    That is no whole number of pixels (22.6 of 32), so pixels on its rim are covered in part; the sum is exactly half.
    """
    reach = side / math.sqrt(8)
    distance = (torch.arange(side) + 0.5 - side / 2).abs()
    line = (reach - distance + 0.5).clamp(0, 1)
    return line[:, None] * line[None, :]


def mask_centre(images: torch.Tensor) -> torch.Tensor:
    """The central half of the area gives way to the picture's mean colour."""
    return torch.lerp(images, mean_colour(images), central_square(images.shape[-1]).to(images))


def mask_border(images: torch.Tensor) -> torch.Tensor:
    """The outer half of the area, all that `mask_centre` keeps, gives way to the picture's mean colour."""
    return torch.lerp(mean_colour(images), images, central_square(images.shape[-1]).to(images))


def grey(images: torch.Tensor) -> torch.Tensor:
    """Without colour: three equal channels."""
    weights = images.new_tensor(GREY_WEIGHTS).view(1, 3, 1, 1)
    return (images * weights).sum(1, keepdim=True).expand_as(images).clamp(0, 1)


def blur(images: torch.Tensor, *, width: float) -> torch.Tensor:
    """Gaussian blur; width: standard deviation as a share of the side (1/32 = one pixel of 32)."""
    deviation = width * images.shape[-1]
    return gaussian_blur(images, 2 * math.ceil(2.5 * deviation) + 1, deviation).clamp(0, 1)


def noise(images: torch.Tensor, *, deviation: float, seed: int = 0) -> torch.Tensor:
    """Gaussian noise on every value, of this standard deviation."""
    return (images + deviation * draw_per_image(images, seed=seed, draw=torch.randn)).clamp(0, 1)


def jpeg(images: torch.Tensor, *, quality: int) -> torch.Tensor:
    """As if saved as JPEG and read again; quality 1 (worst) to 95."""
    return as_tensor(np.stack([jpeg_round_trip(image, quality) for image in as_images(images)])).to(images)


def jpeg_round_trip(image: np.ndarray, quality: int) -> np.ndarray:
    """One uint8 image (H, W, 3) after compression in memory."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "jpeg", quality=quality)
    return np.asarray(Image.open(buffer))


def brightness(images: torch.Tensor, *, factor: float) -> torch.Tensor:
    """All values times `factor`; what becomes lighter than white is white."""
    return (images * factor).clamp(0, 1)


def half_size(images: torch.Tensor) -> torch.Tensor:
    """Reduced to half the side and enlarged again."""
    side = images.shape[-1]
    small = F.interpolate(images, size=side // 2, mode="bilinear", antialias=True)
    return F.interpolate(small, size=side, mode="bilinear").clamp(0, 1)


CORRUPTIONS: dict[str, Change] = {
    ORIGINAL: lambda images: images,
    "mirrored": lambda images: images.flip(3),
    "upside down": lambda images: images.flip(2),
    "darker": partial(brightness, factor=0.5),
    "brighter": partial(brightness, factor=1.5),
    "grey": grey,
    "negative": lambda images: 1 - images,
    "half size and back": half_size,
    "blur, 1/32 of the side": partial(blur, width=1 / 32),
    "blur, 1/16 of the side": partial(blur, width=1 / 16),
    "noise, 5 %": partial(noise, deviation=0.05),
    "noise, 10 %": partial(noise, deviation=0.1),
    "JPEG, quality 50": partial(jpeg, quality=50),
    "JPEG, quality 10": partial(jpeg, quality=10),
    "centre masked": mask_centre,
    "border masked": mask_border,
    "mean colour only": mean_colour,  # the yardstick for the two masks, which show it as well
}
