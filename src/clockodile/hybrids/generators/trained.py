"""The autoencoder of report 000 and the variational one: trained once on four folds of five and kept, or shipped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import torch
from torch import nn

from clockodile.core import store
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset
from clockodile.hybrids.generators.flow_of_run import known_photographs
from clockodile.hybrids.generators.vae import ConditionalVAE, VaeConfig, train_vae
from clockodile.learn.autoencoders import DenseAutoencoder, train_autoencoder


def fit_on_known(
    name: str,
    build: Callable[[], nn.Module],
    train: Callable[[Dataset], nn.Module],
    plan: dict,
    run: Run,
    data: Dataset,
    *,
    retrain: bool,
) -> nn.Module:
    """A net in evaluation mode: from the run folder, else from the package, else trained now. data: all splits.

    build: makes it untrained; train: of the known photographs -> trained; plan: how (JSON types).
    """
    known = known_photographs(data)
    wanted = {"net": name, "seed": run.seed, "known": store.fingerprint(known.images, known.labels)}

    def fit() -> tuple[dict, dict]:
        state = train(known).state_dict()
        return {name: part.half() if part.is_floating_point() else part for name, part in state.items()}, {}

    fitted = store.fit_or_load(
        *(f"generators/{name}", wanted | {"plan": plan}, data.fingerprint, fit),
        run_dir=run.dir,
        retrain=retrain,
        accept_shipped_if=wanted,
        depends=(build, train),
    )
    net = build()  # from the rounded numbers of the file even when just trained: both must draw the same
    net.load_state_dict({name: part.float() for name, part in fitted.state.items()})
    return net.eval()


def fit_autoencoder(run: Run, data: Dataset, *, retrain: bool = False) -> DenseAutoencoder:
    """Report 000's autoencoder: all photographs in every step. data: all splits."""
    epochs, size = run.profile.autoencoder_epochs, data.images.shape[1]

    def build() -> DenseAutoencoder:
        return DenseAutoencoder(image_size=size)

    def train(known: Dataset) -> DenseAutoencoder:
        return train_autoencoder(build, known.tensor(), seed=run.seed, epochs=epochs)[0]

    return fit_on_known("dense_autoencoder", build, train, {"epochs": epochs}, run, data, retrain=retrain)


def fit_vae(run: Run, data: Dataset, *, retrain: bool = False) -> ConditionalVAE:
    """The variational autoencoder, told the class. data: all splits."""
    classes, plan = len(data.classes), VaeConfig(run.profile.vae_steps)

    def build() -> ConditionalVAE:
        return ConditionalVAE(classes=classes, image_size=data.images.shape[1], width=plan.width)

    def train(known: Dataset) -> ConditionalVAE:
        labels = torch.from_numpy(known.labels)
        return train_vae(known.tensor(), labels, plan, classes=classes, seed=run.seed)[0]

    return fit_on_known("vae", build, train, asdict(plan), run, data, retrain=retrain)
