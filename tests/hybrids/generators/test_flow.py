"""Flow matching: the loss, the moves that are told, and a training that can be interrupted."""

from dataclasses import replace

import pytest
import torch
from tiny_flows import steps_counted
from torch import nn

from clockodile.hybrids.generators import flow
from clockodile.hybrids.generators.flow import (
    FlowConfig,
    draw_batch,
    flow_loss,
    move,
    share_of_rate,
    train_flow,
)

TINY = FlowConfig(steps=6, batch=4, widths=(8, 16), depth=1)


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(12, 3, 16, 16, generator=generator), torch.tensor([0, 1, 2] * 4)


class Oracle(nn.Module):
    """Knows the photograph and therefore the velocity."""

    def __init__(self, photo):
        super().__init__()
        self.photo = photo

    def forward(self, x, time, labels, warp=None):
        return (self.photo - x) / (1 - time.view(-1, 1, 1, 1))


def test_whoever_knows_the_photograph_has_no_loss():
    photo, noise = torch.rand(5, 3, 8, 8) * 2 - 1, torch.randn(5, 3, 8, 8)
    time, labels = torch.rand(5) * 0.9, torch.zeros(5, dtype=torch.long)
    assert flow_loss(Oracle(photo), photo, labels, noise, time) < 1e-6
    assert flow_loss(Oracle(-photo), photo, labels, noise, time) > 0.1


def test_moves_are_told_and_unmoved_pictures_say_so(pictures):
    images = torch.cat([pictures[0]] * 10)
    moved, told = move(images, torch.Generator().manual_seed(0), share=0.5)
    assert moved.shape == images.shape and told.shape == (120, 4)
    assert 0 <= moved.min() and moved.max() <= 1
    still = (told == 0).all(1)
    assert 40 < still.sum() < 80
    same = (moved == images).flatten(1).all(1) | (moved == images.flip(3)).flatten(1).all(1)
    assert torch.equal(same, still)


def test_every_class_is_drawn_alike_however_rare():
    labels = torch.tensor([0] * 10 + [1] * 500 + [2] * 2000)
    plan = FlowConfig(steps=1, batch=20_000, others=0.2)
    rows = draw_batch(labels, plan, 2, torch.Generator().manual_seed(0))
    shares = torch.bincount(labels[rows]) / 20_000
    assert torch.allclose(shares, torch.tensor([0.4, 0.4, 0.2]), atol=0.02)


def test_pictures_of_anything_fill_their_share_and_leave_the_others_theirs():
    labels = torch.tensor([0] * 10 + [1] * 10 + [2] * 300 + [3] * 5000)
    plan, generator = FlowConfig(steps=1, batch=20_000, others=0.2), torch.Generator().manual_seed(0)
    for wide, expected in ((0.5, [0.2, 0.2, 0.1, 0.5]), (0.0, [0.4, 0.4, 0.2])):
        shares = torch.bincount(labels[draw_batch(labels, plan, 2, generator, wide=wide)]) / 20_000
        assert torch.allclose(shares, torch.tensor(expected), atol=0.02)
    without = draw_batch(labels[:320], plan, 2, generator, wide=0.5)
    assert torch.allclose(torch.bincount(labels[without]) / 20_000, torch.tensor([0.4, 0.4, 0.2]), atol=0.02)


def test_the_share_of_anything_falls_to_nothing(pictures, monkeypatch):
    shares, real = [], flow.draw_batch

    def watch(*words, wide):
        shares.append(wide)
        return real(*words, wide=wide)

    monkeypatch.setattr(flow, "draw_batch", watch)
    images, labels = torch.cat([pictures[0]] * 2), torch.cat([pictures[1], torch.full((12,), 3)])
    train_flow(images, labels, replace(TINY, wide=0.6), classes=2, seed=0)
    assert shares == pytest.approx([0.6, 0.5, 0.4, 0.3, 0.2, 0.1])


def test_every_label_fills_its_share():
    labels = torch.tensor([0] * 100 + [1] * 50 + [2] * 300 + [3] * 70)
    plan = FlowConfig(steps=1, batch=20_000, others=0.2)
    rows = draw_batch(labels, plan, 2, torch.Generator().manual_seed(0), wide=0.5)
    assert torch.allclose(
        torch.bincount(labels[rows]) / 20_000, torch.tensor([0.2, 0.2, 0.1, 0.5]), atol=0.02
    )


def test_a_training_goes_on_from_a_net_that_stays_as_it_is(pictures):
    start, _ = train_flow(*pictures, TINY, classes=2, seed=0)
    kept = {name: part.clone() for name, part in start.state_dict().items()}
    still = replace(TINY, learning_rate=0.0, ema_decay=0.0)
    for plan, same in ((still, True), (TINY, False)):
        after, _ = train_flow(*pictures, plan, classes=2, seed=1, start=start)
        moved = [not torch.equal(part, kept[name]) for name, part in after.state_dict().items()]
        assert any(moved) != same
    assert all(torch.equal(part, kept[name]) for name, part in start.state_dict().items())


def test_labels_may_learn_faster_than_the_rest(pictures):
    start, _ = train_flow(*pictures, TINY, classes=2, seed=0)
    steps = {}
    for rate in (1.0, 30.0):
        after, _ = train_flow(*pictures, replace(TINY, label_lr_factor=rate), classes=2, seed=1, start=start)
        steps[rate] = {
            name: (part - start.state_dict()[name]).abs().mean() for name, part in after.state_dict().items()
        }
    labels, rest = "class_embed.weight", "time_embed.0.weight"
    assert steps[30.0][labels] > 10 * steps[1.0][labels] and steps[30.0][rest] < 3 * steps[1.0][rest]


def test_without_other_things_only_classes_are_drawn():
    rows = draw_batch(torch.tensor([0, 1, 1]), FlowConfig(steps=1, batch=50), 2, torch.Generator())
    assert len(rows) == 50


def test_the_rate_rises_and_falls():
    plan = FlowConfig(steps=200, warm_up=0.1)
    rates = [share_of_rate(step, plan) for step in range(200)]
    assert max(rates) == pytest.approx(1) and rates.index(max(rates)) in (19, 20)
    assert rates[-1] < 0.001 and rates[0] == pytest.approx(0.05)


def test_it_learns(pictures):
    flat = pictures[0].mean((2, 3), keepdim=True).expand(-1, -1, 16, 16)
    plan = replace(TINY, steps=60, learning_rate=3e-3)
    net, losses = train_flow(flat, pictures[1], plan, classes=2, seed=0)
    assert len(losses) == 60 and sum(losses[-10:]) < 0.8 * sum(losses[:10])
    assert not net.training


def test_an_interrupted_training_ends_like_an_undisturbed_one(pictures, tmp_path):
    whole, losses = train_flow(*pictures, TINY, classes=2, seed=3)
    path = tmp_path / "half.checkpoint"
    with steps_counted(most=4), pytest.raises(KeyboardInterrupt):
        train_flow(*pictures, TINY, classes=2, seed=3, checkpoint=path, every=2)
    assert path.is_file()
    again, resumed = train_flow(*pictures, TINY, classes=2, seed=3, checkpoint=path, every=2)
    assert resumed == losses and path.is_file(), "what follows may be interrupted as well"
    assert train_flow(*pictures, TINY, classes=2, seed=3, checkpoint=path)[1] == losses
    for a, b in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    "damage", [lambda kept: b"", lambda kept: kept[: len(kept) // 2], lambda kept: b"no"]
)
def test_a_damaged_checkpoint_is_discarded_and_training_starts_anew(pictures, tmp_path, caplog, damage):
    path = tmp_path / "half.checkpoint"
    _, losses = train_flow(*pictures, TINY, classes=2, seed=3, checkpoint=path, every=2)
    path.write_bytes(damage(path.read_bytes()))
    with caplog.at_level("INFO", "clockodile"), steps_counted(most=0), pytest.raises(KeyboardInterrupt):
        train_flow(*pictures, TINY, classes=2, seed=3, checkpoint=path, every=2)
    assert "half.checkpoint is damaged" in caplog.text and not path.exists()
    assert train_flow(*pictures, TINY, classes=2, seed=3, checkpoint=path, every=2)[1] == losses
