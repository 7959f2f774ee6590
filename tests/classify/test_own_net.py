import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from tiny_nets import Brightness
from torch import nn

from clockodile.classify import candidates, own_net, predictor
from clockodile.classify.calibration import log_loss_at
from clockodile.classify.own_net import choose_pair, ensemble, fit_fold, official_test_row, out_of_fold, predictions
from clockodile.classify.predictor import load_predictor, save_predictor
from clockodile.core import schemas, store
from clockodile.core.errors import UserError
from clockodile.core.workspace import open_run
from clockodile.learn.models import CompactResNet, count_parameters
from clockodile.learn.training import evaluate, predict

NET = partial(CompactResNet, widths=(4, 8))
FOLDS = range(3)


@pytest.fixture
def data(data):
    """Half of the shared data set, smaller, in three folds, with a card as complete as notebook 01 writes it."""
    half = data.rows(np.r_[0:30, 60:90])
    card = data.card | {"remark": "made for a test"}
    small = np.ascontiguousarray(half.images[:, ::2, ::2])
    return replace(half, images=small, fold=np.arange(60) % 3, card=card)


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """Narrow nets, and no weights that come with the package."""
    monkeypatch.setattr(own_net, "CompactResNet", NET)
    monkeypatch.setitem(predictor.ARCHITECTURES, "compact", NET)
    monkeypatch.setattr(store, "shipped_weights", lambda: tmp_path / "none")


@pytest.fixture
def run(tmp_path):
    """A run whose profile trains for two epochs, and asks one net a fold; its folder of photos is never read."""
    run = open_run(recipe="folder", data_dir=str(tmp_path), run_dir=str(tmp_path / "run"))
    return replace(run, profile=replace(run.profile, own_net_epochs=2, oof_seeds=1))


def test_of_many_images_each_is_seen_less_often(run, data):
    asked = replace(run, profile=replace(run.profile, own_net_epochs=24, own_net_views=480))
    many = replace(data, images=data.images.repeat(20, 0), labels=data.labels.repeat(20), ids=data.ids.repeat(20))
    assert own_net.plan_for(asked, data).epochs == 10  # 60 images, 48 of them in four folds
    assert own_net.plan_for(asked, many).epochs == own_net.FEWEST_EPOCHS
    assert own_net.plan_for(asked, many, epochs=30).epochs == 30
    assert own_net.plan_for(replace(run, profile=replace(asked.profile, own_net_views=10**6)), data).epochs == 24


def dealt_otherwise(data):
    """The same images in other folds, as the card of a data set so split says."""
    return replace(data, fold=np.roll(data.fold, 1), card=data.card | {"split_hash": "1" * 12})


def relabelled(data, labels):
    """The same images with other labels, as the card of such a data set says."""
    return replace(data, labels=labels, card=data.card | {"fingerprint": "e" * 16})


def same(first: nn.Module, second: nn.Module, atol: float = 0) -> bool:
    weights = zip(first.parameters(), second.parameters(), strict=True)
    return all(torch.allclose(one, other, rtol=0, atol=atol) for one, other in weights)


# --- one net -----------------------------------------------------------------------------------------------


def test_a_net_is_trained_once_then_read_from_the_run_folder(run, data):
    first, trained = fit_fold(run, data, 1, 0)
    again, loaded = fit_fold(run, data, 1, 0)
    assert (trained.origin, loaded.origin) == ("trained", "run folder")
    assert torch.equal(predict(first, data.tensor()), predict(again, data.tensor()))
    assert not first.training and not again.training and loaded.metrics == trained.metrics


def test_a_record_says_what_was_measured(run, data):
    (net, record), rows = fit_fold(run, data, 2, 0), data.fold != 2
    now = evaluate(net, data.tensor()[rows], torch.from_numpy(data.labels[rows]))
    assert now == pytest.approx(record.metrics["train"], abs=1e-4)
    assert json.loads(json.dumps(record.config))["fold"] == 2 and json.dumps(record.metrics)


def test_training_again_gives_the_same_net(run, data):
    first, _ = fit_fold(run, data, 0, 0)
    again, fitted = fit_fold(run, data, 0, 0, retrain=True)
    assert fitted.origin == "trained" and same(first, again)
    assert fit_fold(run, data, 0, 0)[1].origin == "run folder"


def test_each_fold_seed_and_length_has_a_net_of_its_own(run, data):
    asked = [(0, 0, 1), (1, 0, 1), (0, 1, 1), (0, 0, 3)]
    nets, records = zip(*(fit_fold(run, data, f, s, epochs=e) for f, s, e in asked), strict=True)
    assert [record.origin for record in records] == ["trained"] * 4
    assert not any(same(nets[i], nets[j]) for i in range(4) for j in range(i))
    again = [fit_fold(run, data, f, s, epochs=e) for f, s, e in asked]
    assert all(same(net, kept) for net, (kept, _) in zip(nets, again, strict=True))


def test_the_profile_decides_how_long_unless_told(run, data, trainings):
    fit_fold(run, data, 0, 0)
    fit_fold(run, data, 0, 0, epochs=1)
    assert [epochs for _, epochs, _ in trainings] == [2, 1]


def other_image(data):
    images = data.images.copy()
    images[0, 0, 0, 0] ^= 1  # of fold 0
    return replace(data, images=images)


OTHER_TRAININGS = {
    "folds": lambda data, patch: dealt_otherwise(data),
    "folds, the card not": lambda data, patch: replace(data, fold=np.roll(data.fold, 1)),
    "a label": lambda data, patch: replace(data, labels=np.r_[1, data.labels[1:]]),
    "a pixel": lambda data, patch: other_image(data),
    "an image more": lambda data, patch: data.rows(np.r_[0:60, 0]),
    "an image fewer": lambda data, patch: data.rows(np.r_[1:60]),
    "the code": lambda data, patch: patch.setattr(store, "source_key", lambda *made: "other") or data,
}


@pytest.mark.parametrize("change", OTHER_TRAININGS)
def test_a_net_is_never_taken_for_one_of_another_training(run, data, monkeypatch, change):
    assert fit_fold(run, data, 1, 0, epochs=1)[1].origin == "trained"
    other = OTHER_TRAININGS[change](data, monkeypatch)
    assert fit_fold(run, other, 1, 0, epochs=1)[1].origin == "trained"


# --- what they say of images they never saw ----------------------------------------------------------------


class Memory(nn.Module):
    """Knows whether it was trained on an image, and answers nothing else. `weigh` is the same for a mirror image."""

    def __init__(self, *, classes: int, image_size: int):
        super().__init__()
        self.classes = classes
        self.register_buffer("known", torch.zeros(40, dtype=torch.float64))
        self.unused = nn.Parameter(torch.zeros(1))

    @staticmethod
    def weigh(images):
        return (images * 255).round().double().mean((2, 3)) @ torch.tensor([1, 300, 90000], dtype=torch.float64)

    def features(self, images):
        return torch.isclose(self.weigh(images)[:, None], self.known, rtol=0, atol=1e-6).any(1, True).float()

    def forward(self, images):
        return self.features(images).repeat(1, self.classes) * torch.arange(self.classes)


def remember(make_model, images, labels, plan, *, seed, **rest):
    """Stands in for `train`: learns its images by heart."""
    net, (_, history) = make_model(), compact_train(NET, images, labels, plan, seed=seed)
    net.known.copy_(net.weigh(images))
    return net.eval(), history


compact_train = own_net.train


@pytest.mark.parametrize("deal", [lambda data: data, dealt_otherwise], ids=["folds", "other folds"])
def test_every_image_is_judged_by_a_net_that_never_saw_it(run, data, monkeypatch, deal):
    monkeypatch.setattr(own_net, "CompactResNet", Memory)
    monkeypatch.setattr(own_net, "train", remember)
    data = deal(data)
    assert len(np.unique(Memory.weigh(data.tensor()))) == 60, "or it would take one image for another"
    found = out_of_fold(run, data, epochs=1)
    assert (found["logits"][..., 0] == found["logits"][..., 1]).all()
    assert (found["centre_distance"] == 1).all(), "class centres are of images that net knows"
    for fold in FOLDS:
        net, _ = fit_fold(run, data, fold, 0, epochs=1)
        assert np.array_equal(net.features(data.tensor())[:, 0].numpy() == 1, data.fold != fold)


def test_nets_are_trained_when_there_are_none(run, data):
    found = out_of_fold(run, data)
    assert found["logits"].shape == (1, 60, 2) and np.isfinite(found["logits"]).all()
    assert len(list((run.dir / "classifier").glob("compact-*.safetensors"))) == 3


def test_what_can_be_learned_is_and_shuffled_labels_give_chance(run, data, monkeypatch):
    monkeypatch.setattr(own_net, "CompactResNet", partial(CompactResNet, widths=(8, 16)))
    images = data.images.copy()
    images[..., 0] = 60 + 120 * data.labels[:, None, None]  # red or not: easier than stripes and discs
    plain = replace(data, images=images, fold=np.arange(60) % 2)
    shuffled = relabelled(plain, np.random.default_rng(1).permutation(data.labels))
    right = []
    for some in (plain, shuffled):
        logits = out_of_fold(run, some, epochs=40)["logits"][0]
        right.append((logits.argmax(1) == some.labels).mean())
    assert right[0] > 0.8 and 0.25 < right[1] < 0.75, right


def test_logits_are_of_a_picture_and_its_mirror_image(run, data):
    nets = [fit_fold(run, data, fold, 0)[0] for fold in FOLDS]
    logits = out_of_fold(run, data)["logits"][0]
    assert np.allclose(np.exp(logits).sum(1), 1, atol=1e-5)
    mirrored = predict(nets[2], data.tensor().flip(3), mirrored=True).numpy()
    assert np.allclose(logits[data.fold == 2], mirrored[data.fold == 2], atol=1e-5)


def test_seeds_are_judged_side_by_side_and_any_number_of_classes(run, data):
    run = replace(run, seed=3, profile=replace(run.profile, oof_seeds=2))
    three = relabelled(replace(data, classes=("a", "b", "c")), np.arange(60) // 2 % 3)
    found = out_of_fold(run, three, epochs=1)
    assert found["logits"].shape == found["centre_distance"].shape == (2, 60, 3)
    schemas.check_schema("oof_predictions.npz", found)
    second = fit_fold(run, three, 0, 4, epochs=1)[0]
    wanted = predict(second, three.tensor(), mirrored=True).numpy()
    assert np.allclose(found["logits"][1][data.fold == 0], wanted[data.fold == 0], atol=1e-5)


def stamp(run):
    return (run.dir / "oof_predictions.npz").stat().st_mtime_ns


def test_kept_predictions_are_used_again(run, data):
    made = out_of_fold(run, data, epochs=1)
    before = stamp(run)
    for found in (out_of_fold(run, data, epochs=1), out_of_fold(run, data)):  # those of notebook 02, whatever they are
        assert all(np.array_equal(made[name], found[name]) for name in made) and stamp(run) == before
    assert not np.array_equal(out_of_fold(run, data, epochs=0)["logits"], made["logits"])


def test_test_images_are_asked_once_and_only_where_there_are_any(data):
    nets = [Brightness(weight=8.0), Brightness(weight=9.0)]
    assert official_test_row(nets, data) == []
    tests = replace(data, split=np.full(len(data), "test"))
    (row,) = official_test_row(nets, tests)
    right = (predict(nets[0], data.tensor(), mirrored=True).argmax(1).numpy() == data.labels).mean()
    assert row["mean"] == pytest.approx(right) and "95 % interval" in row["note"] and "left" not in row["note"]


def test_test_images_with_a_twin_in_training_are_not_asked(data):
    nets, rows, half = [Brightness(weight=8.0)], np.arange(len(data)), len(data) // 2
    split, group = np.where(rows % 2, "test", "train"), rows - rows % 2 * (rows < half)
    (row,) = official_test_row(nets, replace(data, split=split, group=group))
    fresh = data.rows((rows % 2 == 1) & (rows >= half))
    right = (predict(nets[0], fresh.tensor(), mirrored=True).argmax(1).numpy() == fresh.labels).mean()
    assert row["mean"] == pytest.approx(right)
    assert row["note"].endswith(f"; {half // 2} with a near-duplicate in training left out")


OTHER_PREDICTIONS = {
    "seed": lambda run, data, patch: (replace(run, seed=1), data, {}),
    "seeds": lambda run, data, patch: (replace(run, profile=replace(run.profile, oof_seeds=2)), data, {"epochs": 0}),
    "split": lambda run, data, patch: (run, dealt_otherwise(data), {}),
    "data": lambda run, data, patch: (run, relabelled(data, 1 - data.labels), {}),
    "rows": lambda run, data, patch: (run, data.rows(np.arange(60)[::-1]), {}),
    "code": lambda run, data, patch: patch.setattr(store, "source_key", lambda *made: "other") or (run, data, {}),
    "retrain": lambda run, data, patch: (run, data, {"retrain": True}),
}


@pytest.mark.parametrize("change", OTHER_PREDICTIONS)
def test_predictions_are_made_anew_when_something_changes(run, data, monkeypatch, change):
    out_of_fold(run, data)
    before = stamp(run)
    run, data, options = OTHER_PREDICTIONS[change](run, data, monkeypatch)
    found = out_of_fold(run, data, **options)
    assert stamp(run) != before
    assert np.array_equal(found["ids"], data.ids) and np.array_equal(found["fold"], data.fold)
    assert np.array_equal(found["labels"], data.labels)


def test_a_row_of_the_comparison_says_the_same(run, data):
    found = predictions(run, data, 0)
    schemas.check_schema("predictions/compact-seed0.npz", found)
    assert np.array_equal(found["logits"], out_of_fold(run, data)["logits"][0])
    assert found["parameters"].tolist() == [count_parameters(NET())]
    net, record = fit_fold(run, data, 2, 0)
    assert found["train_accuracy"][2] == record.metrics["train"]["accuracy"]
    assert found["seconds"].shape == (3,) and (found["seconds"] > 0).all()


# --- all nets together -------------------------------------------------------------------------------------


@pytest.fixture
def together(run, data):
    return ensemble(run, data, 0)


def test_the_ensemble_comes_back_from_its_file(run, data, tmp_path):
    # a net that has just begun is unsure, and unsure nets agree too easily
    together = replace(ensemble(run, data, 0, epochs=10), temperature=0.2)
    save_predictor(tmp_path / "p.safetensors", together)
    loaded = load_predictor(tmp_path / "p.safetensors")
    before, after = together.probabilities(data.images), loaded.probabilities(data.images)
    assert np.abs(before - after).max() < 0.01 and np.ptp(before[:, 0]) > 0.2
    assert len(loaded.models) == 3 and loaded.temperature == together.temperature
    assert loaded.trainings == json.loads(json.dumps(together.trainings))
    assert [training["config"]["fold"] for training in loaded.trainings] == list(FOLDS)


def test_the_temperature_makes_the_nets_as_sure_as_they_are_right(together, run, data):
    logits = out_of_fold(run, data)["logits"][0]
    assert together.temperature != 1
    assert log_loss_at(together.temperature, logits, data.labels) < log_loss_at(1.0, logits, data.labels)


def test_the_ensemble_says_what_it_is(together, run, data):
    logits = out_of_fold(run, data)["logits"][0]
    assert together.accuracy == (logits.argmax(1) == data.labels).mean()
    assert "3 nets" in together.name and "60 images" in together.trained_on
    assert together.note == "made for a test" and together.classes == data.classes
    for net, fold in zip(together.models, FOLDS, strict=True):
        assert same(net, fit_fold(run, data, fold, 0)[0])


# --- nets that come with the package -----------------------------------------------------------------------


@pytest.fixture
def shipped(run, data, tmp_path, monkeypatch):
    """The ensemble of another run, trained longer than this one's profile would, as a part of the package."""
    made = ensemble(replace(run, dir=tmp_path / "maker"), data, 0, epochs=3)
    folder = tmp_path / "shipped"
    save_predictor(folder / own_net.SHIPPED, made)
    monkeypatch.setattr(store, "shipped_weights", lambda: folder)
    return made


def test_a_run_starts_with_the_nets_of_the_package(shipped, run, data):
    for fold in FOLDS:
        net, fitted = fit_fold(run, data, fold, 0)
        assert fitted.origin == "shipped" and same(net, shipped.models[fold], atol=1e-3) and not net.training
        assert fitted.metrics == json.loads(json.dumps(shipped.trainings[fold]["metrics"]))
        assert fitted.seconds == shipped.trainings[fold]["seconds"]


def test_an_ensemble_of_the_packages_nets_could_be_shipped_again(shipped, run, data):
    again = ensemble(run, data, 0)
    wanted, found = (json.loads(json.dumps(list(one.trainings))) for one in (shipped, again))
    assert wanted == found
    assert np.allclose(shipped.probabilities(data.images), again.probabilities(data.images), atol=0.01)


NOT_SHIPPED = {name: OTHER_TRAININGS[name] for name in ("folds", "a pixel")} | {
    "nothing but the seed": lambda data, patch: (data, {"seed": 1}),
    "epochs are given": lambda data, patch: (data, {"epochs": 2}),
    "the very epochs are given": lambda data, patch: (data, {"epochs": 3}),
    "it is to be trained": lambda data, patch: (data, {"retrain": True}),
}


@pytest.mark.parametrize("change", NOT_SHIPPED)
def test_the_packages_nets_are_only_for_exactly_their_images_seed_and_fold(shipped, run, data, monkeypatch, change):
    changed = NOT_SHIPPED[change](data, monkeypatch)
    data, options = changed if isinstance(changed, tuple) else (changed, {})
    assert fit_fold(run, data, 1, options.pop("seed", 0), **options)[1].origin == "trained"


def test_a_net_of_the_package_never_judges_an_image_it_saw(shipped, run, data):
    """In other folds every image would be new to another net: each of the package's has seen some of them."""
    other = dealt_otherwise(data)
    assert {fit_fold(run, other, fold, 0)[1].origin for fold in FOLDS} == {"trained"}


def test_the_run_folder_comes_before_the_package(shipped, run, data):
    fit_fold(run, data, 0, 0, retrain=True)
    assert fit_fold(run, data, 0, 0)[1].origin == "run folder"
    assert fit_fold(run, data, 1, 0)[1].origin == "shipped"


def test_a_damaged_net_in_the_run_folder_is_no_reason_to_train(shipped, run, data):
    fit_fold(run, data, 0, 0, retrain=True)
    (kept,) = (run.dir / "classifier").glob("compact-fold0-*")
    kept.write_bytes(b"half a fi")
    assert fit_fold(run, data, 0, 0)[1].origin == "shipped"


def test_asking_for_epochs_never_gives_predictions_of_the_packages_nets(shipped, run, data):
    ready = out_of_fold(run, data, epochs=0)
    trained = out_of_fold(run, data, epochs=run.profile.own_net_epochs)
    assert not np.allclose(ready["logits"], trained["logits"], atol=1e-3)


# --- which two classes are compared ------------------------------------------------------------------------


@pytest.fixture
def three(data):
    return relabelled(replace(data, classes=("apple", "bear", "cloud")), np.arange(60) // 2 % 3)


def test_the_pair_that_was_asked_for(run, three):
    assert choose_pair(replace(run, pair=("cloud", "bear")), three).recipe.pair == (2, 1)
    assert choose_pair(replace(run, pair=(2, 0)), three).recipe.pair == (2, 0)
    with pytest.raises(UserError, match="unknown class 'claud'; did you mean 'cloud'"):
        choose_pair(replace(run, pair=("bear", "claud")), three)


def test_without_being_asked_it_is_the_recipes_or_the_one_that_is_confused_most(run, three, data, capsys):
    assert choose_pair(run, three).recipe.pair == (0, 1), "notebook 02 has not been run"
    assert "confuses" not in capsys.readouterr().out
    config = own_net.stored_config(run, three) | {"asked": 0}
    logits = np.zeros((1, 60, 3), np.float32)
    logits[0, np.arange(60), three.labels] = 4
    logits[0, three.labels == 2, 1] = 3
    arrays = {"ids": three.ids, "labels": three.labels, "fold": three.fold, "logits": logits, "centre_distance": logits}
    store.save(run.dir, "oof_predictions.npz", arrays, config)
    assert choose_pair(run, three).recipe.pair == (1, 2)
    assert f"{three.classes[1]} and {three.classes[2]}, which our net confuses" in capsys.readouterr().out
    own = replace(run, recipe=replace(run.recipe, pair=(0, 2)))
    assert choose_pair(own, three).recipe.pair == (0, 2)
    assert choose_pair(run, data).recipe.pair == (0, 1), "two classes are a pair"


# --- retrain and epochs reach every net ----------------------------------------------------------------------


@pytest.fixture
def trainings(monkeypatch):
    """Counts the trainings of our net: (images, epochs, seed)."""
    seen, real = [], own_net.train

    def counting(make, images, labels, plan, *, seed, **rest):
        seen.append((len(images), plan.epochs, seed))
        return real(make, images, labels, plan, seed=seed, **rest)

    monkeypatch.setattr(own_net, "train", counting)
    return seen


def notebook_02(run, data, *, epochs=0, retrain=False):
    """The trainings of notebook 02, in its order; both parameters reach each of them."""
    store.begin_run()
    asked = {"epochs": epochs, "retrain": retrain}
    for fold in FOLDS:
        fit_fold(run, data, fold, 0, **asked)
    seeds = list(range(run.profile.oof_seeds))
    ours = {"compact": candidates.CANDIDATES["compact"]}
    candidates.table_of_runs(run, data, ours, seeds=seeds, **asked)
    out_of_fold(run, data, **asked)
    ensemble(run, data, 0, **asked)


def test_retrain_trains_every_net_again_and_each_once(run, data, trainings):
    run = replace(run, profile=replace(run.profile, oof_seeds=2))
    notebook_02(run, data)
    first = list(trainings)
    notebook_02(run, data)
    assert trainings == first and len(first) == 3 + 3, "loaded the second time"
    notebook_02(run, data, retrain=True)
    assert trainings == first + first


def test_later_notebooks_ask_the_nets_that_notebook_02_made(run, data, trainings):
    notebook_02(run, data, epochs=3)
    made = list(trainings)
    assert {epochs for _, epochs, _ in made} == {3}
    nets = own_net.fold_nets(run, data, 0)
    out_of_fold(run, data)
    assert trainings == made and all(record.config["plan"]["epochs"] == 3 for _, record in nets)
