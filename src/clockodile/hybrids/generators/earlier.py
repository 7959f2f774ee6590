"""The generators of the earlier reports on the data of a run: trained once on four folds of five, and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from torch import nn

from clockodile.core import store
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset
from clockodile.hybrids.generators.flow_of_run import HELD_OUT
from clockodile.hybrids.generators.gan import GanConfig, Generator, train_gan
from clockodile.hybrids.generators.vae import ConditionalVAE, VaeConfig, train_vae
from clockodile.learn.autoencoders import (
    ConvAutoencoder,
    DenseAutoencoder,
    train_autoencoder,
)

POINTS = 100  # how many values a kept curve of losses has at most


@dataclass(frozen=True)
class AutoencoderConfig:
    """How an autoencoder is trained."""

    epochs: int  # how often each picture is seen
    batch: int | None = None  # pictures a step; None = all of them in every step, as in report 000
    learning_rate: float = 1e-3  # of Adam, constant


@dataclass(frozen=True)
class Plans:
    """The plans of one profile; report 000's autoencoder has its epochs in recipes.Profile."""

    conv_autoencoder: AutoencoderConfig  # many small steps: all pictures at once would be slow to learn from
    vae: VaeConfig  # small and short in the quick profile: enough to see that it learns
    gan: GanConfig  # the slowest of the three


AUTOENCODERS = {"dense_autoencoder": DenseAutoencoder, "conv_autoencoder": ConvAutoencoder}
INVENTORS = {"vae": ConditionalVAE, "gan": Generator}  # draw from noise
PLANS = {  # by profile
    "quick": Plans(
        AutoencoderConfig(epochs=8, batch=32, learning_rate=2e-3),
        VaeConfig(steps=160, width=16, ema_decay=0.99),
        GanConfig(steps=160, batch=16, width=16, ema_decay=0.98),
    ),
    "full": Plans(
        AutoencoderConfig(epochs=60, batch=32, learning_rate=2e-3),
        VaeConfig(steps=2000),
        GanConfig(steps=1500),
    ),
}


def known_photographs(data: Dataset) -> Dataset:
    """The training photographs outside the held-out fold: all that a generator may learn from. data: all splits."""
    train = data.part("train")
    return train.rows(train.fold != HELD_OUT)


def fit_autoencoder(
    run: Run, data: Dataset, *, epochs: int = 0, retrain: bool = False
) -> tuple[DenseAutoencoder, store.Checkpoint]:
    """Report 000's autoencoder, trained now or loaded. data: all splits; epochs: 0 for the profile's.

    Returns the model in evaluation mode and its record (metrics: "losses", one an epoch).
    """
    plan = AutoencoderConfig(epochs or run.profile.autoencoder_epochs)
    return _fit_autoencoder("dense_autoencoder", run, data, plan, retrain=retrain)


def fit_conv_autoencoder(
    run: Run, data: Dataset, *, plan: AutoencoderConfig | None = None, retrain: bool = False
) -> tuple[ConvAutoencoder, store.Checkpoint]:
    """The convolutional autoencoder, trained now or loaded; arguments and results as of `fit_autoencoder`."""
    usual = PLANS[run.profile.name].conv_autoencoder
    plan = plan or replace(usual, epochs=run.profile.scaled(usual.epochs))
    return _fit_autoencoder("conv_autoencoder", run, data, plan, retrain=retrain)


def fit_vae(
    run: Run, data: Dataset, *, plan: VaeConfig | None = None, retrain: bool = False
) -> tuple[ConditionalVAE, store.Checkpoint]:
    """The conditional variational autoencoder, trained now or loaded. data: all splits; plan: None for the profile's.

    Returns the model in evaluation mode and its record (metrics: "losses", averaged to at most 100 values).
    """
    usual = PLANS[run.profile.name].vae
    plan = plan or replace(usual, steps=run.profile.scaled(usual.steps))

    def train(images: torch.Tensor, labels: torch.Tensor, classes: int):
        return train_vae(images, labels, plan, classes=classes, seed=run.seed)

    return _fit("vae", run, data, asdict(plan), train, retrain=retrain)


def fit_gan(
    run: Run, data: Dataset, *, plan: GanConfig | None = None, retrain: bool = False
) -> tuple[Generator, store.Checkpoint]:
    """The conditional GAN's averaged generator, trained now or loaded; arguments and results as of `fit_vae`.

    metrics: "losses" are pairs, of the net that tells and of the net that draws.
    """
    usual = PLANS[run.profile.name].gan
    plan = plan or replace(usual, steps=run.profile.scaled(usual.steps))

    def train(images: torch.Tensor, labels: torch.Tensor, classes: int):
        return train_gan(images, labels, plan, classes=classes, seed=run.seed)

    return _fit("gan", run, data, asdict(plan), train, retrain=retrain)


def _fit_autoencoder(name: str, run: Run, data: Dataset, plan: AutoencoderConfig, *, retrain: bool):
    def train(images: torch.Tensor, labels: torch.Tensor, classes: int):
        return train_autoencoder(
            lambda: AUTOENCODERS[name](image_size=images.shape[-1]), images, seed=run.seed, **asdict(plan)
        )

    return _fit(name, run, data, asdict(plan), train, retrain=retrain)


def config_of(name: str, run: Run, data: Dataset) -> dict:
    """What the stored net `name` must agree with, however long it was trained. data: all splits."""
    known = known_photographs(data)
    return {
        "net": name,
        "seed": run.seed,
        # which folds there are is not in the data's name
        "known": store.fingerprint(known.images, known.labels),
    }


def net_from(name: str, fitted: store.Checkpoint, data: Dataset) -> nn.Module:
    """The net `name` in a stored file, in evaluation mode, for the data it was trained on."""
    size = data.images.shape[1]
    if name in AUTOENCODERS:
        net = AUTOENCODERS[name](image_size=size)
    else:
        shape = {part: fitted.config["plan"][part] for part in ("code", "width")}
        net = INVENTORS[name](classes=len(data.classes), image_size=size, **shape)
    net.load_state_dict(fitted.state)
    return net.eval()


def _fit(
    name: str, run: Run, data: Dataset, plan: dict, train: Callable, *, retrain: bool
) -> tuple[nn.Module, store.Checkpoint]:
    """Train or load the net `name`. train(images, labels, C) -> (net, losses)."""
    known, classes = known_photographs(data), len(data.classes)

    def fit() -> tuple[dict, dict]:
        net, losses = train(known.tensor(), torch.from_numpy(known.labels), classes)
        state = {
            part: value.half() if value.is_floating_point() else value
            for part, value in net.state_dict().items()
        }
        return state, {"losses": curve(losses)}

    config = config_of(name, run, data) | {"plan": plan}
    fitted = store.fit_or_load(
        *(f"generators/{name}", config, data.fingerprint, fit),
        **{"run_dir": run.dir, "retrain": retrain, "depends": (train,)},
    )
    # from the kept numbers even when just trained: half precision rounds, and both must draw the same
    state = {
        part: value.float() if value.is_floating_point() else value for part, value in fitted.state.items()
    }
    fitted = replace(fitted, state=state)
    return net_from(name, fitted, data), fitted


def curve(losses: list) -> list:
    """Losses averaged over stretches of equal length, so that at most POINTS are left; pairs stay pairs."""
    values = np.asarray(losses, float)
    length = -(-len(values) // POINTS)
    return [values[i : i + length].mean(0).tolist() for i in range(0, len(values), length)]
