import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_photos import striped_and_dotted
from safetensors.torch import load_file, save_file
from tiny_nets import Brightness, Probed
from torch import nn

from clockodile.classify import predictor as module
from clockodile.classify.predictor import Predictor, load_predictor, save_predictor
from clockodile.classify.report_nets import ThreeBlockNet
from clockodile.core import store
from clockodile.core.errors import UserError
from clockodile.core.store import shipped_weights
from clockodile.data.dataset import as_tensor
from clockodile.learn import backbones
from clockodile.learn.backbones import Backbone
from clockodile.learn.linear_probe import fit_probe
from clockodile.learn.training import seeded


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """The tiny nets can be saved and loaded here."""
    monkeypatch.setitem(module.ARCHITECTURES, "brightness", Brightness)
    monkeypatch.setitem(module.ARCHITECTURES, "probed", Probed)


def bright(**changes) -> Predictor:
    return replace(Predictor("brightness", ("dark", "bright"), 8, (Brightness(),), kind="brightness"), **changes)


def grey(value: int, count: int = 1) -> np.ndarray:
    return np.full((count, 8, 8, 3), value, np.uint8)


# --- judging -----------------------------------------------------------------------------------------------


def test_known_answers():
    white_and_black = np.concatenate([grey(255), grey(0)])
    found = bright().probabilities(white_and_black)
    assert found.dtype == np.float64
    assert np.allclose(found, [[0.25, 0.75], [0.5, 0.5]])


def test_nets_are_averaged_as_probabilities_and_then_calibrated():
    nets = (Brightness(weight=float(np.log(3))), Brightness(weight=float(np.log(7))))
    mean = (3 / 4 + 7 / 8) / 2
    assert np.allclose(bright(models=nets).probabilities(grey(255))[0, 1], mean)
    odds = (mean / (1 - mean)) ** (1 / 2)
    found = bright(models=nets, temperature=2.0).probabilities(grey(255))[0, 1]
    assert np.allclose(found, odds / (1 + odds))


def test_a_picture_and_its_mirror_image_are_judged_alike():
    half = grey(0)
    half[:, :, :4] = 255  # the net looks at the left half only
    assert np.allclose(bright().probabilities(half)[0, 1], (0.75 + 0.5) / 2)
    assert np.allclose(bright().probabilities(half), bright().probabilities(half[:, :, ::-1]))


def test_a_picture_is_judged_the_same_alone_and_among_many():
    with seeded(1):
        predictor = Predictor("two", ("a", "b", "c"), 16, [ThreeBlockNet(classes=3, image_size=16)] * 2)
    images = striped_and_dotted(80, size=16)[0]  # more than one batch
    together = predictor.probabilities(images)
    alone = np.concatenate([predictor.probabilities(images[row : row + 1]) for row in (0, 127, 128, 159)])
    assert np.allclose(together[[0, 127, 128, 159]], alone, atol=1e-6)
    assert np.allclose(together.sum(1), 1)


def test_no_images_give_no_rows():
    assert bright().probabilities(grey(0, count=0)).shape == (0, 2)


# --- the file ----------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "predictor.safetensors"
    save_predictor(path, bright(temperature=1.7, accuracy=0.9, trained_on="greys", note="a test"))
    return path


def test_what_was_saved_comes_back(saved):
    loaded = load_predictor(saved)
    assert loaded.classes == ("dark", "bright") and loaded.image_size == 8 and loaded.temperature == 1.7
    assert (loaded.name, loaded.note, loaded.accuracy, loaded.trained_on) == ("brightness", "a test", 0.9, "greys")
    save_predictor(saved.with_name("again.safetensors"), loaded)
    assert saved.with_name("again.safetensors").read_bytes() == saved.read_bytes()


def test_constructor_arguments_come_back(tmp_path):
    with seeded(0):
        net = ThreeBlockNet(classes=3, image_size=16, channels=(4, 8), hidden=5)
    arguments = {"channels": (4, 8), "hidden": 5}
    predictor = Predictor("small", ("a", "b", "c"), 16, [net], kind="three_block", arguments=arguments)
    save_predictor(tmp_path / "p.safetensors", predictor)
    images = striped_and_dotted(2, size=16)[0]
    loaded = load_predictor(tmp_path / "p.safetensors")
    assert np.allclose(loaded.probabilities(images), predictor.probabilities(images), atol=0.01)


def test_half_precision_changes_little(tmp_path):
    with seeded(0):
        nets = [ThreeBlockNet(image_size=16), ThreeBlockNet(image_size=16)]
    for net in nets:
        net.out.weight.data *= 100  # as sure as trained nets are; those that know nothing would agree too easily
    before = Predictor("two nets", ("a", "b"), 16, nets, temperature=0.5, kind="three_block")
    save_predictor(tmp_path / "p.safetensors", before)
    after = load_predictor(tmp_path / "p.safetensors")
    images = striped_and_dotted(40, size=16)[0]
    wanted, found = before.probabilities(images), after.probabilities(images)
    assert wanted.max() > 0.9 and np.ptp(wanted[:, 0]) > 0.2
    assert np.abs(found - wanted).max() < 0.01
    numbers = sum(parameter.numel() for net in nets for parameter in net.parameters())
    assert (tmp_path / "p.safetensors").stat().st_size < 2 * numbers + 5000


def test_numbers_that_half_precision_cannot_hold_survive(tmp_path):
    net = ThreeBlockNet(image_size=8)
    net.out.weight.data[0, 0] = 1e6
    net.hidden.bias.data[0] = 1e-9
    save_predictor(tmp_path / "p.safetensors", Predictor("n", ("a", "b"), 8, [net], kind="three_block"))
    loaded = load_predictor(tmp_path / "p.safetensors").models[0]
    assert loaded.out.weight[0, 0].item() == 1e6 and np.isclose(loaded.hidden.bias[0].item(), 1e-9, atol=0)


def test_a_net_far_surer_than_numbers_can_say_stays_finite():
    found = bright(models=[Brightness(weight=5000.0)], temperature=0.1).probabilities(grey(255))
    assert np.isfinite(found).all() and np.isclose(found.sum(), 1) and found[0, 1] == 1


def test_only_the_trained_part_is_stored(tmp_path):
    path = tmp_path / "p.safetensors"
    predictor = Predictor("probed", ("dark", "bright"), 8, [Probed(), Probed()], kind="probed")
    save_predictor(path, predictor)
    assert set(load_file(path)) == {f"{net}.probe.{name}" for net in (0, 1) for name in ("weight", "bias")}
    found = load_predictor(path).probabilities(grey(200))
    assert np.allclose(found, predictor.probabilities(grey(200)), atol=0.01)


TRAININGS = [
    {"config": {"fold": 0, "plan": {"names": ["flip"], "warm_up": None}}, "metrics": {"loss": [0.7, 0.1]}},
    {"config": {"fold": 1}, "metrics": {"loss": []}, "seconds": 1.5},
]


def test_how_each_net_was_trained_comes_back(tmp_path):
    path, again = tmp_path / "p.safetensors", tmp_path / "again.safetensors"
    save_predictor(path, bright(models=[Brightness(), Brightness()], trainings=TRAININGS))
    loaded = load_predictor(path)
    assert list(loaded.trainings) == TRAININGS == module.read_predictor_record(path)["trainings"]
    save_predictor(again, loaded)
    assert again.read_bytes() == path.read_bytes()


def test_trainings_that_are_not_told_are_none(saved):
    assert len(load_predictor(saved).trainings) == 0


@pytest.mark.parametrize("loss", [float("nan"), torch.ones(2)], ids=["not a number", "not JSON"])
def test_a_training_that_could_not_be_read_back_is_never_written(saved, loss):
    before = saved.read_bytes()
    with pytest.raises((ValueError, TypeError)):
        save_predictor(saved, bright(trainings=[{"metrics": {"loss": loss}}]))
    assert saved.read_bytes() == before


# --- a probe on a pretrained backbone --------------------------------------------------------------------------


def tiny_backbone(name, *, side=None, mirror=False, seed=3):
    with seeded(seed):
        body = nn.Sequential(nn.Conv2d(3, 6, 5, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    return Backbone(body, name=name, side=side or 16, mean=[0.5] * 3, std=[0.25] * 3, mirror=mirror).eval()


@pytest.fixture
def probed(monkeypatch) -> Predictor:
    """A probe fitted on a backbone whose package is installed here."""
    monkeypatch.setattr(backbones, "load_backbone", tiny_backbone)
    images, labels = striped_and_dotted(30, size=8)
    arguments = {"backbone": "tiny", "side": 24, "width": 6}
    model = module.probed_backbone(classes=2, image_size=8, **arguments).eval()
    with torch.no_grad():
        features = model.features(as_tensor(images))
    model.head.load_state_dict(fit_probe(features, torch.from_numpy(labels), classes=2).state_dict())
    return Predictor("probe", ("striped", "dotted"), 8, [model], kind="probe", arguments=arguments)


def test_of_a_probed_backbone_only_the_head_is_stored(probed, tmp_path):
    path = tmp_path / "p.safetensors"
    save_predictor(path, probed)
    assert set(load_file(path)) == {f"0.head.{name}" for name in ("mean", "std", "weight", "bias")}
    images = striped_and_dotted(30, size=8, seed=1)[0]
    loaded = load_predictor(path)
    wanted, found = probed.probabilities(images), loaded.probabilities(images)
    assert (loaded.models[0].backbone.name, loaded.models[0].backbone.side) == ("tiny", 24)
    assert np.abs(wanted - found).max() < 0.01 and np.ptp(wanted[:, 0]) > 0.3


def test_an_untrained_probe_has_no_opinion_on_any_number_of_classes(monkeypatch):
    monkeypatch.setattr(backbones, "load_backbone", tiny_backbone)
    net = module.probed_backbone(classes=4, image_size=8, backbone="tiny", side=16, width=6).eval()
    assert torch.equal(net(torch.rand(3, 3, 8, 8)), torch.zeros(3, 4))
    assert net.features(torch.rand(3, 3, 8, 8)).shape == (3, 6)


def test_loading_leaves_the_random_state_alone_and_asks_no_network(tmp_path, monkeypatch):
    net = ThreeBlockNet(image_size=8)
    save_predictor(tmp_path / "p.safetensors", Predictor("n", ("a", "b"), 8, [net], kind="three_block"))
    monkeypatch.setattr("socket.socket.connect", lambda *args: pytest.fail("network"))
    before = torch.random.get_rng_state()
    assert not load_predictor(tmp_path / "p.safetensors").models[0].training
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "three_blocks"}, {"arguments": {"hidden": torch.ones(2)}}, {"models": [Brightness(weight=float("nan"))]}],
)
def test_what_could_not_be_read_back_is_never_written(saved, wrong):
    before = saved.read_bytes()
    with pytest.raises((UserError, ValueError, TypeError)):
        save_predictor(saved, bright(**wrong))
    assert saved.read_bytes() == before


def test_those_that_come_with_the_package_fit_this_version():
    found = {path.stem: load_predictor(path) for path in shipped_weights().glob("predictor-*.safetensors")}
    assert found.keys() == {"predictor-compact", "predictor-probe"}
    for predictor in found.values():
        assert predictor.classes == ("clock", "crocodile") and predictor.accuracy > 0.95


def test_a_killed_write_leaves_the_old_file(saved, monkeypatch):
    def killed(state, path, metadata):
        path.write_bytes(b"half a file")
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "save_file", killed)
    with pytest.raises(KeyboardInterrupt):
        save_predictor(saved, bright(name="new"))
    assert load_predictor(saved).name == "brightness" and os.listdir(saved.parent) == [saved.name]


def flip_last_byte(path):
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


DAMAGE = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:20]),
    "empty": lambda path: path.write_bytes(b""),
    "a weight changed": flip_last_byte,
    "words changed": lambda path: path.write_bytes(path.read_bytes().replace(b"greys", b"grays")),
    "text": lambda path: path.write_text("hello"),
    "other weights": lambda path: save_file({"a": torch.ones(2)}, path),
    "other words": lambda path: save_file({"a": torch.ones(2)}, path, metadata={"predictor": "[]"}),
    "gone": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_or_foreign_file_is_one_line(saved, damage):
    DAMAGE[damage](saved)
    with pytest.raises(UserError) as caught:
        load_predictor(saved)
    assert "predictor.safetensors" in str(caught.value) and "\n" not in str(caught.value)


def test_an_architecture_of_a_later_version_is_one_line(saved, monkeypatch):
    monkeypatch.delitem(module.ARCHITECTURES, "brightness")
    with pytest.raises(UserError, match="another version of clockodile"):
        load_predictor(saved)


def test_a_changed_architecture_is_one_line(saved, monkeypatch):
    monkeypatch.setitem(module.ARCHITECTURES, "brightness", ThreeBlockNet)
    with pytest.raises(UserError, match="does not fit this version"):
        load_predictor(saved)


def test_a_missing_package_is_named(saved, monkeypatch):
    def needs_more(**arguments):
        import no_such_package.models  # noqa: F401

    monkeypatch.setitem(module.ARCHITECTURES, "brightness", needs_more)
    with pytest.raises(UserError, match="needs the package no_such_package"):
        load_predictor(saved)


def test_what_a_backbone_has_to_say_is_passed_on(saved, monkeypatch):
    def complains(**arguments):
        raise UserError("install it again")

    monkeypatch.setitem(module.ARCHITECTURES, "brightness", complains)
    with pytest.raises(UserError, match="^install it again$"):
        load_predictor(saved)
