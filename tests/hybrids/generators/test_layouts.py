"""Training pictures: what the net is told about them is true."""

import pytest
import torch

from clockodile.hybrids.generators.layouts import frame_coords, island, pasted, photographed, single
from clockodile.hybrids.generators.unet import plain_coords


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def photos():
    return torch.rand(200, 3, 16, 16, generator=draw(1)) * 2 - 1


def test_a_photograph_in_its_own_frame_is_itself():
    smooth = torch.nn.functional.interpolate(torch.rand(2, 3, 3, 3), size=16, mode="bicubic")
    plain = frame_coords(16, *(torch.tensor([value] * 2) for value in (1.0, 0.0, 0.0, 0.0)))
    assert torch.allclose(plain, plain_coords(2, 16), atol=1e-6)
    assert (photographed(smooth, plain) - smooth).abs().mean() < 0.02


def test_a_frame_is_scaled_and_shifted_as_said():
    coords = frame_coords(16, *(torch.tensor([value]) for value in (0.5, 0.0, 0.5, -0.5)))[0]
    assert torch.allclose(coords[:, 4, 12].mean(), torch.tensor(0.125)), "its middle lies right and above"
    assert torch.allclose(coords[0, 0, 15] - coords[0, 0, 7], torch.tensor(2.0)), "half the canvas, all of it"


def test_half_of_the_photographs_stay_and_are_told_to_be_plain(photos):
    seen, layout = single(photos, torch.arange(200), draw())
    assert seen.shape == photos.shape and layout.labels.flatten().tolist() == list(range(200))
    still = ((layout.coords - plain_coords(200, 16)).abs() < 1e-5).flatten(1).all(1)
    assert 70 < still.sum() < 130
    same = (seen == photos).flatten(1).all(1) | (seen == photos.flip(3)).flatten(1).all(1)
    assert torch.equal(same, still), "and nothing else is untouched"


def test_a_composite_shows_each_photograph_where_it_says(photos):
    below, above = torch.full_like(photos, -1.0), torch.full_like(photos, 1.0)
    labels = torch.zeros(200, dtype=torch.long)
    pictures, layout = pasted(below, above, labels, labels + 1, draw())
    assert layout.labels.unique(dim=0).tolist() == [[0, 1]]
    assert torch.allclose(layout.masks.sum(1), torch.ones(200, 16, 16))
    assert torch.allclose(pictures[:, 0], layout.masks[:, 1] * 2 - 1, atol=1e-5)
    share = layout.masks[:, 1].mean((1, 2))
    assert share.min() > 0.02 and share.max() < 0.9, "neither hides the other"
    outside = layout.masks[:, 1] < 0.5
    plain = plain_coords(200, 16)
    assert torch.equal(layout.coords.permute(0, 2, 3, 1)[outside], plain.permute(0, 2, 3, 1)[outside])


def test_the_same_random_numbers_give_the_same_pictures(photos):
    labels = torch.arange(200)
    for first, again in ((single(photos, labels, draw(3)), single(photos, labels, draw(3))),):
        assert torch.equal(first[0], again[0]) and torch.equal(first[1].coords, again[1].coords)
    assert not torch.equal(single(photos, labels, draw(4))[0], single(photos, labels, draw(3))[0])


def test_an_island_lies_where_it_is_asked_for():
    layout = island(32, 7, 3, scale=0.5, x=0.5, y=0.5)
    assert layout.labels.tolist() == [[7, 3]]
    mask = layout.masks[0, 1]
    assert mask[24, 24] > 0.9 and mask[:14].max() < 0.1 and mask[:, :14].max() < 0.1
    assert mask.mean() == pytest.approx(torch.pi * 0.25**2 * 0.95**2, rel=0.15), "a disc of half the side"
