"""Seconds are measured for everything that a method may ask, and grow with the number of nets."""

import time
from dataclasses import replace

import numpy as np
import torch

from clockodile.ambiguous import costs
from clockodile.ambiguous.score_table import SCORES, OutOfFold


def test_every_kind_of_model_is_timed_and_more_nets_take_longer(data, monkeypatch):
    calls = []
    monkeypatch.setattr(costs, "predict", lambda net, images, mirrored=False: calls.append(mirrored))
    monkeypatch.setattr(costs, "features_of", lambda images: None)
    few = np.zeros((1, len(data), 2))
    known = OutOfFold(data.labels, data.fold, few, few, few, few, few[0], few[0], (0, 1))
    found = costs.seconds_per_thousand(data, known, torch.nn.Identity(), repeats=1)
    assert set(found) == {method.models for method in SCORES.values()} and min(found.values()) > 0
    assert calls == [True, False], "one net of ours, with the mirrored images, and one of report 000"
    calls.clear()
    costs.seconds_per_thousand(data, replace(known, logits=few.repeat(3, 0)), torch.nn.Identity(), repeats=2)
    assert calls.count(True) == 6 and calls.count(False) == 2


def test_what_a_call_returns_comes_with_its_seconds():
    found, took = costs.timed(lambda wait, *, then: time.sleep(wait) or then, 0.02, then=3)
    assert found == 3 and 0.02 <= took < 2
