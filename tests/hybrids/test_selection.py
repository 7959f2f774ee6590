"""Eyes of other networks than the judge's."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from plain_features import plain_features

from clockodile.ambiguous import judge
from clockodile.ambiguous.judge import judge_run
from clockodile.core import store
from clockodile.hybrids.generators.flow_of_run import HELD_OUT
from clockodile.hybrids.selection import SELECTOR, WITNESS, fit_network_judge
from clockodile.learn.backbones import DEFAULT_BACKBONE, PACKAGED


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Quick features instead of a network's, and a list of whose; no shipped weights."""
    asked = []

    def features_of(images, network=DEFAULT_BACKBONE):
        asked.append((network, len(images)))
        return plain_features(images)

    monkeypatch.setattr(judge, "features_of", features_of)
    monkeypatch.setattr(store, "shipped_weights", lambda: tmp_path / "none")
    return asked


def test_chooser_witness_and_judge_see_through_three_networks():
    assert len({SELECTOR, WITNESS, DEFAULT_BACKBONE}) == 3 and {SELECTOR, WITNESS} < set(PACKAGED)


def test_eyes_find_what_is_there_and_are_kept(run, whole, asked):
    eyes = fit_network_judge(SELECTOR, run, whole)
    assert (
        asked == [(SELECTOR, 120), (SELECTOR, 60)] and (run.dir / "generators/selector.safetensors").is_file()
    )
    evidence = eyes.evidence(whole.tensor())
    assert evidence.shape == (180, 2) and -0.01 <= evidence.min() and evidence.max() <= 1.01
    for label in (0, 1):
        assert evidence[whole.labels == label, label].median() > evidence[whole.labels == -1, label].median()
    again = fit_network_judge(SELECTOR, run, whole).evidence(whole.tensor())
    assert torch.equal(evidence, again) and [part[1] for part in asked[2:]] == [180, 180], (
        "nothing fitted again"
    )


def test_they_see_by_probes_that_have_not_learned_from_the_held_out_fold(run, whole, asked):
    eyes = fit_network_judge(SELECTOR, run, whole)
    evidence = eyes.evidence(whole.tensor())
    weight = eyes.judge.weight.copy()
    weight[[fold for fold in range(len(weight)) if fold != HELD_OUT]] = 0
    assert torch.equal(
        replace(eyes, judge=replace(eyes.judge, weight=weight)).evidence(whole.tensor()), evidence
    )
    weight[HELD_OUT] *= -1
    assert not torch.equal(
        replace(eyes, judge=replace(eyes.judge, weight=weight)).evidence(whole.tensor()), evidence
    )


def test_pictures_that_surpass_all_other_things_still_have_an_order(run, whole, asked):
    eyes = fit_network_judge(SELECTOR, run, whole)
    low = replace(eyes, judge=replace(eyes.judge, background=eyes.judge.background - 1e6))
    evidence = low.evidence(whole.tensor())
    assert (abs(evidence - 1) <= 1 / (4 * 60)).all() and len(np.unique(evidence[:, 0])) > 100
    order = eyes.judge.scores(plain_features(whole.images), np.full(180, HELD_OUT))[:, 0].argsort()
    assert (np.diff(evidence[order, 0]) >= 0).all()


def test_the_judge_is_asked_by_another_file(run, whole, asked):
    fit_network_judge(WITNESS, run, whole)
    judge_run(run, whole)
    assert {network for network, _ in asked} == {WITNESS, DEFAULT_BACKBONE}
    assert {path.name for path in (run.dir / "features").glob("*.npz")} == {
        "independent_judge.npz",
        "judge.npz",
    }


def test_a_real_network_tells_the_classes_apart(run, data, monkeypatch, tmp_path):
    monkeypatch.setattr(store, "shipped_weights", lambda: tmp_path / "none")
    few, others = data.rows(np.arange(0, 120, 6)), data.rows(np.arange(3, 120, 6))
    evidence = fit_network_judge(WITNESS, run, few).evidence(others.tensor())
    first, second = (evidence[others.labels == label] for label in (0, 1))
    assert first[:, 0].mean() > second[:, 0].mean() + 0.2 and second[:, 1].mean() > first[:, 1].mean() + 0.2
