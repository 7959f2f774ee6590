"""Autoencoders, VAE and GAN on the data of a run: trained once on four folds of five and kept, or shipped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import nn

from clockodile.core import store
from clockodile.core.recipes import Profile
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset
from clockodile.hybrids.generators.flow_of_run import HELD_OUT
from clockodile.hybrids.generators.gan import GanConfig, Generator, train_gan
from clockodile.hybrids.generators.vae import ConditionalVAE, VaeConfig, train_vae
from clockodile.learn.autoencoders import ConvAutoencoder, DenseAutoencoder, train_autoencoder

POINTS = 100  # how many values a kept curve of losses has at most


@dataclass(frozen=True)
class AutoencoderConfig:
    """How an autoencoder is trained."""

    epochs: int  # how often each picture is seen
    batch: int | None = None  # pictures a step; None = all of them in every step, as in report 000
    learning_rate: float = 1e-3  # of Adam, constant


@dataclass(frozen=True)
class TrainedNet:
    """A kind of net that is trained on the labelled photographs of a run."""

    name: str  # of its file
    config: Callable[[Profile], AutoencoderConfig | VaeConfig | GanConfig]  # how a profile trains it
    build: Callable[..., nn.Module]  # build(classes=C, image_size=S, and code, width if it has them)
    train: Callable  # train(images, labels, config, classes=C, seed=...) -> net in evaluation mode, losses

    def fit(self, run: Run, data: Dataset, *, retrain: bool = False) -> tuple[nn.Module, store.Checkpoint]:
        """The net, from the run folder, else from the package, else trained now. data: all splits.

        Returns the net in evaluation mode and its record (metrics: "losses", averaged to at most 100 values).
        """
        config = self.config(run.profile)

        def fit() -> tuple[dict, dict]:
            known = known_photographs(data)
            net, losses = self.train(
                known.tensor(),
                torch.from_numpy(known.labels),
                config,
                classes=len(data.classes),
                seed=run.seed,
            )
            return half_precision(net), {"losses": curve(losses)}

        wanted = self.wanted(run, data)
        fitted = store.fit_or_load(
            f"generators/{self.name}",
            wanted | {"plan": asdict(config)},
            data.fingerprint,
            fit,
            run_dir=run.dir,
            retrain=retrain,
            accept_shipped_if=wanted,
            depends=(self.train, self.build),
        )
        return self.load(fitted, data), fitted

    def wanted(self, run: Run, data: Dataset) -> dict:
        """What a stored net must agree with, however long it was trained. data: all splits."""
        known = known_photographs(data)
        return {
            "net": self.name,
            "seed": run.seed,
            # which folds there are is not in the data's name
            "known": store.fingerprint(known.images, known.labels),
        }

    def load(self, fitted: store.Checkpoint, data: Dataset) -> nn.Module:
        """The net in a stored file, in evaluation mode, for the data it was trained on.

        Always from the rounded numbers of the file, even when just trained: both must draw the same.
        """
        shape = {
            name: fitted.config["plan"][name] for name in ("code", "width") if name in fitted.config["plan"]
        }
        net = self.build(classes=len(data.classes), image_size=data.images.shape[1], **shape)
        net.load_state_dict(
            {name: part.to(net.state_dict()[name].dtype) for name, part in fitted.state.items()}
        )
        return net.eval()


def half_precision(net: nn.Module) -> dict[str, torch.Tensor]:
    """A net's state with every float rounded to 16 bits."""
    return {
        name: part.half() if part.is_floating_point() else part for name, part in net.state_dict().items()
    }


def known_photographs(data: Dataset) -> Dataset:
    """The training photographs outside the held-out fold: all that a generator may learn from. data: all splits."""
    train = data.part("train")
    return train.rows(train.fold != HELD_OUT)


def curve(losses: list) -> list:
    """Losses averaged over stretches of equal length, so that at most POINTS are left; pairs stay pairs."""
    values = np.asarray(losses, float)
    length = -(-len(values) // POINTS)
    return [values[i : i + length].mean(0).tolist() for i in range(0, len(values), length)]


def _autoencoder(
    name: str, kind: type[nn.Module], config: Callable[[Profile], AutoencoderConfig]
) -> TrainedNet:
    def train(
        images: torch.Tensor, labels: torch.Tensor, config: AutoencoderConfig, *, classes: int, seed: int
    ):
        return train_autoencoder(
            lambda: kind(image_size=images.shape[-1]), images, seed=seed, **asdict(config)
        )

    return TrainedNet(name, config, lambda *, classes, image_size: kind(image_size=image_size), train)


DENSE_AUTOENCODER = _autoencoder(
    "dense_autoencoder", DenseAutoencoder, lambda profile: AutoencoderConfig(profile.autoencoder_epochs)
)
CONV_AUTOENCODER = _autoencoder(  # many small steps: all pictures at once would be slow to learn from
    "conv_autoencoder",
    ConvAutoencoder,
    lambda profile: AutoencoderConfig(profile.conv_autoencoder_epochs, batch=32, learning_rate=2e-3),
)
VAE = TrainedNet(
    "vae",
    lambda profile: VaeConfig(profile.vae_steps, width=profile.generator_width),
    ConditionalVAE,
    train_vae,
)
GAN = TrainedNet(
    "gan",
    lambda profile: GanConfig(profile.gan_steps, width=profile.generator_width),
    Generator,
    train_gan,
)
