"""Training pictures with told layouts: moved photographs, and one photograph set into a region of another.

The net is told for every place which class it shows and which part of its photograph. What is told does not leak
(Karras et al., 2022): asked for a plain layout it draws plain pictures, asked for "a clock, half size, lower right, on
a crocodile" it draws that.
"""

import torch
import torch.nn.functional as F

from clockodile.hybrids.generators.unet import Layout, plain_coords
from clockodile.learn.augmentation import flip, uniform

MOVED = 0.5  # share of single photographs that are turned, scaled and shifted
SMALLEST, LARGEST = 0.4, 0.85  # side of a region's photograph, canvas = 1
BY_HALVES = 0.25  # share of composites with a straight seam instead of an island


def frame_coords(
    size: int, scale: torch.Tensor, degrees: torch.Tensor, x: torch.Tensor, y: torch.Tensor
) -> torch.Tensor:
    """Where each place of a canvas lies in a photograph of side `scale`, turned, centred at (x, y): (N, 2, S, S).

    scale, degrees, x, y: (N,); the canvas is -1..1 both ways, and so is the photograph.
    """
    plain = plain_coords(len(scale), size, device=scale.device)
    right, down = plain[:, 0] - x.view(-1, 1, 1), plain[:, 1] - y.view(-1, 1, 1)
    angle = torch.deg2rad(degrees)
    cos, sin = ((f(angle) / scale).view(-1, 1, 1) for f in (torch.cos, torch.sin))
    return torch.stack([cos * right + sin * down, cos * down - sin * right], 1)


def photographed(images: torch.Tensor, coords: torch.Tensor) -> torch.Tensor:
    """Photographs (N, 3, S, S) seen at coords (N, 2, S, S), each pixel the mean of four; rims are mirrored."""
    fine = F.interpolate(coords, scale_factor=2.0, mode="bilinear", align_corners=False)
    seen = F.grid_sample(images, fine.permute(0, 2, 3, 1), padding_mode="reflection", align_corners=False)
    return F.avg_pool2d(seen, 2)


def single(images: torch.Tensor, labels: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, Layout]:
    """One photograph a picture; half of them turned by up to 10 degrees, scaled and shifted by up to 15 %, and told so.

    images: float32 (N, 3, S, S); labels: int64 (N,). Returns pictures of that shape and their layout.
    """
    size, images = images.shape[-1], flip(images, generator)
    moved = (uniform(images, 0, 1, generator).flatten() < MOVED).float()
    scale, degrees, x, y = (uniform(images, -1, 1, generator).flatten() * moved for _ in range(4))
    coords = frame_coords(size, 1 + 0.15 * scale, 10 * degrees, 0.15 * x, 0.15 * y)
    # photographs that stay where they are must not be blurred by resampling
    seen = torch.where(moved.view(-1, 1, 1, 1) > 0, photographed(images, coords), images)
    return seen, Layout(labels[:, None], coords=coords)


def pasted(
    below: torch.Tensor,
    above: torch.Tensor,
    labels_below: torch.Tensor,
    labels_above: torch.Tensor,
    generator: torch.Generator,
) -> tuple[torch.Tensor, Layout]:
    """Photographs `above` set into regions of photographs `below`: discs, boxes, or halves.

    below, above: float32 (N, 3, S, S); labels: int64 (N,). Returns pictures of that shape and their layout of two
    regions, below first.
    """
    count, size = len(below), below.shape[-1]
    below, above = flip(below, generator), flip(above, generator)
    draw = lambda low, high: uniform(below, low, high, generator).flatten()  # noqa: E731
    halves = draw(0, 1) < BY_HALVES
    scale = torch.where(halves, 1.0, draw(SMALLEST, LARGEST))
    reach = 1 - scale  # how far an island's centre may lie from the canvas's, the island still inside
    coords = frame_coords(size, scale, draw(-10, 10), draw(-1, 1) * reach, draw(-1, 1) * reach)
    x, y = coords[:, 0], coords[:, 1]
    square = torch.maximum(x.abs(), y.abs())
    disc = (x.square() + y.square()).sqrt()
    rim = torch.where((draw(0, 1) < 0.5).view(-1, 1, 1), square, disc) - 0.95  # below 0 inside the island
    angle, offset = draw(0, 2 * torch.pi).view(-1, 1, 1), draw(-0.3, 0.3).view(-1, 1, 1)
    seam = angle.cos() * x + angle.sin() * y - offset
    outside = torch.where(halves.view(-1, 1, 1), seam, rim)
    softness = draw(0.05, 0.25).view(-1, 1, 1)  # of the rim, in the photograph's own units
    mask = torch.sigmoid(-4 * outside / softness)[:, None]
    pictures = torch.lerp(below, photographed(above, coords), mask)
    told = torch.where(mask > 0.5, coords, plain_coords(count, size, device=below.device))
    return pictures, Layout(torch.stack([labels_below, labels_above], 1), torch.cat([1 - mask, mask], 1), told)


def disc(size: int, *, scale: float, x: float, y: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Coordinates (1, 2, S, S) of a photograph that is shrunk and moved, and the disc in which it stands (1, 1, S, S).

    scale: its side, canvas = 1; x, y: its centre, the canvas is -1..1. The disc: 1 inside, 0 outside; its rim is soft.
    """
    coords = frame_coords(size, *(torch.tensor([value]) for value in (scale, 0.0, x, y)))
    return coords, torch.sigmoid(-4 * (coords.square().sum(1, keepdim=True).sqrt() - 0.95) / 0.1)


def shrunk(images: torch.Tensor, *, scale: float, x: float, y: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Photographs (N, 3, S, S) shrunk and moved, of the same shape, and the `disc` in which they then stand."""
    coords, mask = disc(images.shape[-1], scale=scale, x=x, y=y)
    return photographed(images, coords.expand(len(images), -1, -1, -1)), mask


def island(size: int, below: int, above: int, *, scale: float, x: float, y: float) -> Layout:
    """The layout of one picture: class `above` in a disc on class `below`.

    scale: side of the disc's photograph, canvas = 1; x, y: its centre, the canvas is -1..1.
    """
    coords, mask = disc(size, scale=scale, x=x, y=y)
    told = torch.where(mask > 0.5, coords, plain_coords(1, size))
    return Layout(torch.tensor([[below, above]]), torch.cat([1 - mask, mask], 1), told)
