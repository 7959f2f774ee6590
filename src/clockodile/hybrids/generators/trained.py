"""The autoencoder of report 000 and the variational one: trained once on four folds of five and kept, or shipped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from clockodile.core import store
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset
from clockodile.hybrids.generators.flow_of_run import known_photographs
from clockodile.hybrids.generators.vae import ConditionalVAE, VaeConfig, train_vae
from clockodile.learn.autoencoders import DenseAutoencoder
from clockodile.learn.training import train_full_batch


def dense_autoencoder(data: Dataset) -> DenseAutoencoder:
    """Report 000's autoencoder, untrained."""
    return DenseAutoencoder(image_size=data.images.shape[1])


def conditional_vae(data: Dataset) -> ConditionalVAE:
    """The variational autoencoder that is told the class, untrained."""
    return ConditionalVAE(classes=len(data.classes), image_size=data.images.shape[1], width=VaeConfig.width)


BUILD = {"dense_autoencoder": dense_autoencoder, "vae": conditional_vae}  # name of the file -> untrained net


def restore_net(name: str, fitted: store.Checkpoint, data: Dataset) -> nn.Module:
    """The net in a stored file, in evaluation mode. Raises RuntimeError when the file is another net's."""
    net = BUILD[name](data)
    net.load_state_dict({part: value.float() for part, value in fitted.state.items()})
    return net.eval()


def fit_on_known(
    name: str, train: Callable[[Dataset], nn.Module], plan: dict, run: Run, data: Dataset, *, retrain: bool
) -> nn.Module:
    """A net in evaluation mode: from the run folder, else from the package, else trained now. data: all splits.

    train: of the known photographs -> trained; plan: how (JSON types).
    """
    known = known_photographs(data)
    wanted = {"net": name, "seed": run.seed, "known": store.fingerprint(known.images, known.labels)}

    def fit() -> tuple[dict, dict]:
        state = train(known).state_dict()
        return {
            part: value.half() if value.is_floating_point() else value for part, value in state.items()
        }, {}

    fitted = store.fit_or_load(
        *(f"generators/{name}", wanted | {"plan": plan}, data.fingerprint, fit),
        run_dir=run.dir,
        retrain=retrain,
        accept_shipped_if=wanted,
    )
    # from the rounded numbers of the file even when just trained: both must draw the same
    return restore_net(name, fitted, data)


def fit_autoencoder(run: Run, data: Dataset, *, retrain: bool = False) -> DenseAutoencoder:
    """Report 000's autoencoder: all photographs in every step. data: all splits."""
    epochs = run.profile.autoencoder_epochs

    def train(known: Dataset) -> DenseAutoencoder:
        build = partial(dense_autoencoder, known)
        images = known.tensor()
        return train_full_batch(build, images, images, seed=run.seed, epochs=epochs, loss=F.mse_loss)[0]

    return fit_on_known("dense_autoencoder", train, {"epochs": epochs}, run, data, retrain=retrain)


def fit_vae(run: Run, data: Dataset, *, retrain: bool = False) -> ConditionalVAE:
    """The variational autoencoder, told the class. data: all splits."""
    classes, plan = len(data.classes), VaeConfig(run.profile.vae_steps)

    def train(known: Dataset) -> ConditionalVAE:
        labels = torch.from_numpy(known.labels)
        return train_vae(known.tensor(), labels, plan, classes=classes, seed=run.seed)[0]

    return fit_on_known("vae", train, asdict(plan), run, data, retrain=retrain)
