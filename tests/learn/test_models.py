import pytest
import torch
from torch import nn

from clockodile.classify.report_nets import ThreeBlockNet
from clockodile.learn.models import CompactResNet, Stage, count_parameters
from clockodile.learn.training import seeded

NETS = {"compact": (CompactResNet, 192), "three_block": (ThreeBlockNet, 128)}


@pytest.fixture(params=NETS)
def kind(request):
    """A net's constructor, and how many features it has."""
    return NETS[request.param]


@pytest.mark.parametrize(("classes", "size"), [(2, 32), (3, 32), (2, 50), (5, 64), (2, 8), (3, 17)])
def test_any_number_of_classes_and_any_image_size(kind, classes, size):
    make, width = kind
    net = make(classes=classes, image_size=size)
    images = torch.rand(4, 3, size, size)
    assert net(images).shape == (4, classes)
    assert net.features(images).shape == (4, width) and net.features(images).min() >= 0


def test_an_image_is_judged_alone(kind):
    net, images = kind[0]().eval(), torch.rand(5, 3, 32, 32)
    assert torch.allclose(net(images)[3], net(images[3:4])[0], atol=1e-5)


def test_every_weight_learns(kind):
    net = kind[0]()
    net(torch.rand(8, 3, 32, 32)).logsumexp(1).sum().backward()
    for name, weight in net.named_parameters():
        assert (weight.grad is not None and weight.grad.abs().sum() > 0) == weight.requires_grad, name


def test_logits_are_linear_in_the_features(kind):
    net, images = kind[0](classes=3).eval(), torch.rand(4, 3, 32, 32)
    assert torch.allclose(net.out(net.features(images)), net(images), atol=1e-5)


def test_the_number_of_parameters_is_the_sum_by_hand():
    convolutions = (3 * 9 + 1) * 16 + (16 * 9 + 1) * 32 + (32 * 9 + 1) * 64
    dense = (64 * 16 + 1) * 128 + (128 + 1) * 2
    assert count_parameters(ThreeBlockNet()) == convolutions + dense
    stages = sum((a + b) * 9 * b + 4 * b for a, b in ((24, 48), (48, 96), (96, 192)))
    assert count_parameters(CompactResNet()) == 24 + stages + (192 + 1) * 2, "the first layer learns a bias only"
    assert abs(count_parameters(CompactResNet()) - 650_000) < 10_000, "as its docstring says"


def test_frozen_weights_are_not_counted():
    net = nn.Linear(9, 1)
    net.bias.requires_grad_(False)
    assert count_parameters(net) == 9


# --- ours ----------------------------------------------------------------------------------------------------


def test_a_stage_halves_each_side_and_keeps_maps_positive():
    stage = Stage(3, 5)
    assert stage(torch.randn(2, 3, 12, 8)).shape == (2, 5, 6, 4) and stage(torch.randn(2, 3, 9, 9)).min() >= 0


def test_the_second_look_of_a_stage_is_added_to_the_first():
    with seeded(0):
        stage, maps = Stage(3, 5).eval(), torch.randn(2, 3, 8, 8)
    whole = stage(maps)
    stage.second_norm.weight.data.zero_()
    first = stage(maps)
    assert (whole >= first).all() and (whole > first).any() and first.max() > 0


@pytest.mark.parametrize("widths", [(4, 8), (4, 8, 8, 12, 16), [4, 4, 8]])
def test_the_widths_may_be_others_also_as_a_file_tells_them(widths):
    net = CompactResNet(widths=widths)
    assert net.features(torch.rand(2, 3, 32, 32)).shape == (2, widths[-1])
    assert len(net.stages) == len(widths)


def responses(net: CompactResNet, images: torch.Tensor) -> torch.Tensor:
    """What the first layer says of every patch inside the images, (number of patches, 24)."""
    maps = nn.functional.conv2d((images - 0.5) * 4, net.stem.weight)
    return maps.transpose(0, 1).flatten(1).T


def test_a_whitened_first_layer_says_twelve_things_that_have_nothing_to_do_with_each_other(data):
    net, images = CompactResNet(), data.tensor()
    net.whiten(images)
    said = responses(net, images)
    found = said.T @ said / len(said)
    one = found[:12, :12]
    assert torch.allclose(one - torch.diag(one.diag()), torch.zeros(12, 12), atol=0.01)
    strength = one.diag()  # variance / (variance + FLOOR): equal, except that the weakest patterns stay weaker
    assert strength.max() <= 1.001 and strength.max() > 0.99 and strength.min() > 0.5
    assert torch.allclose(said[:, 12:], -said[:, :12], atol=1e-4), "each with its negative"


def test_whitening_needs_no_order_of_images_and_survives_blank_ones(data):
    nets, images = (CompactResNet(), CompactResNet(), CompactResNet()), data.tensor()
    for net, some in zip(nets, (images, images.flip(0), torch.full_like(images, 0.5)), strict=True):
        net.whiten(some)
    assert torch.allclose(nets[0].stem.weight, nets[1].stem.weight, atol=1e-2)
    assert nets[2].stem.weight.isfinite().all() and not nets[0].stem.weight.requires_grad


@pytest.mark.parametrize(("size", "side"), [(32, 4), (50, 6), (8, 1), (64, 8), (96, 6)])
def test_the_last_maps_still_know_where(size, side):
    net, seen = CompactResNet(image_size=size).eval(), []
    net.stages[-1].register_forward_hook(lambda module, given, maps: seen.append(maps))
    features = net.features(torch.rand(2, 3, size, size))
    assert seen[0].shape == (2, 192, side, side) and torch.equal(seen[0].amax((2, 3)), features)


def test_a_dial_is_a_dial_wherever_it_hangs():
    """Moved by whole cells of the last maps, far from the edge, a pattern gives the same features."""
    with seeded(0):
        net, pattern = CompactResNet(image_size=128).eval(), torch.rand(3, 8, 8)
    pictures = torch.full((2, 3, 128, 128), 0.5)
    pictures[0, :, 48:56, 48:56] = pictures[1, :, 64:72, 80:88] = pattern
    features = net.features(pictures)
    assert torch.allclose(features[0], features[1], atol=1e-5)
    assert not torch.allclose(features[0], net.features(torch.full((1, 3, 128, 128), 0.5))[0], atol=1e-3)
