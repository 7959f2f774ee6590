"""The flow of a run: the package's where it fits, trained further where it does not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_flows import KNOWS, small_unet, tiny_package, trained, use_tiny_plans

from clockodile.ambiguous.judge import judge_name
from clockodile.core import store
from clockodile.core.errors import UserError
from clockodile.core.recipes import get_profile
from clockodile.hybrids.generators import flow_of_run
from clockodile.hybrids.generators.flow_of_run import (
    HELD_OUT,
    SEEN,
    Flow,
    as_generators_see,
    config_of,
    fit_flow,
    flow_from,
    image_hashes,
    known_photographs,
    package_flow,
    set_into,
    with_classes,
)
from clockodile.hybrids.generators.unet import Layout


@pytest.fixture
def flow():
    return Flow(trained(small_unet(classes=3)), KNOWS, (0, 2), 16)


@pytest.fixture
def tiny(monkeypatch):
    use_tiny_plans(monkeypatch)


def test_the_same_drawings_are_drawn_once_and_cannot_be_spoiled(flow, monkeypatch):
    first = flow.one(0, [1, 2], guidance=3.0)
    first.zero_()
    again = flow.one(0, range(1, 3), guidance=3.0)
    assert again.abs().sum() > 0
    monkeypatch.setattr(Flow, "sample", None)
    assert torch.equal(flow.one(0, [1, 2], guidance=3.0), again)


def test_pictures_depend_on_their_own_seed_alone(flow):
    for draw in (flow.both, flow.placed, flow.joined, lambda seeds: flow.one(1, seeds)):
        many = draw([3, 8, 5])
        assert many.shape == (3, 3, 16, 16) and 0 <= many.min() and many.max() <= 1
        assert torch.allclose(draw([8]), many[1:2], atol=0.02)
        assert not torch.allclose(many[0], many[1], atol=0.1)
    assert flow.both([]).shape == (0, 3, 16, 16)


def test_the_ends_of_a_mix_are_the_classes_alone(flow):
    first, second = (flow.one(label, [1, 2]) for label in flow.pair)
    assert torch.allclose(flow.both([1, 2], mix=0.0), first, atol=1e-3)
    assert torch.allclose(flow.both([1, 2], mix=1.0), second, atol=1e-3)
    assert torch.equal(flow.placed([1, 2], mix=0.0), first)
    assert torch.equal(flow.placed([1, 2], mix=1.0), second)
    strong = [flow.one(label, [1, 2], guidance=flow_of_run.STRONG) for label in flow.pair]
    assert torch.equal(flow.joined([1, 2], mix=0.0), strong[0]) and torch.equal(flow.joined([1, 2], mix=1.0), strong[1])
    assert torch.equal(flow.joined([1, 2]), set_into(strong[1], strong[0]))


def test_what_is_placed_differs_from_the_second_class_most_in_its_place(flow):
    change = (flow.placed(range(8)) - flow.one(flow.pair[1], range(8))).abs().mean((0, 1))
    assert change[8:, 8:].mean() > change[:6, :6].mean()


def test_the_disc_stands_where_there_is_least_to_be_seen():
    second = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    second[0, :, :16, :16] = second[1, :, 16:, 8:24] = 0.5  # the upper left, and below the middle
    found = set_into(second, torch.ones(3, 3, 32, 32))
    changed = (found - second).abs().amax(1) > 0.01
    for picture, (row, column) in ((0, (7, 7)), (1, (24, 16))):
        assert (found[picture, :, row, column] > 0.99).all()
        rows, columns = changed[picture].nonzero().T
        assert (rows - row).abs().max() <= 8 and (columns - column).abs().max() <= 8
    assert 60 <= changed[2].sum() <= 16 * 16, "where there is something everywhere, it stands somewhere"
    assert set_into(second, torch.ones(3, 3, 32, 32), 0.8).mean() > found.mean()


def test_what_is_shrunk_is_whole():
    """Black left, white right: so it is in the disc."""
    second, first = torch.full((1, 3, 32, 32), 0.5), torch.zeros(1, 3, 32, 32)
    first[..., 16:] = 1
    found = set_into(second, first)[0, 0]
    assert found.min() < 0.05 and found.max() > 0.95
    assert (found < 0.05).nonzero()[:, 1].max() < (found > 0.95).nonzero()[:, 1].min()


def test_hashes_tell_copies_from_others():
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    found = image_hashes(np.concatenate([images, images[:2]]))
    assert len(set(found.tolist())) == 5 and found[5:].tolist() == found[:2].tolist()


def test_a_new_class_begins_as_one_that_is_known_or_as_anything():
    net = trained(small_unet(classes=3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow_of_run, "UNet", small_unet)
        more = with_classes(net, [3, 1, 3, 3, 3]).eval()
    x, time = torch.randn(1, 3, 16, 16), torch.tensor([0.3])
    usual = net(x, time, Layout(torch.tensor([[net.null_class]])))
    for label in (0, 2, 3, 4, 5):
        assert torch.allclose(more(x, time, Layout(torch.tensor([[label]]))), usual, atol=1e-5)
    known = net(x, time, Layout(torch.tensor([[1]])))
    assert torch.allclose(more(x, time, Layout(torch.tensor([[1]]))), known, atol=1e-5)


def test_the_class_that_explains_pictures_best_is_found():
    """A net that guesses the way to black, to grey or to white, as its label says."""

    class Knows(torch.nn.Module):
        null_class = 3

        def __init__(self):
            super().__init__()
            self.shades = torch.nn.Parameter(torch.tensor([-1.0, 0.0, 1.0]))

        def forward(self, x, time, layout):
            shade = self.shades[layout.labels[:, 0]]
            return (shade.view(-1, 1, 1, 1) - x) / (1 - time.view(-1, 1, 1, 1))

    for label, shade in enumerate((0.0, 0.5, 1.0)):
        assert flow_of_run.closest_class(Knows(), torch.full((2, 3, 8, 8), shade)) == label


def test_a_users_photographs_are_learned_and_kept(run, whole, tiny, monkeypatch):
    first = fit_flow(run, whole)
    assert first.classes == ("striped", "dotted", "other things") and first.pair == (0, 1)
    package = tiny_package().state["conv_out.weight"].float()
    assert not torch.equal(first.net.conv_out.weight, package), "it has learned"
    monkeypatch.setattr(flow_of_run.Training, "step", None)  # nothing is trained twice
    again = fit_flow(run, whole)
    assert torch.equal(first.both([4]), again.both([4]))


def test_the_packages_flow_is_taken_for_the_photographs_that_it_knows(run, whole, tiny, monkeypatch, tmp_path):
    known = known_photographs(whole)
    learned = {"net": "flow", "known": store.fingerprint(known.images, known.labels)}
    package = tiny_package(**learned)
    classes = ["striped", "tree", "dotted"]
    path = tmp_path / "package" / "flow.safetensors"
    path.parent.mkdir()
    store.write_weights(path, package.state, {
        "config": learned, "seconds": 0.0, "metrics": package.metrics | {"classes": classes},
    })  # fmt: skip
    monkeypatch.setattr(store, "shipped_weights", lambda: path.parent)
    monkeypatch.setattr(flow_of_run, "package_flow", lambda: package)
    monkeypatch.setattr(flow_of_run.Training, "step", None)
    flow = fit_flow(run, whole)
    assert flow.classes == tuple(classes) and flow.pair == (0, 2)


@pytest.mark.parametrize("seen", [True, False])
def test_a_line_says_when_held_out_photographs_were_learned_from(run, whole, tiny, monkeypatch, caplog, seen):
    package = tiny_package()
    train = whole.part("train")
    rows = train.fold == HELD_OUT if seen else train.fold != HELD_OUT
    package.state[SEEN] = torch.from_numpy(image_hashes(train.images[rows]))
    monkeypatch.setattr(flow_of_run, "package_flow", lambda: package)
    with caplog.at_level("INFO", "clockodile"):
        fit_flow(run, whole)
    assert ("how new its pictures are is unknown" in caplog.text) == seen


def test_only_training_photographs_outside_the_fold_are_known(whole):
    split = whole.split.copy()
    split[:10] = "test"
    known = known_photographs(replace(whole, split=split))
    assert len(known) == ((whole.fold != HELD_OUT) & (split == "train")).sum()
    assert set(known.split) == {"train"} and HELD_OUT not in known.fold


def test_a_class_that_it_does_not_know_is_named():
    with pytest.MonkeyPatch.context() as patch, pytest.raises(UserError, match="does not know 'ship'"):
        patch.setattr(flow_of_run, "UNet", small_unet)
        flow_from(tiny_package(), ["boat", "ship"])


def test_the_profile_says_how_long_a_users_classes_are_learned():
    quick, full = (config_of(get_profile(name)) for name in ("quick", "full"))
    assert quick.pictures < full.pictures and quick.finish == quick.pictures
    assert config_of(get_profile("quick").with_effort(0.5)).pictures == quick.pictures / 2


def test_what_comes_with_the_package_is_whole():
    package = package_flow()
    flow = flow_from(package, ["clock", "crocodile"])
    assert len(flow.classes) == 100 and flow.image_size == 32
    assert len(package.state[SEEN]) == 49_800
    drawn = flow.both([0])
    assert drawn.shape == (1, 3, 32, 32) and drawn.std() > 0.05


def test_generators_see_large_pictures_shrunk_and_others_as_they_are(data):
    assert as_generators_see(data) is data
    large = replace(data, images=data.images.repeat(3, 1).repeat(3, 2), card=data.card | {"image_size": 96})
    small = as_generators_see(large)
    assert small.images.shape == data.images.shape
    assert np.abs(small.images.astype(int) - data.images).mean() < 40  # the same scenes
    assert small.fingerprint != large.fingerprint and small.card["image_size"] == 96
    assert judge_name(large) == judge_name(data) == "judge" != judge_name(small)
