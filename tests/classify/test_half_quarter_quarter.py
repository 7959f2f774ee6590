from dataclasses import replace

import numpy as np
import torch

from clockodile.classify import half_quarter_quarter
from clockodile.classify.half_quarter_quarter import fit_three_block_net, three_block_out_of_fold
from clockodile.learn.training import predict


def test_a_net_is_trained_once_and_predicts_the_same_when_loaded(run, data):
    first, fitted, split = fit_three_block_net(run, data, seed=0, epochs=3)
    again, loaded, _ = fit_three_block_net(run, data, seed=0, epochs=3)
    assert (fitted.origin, loaded.origin) == ("trained", "run folder")
    assert torch.equal(predict(first, data.tensor()), predict(again, data.tensor()))
    assert {name: len(rows) for name, rows in split.items()} == {"train": 60, "validation": 30, "test": 30}
    assert len(loaded.metrics["history"]["loss"]) == 3


def test_another_seed_means_another_split_and_net(run, data):
    nets, splits = zip(
        *[fit_three_block_net(run, data, seed=seed, epochs=1)[::2] for seed in (0, 1)], strict=True
    )
    assert not np.array_equal(splits[0]["test"], splits[1]["test"])
    assert not torch.equal(nets[0].out.weight, nets[1].out.weight)


def test_a_net_is_never_taken_for_another_split(run, data):
    """Same images, other groups: another half, so its test images must be new to the net."""
    _, _, split = fit_three_block_net(run, data, seed=0, epochs=1)
    regrouped = replace(data, group=np.random.default_rng(0).permutation(len(data)))
    _, fitted, other = fit_three_block_net(run, regrouped, seed=0, epochs=1)
    assert set(other["test"]) & set(split["train"]) and fitted.origin == "trained"


def test_the_default_is_not_an_earlier_shorter_training(run, data, monkeypatch):
    monkeypatch.setattr(
        half_quarter_quarter, "predict_out_of_fold", lambda *args, epochs, **rest: fake(data, epochs)
    )
    assert three_block_out_of_fold(run, data, epochs=2)["logits"].max() == 2
    assert three_block_out_of_fold(run, data, epochs=0)["logits"].max() == run.profile.classifier_epochs


def fake(data, epochs):
    ones = np.full((1, len(data), 2), float(epochs))
    known = {"ids": data.ids, "labels": data.labels, "fold": data.fold}
    return known | {"logits": ones, "features": ones, "centre_distance": ones}


def test_later_notebooks_take_the_predictions_that_are_there(run, data):
    made = three_block_out_of_fold(run, data, epochs=2)
    stamp = (run.dir / half_quarter_quarter.FILE).stat().st_mtime_ns
    found = three_block_out_of_fold(run, data)
    assert np.array_equal(made["logits"], found["logits"])
    assert (run.dir / half_quarter_quarter.FILE).stat().st_mtime_ns == stamp
