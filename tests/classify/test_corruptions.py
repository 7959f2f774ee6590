import pytest
import torch

from clockodile.classify.corruptions import CORRUPTIONS, ORIGINAL, central_square, draw_per_image

EVERY = pytest.mark.parametrize("change", CORRUPTIONS.values(), ids=CORRUPTIONS)


def pictures(count=4, side=32):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(side))


@EVERY
@pytest.mark.parametrize("side", [8, 9, 32, 50])
def test_changes_keep_shape_type_and_range(change, side):
    images = pictures(2, side)
    before = images.clone()
    changed = change(images)
    assert changed.shape == images.shape and changed.dtype == images.dtype
    assert changed.min() >= 0 and changed.max() <= 1
    assert torch.equal(images, before)


@EVERY
def test_a_picture_s_change_does_not_depend_on_the_others(change):
    images = pictures()
    alone = torch.cat([change(image[None]) for image in images.flip(0)]).flip(0)
    assert torch.allclose(change(images), alone, atol=1e-6)


def test_every_change_but_one_changes_something():
    images = pictures()
    same = [name for name, change in CORRUPTIONS.items() if torch.equal(change(images), images)]
    assert same == [ORIGINAL]


@pytest.mark.parametrize("name", ["mirrored", "upside down", "negative"])
def test_twice_is_as_if_nothing_happened(name):
    change, images = CORRUPTIONS[name], pictures()
    assert torch.allclose(change(change(images)), images, atol=1e-6)


def test_a_plain_picture_survives_what_only_removes_detail():
    images = torch.tensor([0.8, 0.4, 0.2]).view(1, 3, 1, 1).expand(1, 3, 32, 32).contiguous()
    keeping = [
        n for n in CORRUPTIONS if n.split(",")[0] in ("blur", "half size and back", "mean colour only")
    ]
    keeping += ["centre masked", "border masked", "mirrored", "upside down"]
    for name in keeping:
        assert torch.allclose(CORRUPTIONS[name](images), images, atol=1e-5), name


@pytest.mark.parametrize("side", [8, 9, 32, 33])
def test_both_masks_hide_half_of_the_area(side):
    cover = central_square(side)
    assert cover.sum() == pytest.approx(side**2 / 2, rel=1e-5)
    assert cover.min() == 0 and cover.max() == 1
    assert torch.equal(cover, cover.flip(0)) and torch.equal(cover, cover.T)


def test_the_masks_hide_what_they_name_and_complete_each_other():
    images, tile = pictures(), slice(14, 18)
    mean = CORRUPTIONS["mean colour only"](images)
    centre, border = CORRUPTIONS["centre masked"](images), CORRUPTIONS["border masked"](images)
    assert torch.allclose(centre[:, :, tile, tile], mean[:, :, tile, tile], atol=1e-6)
    assert torch.equal(centre[:, :, :4], images[:, :, :4])
    assert torch.allclose(border[:, :, :4], mean[:, :, :4]) and torch.equal(
        border[:, :, tile, tile], images[:, :, tile, tile]
    )
    assert torch.allclose(centre + border, images + mean, atol=1e-6)


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        ("blur, 1/32 of the side", "blur, 1/16 of the side"),
        ("noise, 5 %", "noise, 10 %"),
        ("JPEG, quality 50", "JPEG, quality 10"),
    ],
)
def test_the_stronger_of_two_changes_more(weaker, stronger):
    images = 0.25 + pictures() / 2
    distance = [(CORRUPTIONS[name](images) - images).abs().mean() for name in (weaker, stronger)]
    assert 0 < distance[0] < distance[1]


def test_noise_has_the_deviation_it_names():
    grain = CORRUPTIONS["noise, 5 %"](torch.full((1, 3, 64, 64), 0.5)) - 0.5
    assert grain.std().item() == pytest.approx(0.05, rel=0.03) and abs(grain.mean()) < 0.002


def test_numbers_drawn_for_a_picture_follow_its_pixels_and_the_seed():
    images = pictures()
    first = draw_per_image(images, seed=1)
    assert torch.equal(first, draw_per_image(images, seed=1))
    assert torch.equal(first.flip(0), draw_per_image(images.flip(0), seed=1))
    different = torch.cat([first, draw_per_image(images, seed=2)]).flatten(1)
    assert len(torch.unique(different, dim=0)) == 8
    assert first.min() >= 0 and first.max() < 1 and abs(first.mean() - 0.5) < 0.02
