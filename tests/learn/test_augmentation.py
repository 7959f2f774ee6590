import pytest
import torch

from clockodile.learn import augmentation
from clockodile.learn.augmentation import AUGMENTATIONS, augment, upside_down


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images(data):
    return data.tensor()[:40]


@pytest.mark.parametrize("change", [*AUGMENTATIONS.values(), upside_down], ids=lambda change: change.__name__)
def test_shape_range_and_determinism(images, change):
    before = images.clone()
    out = change(images, generator(1))
    assert out.shape == images.shape and out.dtype == images.dtype
    assert out.min() >= 0 and out.max() <= 1
    assert torch.equal(out, change(images, generator(1)))
    assert torch.equal(images, before), "the input is left alone"
    assert not torch.equal(out, images)


@pytest.mark.parametrize("name", [name for name in AUGMENTATIONS if name != "flip"])
def test_each_image_gets_its_own_numbers(images, name):
    copies = images[:1].repeat(8, 1, 1, 1)
    changed = AUGMENTATIONS[name](copies, generator())
    assert len({tuple(row.flatten().tolist()) for row in changed}) == 8


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_image_i_does_not_depend_on_its_neighbours(images, name):
    others = images.clone()
    others[1:] = 0.5
    together = AUGMENTATIONS[name](images, generator())[0]
    assert torch.allclose(together, AUGMENTATIONS[name](others, generator())[0], atol=1e-6)


def test_flip_mirrors_or_leaves(images):
    out = augmentation.flip(images, generator())
    mirrored = (out == images.flip(3)).flatten(1).all(1)
    same = (out == images).flatten(1).all(1)
    assert (mirrored | same).all() and mirrored.any() and same.any()


def test_strengths_of_zero_change_nothing(images):
    unchanged = [
        augmentation.crop(images, generator(), margin=0),
        augmentation.affine(images, generator(), degrees=0, zoom=0),
        augmentation.colour(images, generator(), brightness=0, contrast=0, saturation=0),
        augmentation.noise(images, generator(), deviation=0),
        augmentation.blur(images, generator(), strength=0),
    ]
    assert all(torch.allclose(out, images, atol=1e-4) for out in unchanged)


def test_warp_moves_and_turns_as_it_says():
    picture = torch.zeros(1, 3, 32, 32)
    picture[:, :, 16, 24] = 1  # a dot right of the centre
    shifted = augmentation.warp(picture, dx=torch.tensor([0.25]).view(1, 1, 1, 1))  # a quarter of half a side: 4
    assert shifted[0, 0, 16].argmax() == 20
    turned = augmentation.warp(picture, angle=torch.tensor([90.0]).view(1, 1, 1, 1))
    column = turned[0, 0].sum(0).argmax().item()
    assert abs(column - 16) <= 1, "a quarter turn brings the dot above or below the centre"


def test_augment_applies_in_order_and_knows_its_names(images):
    by_hand = augmentation.blur(augmentation.flip(images, shared := generator()), shared)
    assert torch.equal(augment(images, ("flip", "blur"), generator()), by_hand)
    assert torch.equal(augment(images, (), generator()), images)
    with pytest.raises(KeyError):
        augment(images, ("flop",), generator())


def test_a_shift_moves_whole_pixels_and_no_further_than_two(images):
    out = augmentation.shift(images, generator())
    assert out.shape == images.shape and torch.equal(out, augmentation.shift(images, generator()))
    margin, moves = round(0.0625 * images.shape[-1]), set()
    for before, after in zip(images, out, strict=True):
        inner = after[:, margin:-margin, margin:-margin]
        fits = [
            (dy, dx)
            for dy in range(2 * margin + 1)
            for dx in range(2 * margin + 1)
            if torch.equal(inner, before[:, dy : dy + inner.shape[1], dx : dx + inner.shape[2]])
        ]
        moves.update(fits)
        assert fits
    assert len(moves) > 5
