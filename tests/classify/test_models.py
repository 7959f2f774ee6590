import pytest
import torch

from clockodile.classify.earlier_nets import ThreeBlockNet
from clockodile.classify.models import count_parameters


@pytest.mark.parametrize(("classes", "size"), [(2, 32), (3, 32), (2, 50), (5, 64)])
def test_any_number_of_classes_and_any_image_size(classes, size):
    net = ThreeBlockNet(classes=classes, image_size=size)
    images = torch.rand(4, 3, size, size)
    assert net(images).shape == (4, classes)
    assert net.features(images).shape == (4, 128) and net.features(images).min() >= 0


def test_the_number_of_parameters_is_the_sum_by_hand():
    convolutions = (3 * 9 + 1) * 16 + (16 * 9 + 1) * 32 + (32 * 9 + 1) * 64
    dense = (64 * 16 + 1) * 128 + (128 + 1) * 2
    assert count_parameters(ThreeBlockNet()) == convolutions + dense


def test_an_image_is_judged_alone():
    net, images = ThreeBlockNet().eval(), torch.rand(5, 3, 32, 32)
    assert torch.allclose(net(images)[3], net(images[3:4])[0], atol=1e-5)
