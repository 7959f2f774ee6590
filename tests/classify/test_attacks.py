from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from clockodile.classify.attacks import (
    accuracy_against_epsilon,
    adversarial_batch,
    fgsm,
    loss_gradient,
    pgd,
    transfer_table,
)
from clockodile.core.errors import UserError
from clockodile.learn.training import predict, seeded, train_full_batch

EPSILON = 4
ATTACKS = {
    "fgsm": partial(fgsm, epsilon=EPSILON),
    "pgd": partial(pgd, epsilon=EPSILON, steps=3, seed=0),
    "restarted pgd": partial(pgd, epsilon=EPSILON, steps=2, seed=0, restarts=2),
    "long pgd steps": partial(pgd, epsilon=EPSILON, steps=2, step=50, seed=0),
    "batch": lambda *given: adversarial_batch(*given, torch.Generator().manual_seed(0), epsilon=EPSILON),
}


class Normalised(nn.Module):
    """A small net with everything that behaves differently in training."""

    def __init__(self, classes=3):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(), nn.Flatten()
        )
        self.out = nn.LazyLinear(classes)

    def forward(self, images):
        return self.out(self.layers(images))


@pytest.fixture
def images():
    pictures = torch.rand(6, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    pictures[0], pictures[1] = 0, 1  # at the ends of the range, where steps are cut off
    return pictures


@pytest.fixture
def labels():
    return torch.tensor([0, 1, 2, 0, 1, 2])


@pytest.fixture
def net(images):
    with seeded(0):
        made = Normalised()
        made.train()(images)
    return made.eval()


@pytest.fixture(scope="module")
def trained():
    """Two small nets and what they learned: a bright corner tells most classes, and a faint pattern tells all.

    What is faint, an attack can remove; what is strong, it cannot.
    """
    generator = torch.Generator().manual_seed(0)
    images = 0.4 + 0.05 * torch.rand(100, 3, 8, 8, generator=generator)
    labels = torch.arange(100) % 2
    pattern = torch.randn(3, 8, 8, generator=generator).sign()
    images += 0.015 * (2 * labels - 1).view(-1, 1, 1, 1) * pattern
    corner = torch.where(torch.rand(100, generator=generator) < 0.85, labels, 1 - labels)
    images[:, :, :4, :4] += 0.1 * corner.view(-1, 1, 1, 1)
    nets = {
        f"net {seed}": train_full_batch(small_net, images, labels, seed=seed, epochs=80, learning_rate=1e-2)[
            0
        ]
        for seed in (0, 1)
    }
    return nets, images, labels


def small_net():
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 16), nn.Tanh(), nn.Linear(16, 2))


def linear_net(weight):
    net = nn.Sequential(nn.Flatten(), nn.Linear(weight.shape[1], len(weight)))
    net[1].weight.data = weight
    return net


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_attacked_images_stay_in_reach_and_in_range(attack, net, images, labels):
    attacked = attack(net, images, labels)
    assert attacked.shape == images.shape and attacked.dtype == images.dtype
    assert attacked.min() >= 0 and attacked.max() <= 1
    assert (attacked - images).abs().max() <= EPSILON / 255 + 1e-6
    assert (attacked - images).abs().amax((1, 2, 3)).min() > 1 / 255


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_leaves_the_model_and_the_images_alone(attack, net, images, labels):
    net.layers[3].train()  # one module in another mode than the rest
    net.out.bias.grad = torch.full((3,), 7.0)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    modes, pictures = [module.training for module in net.modules()], images.clone()
    assert not attack(net, images, labels).requires_grad
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert modes == [module.training for module in net.modules()]
    assert net.out.weight.grad is None and net.out.bias.grad.eq(7).all()
    assert torch.equal(images, pictures) and not images.requires_grad


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_the_same_attack_twice_gives_the_same(attack, net, images, labels):
    net.layers[3].train()
    torch.manual_seed(1)
    first = attack(net, images, labels)
    assert torch.equal(first, attack(net, images, labels))


@pytest.mark.parametrize(
    "attack",
    [fgsm, partial(pgd, seed=0, restarts=2), partial(adversarial_batch, generator=torch.Generator())],
)
def test_epsilon_zero_changes_nothing(attack, net, images, labels):
    assert torch.equal(attack(net, images, labels, epsilon=0), images)


@pytest.mark.parametrize("sureness", [0.01, 1])
def test_fgsm_of_a_linear_model_is_known_in_closed_form(sureness, labels):
    """Also where the net is as sure as e^25 to 1, and float32 cannot tell its probability from 1."""
    weight = torch.randn(2, 3 * 12 * 12, generator=torch.Generator().manual_seed(0)) * sureness
    images, right = torch.full((6, 3, 12, 12), 0.5), labels % 2
    away = torch.sign(weight[1 - right] - weight[right]).view_as(images)
    attacked = fgsm(linear_net(weight), images, right, epsilon=8)
    assert torch.allclose(attacked, 0.5 + away * 8 / 255, atol=1e-7)


def test_the_gradient_is_that_of_finite_differences():
    with seeded(0):
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 36, 3)).double()
        images, direction = torch.rand(2, 2, 3, 8, 8).double()
    labels = torch.tensor([2, 0])
    gradient = loss_gradient(net, images, labels)

    def loss(pictures):
        return nn.functional.cross_entropy(net(pictures), labels, reduction="sum").item()

    slope = (loss(images + 1e-5 * direction) - loss(images - 1e-5 * direction)) / 2e-5
    assert (gradient * direction).sum().item() == pytest.approx(slope, rel=1e-7)
    row = torch.zeros_like(images)
    row[1, 2, 3, 4] = 1e-5
    assert gradient[1, 2, 3, 4].item() == pytest.approx(
        (loss(images + row) - loss(images - row)) / 2e-5, rel=1e-6
    )


def test_attacks_work_where_gradients_are_switched_off(net, images, labels):
    expected = fgsm(net, images, labels, epsilon=2)
    with torch.no_grad():
        assert torch.equal(fgsm(net, images, labels, epsilon=2), expected)


def test_the_others_in_a_batch_do_not_matter(trained):
    nets, images, labels = trained
    attack = partial(pgd, nets["net 0"], epsilon=2, steps=2, seed=3, restarts=2)
    alone, order = attack(images[5:6], labels[5:6]), torch.arange(9, -1, -1)
    # a gradient of almost 0 may change its sign with the order of summation
    same = [
        (attack(images[rows], labels[rows])[place] - alone[0]).abs() < 1e-6
        for rows, place in ((order, 4), (order[:5], 4))
    ]
    assert min(values.float().mean() for values in same) > 0.98


def test_another_seed_starts_elsewhere(net, images, labels):
    seeds = [pgd(net, images, labels, epsilon=EPSILON, steps=1, step=0, seed=seed) for seed in (0, 1)]
    assert (seeds[0] - seeds[1]).abs().amax((1, 2, 3)).min() > 1 / 255


def test_stronger_attacks_are_stronger(trained):
    nets, images, labels = trained
    net = nets["net 0"]

    def right(attack):
        return (predict(net, attack(net, images, labels, epsilon=4)).argmax(1) == labels).double().mean()

    random = right(partial(pgd, steps=1, step=0, seed=0))
    one, many = right(fgsm), right(partial(pgd, seed=0))
    assert random > one >= many >= right(partial(pgd, seed=0, restarts=3))


def test_every_restart_can_only_harm(trained):
    nets, images, labels = trained
    net, margins = nets["net 0"], []
    for restarts in (1, 2, 4):
        logits = predict(net, pgd(net, images, labels, epsilon=4, steps=1, step=0, seed=0, restarts=restarts))
        margins.append(logits.gather(1, 1 - labels[:, None]) - logits.gather(1, labels[:, None]))
    assert (margins[1] >= margins[0]).all() and (margins[2] >= margins[1]).all()
    assert (margins[2] > margins[0]).any()


def test_accuracy_falls_with_epsilon(trained):
    nets, images, labels = trained
    table = accuracy_against_epsilon(nets, images, labels, epsilons=(0, 2, 8))
    assert len(table) == 6 and table["accuracy"].between(0, 1).all()
    assert table[["low", "accuracy", "high"]].round(9).diff(axis=1).min(axis=None) >= 0
    for name, part in table.groupby("model"):
        plain = (predict(nets[name], images).argmax(1) == labels).double().mean().item()
        assert part["accuracy"].iloc[0] == plain > 0.9
        assert part["accuracy"].is_monotonic_decreasing and part["accuracy"].iloc[-1] < 0.5


def test_transferred_attacks_are_weaker_than_one_s_own(trained):
    nets, images, labels = trained
    table = transfer_table(nets, images, labels, epsilon=3)
    assert list(table.index) == ["nothing", *nets] and list(table.columns) == list(nets)
    own, others = np.diag(table.loc[list(nets)]), np.diag(table.loc[list(nets)[::-1]])
    assert (own <= others).all() and (others <= table.loc["nothing"]).all()


def test_training_on_attacked_images_resists_more(trained):
    nets, images, labels = trained
    hook, generator = partial(adversarial_batch, epsilon=6), torch.Generator().manual_seed(0)
    with seeded(0):
        net = small_net()
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(80):
        net.train()
        loss = nn.functional.cross_entropy(net(hook(net, images, labels, generator)), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        assert net.training
    table = accuracy_against_epsilon(
        {"hardened": net, "plain": nets["net 0"]}, images, labels, epsilons=(6,), attack=partial(pgd, seed=0)
    )
    adversarially_trained, plain = table["accuracy"]
    assert adversarially_trained > plain + 0.1


@pytest.mark.parametrize("epsilon", [-1, 256])
def test_an_impossible_epsilon_is_refused(epsilon, net, images, labels):
    with pytest.raises(UserError, match="epsilon"):
        fgsm(net, images, labels, epsilon=epsilon)
