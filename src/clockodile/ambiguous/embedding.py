"""Codes of the training images by autoencoders (report 001): what is alike without anybody having said what it is."""

from __future__ import annotations

import numpy as np
import torch

from clockodile.core import store
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset
from clockodile.learn.autoencoders import ConvAutoencoder, train_autoencoder

COUNT = 2  # autoencoders, from different starts: would the other one have ranked alike?
PASSES = 25  # steps of report 000's full-batch autoencoder for one look at every image by these, in batches
BATCH = 32  # images a step
FILE = "codes.npz"


def codes_of(run: Run, data: Dataset, *, retrain: bool = False) -> np.ndarray:
    """What COUNT convolutional autoencoders make of the training images: float32 (COUNT, N, D), made once and kept.

    They are trained on all images and never told a label, so no image's code knows its class. Sides that cannot be
    halved three times are cut to the next smaller one that can.
    """
    side = data.images.shape[1] // 8 * 8
    epochs = max(1, round(run.profile.autoencoder_epochs / PASSES))
    config = {"codes": "conv_autoencoder", "data": data.fingerprint, "seed": run.seed, "epochs": epochs}

    def make() -> dict[str, np.ndarray]:
        images = data.tensor()[:, :, :side, :side]
        return {"codes": np.stack([one_code(images, epochs, COUNT * run.seed + i) for i in range(COUNT)])}

    return store.cached(run.dir, FILE, config, make, anew=retrain)["codes"]


def one_code(images: torch.Tensor, epochs: int, seed: int) -> np.ndarray:
    """Codes float32 (N, D) of images (N, 3, S, S) by one autoencoder trained on them."""
    net, _ = train_autoencoder(
        lambda: ConvAutoencoder(image_size=images.shape[3]), images, seed=seed, epochs=epochs, batch=BATCH
    )
    with torch.no_grad():
        return torch.cat([net.encode(part).flatten(1) for part in images.split(256)]).numpy()
