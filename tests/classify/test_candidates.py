import inspect
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.special import log_softmax
from torch import nn

from clockodile.classify import candidates, own_net
from clockodile.classify.candidates import (
    CANDIDATES,
    Candidate,
    cross_validate,
    fit_estimator,
    fit_net,
    measure_folds,
    pick_candidates,
    probe_predictor,
    scores,
    table_of_runs,
)
from clockodile.classify.predictor import load_predictor, save_predictor
from clockodile.core import schemas, store
from clockodile.core.errors import UserError
from clockodile.core.workspace import open_run
from clockodile.learn import backbones
from clockodile.learn.backbones import Backbone
from clockodile.learn.models import CompactResNet
from clockodile.learn.training import TrainConfig, seeded

REPORTS = [name for name, row in CANDIDATES.items() if row.recipe and "epochs" in row.recipe]


@pytest.fixture
def data(data):
    """The shared data set at half the side, with a card as complete as notebook 01 writes it."""
    images = np.ascontiguousarray(data.images[:, ::2, ::2])
    return replace(data, images=images, card=data.card | {"remark": ""})


@pytest.fixture
def run(tmp_path):
    """A run whose folder of photos is never read."""
    return open_run(recipe="folder", data_dir=str(tmp_path), run_dir=str(tmp_path / "run"))


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """A pretrained backbone of a few weights, and no weights that come with the package."""
    monkeypatch.setattr(candidates, "load_backbone", tiny_backbone)
    monkeypatch.setattr(store, "shipped_weights", lambda: tmp_path / "none")


def tiny_backbone(name="tiny", *, side=None, mirror=False):
    with seeded(0):
        body = nn.Sequential(nn.Conv2d(3, 24, 5, stride=2), nn.ReLU(), nn.AdaptiveMaxPool2d(1))
    return Backbone(body, name=name, side=32, mean=[0.5] * 3, std=[0.25] * 3, mirror=mirror)


class Memory:
    """Fits a judge that is sure of what it was fitted on, and has no opinion on anything else."""

    def __init__(self, truth):
        self.truth, self.asked = truth, []

    def __call__(self, rows, labels, *, classes, image_size, seed):
        assert np.array_equal(self.truth[rows], labels)
        self.asked.append({"rows": set(rows), "classes": classes, "image_size": image_size, "seed": seed})

        def judge(seen):
            known = np.isin(seen, rows)
            return 9.0 * known[:, None] * (self.truth[seen][:, None] == np.arange(classes))

        return judge, 7


def numbered(truth) -> tuple[Candidate, Memory]:
    """A candidate that sees of each image only its row number, and what it was asked."""
    memory = Memory(truth)
    return Candidate("memory", "test", lambda images: np.arange(len(images)), memory), memory


# --- folds and seeds -----------------------------------------------------------------------------------------


def test_every_image_is_judged_by_a_fit_that_never_saw_it(run, data):
    candidate, memory = numbered(data.labels)
    found = cross_validate(run, data, "memory", candidate, seed=0)
    assert (found["logits"] == 0).all() and (found["train_accuracy"] == 1).all()
    for fold, asked in enumerate(memory.asked):
        assert asked["rows"] == set(np.flatnonzero(data.fold != fold))
        assert (asked["classes"], asked["image_size"]) == (2, 16)
    schemas.check_schema("predictions/memory-seed0.npz", found)
    assert found["parameters"].tolist() == [7] and found["seconds"].shape == found["train_accuracy"].shape == (5,)


def test_every_fold_and_seed_has_its_own_randomness(run, data):
    candidate, memory = numbered(data.labels)
    for seed in (0, 1, 2):
        cross_validate(run, data, "memory", candidate, seed=seed)
    assert len({asked["seed"] for asked in memory.asked}) == 15


def test_kept_predictions_are_used_again(run, data):
    candidate, memory = numbered(data.labels)
    first, again = (cross_validate(run, data, "memory", candidate, seed=0) for _ in range(2))
    assert len(memory.asked) == 5 and all(np.array_equal(first[name], again[name]) for name in first)


OTHERWISE = {
    "seed": lambda data, row, patch: (data, row, 1),
    "split": lambda data, row, patch: (
        replace(data, fold=np.roll(data.fold, 1), card=data.card | {"split_hash": "1" * 12}),
        row,
        0,
    ),
    "data": lambda data, row, patch: (replace(data, card=data.card | {"fingerprint": "e" * 16}), row, 0),
    "rows": lambda data, row, patch: (replace(data, ids=data.ids[::-1]), row, 0),
    "recipe": lambda data, row, patch: (data, replace(row, recipe={"epochs": 2}), 0),
    "code": lambda data, row, patch: patch.setattr(store, "source_key", lambda *made: "other") or (data, row, 0),
}


@pytest.mark.parametrize("change", OTHERWISE)
def test_predictions_are_made_anew_when_something_changes(run, data, monkeypatch, change):
    candidate, memory = numbered(data.labels)
    cross_validate(run, data, "memory", candidate, seed=0)
    data, candidate, seed = OTHERWISE[change](data, candidate, monkeypatch)
    cross_validate(run, data, "memory", candidate, seed=seed)
    assert len(memory.asked) == 10


def test_two_contenders_never_share_predictions(run, data):
    candidate, memory = numbered(data.labels)
    for name in ("one", "two"):
        cross_validate(run, data, name, candidate, seed=0)
    assert len(memory.asked) == 10


# --- the candidates ------------------------------------------------------------------------------------------


def accuracy(data, found) -> float:
    return (found["logits"].argmax(1) == data.labels).mean()


def fast(name: str) -> Candidate:
    """A candidate whose training ends in no time."""
    row = CANDIDATES[name]
    if name not in REPORTS:
        return row
    net, plan = row.fit.args
    return replace(row, fit=partial(fit_net, net, replace(plan, epochs=1, batch=48)))


CHEAP = ["majority", "mean_colour", "nearest_neighbour", "hog_svm", "frozen", "fine_tuned", *REPORTS]


@pytest.mark.parametrize("name", CHEAP)
def test_each_judges_any_number_of_classes(run, data, name):
    data = data.rows(np.arange(0, 120, 2))
    data = replace(data, labels=np.arange(60) // 2 % 3, fold=np.arange(60) % 2, classes=("a", "b", "c"))
    found = cross_validate(run, data, name, fast(name), seed=0)
    schemas.check_schema(f"predictions/{name}-seed0.npz", found)
    assert found["logits"].shape == (60, 3) and np.isfinite(found["logits"]).all()
    assert ((0 <= found["train_accuracy"]) & (found["train_accuracy"] <= 1)).all()
    assert (found["parameters"] > 0) == (name in ("frozen", "fine_tuned", *REPORTS))


def test_the_first_report_is_trained_as_its_author_did(data):
    row = CANDIDATES["three_block_net"]
    rows, labels = row.prepare(data.images), data.labels
    judge, parameters = row.fit(rows[::2], labels[::2], classes=2, image_size=16, seed=0)
    assert (judge(rows[::2]).argmax(1) == labels[::2]).mean() > 0.9 and parameters > 20_000
    assert (judge(rows[1::2]).argmax(1) == labels[1::2]).mean() > 0.6


@pytest.mark.parametrize("name", ["mean_colour", "nearest_neighbour", "frozen"])
def test_what_can_be_learned_is_and_shuffled_labels_give_chance(run, data, name):
    images = data.images.copy()
    images[..., 0] = 60 + 120 * data.labels[:, None, None]  # red or not
    data = replace(data, images=images)
    assert accuracy(data, cross_validate(run, data, name, CANDIDATES[name], seed=0)) > 0.9
    labels = np.random.default_rng(3).permutation(data.labels)
    shuffled = replace(data, labels=labels, card=data.card | {"fingerprint": "e" * 16})
    found = cross_validate(run, shuffled, name, CANDIDATES[name], seed=0)
    assert 0.3 < accuracy(shuffled, found) < 0.7


def test_shapes_are_learned_as_well(run, data):
    assert accuracy(data, cross_validate(run, data, "hog_svm", CANDIDATES["hog_svm"], seed=0)) > 0.9


def test_a_nearest_neighbour_knows_its_own_and_the_majority_knows_nothing(run, data):
    found = {name: cross_validate(run, data, name, CANDIDATES[name], seed=0) for name in CHEAP[:3]}
    assert (found["nearest_neighbour"]["train_accuracy"] == 1).all()
    assert accuracy(data, found["majority"]) == 0.5


def test_where_luck_plays_no_part_nothing_is_repeated(run, data):
    for name in ("majority", "mean_colour", "nearest_neighbour", "frozen"):
        both = [cross_validate(run, data, name, CANDIDATES[name], seed=seed)["logits"] for seed in (0, 1)]
        assert np.array_equal(*both) and not CANDIDATES[name].repeats
    name = REPORTS[0]
    both = [cross_validate(run, data, name, fast(name), seed=seed)["logits"] for seed in (0, 1)]
    assert not np.array_equal(*both)


def test_an_estimator_that_is_never_in_doubt_stays_finite(data):
    class Sure:
        def fit(self, rows, labels):
            return self

        def predict_proba(self, rows):
            return np.tile([0.0, 1.0], (len(rows), 1))

    judge, _ = fit_estimator(lambda seed: Sure(), data.images, data.labels, classes=2, image_size=16, seed=0)
    logits = judge(data.images)
    assert np.isfinite(logits).all() and (logits.argmax(1) == 1).all() and logits[0, 1] == 0


def test_images_that_are_mirrored_look_alike_to_a_frozen_backbone(data):
    look = CANDIDATES["frozen"].prepare
    assert np.allclose(look(data.images[:5]), look(data.images[:5, :, ::-1].copy()), atol=1e-5)


def test_every_row_has_a_name_a_title_and_an_origin_of_its_own():
    assert len({row.title for row in CANDIDATES.values()}) == len(CANDIDATES)
    assert all(row.source for row in CANDIDATES.values())
    assert all("," not in name and name == name.strip() for name in CANDIDATES)


def test_every_row_but_our_own_net_can_be_fitted_alike():
    for name, row in CANDIDATES.items():
        if name != "compact":
            inspect.signature(row.fit).bind("rows", "labels", classes=2, image_size=32, seed=0)


def test_a_recipe_can_be_kept_and_says_the_plan():
    for name in REPORTS:
        assert TrainConfig(**CANDIDATES[name].recipe) == CANDIDATES[name].fit.args[1]


@pytest.mark.parametrize("name", REPORTS)
def test_earlier_nets_get_none_of_our_refinements(name):
    plan = CANDIDATES[name].fit.args[1]
    assert plan.warm_up is None and not plan.label_smoothing and not plan.ema_decay


# --- by name -------------------------------------------------------------------------------------------------


def test_the_profile_picks_the_rows():
    quick, full = (pick_candidates("", slow=not quick) for quick in (True, False))
    assert full == CANDIDATES and set(quick) < set(full)
    assert {"majority", "compact", "frozen"} <= set(quick) and all(row.quick for row in quick.values())


def test_rows_are_picked_by_name_in_the_order_asked_and_our_own_net_is_always_there():
    assert list(pick_candidates(" hog_svm,  majority ,", slow=False)) == ["hog_svm", "majority", "compact"]
    assert list(pick_candidates("compact,hog_svm,compact", slow=True)) == ["compact", "hog_svm"]
    assert pick_candidates("fine_tuned", slow=False)["fine_tuned"] is CANDIDATES["fine_tuned"]


def test_a_backbone_of_torchvision_goes_by_its_name(run, data, monkeypatch):
    asked = []
    monkeypatch.setattr(
        candidates, "load_backbone", lambda name, **options: asked.append(name) or tiny_backbone(**options)
    )
    row = pick_candidates("resnet18", slow=False)["resnet18"]
    assert "resnet18" in row.title and not asked, "nothing is downloaded before it is needed"
    assert cross_validate(run, data, "resnet18", row, seed=0)["logits"].shape == (120, 2)
    assert asked == ["resnet18"], "its features are computed once, not for each fold"


@pytest.mark.parametrize(
    ("wrong", "near"), [("compct", "compact"), ("majority,hog_swm", "hog_svm"), ("resnet-18", "resnet18")]
)
def test_an_unknown_name_is_one_line_with_the_nearest(wrong, near):
    with pytest.raises(UserError, match=f"did you mean '{near}'") as caught:
        pick_candidates(wrong, slow=False)
    assert "\n" not in str(caught.value)


# --- the table -----------------------------------------------------------------------------------------------


def guess(rows, labels, *, classes, image_size, seed):
    """Fits a judge that throws dice."""
    return lambda seen: np.random.default_rng(seed).normal(size=(len(seen), classes)), 1000


@pytest.fixture
def chosen():
    return {
        "guess": Candidate("dice", "test", lambda images: images, guess),
        "majority": CANDIDATES["majority"],
        "nearest_neighbour": CANDIDATES["nearest_neighbour"],
    }


def test_the_table_has_a_row_for_each_contender_seed_and_fold(run, data, chosen):
    table = table_of_runs(run, data, chosen, seeds=[3, 4])
    schemas.check_schema("classifier_runs.csv", table)
    store.save(run.dir, "classifier_runs.csv", table, {})
    kept = store.load(run.dir, "classifier_runs.csv")
    pd.testing.assert_frame_equal(kept, table, check_dtype=False)
    counts = table.groupby(["model", "seed"]).size().to_dict()
    once = [("majority", 3), ("nearest_neighbour", 3)]  # what does not depend on the seed
    assert counts == dict.fromkeys([("guess", 3), ("guess", 4), *once], 5)


def test_measures_are_of_the_held_out_images(run, data, chosen):
    table = table_of_runs(run, data, {"guess": chosen["guess"]}, seeds=[0])
    found = cross_validate(run, data, "guess", chosen["guess"], seed=0)
    right = found["logits"].argmax(1) == data.labels
    assert np.allclose(table["accuracy"], [right[data.fold == fold].mean() for fold in range(5)])
    own = -log_softmax(found["logits"].astype(float), axis=1)[range(len(data)), data.labels]
    assert np.allclose(table["log_loss"], [own[data.fold == fold].mean() for fold in range(5)])
    assert table["fold"].tolist() == [0, 1, 2, 3, 4] and (table["parameters"] == 1000).all()
    again = pd.DataFrame(measure_folds(data, found))
    pd.testing.assert_frame_equal(again, table[again.columns])


def test_scores_are_seeds_by_folds(run, data, chosen):
    table = table_of_runs(run, data, chosen, seeds=[1, 2])
    found = scores(table.sample(frac=1, random_state=0), "guess")
    assert found.shape == (2, 5) and len(np.unique(found)) > 2
    for row, seed in enumerate((1, 2)):
        of_seed = table[(table["model"] == "guess") & (table["seed"] == seed)]
        assert np.array_equal(found[row], of_seed.sort_values("fold")["accuracy"])
    assert (scores(table, "majority") == 0.5).all() and scores(table, "majority").shape == (1, 5)


def test_our_own_net_is_judged_by_its_kept_weights(run, data, monkeypatch):
    monkeypatch.setattr(own_net, "CompactResNet", partial(CompactResNet, widths=(4, 8)))
    chosen = {"compact": CANDIDATES["compact"]}
    run = replace(run, profile=replace(run.profile, oof_seeds=2))
    table = table_of_runs(run, data, chosen, seeds=[0, 1], epochs=1)
    schemas.check_schema("classifier_runs.csv", table)
    assert len(table) == 10 and len(list((run.dir / "classifier").glob("*-epochs1.safetensors"))) == 10
    logits = own_net.out_of_fold(run, data, epochs=1)["logits"][0]
    assert np.isclose(scores(table, "compact")[0].mean(), (logits.argmax(1) == data.labels).mean())


# --- what is seen of an image, and the probe as a predictor --------------------------------------------------


def counting(candidate: Candidate) -> tuple[Candidate, list]:
    """The same candidate, and what it was asked to look at."""
    asked = []
    return replace(candidate, prepare=lambda images: asked.append(len(images)) or candidate.prepare(images)), asked


@pytest.mark.parametrize(("name", "times"), [("frozen", 1), ("mean_colour", 2)])
def test_what_is_slow_to_compute_is_computed_once_for_all_seeds(run, data, name, times):
    candidate, asked = counting(CANDIDATES[name])
    for seed in (0, 1):
        cross_validate(run, data, name, candidate, seed=seed)
    assert asked == [120] * times


def test_what_is_kept_of_an_image_is_never_taken_for_another(run, data):
    candidate, asked = counting(CANDIDATES["frozen"])
    order = np.arange(120)[::-1]
    others = replace(data, card=data.card | {"fingerprint": "e" * 16})
    for some, row in (
        (data, candidate),
        (data.rows(order), candidate),
        (others, candidate),
        (data, replace(candidate, recipe={"side": 1})),
    ):
        cross_validate(run, some, "frozen", row, seed=0)
    assert len(asked) == 4


@pytest.fixture
def probe(run, data, monkeypatch):
    """The probe on the tiny backbone, on images that it can tell apart."""
    monkeypatch.setattr(backbones, "load_backbone", tiny_backbone)
    images = data.images.copy()
    images[..., 0] = 60 + 120 * data.labels[:, None, None]
    data = replace(data, images=images, card=data.card | {"remark": "made for a test"})
    return probe_predictor(run, data, 0), data


def test_the_probe_judges_as_it_was_measured(probe):
    predictor, data = probe
    right = predictor.probabilities(data.images).argmax(1) == data.labels
    assert right.mean() > 0.9 and 0.9 < predictor.accuracy <= 1
    assert predictor.classes == data.classes and predictor.note == "made for a test"


def test_the_probe_comes_back_from_its_file(probe, tmp_path):
    predictor, data = probe
    save_predictor(tmp_path / "p.safetensors", predictor)
    found = load_predictor(tmp_path / "p.safetensors").probabilities(data.images)
    assert np.abs(found - predictor.probabilities(data.images)).max() < 0.01
    assert (tmp_path / "p.safetensors").stat().st_size < 4000, "without the backbone"
