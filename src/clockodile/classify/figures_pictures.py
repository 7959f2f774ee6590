"""Figures made of pictures: errors, attacks, saliency maps, each beside what explains it. Each returns a Figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure

from clockodile.classify.explanation import SALIENCY_METHODS
from clockodile.data.dataset import Dataset, as_images
from clockodile.learn.augmentation import GREY_WEIGHTS
from clockodile.show.pictures import Row, picture_rows, shorten
from clockodile.show.plots import (
    class_colour,
    colour_key,
    short_id,
    tile_figure,
)


def errors_with_neighbours(
    data: Dataset,
    rows: np.ndarray,
    neighbours: np.ndarray,
    probability: np.ndarray,
    *,
    columns: int = 8,
    most: int = 40,
) -> Figure:
    """Wrongly judged images, each above the training images most like it; the bar has the true class's colour.

    rows: int (M,) in `data`, those to show first; neighbours: int (M, K); probability: (N, C) of all images.
    """
    left_out = f"; the first {most} of {len(rows)}" if len(rows) > most else ""
    rows, neighbours = rows[:most], neighbours[:most]
    if not len(rows):
        return tile_figure(np.full_like(data.images[:1], 255), columns=columns, title="No errors at all")
    lines = []
    for start in range(0, len(rows), columns):
        wrong = rows[start : start + columns]
        told = [f"{short_id(data.ids[row])}: {probability[row].max():.2f}" for row in wrong]
        lines.append(Row("wrong", data.images[wrong], told, bars(data, wrong)))
        for rank, near in enumerate(neighbours[start : start + columns].T, start=1):
            lines.append(Row(f"its nearest\n({rank})", data.images[near], colours=bars(data, near)))
    title = f"The bar is the true class ({colour_key(data.classes)}){left_out}"
    return picture_rows(lines, columns=columns, title=title)


def bars(data: Dataset, rows: np.ndarray) -> list[str]:
    """The colour of each picture's true class."""
    return [class_colour(label) for label in data.labels[rows]]


def attack_grid(
    images: torch.Tensor,
    attacked: torch.Tensor,
    labels: np.ndarray,
    predicted: np.ndarray,
    probability: np.ndarray,
    ids: Sequence[str],
    *,
    classes: Sequence[str],
    title: str = "",
) -> Figure:
    """Pictures, the noise that was added, and the attacked pictures, with what the net says before and after.

    images, attacked: (N, 3, S, S) in [0, 1], 6 to 10 of them; labels: (N,); predicted, probability: (2, N), the
    predicted class and its probability 0..1, before and after. Bars have the colour of the true class above, and of the
    predicted one below.
    """
    noise = attacked - images
    most = noise.abs().max().clamp_min(1e-6)
    words = [
        [f"{shorten(classes[number])} {share:.2f}" for number, share in zip(*row, strict=True)]
        for row in zip(predicted, probability, strict=True)
    ]
    rows = [
        Row("original", as_images(images), words[0], [class_colour(label) for label in labels]),
        Row(f"noise\n× {0.5 / most:.0f}", as_images(0.5 + 0.5 * noise / most)),
        Row("attacked", as_images(attacked), words[1], [class_colour(label) for label in predicted[1]]),
    ]
    title = title or f"No value changed by more than {most * 255:.3g}/255"
    return picture_rows(rows, columns=len(ids), heads=[short_id(name) for name in ids], title=title)


def overlay(images: torch.Tensor, maps: torch.Tensor) -> np.ndarray:
    """Grey, dimmed pictures that glow where the map is high.

    images: (N, 3, S, S) and maps: (N, S, S), both in [0, 1]. Returns uint8 (N, S, S, 3).
    """
    weights = images.new_tensor(GREY_WEIGHTS).view(1, 3, 1, 1)
    grey = (images * weights).sum(1).cpu().numpy()[..., None]
    heat = maps.cpu().numpy()
    glow = matplotlib.colormaps["inferno"](0.35 + 0.63 * heat)[..., :3]
    share = heat[..., None] ** 0.75  # a gradient has one high pixel and many middling ones: they must show
    return (255 * ((1 - share) * (0.12 + 0.55 * grey) + share * glow)).round().astype(np.uint8)


def saliency_grid(
    images: torch.Tensor,
    maps_by_method: Mapping[str, torch.Tensor],
    captions: Sequence[str],
    *,
    ids: Sequence[str],
    labels: np.ndarray,
    title: str = "",
) -> Figure:
    """Pictures, and below each the maps of several methods laid over it.

    images: (N, 3, S, S) in [0, 1], 6 to 10 of them; maps_by_method: name -> (N, S, S) in [0, 1], from `saliency_maps`;
    captions: N, what the net says; ids, labels: (N,), the name and the true class of each.
    """
    rows = [Row("picture", as_images(images), captions, [class_colour(label) for label in labels])]
    for name, maps in maps_by_method.items():
        rows.append(Row(SALIENCY_METHODS.get(name, name).replace(" ", "\n"), overlay(images, maps)))
    title = title or "The brighter, the more the answer hangs on it"
    return picture_rows(rows, columns=len(ids), heads=[short_id(name) for name in ids], title=title)
