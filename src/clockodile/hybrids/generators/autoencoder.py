"""Report 000's autoencoder: pictures squeezed through a short code and redrawn, learned from four folds of five."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from clockodile.core import store
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset
from clockodile.hybrids.generators.flow_of_run import known_photographs
from clockodile.learn.training import train_full_batch


class DenseAutoencoder(nn.Module):
    """Pixels -> hidden -> code -> hidden -> pixels, all dense layers."""

    def __init__(self, *, image_size: int = 32, hidden: int = 256, code: int = 64):
        super().__init__()
        self.shape = (3, image_size, image_size)
        pixels = 3 * image_size * image_size
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, code))
        self.decoder = nn.Sequential(nn.Linear(code, hidden), nn.ReLU(), nn.Linear(hidden, pixels), nn.Sigmoid())

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Codes (N, code) of images (N, 3, S, S) in [0, 1]."""
        return self.encoder(images)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Images (N, 3, S, S) in [0, 1] of codes (N, code)."""
        return self.decoder(codes).unflatten(1, self.shape)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images squeezed through the code: same shape and range."""
        return self.decode(self.encode(images))


def fit_autoencoder(run: Run, data: Dataset, *, retrain: bool = False) -> DenseAutoencoder:
    """The autoencoder in evaluation mode, from the run folder or trained now, all photographs in every step.

    data: all splits.
    """
    known, epochs = known_photographs(data), run.profile.autoencoder_epochs
    build = partial(DenseAutoencoder, image_size=data.images.shape[1])

    def fit() -> tuple[dict, dict]:
        images = known.tensor()
        trained = train_full_batch(build, images, images, seed=run.seed, epochs=epochs, loss=F.mse_loss)[0]
        return {part: value.half() for part, value in trained.state_dict().items()}, {}

    learned = store.fingerprint(known.images, known.labels)
    config = {"seed": run.seed, "known": learned, "epochs": epochs}
    name = "generators/dense_autoencoder"
    fitted = store.fit_or_load(name, config, data.fingerprint, fit, run_dir=run.dir, retrain=retrain)
    # from the rounded numbers of the file even when just trained: both must draw the same
    net = build()
    net.load_state_dict({part: value.float() for part, value in fitted.state.items()})
    return net.eval()
