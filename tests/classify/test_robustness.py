from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from clockodile.classify.corruptions import CORRUPTIONS, ORIGINAL
from clockodile.classify.robustness import (
    accuracy_under_changes,
    correct_under_corruptions,
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


@pytest.fixture
def bright_top():
    """Ten pictures with a bright upper or lower half, and which: BrightTop is always right."""
    labels = torch.arange(10) % 2
    images = 0.3 + 0.1 * pictures(10, 16)
    images[labels == 1, :, :8] += 0.4
    images[labels == 0, :, 8:] += 0.4
    return images, labels


def test_accuracy_under_changes_of_a_net_one_understands(bright_top):
    table = accuracy_under_changes(BrightTop(), *bright_top).set_index("change")
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
    pd.testing.assert_frame_equal(everything, accuracy_under_changes(net, *bright_top))


def test_a_picture_that_nobody_held_out_is_refused(bright_top):
    with pytest.raises(UserError, match="7 of 10 images"):
        out_of_fold_correct([(BrightTop(), np.arange(10) < 3)], *bright_top)


def test_labels_of_many_classes():
    images = pictures(6, 8)
    table = accuracy_under_changes(
        partial(lambda count, seen: torch.eye(count)[: len(seen)], 6), images, torch.arange(6)
    )
    assert table["accuracy"].eq(1).all()
