from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from clockodile.classify.report_nets import ThreeBlockNet, TwoConvBlockNet
from clockodile.learn import training
from clockodile.learn.models import CompactResNet
from clockodile.learn.training import EMA, TrainConfig, evaluate, one_cycle, predict, seeded, train, train_full_batch

NET = partial(CompactResNet, widths=(8, 16, 16))
BARE = TrainConfig(
    epochs=1, batch=16, weight_decay=0.0, warm_up=None, augmentations=(), label_smoothing=0.0, ema_decay=0.0
)  # none of the refinements
SHORT = TrainConfig(epochs=2, batch=8)


@pytest.fixture
def sixteen(data):
    rows = np.r_[0:8, 60:68]
    return data.tensor()[rows], torch.from_numpy(data.labels[rows])


def equal(first: nn.Module, second: nn.Module) -> bool:
    """Whether two nets have the same weights and statistics, bit for bit."""
    states = first.state_dict(), second.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0] | states[1])


class Watcher:
    """Remembers each step of a training: the net, and the images and labels it learned from."""

    def __init__(self, monkeypatch):
        self.models, self.images, self.labels = [], [], []
        step, change = training.take_step, training.augment

        def watched_step(model, optimiser, images, targets, *rest):
            self.models.append(model)
            self.labels.append(targets.argmax(1))
            return step(model, optimiser, images, targets, *rest)

        def watched_change(*batch):
            images = change(*batch)
            self.images.append(images.clone())
            return images

        monkeypatch.setattr(training, "take_step", watched_step)
        monkeypatch.setattr(training, "augment", watched_change)


# --- all images in every step ----------------------------------------------------------------------------------


def test_it_overfits_sixteen_images(sixteen):
    net, losses = train_full_batch(ThreeBlockNet, *sixteen, seed=0, epochs=100)
    assert evaluate(net, *sixteen)["accuracy"] == 1
    assert losses[-1] < 0.1 < losses[0] and not net.training


def test_the_initial_loss_is_that_of_knowing_nothing(sixteen):
    _, losses = train_full_batch(ThreeBlockNet, *sixteen, seed=0, epochs=1)
    assert len(losses) == 1 and abs(losses[0] - np.log(2)) < 0.05


def test_the_same_seed_gives_the_same_net(sixteen):
    nets = [train_full_batch(ThreeBlockNet, *sixteen, seed=seed, epochs=3)[0] for seed in (4, 4, 5)]
    same, other = (torch.equal(nets[0].out.weight, net.out.weight) for net in nets[1:])
    assert same and not other


def test_a_seed_leaves_the_outside_alone():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    with seeded(9):
        torch.rand(5)
    assert torch.equal(torch.rand(1), expected)


# --- the schedule ----------------------------------------------------------------------------------------------


@given(st.integers(1, 300), st.floats(0.05, 0.95))
def test_the_learning_rate_rises_then_falls_and_stays_in_range(steps, warm_up):
    shares = np.array([one_cycle(step, steps, warm_up=warm_up) for step in range(steps)])
    assert (shares > 0).all() and (shares <= 1).all()
    steps_up = np.sign(np.diff(shares).round(12))  # two steps may share the top
    assert (np.diff(steps_up) <= 0).all() and (steps_up == 0).sum() <= 1


@pytest.mark.parametrize("warm_up", [0.1, 0.2, 0.7])
def test_the_highest_learning_rate_is_reached_when_the_warm_up_ends(warm_up):
    shares = np.array([one_cycle(step, 1000, warm_up=warm_up) for step in range(1000)])
    assert abs(shares.argmax() - 1000 * warm_up) <= 2 and shares.max() > 0.98
    assert shares[0] < 0.02 and shares[-1] < 0.02


def test_without_a_warm_up_the_learning_rate_is_constant():
    assert {one_cycle(step, 7, warm_up=None) for step in range(7)} == {1.0}


def test_the_history_says_the_learning_rate(sixteen):
    plan = TrainConfig(epochs=10, batch=16, learning_rate=0.01, warm_up=0.3)
    rates = train(NET, *sixteen, plan, seed=0)[1]["learning_rate"]
    assert 0 < rates.min() and rates.max() <= 0.01 and rates.idxmax() in (2, 3)
    assert rates.iloc[-1] < 0.2 * rates.max()
    constant = train(NET, *sixteen, replace(plan, warm_up=None), seed=0)[1]["learning_rate"]
    assert (constant == 0.01).all()


# --- averaged weights ------------------------------------------------------------------------------------------


def test_averaged_weights_follow_the_recursion_worked_out_by_hand():
    net = nn.Linear(1, 1, bias=False)
    net.weight.data.fill_(1.0)
    averaged, found = EMA(net, 0.25), []
    for value in (12.0, 4.0, 8.0, 0.0):
        net.weight.data.fill_(value)
        averaged.update()
        found.append(averaged.model.weight.item())
    # 2/11, then 3/12, then 1/4 (and no more than that) of the mean is kept
    expected = [2 / 11 * 1 + 9 / 11 * 12]
    expected.append(expected[0] / 4 + 3 / 4 * 4)
    expected.append(expected[1] / 4 + 3 / 4 * 8)
    expected.append(expected[2] / 4)
    assert np.allclose(found, expected, rtol=1e-5) and net.weight.item() == 0


def test_statistics_of_batch_norm_are_averaged_too_and_the_model_is_left_alone():
    net = nn.BatchNorm1d(3)
    averaged = EMA(net, 0.9)
    net(torch.full((4, 3), 5.0))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    averaged.update()
    start, mean, now = 0.0, averaged.model.running_mean, net.running_mean
    assert (start < mean).all() and (mean < now).all()
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


def test_without_averaging_the_last_weights_are_returned(sixteen, monkeypatch):
    watcher = Watcher(monkeypatch)
    net, _ = train(NET, *sixteen, replace(SHORT, ema_decay=0.0), seed=0)
    trained = dict(watcher.models[-1].named_parameters())
    assert all(torch.equal(mean, trained[name]) for name, mean in net.named_parameters())


def test_averaging_changes_what_is_returned_not_what_is_trained(sixteen, monkeypatch):
    watcher, returned, trained = Watcher(monkeypatch), [], []
    for ema_decay in (0.0, 0.9):
        returned.append(train(NET, *sixteen, replace(SHORT, ema_decay=ema_decay), seed=0)[0])
        trained.append(watcher.models[-1])
    assert equal(*trained) and not equal(*returned)


# --- batch by batch --------------------------------------------------------------------------------------------


def test_batches_overfit_sixteen_images_too(sixteen):
    net, history = train(NET, *sixteen, TrainConfig(epochs=30, batch=8, augmentations=()), seed=0)
    assert evaluate(net, *sixteen)["accuracy"] == 1
    assert history["loss"].iloc[-1] < 0.4 < history["loss"].iloc[0]  # label smoothing keeps it above 0.2
    assert list(history["epoch"]) == list(range(30)) and history["accuracy"].between(0, 1).all()


def moved(net: nn.Module, seed: int) -> torch.Tensor:
    """How far each weight of a ThreeBlockNet went from where this seed let it start."""
    with seeded(seed):
        start = ThreeBlockNet()
    pairs = zip(net.parameters(), start.parameters(), strict=True)
    return torch.cat([(now - before).detach().flatten() for now, before in pairs])


def test_without_any_refinement_it_is_plain_adam(sixteen, monkeypatch):
    monkeypatch.setattr(training, "fast_bfloat16", lambda device: False)
    net, history = train(ThreeBlockNet, *sixteen, replace(BARE, epochs=4, learning_rate=1e-3), seed=3)
    with seeded(3):
        plain = ThreeBlockNet()
    optimiser = torch.optim.Adam(plain.parameters(), lr=1e-3, betas=(0.9, 0.99))
    losses = []
    for _ in range(4):
        optimiser.zero_grad()
        losses.append(nn.functional.cross_entropy(plain(sixteen[0]), sixteen[1]))
        losses[-1].backward()
        optimiser.step()
    assert np.allclose(history["loss"], torch.stack(losses).detach(), atol=1e-4)
    assert (moved(net, 3) - moved(plain, 3)).abs().mean() < 0.02 * moved(plain, 3).abs().mean()


def test_a_step_is_as_long_as_the_schedule_says(sixteen):
    plans = (replace(BARE, learning_rate=1e-4, warm_up=warm_up) for warm_up in (None, 0.8))
    whole, less = (moved(train(ThreeBlockNet, *sixteen, plan, seed=0)[0], 0) for plan in plans)
    assert np.isclose((less.abs().sum() / whole.abs().sum()).item(), 0.5 / 0.8, atol=0.02)


def test_weights_decay_only_if_asked(sixteen):
    blank = torch.full_like(sixteen[0], 0.5)  # convolutions see zeros: no gradient
    for decay, factor in ((0.0, 1), (0.5, (1 - 0.01 * 0.5) ** 2)):
        plan = replace(BARE, epochs=2, learning_rate=0.01, weight_decay=decay)
        net, _ = train(NET, blank, sixteen[1], plan, seed=0)
        with seeded(0):
            untrained = NET().stages[0].first.weight
        assert torch.allclose(net.stages[0].first.weight, untrained * factor, atol=1e-6)


def test_a_first_layer_that_is_computed_is_so_from_the_images_to_learn_from(sixteen, data):
    watched = (data.tensor(), torch.from_numpy(data.labels))
    net, _ = train(NET, *sixteen, SHORT, seed=0, validation=watched)
    expected = NET()
    expected.whiten(sixteen[0])
    assert torch.allclose(net.stem.weight, expected.stem.weight, atol=1e-5), "neither learned nor peeked"
    assert net.stem.bias.abs().max() > 0, "the rest is learned"


@pytest.mark.parametrize("make", [NET, partial(TwoConvBlockNet, widths=(4, 8, 8))], ids=["plain", "dropout"])
def test_the_same_seed_gives_the_same_net_bit_for_bit(sixteen, make):
    nets, histories = zip(*(train(make, *sixteen, SHORT, seed=seed) for seed in (4, 4, 5)), strict=True)
    assert equal(nets[0], nets[1]) and histories[0].equals(histories[1])
    assert not equal(nets[0], nets[2]) and not histories[0].equals(histories[2])


def test_chance_outside_neither_matters_nor_moves(sixteen):
    nets = []
    for outside in (1, 2):
        torch.manual_seed(outside)
        state = torch.random.get_rng_state()
        nets.append(train(TwoConvBlockNet, *sixteen, replace(SHORT, epochs=1), seed=0)[0])
        assert torch.equal(torch.random.get_rng_state(), state)
    assert equal(*nets)


def test_validation_is_watched_but_never_used(sixteen, data):
    watched = (data.tensor(), torch.from_numpy(data.labels))
    with_it, history = train(NET, *sixteen, SHORT, seed=0, validation=watched)
    without, plain = train(NET, *sixteen, SHORT, seed=0)
    assert equal(with_it, without) and history[plain.columns].equals(plain)
    last = history.iloc[-1]
    now = evaluate(with_it, *watched)  # what is watched is the net that is returned
    assert np.isclose(last["validation_loss"], now["loss"], atol=1e-4)
    assert np.isclose(last["validation_accuracy"], now["accuracy"])


def test_after_each_epoch_its_row_is_told(sixteen):
    rows = []
    _, history = train(NET, *sixteen, replace(SHORT, epochs=3), seed=0, validation=sixteen, after_epoch=rows.append)
    assert rows == history.to_dict("records") and len(rows) == 3


def test_it_returns_a_net_ready_to_judge_and_leaves_its_images_alone(sixteen):
    before = sixteen[0].clone()
    net, _ = train(NET, *sixteen, SHORT, seed=0)
    assert not any(module.training for module in net.modules()) and torch.equal(sixteen[0], before)
    assert next(net.parameters()).device.type == "cpu"


@pytest.mark.parametrize("classes", [3, 5])
def test_any_number_of_classes(sixteen, classes):
    labels = torch.arange(16) % classes
    net, history = train(partial(NET, classes=classes), sixteen[0], labels, SHORT, seed=0)
    assert predict(net, sixteen[0]).shape == (16, classes) and np.isfinite(history["loss"]).all()


def test_the_last_class_may_have_no_images_here(sixteen):
    """A user's rare class may be missing from a part of the images, the net still has a logit for it."""
    net, _ = train(partial(NET, classes=3), *sixteen, SHORT, seed=0)
    assert predict(net, sixteen[0]).shape == (16, 3)


# --- which images a step sees ----------------------------------------------------------------------------------


def numbers(batch: torch.Tensor, images: torch.Tensor) -> list[int]:
    """Which of `images` a batch holds, when nothing was changed."""
    return [next(i for i, image in enumerate(images) if torch.equal(image, one)) for one in batch]


def test_what_does_not_fill_a_batch_waits_for_another_epoch(data, monkeypatch):
    rows = np.r_[0:20, 60:80]
    images, labels = data.tensor()[rows], torch.from_numpy(data.labels[rows])
    watcher = Watcher(monkeypatch)
    train(NET, images, labels, replace(BARE, epochs=4), seed=0)
    assert [len(batch) for batch in watcher.images] == [16] * 8
    seen = [numbers(batch, images) for batch in watcher.images]
    epochs = [seen[index] + seen[index + 1] for index in range(0, 8, 2)]
    assert all(len(set(epoch)) == 32 for epoch in epochs), "no image twice in an epoch"
    assert len({tuple(epoch) for epoch in epochs}) == 4, "every epoch is shuffled anew"
    assert set().union(*epochs) == set(range(40)), "nobody waits for ever"
    assert torch.equal(torch.cat(watcher.labels), labels[sum(seen, [])]), "labels belong to their images"


def test_fewer_images_than_a_batch_are_one_step(sixteen, monkeypatch):
    watcher = Watcher(monkeypatch)
    train(NET, *sixteen, replace(BARE, epochs=2, batch=100), seed=0)
    assert [sorted(numbers(batch, sixteen[0])) for batch in watcher.images] == [list(range(16))] * 2


def test_every_epoch_changes_the_images_anew_within_range(sixteen, monkeypatch):
    images, labels = sixteen[0][:1].repeat(8, 1, 1, 1), torch.arange(8) % 2
    watcher = Watcher(monkeypatch)
    train(NET, images, labels, TrainConfig(epochs=2, batch=8), seed=0)
    seen = torch.cat(watcher.images)
    assert 0 <= seen.min() and seen.max() <= 1
    assert len({tuple(image.flatten().tolist()) for image in seen}) == 16


# --- asking a trained net --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mirrored", [False, True])
def test_prediction_does_not_depend_on_the_batch(sixteen, monkeypatch, mirrored):
    net = ThreeBlockNet()
    together = predict(net, sixteen[0], mirrored=mirrored)
    monkeypatch.setattr(training, "BATCH", 5)
    assert torch.allclose(predict(net, sixteen[0], mirrored=mirrored), together, atol=1e-5)


@pytest.fixture
def sure(data):
    """A net whose answers depend on left and right, and images it is sure about."""
    with seeded(1):
        net = ThreeBlockNet(classes=3)
    net.out.weight.data *= 100
    return net, data.tensor()[::10]


def test_a_mirrored_prediction_is_the_same_for_the_mirrored_image(sure):
    net, images = sure
    assert not torch.allclose(predict(net, images), predict(net, images.flip(3)), atol=0.1)
    upright, flipped = (predict(net, view, mirrored=True) for view in (images, images.flip(3)))
    assert torch.allclose(upright, flipped, atol=1e-5)


def test_a_mirrored_prediction_is_the_mean_of_two_probabilities(sure):
    net, images = sure
    both = torch.stack([predict(net, view).softmax(1) for view in (images, images.flip(3))])
    found = predict(net, images, mirrored=True).exp()
    assert torch.allclose(found, both.mean(0), atol=1e-5) and torch.allclose(found.sum(1), torch.ones(12))


def test_a_prediction_keeps_no_gradients_and_uses_the_kept_statistics(sixteen):
    net = NET().train()
    logits = predict(net, sixteen[0])
    assert not logits.requires_grad and not net.training
    assert torch.allclose(logits[:1], predict(net, sixteen[0][:1]), atol=1e-5)


@pytest.mark.parametrize(
    "found, fast",
    [
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": True}, True),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": False}, False),
        ({"cpu_name": "AMD EPYC", "avx512_bf16": True}, True),
        ({"cpu_name": "AMD EPYC", "avx512_bf16": False}, False),
        ({}, False),
    ],
)
def test_short_floats_are_used_where_the_processor_is_faster_with_them(monkeypatch, found, fast):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert training.fast_bfloat16(torch.device("cpu")) is fast
    assert training.fast_bfloat16(torch.device("mps")) is False


def test_bytes_teach_the_same_as_floats(sixteen):
    images, labels = sixteen
    as_bytes = (images * 255).round().byte()
    nets = [train(NET, pictures, labels, SHORT, seed=0)[0] for pictures in (as_bytes, as_bytes / 255)]
    assert equal(*nets)
    assert torch.equal(predict(nets[0], as_bytes), predict(nets[0], as_bytes / 255))


def test_muon_learns_sixteen_pictures_by_heart(sixteen):
    make = partial(CompactResNet, image_size=sixteen[0].shape[-1], widths=(48, 48))
    plan = replace(SHORT, epochs=30, batch=16, muon=True, augmentations=(), ema_decay=0.5)
    net, history = train(make, *sixteen, plan, seed=0)
    assert evaluate(net, *sixteen)["accuracy"] == 1
    assert history["learning_rate"].iloc[-1] < history["learning_rate"].max() == history["learning_rate"].iloc[5]
