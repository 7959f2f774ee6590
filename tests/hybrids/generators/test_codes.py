"""Blends of codes prefer no side."""

import pytest
import torch

from clockodile.hybrids.generators.codes import class_mean_blend, code_blend
from clockodile.learn.autoencoders import ConvAutoencoder, DenseAutoencoder

NETS = pytest.mark.parametrize("net", [DenseAutoencoder, ConvAutoencoder])


@NETS
def test_blending_codes_is_symmetric_and_ends_at_the_copies(net, data):
    model, first, second = net(), data.tensor()[:4], data.tensor()[60:64]
    there, back = code_blend(model, first, second, mix=0.3), code_blend(model, second, first, mix=0.7)
    assert torch.allclose(there, back, atol=1e-5)
    assert torch.allclose(code_blend(model, first, second, mix=0.0), model(first), atol=1e-6)


@NETS
def test_a_class_of_one_image_has_that_image_as_its_mean(net, data):
    model, first, second = net(), data.tensor()[:1], data.tensor()[60:61]
    assert torch.allclose(class_mean_blend(model, first, second), code_blend(model, first, second), atol=1e-6)
