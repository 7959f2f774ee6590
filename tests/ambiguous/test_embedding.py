from dataclasses import replace

import numpy as np

from clockodile.ambiguous.embedding import codes_of


def test_every_image_has_codes_that_are_kept_and_know_no_labels(run, data):
    short = replace(run, profile=replace(run.profile, autoencoder_epochs=10))
    codes = codes_of(short, data)
    assert codes.shape[:2] == (2, len(data)) and not np.allclose(codes[0], codes[1])
    assert np.array_equal(codes_of(short, data), codes)
    other = replace(data, labels=1 - data.labels)
    assert np.allclose(codes_of(replace(short, dir=run.dir / "other"), other), codes)
