from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from clockodile.classify.robustness import (
    CORRUPTIONS,
    ORIGINAL,
    central_square,
    correct_under_corruptions,
    draw_per_image,
    out_of_fold_correct,
    out_of_fold_under_corruptions,
    summarise_corruptions,
)
from clockodile.core.errors import UserError


def pictures(count=4, side=32):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(side))


class BrightTop(nn.Module):
    """Says 1 where the upper half is brighter than the lower, or always the other way round."""

    def __init__(self, sign=1.0):
        super().__init__()
        self.sign = nn.Parameter(torch.tensor(sign))

    def forward(self, images):
        upper, lower = images.mean((1, 3)).chunk(2, dim=1)
        score = self.sign * (upper.mean(1) - lower.mean(1))
        return torch.stack([-score, score], 1)


def measured(predict_logits, images, labels):
    return summarise_corruptions(correct_under_corruptions(predict_logits, images, labels))


@pytest.fixture
def bright_top():
    """Ten pictures with a bright upper or lower half, and which: BrightTop is always right."""
    labels = torch.arange(10) % 2
    images = 0.3 + 0.1 * pictures(10, 16)
    images[labels == 1, :, :8] += 0.4
    images[labels == 0, :, 8:] += 0.4
    return images, labels


def test_accuracy_under_corruptions_of_a_net_one_understands(bright_top):
    table = measured(BrightTop(), *bright_top).set_index("change")
    assert list(table.index) == list(CORRUPTIONS)
    assert table.loc[[ORIGINAL, "mirrored", "grey", "darker", "centre masked"], "accuracy"].eq(1).all()
    assert table.loc[["upside down", "negative"], "accuracy"].eq(0).all()
    assert table[["low", "accuracy", "high"]].round(9).diff(axis=1).min(axis=None) >= 0
    assert table.loc["upside down", "difference"] == -1 and table.loc["mirrored", "difference"] == 0
    assert table.loc["mirrored", "difference_low"] < 0 < table.loc["mirrored", "difference_high"]
    assert table.loc[ORIGINAL, ["difference", "difference_low", "difference_high"]].eq(0).all()


def test_the_original_is_always_judged_and_comes_first(bright_top):
    correct = correct_under_corruptions(
        BrightTop(), *bright_top, changes={"negative": CORRUPTIONS["negative"]}
    )
    assert list(correct.columns) == [ORIGINAL, "negative"] and correct.shape == (10, 2)
    assert correct[ORIGINAL].eq(1).all() and correct["negative"].eq(0).all()


def test_comparing_the_same_pictures_is_sharper():
    rng = np.random.default_rng(0)
    plain = rng.random(400) < 0.8
    changed = plain & (rng.random(400) < 0.95)  # a change that costs a few of the very same pictures
    table = summarise_corruptions(pd.DataFrame({ORIGINAL: plain, "x": changed}).astype(float)).set_index(
        "change"
    )
    row = table.loc["x"]
    assert row["difference"] == pytest.approx(row["accuracy"] - table.loc[ORIGINAL, "accuracy"])
    assert row["difference_low"] < row["difference"] < row["difference_high"] < 0
    assert row["difference_high"] - row["difference_low"] < row["high"] - row["low"]


def test_pictures_are_judged_only_by_nets_that_have_not_seen_them(bright_top):
    images, labels = bright_top
    first = np.arange(10) < 5
    never, always = BrightTop(-1.0), BrightTop(1.0)
    right = out_of_fold_correct([(always, first), (never, ~first)], images, labels)
    assert right[ORIGINAL].tolist() == [1] * 5 + [0] * 5
    assert right["upside down"].tolist() == [0] * 5 + [1] * 5


def test_several_nets_share_a_picture(bright_top):
    every = np.ones(10, bool)
    nets = [(BrightTop(sign), every) for sign in (1.0, 1.0, -1.0, 1.0)]
    table = out_of_fold_under_corruptions(nets, *bright_top)
    assert table["accuracy"][0] == 0.75 and table.loc[0, "low"] < 0.75 < table.loc[0, "high"]


def test_one_fold_of_everything_is_the_plain_measurement(bright_top):
    net = BrightTop()
    everything = out_of_fold_under_corruptions([(net, np.ones(10, bool))], *bright_top)
    pd.testing.assert_frame_equal(everything, measured(net, *bright_top))


def test_a_picture_that_nobody_held_out_is_refused(bright_top):
    with pytest.raises(UserError, match="7 of 10 images"):
        out_of_fold_correct([(BrightTop(), np.arange(10) < 3)], *bright_top)


def test_labels_of_many_classes():
    images = pictures(6, 8)
    table = measured(partial(lambda count, seen: torch.eye(count)[: len(seen)], 6), images, torch.arange(6))
    assert table["accuracy"].eq(1).all()


EVERY = pytest.mark.parametrize("change", CORRUPTIONS.values(), ids=CORRUPTIONS)


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
