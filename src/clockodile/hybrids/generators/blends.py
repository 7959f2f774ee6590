"""Hybrids without learning: arithmetic on the pixels of two photographs."""

from __future__ import annotations

import torch
import torch.nn.functional as F

LEVELS = 4  # of the pyramid: for pictures of 32 pixels, down to 2
EDGE = 0.1  # share of the picture over which the default mask goes from one photograph to the other


def check_pictures(first: torch.Tensor, second: torch.Tensor) -> None:
    """Raise ValueError unless both are (N, 3, H, W), and of one shape."""
    if first.shape != second.shape or first.dim() != 4 or first.shape[1] != 3:
        raise ValueError(
            f"pictures of shapes {tuple(first.shape)} and {tuple(second.shape)}; "
            "both should be (N, 3, H, W), and the same"
        )


def pixel_blend(first: torch.Tensor, second: torch.Tensor, *, mix: float = 0.5) -> torch.Tensor:
    """Double exposure: (1 - mix) of the first image and `mix` of the second. Both float (N, 3, H, W) in [0, 1]."""
    check_pictures(first, second)
    return torch.lerp(first, second, mix)


def half_and_half(
    first: torch.Tensor, second: torch.Tensor, *, mix: float = 0.5, seam: float = 0.2
) -> torch.Tensor:
    """The first picture on the left, the second from `1 - mix` of the width on; seam: its width, picture = 1.

    first, second: float (N, 3, H, W) in [0, 1]; returns the same shape and range.
    """
    check_pictures(first, second)
    width = first.shape[-1]
    place = (torch.arange(width) + 0.5) / width
    edge = (1 - mix) * (1 + seam) - seam / 2  # 0 and 1 leave one picture alone
    share = ((place - edge) / seam + 0.5).clamp(0, 1).to(first)
    return torch.lerp(first, second, share)


# --- a piece of the one in the other ----------------------------------------------------------------------------


def pyramid_paste(
    first: torch.Tensor,
    second: torch.Tensor,
    mask: torch.Tensor | None = None,
    *,
    mix: float = 0.5,
    levels: int = LEVELS,
) -> torch.Tensor:
    """Put a piece of the second picture into the first: sharp seams for fine detail, soft ones for coarse.

    Burt & Adelson (1983): each level of the Laplacian pyramids is mixed by the mask at that level's size.
    first, second: float (N, 3, H, W) in [0, 1]. mask: float (N or 1, 1, H, W) in [0, 1], 1 = second; None for a disc in
    the middle that covers the share `mix` of the picture (0 = all first, 1 = all second). levels: halvings of the side
    plus one, at least 1; what is left of a pixel is not halved. Returns the same shape and range.
    """
    check_pictures(first, second)
    mask = soft_disc(first.shape[2:], mix).to(first) if mask is None else mask
    if mask.dim() != 4 or mask.shape[1] != 1 or mask.shape[2:] != first.shape[2:]:
        raise ValueError(
            f"mask of shape {tuple(mask.shape)}; should be (N or 1, 1, {', '.join(map(str, first.shape[2:]))})"
        )
    masks = gaussian_pyramid(mask, levels)
    layers = [
        torch.lerp(a, b, share)
        for a, b, share in zip(
            laplacian_pyramid(first, levels),
            laplacian_pyramid(second, levels),
            [share.expand(len(first), 3, -1, -1) for share in masks],
            strict=True,
        )
    ]
    return collapse(layers).clamp(0, 1)


def soft_disc(size: tuple[int, int], mix: float) -> torch.Tensor:
    """Mask (1, 1, H, W) in [0, 1]: a disc in the middle that covers the share `mix`, with a soft rim."""
    y, x = (torch.linspace(-1, 1, side) for side in size)
    distance = (y[:, None].square() + x.square()).flatten()
    # rank instead of radius: the share of the picture that is nearer to the middle, whatever the picture's shape
    nearer = torch.searchsorted(distance.sort().values, distance) / (distance.numel() - 1)
    return ((mix * (1 + EDGE) - nearer) / EDGE).clamp(0, 1).view(1, 1, *size)


def gaussian_pyramid(images: torch.Tensor, levels: int) -> list[torch.Tensor]:
    """The pictures, and again at half the side, at a quarter, ...: `levels` tensors."""
    if levels < 1:
        raise ValueError(f"levels is {levels}; give at least 1")
    pyramid = [images]
    while len(pyramid) < levels:
        pyramid.append(F.interpolate(pyramid[-1], size=halved_size(pyramid[-1]), mode="area"))
    return pyramid


def halved_size(images: torch.Tensor) -> tuple[int, int]:
    """Height and width halved, rounded up."""
    return tuple(-(-side // 2) for side in images.shape[2:])


def laplacian_pyramid(images: torch.Tensor, levels: int) -> list[torch.Tensor]:
    """What each size of the pictures shows that the next smaller one does not; last, the smallest itself."""
    sizes = gaussian_pyramid(images, levels)
    return [fine - enlarge(coarse, fine) for fine, coarse in zip(sizes[:-1], sizes[1:], strict=True)] + sizes[
        -1:
    ]


def collapse(layers: list[torch.Tensor]) -> torch.Tensor:
    """Put a Laplacian pyramid together again."""
    images = layers[-1]
    for fine in reversed(layers[:-1]):
        images = fine + enlarge(images, fine)
    return images


def enlarge(coarse: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """As large as `like`, without steps."""
    return F.interpolate(coarse, size=like.shape[2:], mode="bilinear", align_corners=False)
