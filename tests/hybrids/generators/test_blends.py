"""Blends: between their parents, exactly the parents at the ends, and no opinion about which parent comes first."""

import pytest
import torch

from clockodile.hybrids.generators import blends
from clockodile.hybrids.generators.blends import (
    collapse,
    half_and_half,
    laplacian_pyramid,
    pixel_blend,
    pyramid_paste,
    soft_disc,
)

BLENDS = [pixel_blend, half_and_half, pyramid_paste]


@pytest.fixture(params=[(16, 16), (32, 32), (24, 40)], ids=str)
def parents(request):
    return torch.rand(2, 5, 3, *request.param, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("blend", BLENDS)
def test_the_ends_are_the_parents(blend, parents):
    first, second = parents
    assert torch.allclose(blend(first, second, mix=0), first, atol=1e-6)
    assert torch.allclose(blend(first, second, mix=1), second, atol=1e-6)


@pytest.mark.parametrize("blend", [pixel_blend, half_and_half])
def test_some_ends_are_the_parents_to_the_last_digit(blend, parents):
    first, second = parents
    assert torch.equal(blend(first, second, mix=0), first)
    assert torch.equal(blend(first, second, mix=1), second)


@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("mix", [0.2, 0.5, 0.9])
def test_pictures_stay_pictures_and_do_not_know_their_neighbours(blend, mix, parents):
    first, second = parents
    blended = blend(first, second, mix=mix)
    assert blended.shape == first.shape
    assert 0 <= blended.min() and blended.max() <= 1
    assert torch.allclose(blend(first[2:3], second[2:3], mix=mix), blended[2:3], atol=1e-6)


@pytest.mark.parametrize("blend", BLENDS)
def test_two_equal_parents_have_an_equal_child(blend, parents):
    assert torch.allclose(blend(parents[0], parents[0]), parents[0], atol=1e-6)


@pytest.mark.parametrize("mix", [0.0, 0.3, 1.0])
def test_a_double_exposure_is_symmetric_and_lies_between_its_parents(mix, parents):
    first, second = parents
    blend = pixel_blend(first, second, mix=mix)
    assert torch.allclose(blend, pixel_blend(second, first, mix=1 - mix), atol=1e-6)
    assert (blend >= torch.minimum(first, second) - 1e-6).all()
    assert (blend <= torch.maximum(first, second) + 1e-6).all()


# --- pyramids ---------------------------------------------------------------------------------------------------


def test_a_pyramid_can_be_put_together_again(parents):
    assert torch.allclose(collapse(laplacian_pyramid(parents[0])), parents[0], atol=1e-5)


@pytest.fixture
def paste(monkeypatch):
    """Paste by a mask (N or 1, 1, H, W), 1 = the second picture, in place of the disc."""

    def paste(first, second, mask):
        monkeypatch.setattr(blends, "soft_disc", lambda size, mix: mask)
        return pyramid_paste(first, second)

    return paste


def test_pasting_is_symmetric_in_the_mask(parents, paste):
    first, second = parents
    mask = torch.rand(5, 1, *first.shape[2:])
    assert torch.allclose(paste(first, second, mask), paste(second, first, 1 - mask), atol=1e-5)


def test_with_one_level_it_is_a_plain_paste(parents, paste, monkeypatch):
    monkeypatch.setattr(blends, "LEVELS", 1)
    first, second = parents
    mask = (torch.rand(1, 1, *first.shape[2:]) < 0.5).float()
    assert torch.allclose(paste(first, second, mask), torch.where(mask > 0, second, first))


def test_a_paste_has_no_seam(paste):
    black, white = torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32)
    mask = (torch.arange(32) >= 16).float().expand(1, 1, 32, 32)
    row = paste(black, white, mask)[0, 0, 16]
    assert row[0] < 0.2 and row[-1] > 0.8
    assert row.diff().max() < 0.3  # the plain paste jumps by 1


@pytest.mark.parametrize("size", [(16, 16), (32, 48)])
def test_the_disc_grows_from_nothing_to_everything(size):
    shares = [soft_disc(size, mix).mean().item() for mix in (0, 0.1, 0.3, 0.5, 0.7, 0.9, 1)]
    assert shares[0] == 0 and shares[-1] == 1
    assert shares == sorted(shares) and shares[3] == pytest.approx(0.5, abs=0.02)
    disc = soft_disc(size, 0.3)[0, 0]
    assert disc[size[0] // 2, size[1] // 2] == 1 and disc[0, 0] == 0
