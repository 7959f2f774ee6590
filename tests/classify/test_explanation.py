import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from clockodile.classify.explanation import (
    SALIENCY_METHODS,
    deletion_curve,
    last_map_layer,
    randomised_copy,
    rank_correlation,
    saliency_maps,
    sanity_table,
)
from clockodile.classify.report_nets import ThreeBlockNet
from clockodile.core.errors import UserError
from clockodile.learn.training import predict, seeded, train_full_batch

EVERY_METHOD = pytest.mark.parametrize("method", SALIENCY_METHODS)


def pictures(count=6, side=16, seed=0):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed))


def small_net(seed=0):
    with seeded(seed):
        return ThreeBlockNet(image_size=16, channels=(4, 8), hidden=8).eval()


class CornerNet(nn.Module):
    """Class 1 where the upper left quarter is bright; everything else is ignored. Batch-norm and in-place ReLU."""

    def __init__(self):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2)
        self.activation = nn.ReLU(inplace=True)
        self.scale = nn.Parameter(torch.tensor([3.0, 4.0]))  # of a module without reset_parameters
        self.convolution.weight.data = torch.tensor([[1.0], [-1.0]]).view(2, 1, 1, 1).repeat(1, 3, 1, 1) / 3
        self.convolution.bias.data = torch.tensor([-0.5, 0.5])

    def forward(self, images):
        half = images.shape[-1] // 2
        maps = self.activation(self.norm(self.convolution(images)))
        bright, dark = (maps[:, :, :half, :half].mean((2, 3)) * self.scale).unbind(1)
        return torch.stack([dark - bright, bright - dark], 1)


def spotted(count=12):
    """Pictures for CornerNet: the upper left quarter bright (1) or dark (0), noise elsewhere."""
    images, labels = pictures(count), torch.arange(count) % 2
    corner = images[:, :, :8, :8]
    images[:, :, :8, :8] = 0.1 * corner + 0.8 * labels.view(-1, 1, 1, 1)
    return images, labels


@EVERY_METHOD
def test_maps_have_their_shape_and_scale(method):
    maps = saliency_maps(small_net(), pictures(), torch.arange(6) % 2, method=method)
    assert maps.shape == (6, 16, 16) and not maps.requires_grad and maps.min() >= 0
    highest = maps.amax((1, 2))
    assert ((highest - 1).abs() < 1e-6).logical_or(highest == 0).all()
    assert method == "grad_cam" or (highest > 0).all()


@EVERY_METHOD
def test_explaining_changes_nothing_warns_of_nothing_and_repeats(method, recwarn):
    net, images = small_net(), pictures()
    before, targets = images.clone(), torch.zeros(6, dtype=torch.long)
    first = saliency_maps(net, images, targets, method=method)
    assert torch.equal(first, saliency_maps(net, images, targets, method=method))
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.equal(images, before) and not images.requires_grad
    assert not net._forward_hooks and not recwarn.list


@EVERY_METHOD
def test_a_map_does_not_depend_on_the_batch(method):
    net, images, targets = small_net(), pictures(), torch.arange(6) % 2
    alone = [saliency_maps(net, images[[i]], targets[[i]], method=method) for i in range(6)]
    assert torch.allclose(saliency_maps(net, images, targets, method=method), torch.cat(alone), atol=1e-4)


def test_the_gradient_of_a_linear_net_is_its_weight():
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 3))
    weight = net[1].weight.detach().view(3, 3, 8, 8).abs().sum(1)
    targets = torch.tensor([2, 0])
    maps = saliency_maps(net, pictures(2, 8), targets)
    assert torch.allclose(maps, weight[targets] / weight[targets].amax((1, 2), keepdim=True), atol=1e-5)


def test_integrated_gradients_weigh_the_gradient_with_the_distance_from_the_mean_colour():
    net, images = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 2)), pictures(1, 8)
    images[0, :, 2, 3] = images.mean((2, 3))[0]
    for _ in range(20):  # until that pixel is the mean of all, itself included
        images[0, :, 2, 3] = images.mean((2, 3))[0]
    maps = saliency_maps(net, images, torch.tensor([1]), method="integrated_gradients")
    assert maps[0, 2, 3] < 1e-5 < maps.median()


@pytest.mark.parametrize("method", ["gradient", "integrated_gradients"])
def test_maps_find_the_corner_that_decides(method):
    images, labels = spotted()
    maps = saliency_maps(CornerNet().eval(), images, labels, method=method)
    assert (maps[:, :8, :8].sum((1, 2)) / maps.sum((1, 2))).min() > 0.99


def test_grad_cam_finds_the_spot_that_is_counted():
    images = torch.zeros(2, 3, 16, 16)
    images[0, :, 2:5, 9:12], images[1, :, 12:15, 1:4] = 1, 1
    net = nn.Sequential(
        nn.Conv2d(3, 1, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2)
    )
    net[0].weight.data.fill_(1)
    net[3].weight.data = torch.tensor([[-1.0], [1.0]])
    maps = saliency_maps(net, images, torch.tensor([1, 1]), method="grad_cam")
    assert torch.equal(maps, images[:, 0])
    against = saliency_maps(net, images, torch.tensor([0, 0]), method="grad_cam")
    assert against.eq(0).all()  # nothing speaks for the other class


def test_grad_cam_looks_where_the_model_says():
    net = small_net()
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    assert last_map_layer(net) is convolutions[-1]
    net.last_maps = "blocks.0"
    assert last_map_layer(net) is net.blocks[0]
    net.last_maps = net.blocks[1]
    assert last_map_layer(net) is net.blocks[1]


def test_grad_cam_copes_with_activations_in_place():
    with seeded(0):
        plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 196, 2)).eval()
        in_place = nn.Sequential(plain[0], nn.ReLU(inplace=True), *plain[2:]).eval()
    maps = [
        saliency_maps(net, pictures(), torch.ones(6).long(), method="grad_cam") for net in (plain, in_place)
    ]
    assert torch.equal(*maps)


def test_what_cannot_be_explained_is_said_in_a_line():
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 2))
    with pytest.raises(UserError, match="no Conv2d"):
        saliency_maps(net, pictures(1, 8), torch.tensor([0]), method="grad_cam")
    with pytest.raises(UserError, match="unknown saliency method 'lime'; known: gradient"):
        saliency_maps(net, pictures(1, 8), torch.tensor([0]), method="lime")


# --- randomised nets ------------------------------------------------------------------------------------------


def test_every_weight_is_drawn_anew_and_the_original_stays():
    net = CornerNet()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    twin = randomised_copy(net, seed=0)
    assert not twin.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not torch.equal(twin.convolution.weight, net.convolution.weight)
    assert sorted(twin.scale.tolist()) == [3, 4]


def test_a_randomised_copy_follows_its_seed_and_leaves_randomness_alone():
    net, state = small_net(), torch.random.get_rng_state()
    nets = [randomised_copy(net, seed=seed) for seed in (1, 1, 2)]
    assert torch.equal(state, torch.random.get_rng_state())
    weights = [twin.out.weight for twin in nets]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_batch_norm_of_a_randomised_copy_fits_its_new_weights():
    images = 0.9 + 0.01 * pictures(400, 8)  # more than a batch, and far from mean 0 and variance 1
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.BatchNorm2d(5)
    )
    with torch.no_grad():
        out = randomised_copy(net, seed=0, images=images)(images)
        untouched = randomised_copy(net, seed=0)(images)
    assert out.mean((0, 2, 3)).abs().max() < 0.1 and (out.std((0, 2, 3)) - 1).abs().max() < 0.1
    assert (untouched.std((0, 2, 3)) < 0.1).all()


# --- do the maps depend on what was learned? ------------------------------------------------------------------


def test_rank_correlation_is_spearman_s():
    first, second = pictures(5)[:, 0].round(decimals=1), pictures(5, seed=1)[:, 0]
    second[0], second[1], first[2] = first[0], -first[1], 0
    found = rank_correlation(first, second)
    assert found[:3] == pytest.approx([1, -1, 0])
    for row in (3, 4):
        assert found[row] == pytest.approx(spearmanr(first[row].flatten(), second[row].flatten()).statistic)


@EVERY_METHOD
def test_a_net_agrees_with_itself(method):
    net, images, targets = small_net(), pictures(), torch.arange(6) % 2
    alive = saliency_maps(net, images, targets, method=method).std((1, 2)) > 0
    alike = sanity_table(net, {"itself": net}, images, targets, methods=(method,))["correlation"]
    assert alike[0] == pytest.approx(alive.double().mean().item())


def test_a_trained_net_s_map_differs_from_a_random_one_s():
    images, labels = spotted(40)
    nets = [train(images, labels, seed) for seed in (0, 1)]
    others = {"anew": randomised_copy(nets[0], seed=5, images=images), "second": nets[1]}
    table = sanity_table(nets[0], others, images, labels, methods=("gradient",)).set_index("compared_with")
    assert table.loc["anew", "correlation"] < table.loc["second", "correlation"] - 0.1
    assert (table["low"] < table["correlation"]).all() and (table["correlation"] < table["high"]).all()


def train(images, labels, seed):
    def make():
        return ThreeBlockNet(image_size=16, channels=(8,), hidden=8)

    return train_full_batch(make, images, labels, seed=seed, epochs=40, learning_rate=3e-3)[0]


# --- deletion -------------------------------------------------------------------------------------------------


def deletion(maps=None):
    net = CornerNet().eval()
    images, labels = spotted()
    if maps is None:
        maps = saliency_maps(net, images, labels, method="gradient")
    return net, images, labels, deletion_curve(net, images, labels, maps, steps=4)


def test_hiding_what_decides_hurts_first():
    *_, table = deletion()
    probability = table.pivot(index="hidden", columns="order", values="probability")
    assert probability.loc[0.25, "most salient first"] < probability.loc[0.25, "at random"] - 0.05
    assert len(table) == 3 * 5 and table["accuracy"].between(0, 1).all()


def test_curves_begin_with_the_picture_and_end_with_its_mean_colour():
    net, images, labels, table = deletion()
    plain = images.mean((2, 3), keepdim=True).expand_as(images)
    for hidden, shown in ((0.0, images), (1.0, plain)):
        right = predict(net, shown).softmax(1).gather(1, labels[:, None]).mean().item()
        assert np.allclose(table.loc[table["hidden"] == hidden, "probability"], right, atol=1e-6)


def test_a_map_without_any_opinion_is_chance():
    *_, table = deletion(torch.zeros(12, 16, 16))
    curves = [part["probability"].to_numpy() for _, part in table.groupby("order")]
    assert np.allclose(curves[0], curves[1]) and np.allclose(curves[0], curves[2])


def test_a_single_picture_has_no_other_one_s_map():
    net, images, labels, _ = deletion()
    table = deletion_curve(net, images[:1], labels[:1], torch.ones(1, 16, 16), steps=2)
    assert list(table["order"].unique()) == ["most salient first", "at random"] and len(table) == 6
