import pytest
import torch

from clockodile.hybrids.blends import pixel_blend


@pytest.mark.parametrize("mix", [0.0, 0.3, 1.0])
def test_blending_is_symmetric_and_stays_between_its_parents(mix):
    first, second = torch.rand(2, 5, 3, 8, 8)
    blend = pixel_blend(first, second, mix=mix)
    assert torch.allclose(blend, pixel_blend(second, first, mix=1 - mix), atol=1e-6)
    assert (blend >= torch.minimum(first, second) - 1e-6).all() and (
        blend <= torch.maximum(first, second) + 1e-6
    ).all()


def test_the_ends_are_the_parents():
    first, second = torch.rand(2, 5, 3, 8, 8)
    assert torch.equal(pixel_blend(first, second, mix=0), first)
    assert torch.equal(pixel_blend(first, second, mix=1), second)
