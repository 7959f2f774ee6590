"""Harmless changes of pictures, and how often a classifier is still right: it tells what it looks at.

Every change is a pure function of float images (N, 3, S, S) in [0, 1], and returns the same shape and range. What
becomes of a picture never depends on the others of its batch.
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torchvision.transforms.functional import gaussian_blur

from clockodile.core.errors import UserError
from clockodile.core.stats import NORMAL_95, wilson_interval
from clockodile.data.dataset import as_images, as_tensor
from clockodile.learn.augmentation import GREY_WEIGHTS
from clockodile.learn.training import predict

Corruption = Callable[[torch.Tensor], torch.Tensor]
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


CORRUPTIONS: dict[str, Corruption] = {
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


def paired_interval(difference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 95 % interval of mean differences, (N, K) in -1..1, with N the pictures (Bonett and Price, 2012).

    A picture won and a picture lost are added, so that the interval has a width although no picture differs.
    """
    row = np.ones((1, difference.shape[1]))
    padded = np.concatenate([difference, row, -row])
    half = NORMAL_95 * padded.std(0) / math.sqrt(len(padded))
    return padded.mean(0) - half, padded.mean(0) + half


def correct_under_corruptions(
    predict_logits: Callable[[torch.Tensor], torch.Tensor],
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    changes: dict[str, Corruption] = CORRUPTIONS,
) -> pd.DataFrame:
    """Which pictures are judged rightly: 0 or 1, a row for each picture, a column for each change, the original first.

    predict_logits: images -> logits (N, C); images: (N, 3, S, S) in [0, 1]; labels: (N,).
    """
    judge = {ORIGINAL: CORRUPTIONS[ORIGINAL]} | changes
    logits = {name: predict_logits(change(images)).cpu() for name, change in judge.items()}
    return pd.DataFrame(
        {name: (values.argmax(1) == labels.cpu()).double().numpy() for name, values in logits.items()}
    )


def summarise_corruptions(correct: pd.DataFrame) -> pd.DataFrame:
    """One row a change: accuracy with its 95 % interval, and the paired difference to the pictures as they are.

    correct: (N, changes) in [0, 1], from `correct_under_corruptions`. Returns columns change, accuracy, low, high,
    difference, difference_low, difference_high, all shares. The same pictures are compared, so the interval of the
    difference is narrower than the two accuracies' intervals suggest.
    """
    accuracy = correct.mean()
    low, high = wilson_interval(accuracy, len(correct))
    paired = correct.sub(correct[ORIGINAL], axis=0)
    difference_low, difference_high = paired_interval(paired.to_numpy())
    table = pd.DataFrame({"accuracy": accuracy, "low": low, "high": high, "difference": paired.mean()})
    table = table.assign(difference_low=difference_low, difference_high=difference_high)
    table.loc[ORIGINAL, ["difference_low", "difference_high"]] = 0.0  # nothing was compared
    return table.rename_axis("change").reset_index()


def out_of_fold_correct(
    models: Sequence[tuple[nn.Module, np.ndarray]],
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    changes: dict[str, Corruption] = CORRUPTIONS,
) -> pd.DataFrame:
    """Share (0..1) of the nets that judge a picture rightly, out of those that have not seen it.

    models: pairs (classifier, held_out), held_out bool (N,): True for the pictures it was not trained on. Returns what
    `correct_under_corruptions` does. Raises UserError for pictures that no net held out.
    """
    held_out = [np.asarray(held, bool) for _, held in models]
    judges = np.sum(held_out, axis=0)
    if not np.all(judges):
        raise UserError(
            f"{np.sum(judges == 0)} of {len(labels)} images are in no net's held-out part; "
            "give the nets of every fold, or leave these images out"
        )
    right = np.zeros((len(labels), len({ORIGINAL, *changes})))
    for (model, _), held in zip(models, held_out, strict=True):
        rows = torch.from_numpy(held)
        table = correct_under_corruptions(
            partial(predict, model), images[rows], labels[rows], changes=changes
        )
        right[held] += table.to_numpy()
    return pd.DataFrame(right / judges[:, None], columns=table.columns)


def out_of_fold_under_corruptions(
    models: Sequence[tuple[nn.Module, np.ndarray]],
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    changes: dict[str, Corruption] = CORRUPTIONS,
) -> pd.DataFrame:
    """`summarise_corruptions` of `out_of_fold_correct`: every picture judged only by nets that have not seen it."""
    return summarise_corruptions(out_of_fold_correct(models, images, labels, changes=changes))
