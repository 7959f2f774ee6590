"""The first report's hybrids on the data of a run: its autoencoder, trained once and kept."""

from __future__ import annotations

from clockodile import artifacts
from clockodile.data.dataset import Dataset
from clockodile.hybrids.autoencoders import DenseAutoencoder, train_autoencoder
from clockodile.workspace import Run

VERSION = 1  # raise it when the model or its training change: kept weights are then trained anew


def fit_autoencoder(
    run: Run, data: Dataset, *, epochs: int = 0, retrain: bool = False
) -> tuple[DenseAutoencoder, artifacts.Fitted]:
    """Train the autoencoder on the training images, or load the one trained so before.

    epochs: 0 for the profile's. Returns the model in evaluation mode and its record (metrics: "losses", one an epoch).
    """
    epochs = epochs or run.profile.autoencoder_epochs

    def fit() -> tuple[dict, dict]:
        model, losses = train_autoencoder(data.tensor(), seed=run.seed, epochs=epochs)
        return model.state_dict(), {"losses": losses}

    config = {"net": "dense_autoencoder", "version": VERSION, "seed": run.seed, "epochs": epochs}
    fitted = artifacts.fit_or_load(
        "generators/dense_autoencoder", config, data.fingerprint, fit, run_dir=run.dir, retrain=retrain
    )
    model = DenseAutoencoder(image_size=data.images.shape[1])
    model.load_state_dict(fitted.state)
    return model.eval(), fitted
