"""What it costs to look at images: seconds for each kind of model that a ranking asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from torch import nn

from clockodile.ambiguous.judge import features_of
from clockodile.ambiguous.score_table import OutOfFold
from clockodile.classify import half_quarter_quarter
from clockodile.core.timing import timed
from clockodile.data.dataset import Dataset, as_tensor
from clockodile.learn.autoencoders import ConvAutoencoder
from clockodile.learn.training import predict

ASKED = 100  # images a measurement
Made = TypeVar("Made")


def seconds_per_thousand(
    data: Dataset, known: OutOfFold, net: nn.Module, *, repeats: int = 3
) -> dict[str, float]:
    """Seconds to look at 1,000 images, by what a method asks (`Score.models`): the median of several measurements.

    known: says how many nets and codes there are; net: one of ours. Weights do not matter here, so the others are new.
    """
    few = data.images[:ASKED]
    images, side = as_tensor(few), few.shape[1] // 8 * 8
    first, encoder = half_quarter_quarter.net_for(data)(), ConvAutoencoder(image_size=side)
    looks: dict[str, Callable[[], object]] = {
        "ours": lambda: [predict(net, images, mirrored=True) for _ in known.logits],
        "first": lambda: [predict(first, images) for _ in known.first_logits],
        "codes": lambda: [encoder.encode(images[..., :side, :side]) for _ in known.codes],
        "judge": lambda: features_of(few),
    }
    return {
        asked: 1000 / len(few) * float(np.median([timed(look)[1] for _ in range(repeats)]))
        for asked, look in looks.items()
    }
