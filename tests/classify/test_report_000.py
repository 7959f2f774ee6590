import numpy as np
import torch

from clockodile.classify.report_000 import fit_report_000, out_of_fold
from clockodile.classify.training import predict


def test_a_net_is_trained_once_and_predicts_the_same_when_loaded(run, data):
    first, fitted, split = fit_report_000(run, data, seed=0, epochs=3)
    again, loaded, _ = fit_report_000(run, data, seed=0, epochs=3)
    assert (fitted.origin, loaded.origin) == ("trained", "run folder")
    assert torch.equal(predict(first, data.tensor()), predict(again, data.tensor()))
    assert {name: len(rows) for name, rows in split.items()} == {"train": 60, "validation": 30, "test": 30}
    assert len(loaded.metrics["history"]["loss"]) == 3


def test_another_seed_means_another_split_and_net(run, data):
    nets, splits = zip(*[fit_report_000(run, data, seed=seed, epochs=1)[::2] for seed in (0, 1)], strict=True)
    assert not np.array_equal(splits[0]["test"], splits[1]["test"])
    assert not torch.equal(nets[0].out.weight, nets[1].out.weight)


def test_later_notebooks_take_the_predictions_that_are_there(run, data):
    made = out_of_fold(run, data, epochs=2)
    stamp = (run.dir / "oof_predictions.npz").stat().st_mtime_ns
    found = out_of_fold(run, data)
    assert np.array_equal(made["logits"], found["logits"])
    assert (run.dir / "oof_predictions.npz").stat().st_mtime_ns == stamp
