"""Hybrids without learning: arithmetic on the pixels of two photographs."""

from itertools import pairwise

import torch
import torch.nn.functional as F

LEVELS = 4  # of the pyramid: for pictures of 32 pixels, down to 2
SEAM = 0.2  # width of the seam between halves, picture = 1
EDGE = 0.1  # share of the picture over which the disc's mask goes from one photograph to the other


def pixel_blend(first: torch.Tensor, second: torch.Tensor, *, mix: float = 0.5) -> torch.Tensor:
    """Double exposure: (1 - mix) of the first image and `mix` of the second. Both float (N, 3, H, W) in [0, 1]."""
    return torch.lerp(first, second, mix)


def half_and_half(first: torch.Tensor, second: torch.Tensor, *, mix: float = 0.5) -> torch.Tensor:
    """The first picture on the left, the second from `1 - mix` of the width on. Both float (N, 3, H, W) in [0, 1]."""
    width = first.shape[-1]
    place = (torch.arange(width) + 0.5) / width
    edge = (1 - mix) * (1 + SEAM) - SEAM / 2  # 0 and 1 leave one picture alone
    share = ((place - edge) / SEAM + 0.5).clamp(0, 1).to(first)
    return torch.lerp(first, second, share)


def pyramid_paste(first: torch.Tensor, second: torch.Tensor, *, mix: float = 0.5) -> torch.Tensor:
    """Put a disc of the second picture into the first: sharp seams for fine detail, soft ones for coarse.

    Burt & Adelson (1983): each level of the Laplacian pyramids is mixed by the disc's mask at that level's size.
    first, second: float (N, 3, H, W) in [0, 1]; mix: the share that the disc covers. Returns the same shape and range.
    """
    shares = gaussian_pyramid(soft_disc(first.shape[2:], mix).to(first))
    layers = [
        torch.lerp(a, b, share.expand_as(a))
        for a, b, share in zip(laplacian_pyramid(first), laplacian_pyramid(second), shares, strict=True)
    ]
    return collapse(layers).clamp(0, 1)


def soft_disc(size: tuple[int, int], mix: float) -> torch.Tensor:
    """Mask (1, 1, H, W) in [0, 1]: a disc in the middle that covers the share `mix`, with a soft rim."""
    y, x = (torch.linspace(-1, 1, side) for side in size)
    distance = (y[:, None].square() + x.square()).flatten()
    # rank instead of radius: the share of the picture that is nearer to the middle, whatever the picture's shape
    nearer = torch.searchsorted(distance.sort().values, distance) / (distance.numel() - 1)
    return ((mix * (1 + EDGE) - nearer) / EDGE).clamp(0, 1).view(1, 1, *size)


def gaussian_pyramid(images: torch.Tensor) -> list[torch.Tensor]:
    """The pictures, and again at half the side, rounded up, at a quarter, ...: LEVELS tensors."""
    pyramid = [images]
    while len(pyramid) < LEVELS:
        half = [-(-side // 2) for side in pyramid[-1].shape[2:]]
        pyramid.append(F.interpolate(pyramid[-1], size=half, mode="area"))
    return pyramid


def laplacian_pyramid(images: torch.Tensor) -> list[torch.Tensor]:
    """What each size of the pictures shows that the next smaller one does not; last, the smallest itself."""
    sizes = gaussian_pyramid(images)
    return [*(fine - enlarge(coarse, fine) for fine, coarse in pairwise(sizes)), sizes[-1]]


def collapse(layers: list[torch.Tensor]) -> torch.Tensor:
    """Put a Laplacian pyramid together again."""
    images = layers[-1]
    for fine in reversed(layers[:-1]):
        images = fine + enlarge(images, fine)
    return images


def enlarge(coarse: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """As large as `like`, without steps."""
    return F.interpolate(coarse, size=like.shape[2:], mode="bilinear", align_corners=False)
