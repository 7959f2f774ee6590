import warnings

import numpy as np
import pytest
import torch
from skimage.data import chelsea
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from clockodile.core.errors import UserError
from clockodile.data.dataset import as_tensor
from clockodile.learn.backbones import Backbone, load_with_last_layer
from clockodile.learn.linear_probe import Probe, ProbedBackbone, fine_tune, fit_probe, fit_probe_from
from clockodile.learn.training import evaluate, predict


def tiny_backbone():
    body = nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.AdaptiveMaxPool2d(1)
    )
    return Backbone(body, name="tiny", side=32, mean=[0.5] * 3, std=[0.25] * 3)


def clouds(classes, count=40, width=6, distance=6.0):
    """Features in clouds, one for each class: far apart or on top of each other."""
    generator = torch.Generator().manual_seed(classes)
    labels = torch.arange(classes).repeat_interleave(count)
    centres = distance * torch.randn(classes, width, generator=generator)
    noise = torch.randn(len(labels), width, generator=generator)
    return 100 + 7 * (centres[labels] + noise), labels  # far from standardised


# --- the backbone under it ----------------------------------------------------------------------------------


def test_a_cat_is_a_cat():
    """EfficientNet-Lite0 sees its pictures as it was trained to."""
    classifier = ProbedBackbone(*load_with_last_layer(side=96)).eval()
    probability = predict(classifier, as_tensor(chelsea()[None, :, 75:375])).softmax(1)[0]
    assert probability.shape == (1000,) and probability.argmax() == 285
    assert probability[281:286].sum() > 0.95


# --- the probe ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", (2, 3, 5))
@pytest.mark.parametrize("distance", (0.3, 6.0))
def test_a_probe_decides_as_scikit_learn_does(classes, distance):
    features, labels = clouds(classes, distance=distance)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as not having converged
        probe = fit_probe(features, labels, classes=classes, strength=2.0)
    peer = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=10_000, tol=1e-6))
    peer.fit(features.double().numpy(), labels.numpy())
    expected = torch.from_numpy(peer.predict_proba(features.double().numpy())).float()
    logits = probe(features)
    assert logits.shape == (len(labels), classes) and logits.dtype == torch.float32
    torch.testing.assert_close(logits.softmax(1), expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("classes", (2, 3))
def test_a_probe_separates_what_can_be_separated(classes):
    features, labels = clouds(classes)
    assert (fit_probe(features, labels, classes=classes)(features).argmax(1) == labels).all()


def test_swapping_the_classes_swaps_the_logits():
    features, labels = clouds(2, distance=0.5)
    logits = fit_probe(features, labels, classes=2)(features)
    swapped = fit_probe(features, 1 - labels, classes=2)(features)
    torch.testing.assert_close(swapped, logits.flip(1), atol=1e-3, rtol=1e-3)


def test_a_stronger_penalty_makes_it_less_sure():
    features, labels = clouds(2, distance=0.5)
    sure = [
        fit_probe(features, labels, classes=2, strength=strength)(features).softmax(1).amax(1).mean()
        for strength in (0.1, 10, 1000)
    ]
    assert sure[0] > sure[1] > sure[2]


def test_a_feature_that_never_changes_is_no_obstacle():
    features, labels = clouds(2)
    features[:, 0] = 3.0
    assert fit_probe(features, labels, classes=2)(features).isfinite().all()


def test_a_class_without_images_is_named():
    features, labels = clouds(2)
    with pytest.raises(UserError, match=r"3 classes needs images of each; there are \[40, 40, 0\]"):
        fit_probe(features, labels, classes=3)
    with pytest.raises(UserError, match="2 classes needs images"):
        fit_probe(features, labels + 1, classes=2)


def test_a_probe_is_rebuilt_from_its_state():
    features, labels = clouds(3)
    probe = fit_probe(features, labels, classes=3)
    assert torch.equal(Probe(**probe.state_dict())(features), probe(features))


def test_a_probed_backbone_is_a_classifier(data):
    backbone = tiny_backbone()
    images, labels = data.tensor(), torch.from_numpy(data.labels)
    with torch.no_grad():
        features = backbone(images)
    model = ProbedBackbone(backbone, fit_probe(features, labels, classes=2))
    logits = predict(model, images)
    assert logits.shape == (len(images), 2)
    torch.testing.assert_close(model.features(images), features)
    torch.testing.assert_close(logits, model.head(features))


def test_a_probe_from_nothing_is_the_usual_one():
    features, labels = clouds(3, distance=1.0)
    nothing = {"weight": torch.zeros(3, 6), "bias": torch.zeros(3)}
    ours = fit_probe_from(features, labels, **nothing, strength=2.0, steps=200)
    usual = fit_probe(features, labels, classes=3, strength=2.0)
    assert torch.allclose(ours(features).softmax(1), usual(features).softmax(1), atol=0.02)


@pytest.mark.parametrize("one_vs_rest", (False, True))
def test_a_probe_stays_near_the_layer_it_begins_at_or_follows_the_images(one_vs_rest):
    features, labels = clouds(3)
    good = fit_probe(features, labels, classes=3)
    weight = good.weight / good.std
    layer = {"weight": weight, "bias": good.bias - weight @ good.mean}
    wrong = labels.roll(40)  # what the layer says is wrong for these labels
    fit = {"one_vs_rest": one_vs_rest, **layer}
    near = fit_probe_from(features, wrong, strength=1e7, **fit)(features).argmax(1)
    far = fit_probe_from(features, wrong, strength=0.1, **fit)(features).argmax(1)
    assert (near == labels).float().mean() > 0.95 and (far == wrong).float().mean() > 0.95


# --- fine-tuning --------------------------------------------------------------------------------------------


def tuned(data, *, seed=0, epochs=3, rows=slice(None), **options):
    labels = torch.from_numpy(data.labels)[rows]
    options = {"side": 24, "learning_rate": 3e-3} | options
    return fine_tune(tiny_backbone, data.tensor()[rows], labels, classes=2, seed=seed, epochs=epochs, **options)


def test_fine_tuning_is_decided_by_its_seed(data):
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    one, same, other = (tuned(data, seed=seed) for seed in (4, 4, 5))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(one.head.weight, other.head.weight)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_fine_tuning_learns(data):
    model = tuned(data, epochs=12, batch=16)
    assert evaluate(model, data.tensor(), torch.from_numpy(data.labels))["accuracy"] > 0.8
    assert not model.training and model.backbone.side == 24
    assert next(model.parameters()).dtype == torch.float32


def test_every_weight_is_trained_but_no_statistics(data):
    model = tuned(data, epochs=1)
    body = model.backbone.body
    with torch.random.fork_rng():
        torch.manual_seed(0)
        fresh = tiny_backbone().body
    assert torch.equal(body[1].running_mean, fresh[1].running_mean)
    changed = [not torch.equal(a, b) for a, b in zip(body.parameters(), fresh.parameters(), strict=True)]
    assert all(changed)


@pytest.mark.parametrize("count", (1, 2, 17))
def test_few_images_are_enough_to_run(data, count):
    rows = np.linspace(0, len(data) - 1, count).astype(int)
    model = tuned(data, rows=rows, epochs=1, batch=16)
    assert all(part.isfinite().all() for part in model.parameters())
