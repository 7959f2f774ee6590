"""Nothing is left on the wrong device: see pretend_gpu."""

from functools import partial

import numpy as np
import pytest
import torch
from pretend_gpu import CPU, META, use_pretend_gpu
from torch import nn

from clockodile.classify.cross_validation import predict_out_of_fold
from clockodile.classify.predictor import Predictor
from clockodile.classify.report_nets import ThreeBlockNet
from clockodile.core import workspace
from clockodile.learn import backbones, linear_probe, training
from clockodile.learn.models import CompactResNet
from clockodile.learn.training import TrainConfig

NET = partial(CompactResNet, widths=(4, 8), image_size=16)
SHORT = TrainConfig(epochs=1, batch=4)


@pytest.fixture
def gpu(monkeypatch):
    with use_pretend_gpu(monkeypatch, training, backbones, linear_probe):
        yield


@pytest.fixture
def eight():
    return torch.rand(8, 3, 16, 16), torch.arange(8) % 2


def home(net):
    return {part.device for part in net.state_dict().values()} == {CPU}


def test_the_pretended_device_notices(gpu):
    with pytest.raises(RuntimeError, match="two devices"):
        nn.Linear(2, 2).to(META)(torch.ones(1, 2))
    with pytest.raises(RuntimeError, match="two devices"):
        torch.ones(2, device=META) + torch.ones(2)
    assert torch.ones(2, device=META).cpu().tolist() == [0, 0]


def test_nets_are_trained_there_and_come_back(gpu, eight):
    net, history = training.train(NET, *eight, SHORT, seed=0, validation=eight)
    assert home(net) and len(history) == 1
    net, _ = training.train_full_batch(lambda: ThreeBlockNet(image_size=16), *eight, seed=0, epochs=1)
    assert home(net)


def test_a_net_is_asked_there_and_comes_back(gpu, eight):
    net = NET()
    asked = []
    net.register_forward_hook(lambda module, given, found: asked.append(found.device))
    assert training.predict(net, eight[0], mirrored=True).device == CPU and home(net)
    Predictor("net", ("a", "b"), 16, [net]).probabilities(np.zeros((2, 16, 16, 3), np.uint8))
    assert home(net) and set(asked) == {META}


def test_a_backbone_stays_there(gpu, eight):
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1))
    backbone = backbones.Backbone(body, name="tiny", side=16, mean=[0.5] * 3, std=[0.25] * 3)
    found = backbones.extract_features(backbone, eight[0])
    assert found.device == CPU and found.shape == (8, 4) and backbone.mean.device == META


def test_out_of_fold_predictions_mix_nothing(gpu, data):
    few = data.rows(np.r_[0:4, 60:64])
    few = type(few)(**{**vars(few), "fold": np.arange(8) % 2})
    net = partial(ThreeBlockNet, image_size=few.images.shape[1])

    def fit(seed, fold):
        return training.train_full_batch(net, few.tensor(), torch.from_numpy(few.labels), seed=0, epochs=1)[0]

    assert predict_out_of_fold(fit, few, [0])["logits"].shape == (1, 8, 2)


def test_a_gpu_is_asked_for_the_same_numbers_every_time(monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda *args, **options: asked.append((args, options)))
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    workspace.ask_for_determinism() if workspace.pick_device().type == "cpu" else None
    assert not asked
    monkeypatch.setattr(workspace, "pick_device", lambda: torch.device("cuda"))
    workspace.ask_for_determinism()
    assert asked == [((True,), {"warn_only": True})]
