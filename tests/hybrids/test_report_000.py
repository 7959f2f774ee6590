import torch

from clockodile.hybrids.report_000 import fit_autoencoder


def test_the_autoencoder_is_trained_once(run, data):
    first, fitted = fit_autoencoder(run, data, epochs=2)
    again, loaded = fit_autoencoder(run, data, epochs=2)
    assert (fitted.origin, loaded.origin) == ("trained", "run folder")
    assert torch.equal(first(data.tensor()), again(data.tensor()))
    assert len(loaded.metrics["losses"]) == 2
