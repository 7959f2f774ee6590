"""Practice: the best are learned, by what tells the net about labels only, and found again; a killed one goes on."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_flows import TINY_FLOW, TINY_PRACTICE, practised_run, use_tiny_plans

from clockodile import artifacts
from clockodile.hybrids import practice
from clockodile.hybrids.flow import to_unit, train_flow
from clockodile.hybrids.generator import Material
from clockodile.hybrids.mixing import PRACTISED, Mixer, mix_once, worth
from clockodile.hybrids.practice import best_of, draw, fit_practice, learn_from, practised, weights_key
from clockodile.hybrids.sampling import composed_velocity, noise_of, walk
from clockodile.hybrids.unet import tells


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    use_tiny_plans(monkeypatch)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run, its data, a flow with guides, and what it has learned by practice."""
    return practised_run(tmp_path_factory.mktemp("practised"))


@pytest.fixture
def mixer(trained):
    return trained[2]


def test_drawn_by_all_ways_each_picture_worth_its_lesser_class(mixer):
    drawn = draw(mixer, 500, 7, 2)
    assert drawn["images"].shape == (7, 32, 32, 3) and drawn["images"].dtype == np.uint8
    first = mix_once(mixer, [500, 506], steps=2, **mixer.ways[0])
    assert np.abs(first.permute(0, 2, 3, 1).numpy() * 255 - drawn["images"][:2]).max() <= 1
    assert np.allclose(drawn["worth"][:2], worth(mixer.guides.evidence(first)[:, :2], 0.5), atol=1e-3)
    assert len(draw(mixer, 0, 2, 1)["worth"]) == 2, "fewer pictures than ways"


def test_the_best_of_all_rounds_are_kept():
    images = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)
    pool = [
        {"images": images[:3], "worth": np.array([0.5, 0.9, 0.1])},
        {"images": images[3:], "worth": np.array([0.7, 0.2, 0.3])},
    ]
    best, about = best_of(pool, 3)
    assert best.ravel().tolist() == [1, 3, 0]
    assert about == {"drawn": 3, "kept": 3, "worth": pytest.approx(0.4), "least": 0.5}


def test_what_is_practised_becomes_what_both_means(tmp_path):
    # black and grey pictures are known; white ones are the best that were drawn: "both" must lead to them
    shades = torch.tensor([0.0] * 8 + [0.5] * 8).view(-1, 1, 1, 1).expand(-1, 3, 16, 16)
    labels = torch.tensor([0] * 8 + [1] * 8)
    plan = replace(TINY_FLOW, steps=300, batch=16, learning_rate=2e-3, averaging=0.95, others=0.0, moved=0.0)
    net, _ = train_flow(shades, labels, plan, classes=2, seed=0)
    mixer = Mixer(net, None, ("black", "grey"), (0, 1), 16)
    material = Material(shades, labels, torch.zeros(16, dtype=torch.int64), np.ones(16, bool))
    white = np.full((8, 16, 16, 3), 255, np.uint8)
    plan = replace(plan, steps=200, learning_rate=5e-3, both=0.5)
    after = learn_from(mixer, white, material, plan, seed=0, checkpoint=tmp_path / "x.checkpoint")
    assert after.ways == PRACTISED
    noise = noise_of(range(8), 16)
    light = {
        label: to_unit(walk(composed_velocity(after.net, {label: 1.0}), noise, steps=6)).mean().item()
        for label in (0, 1, after.net.both)
    }
    assert light[after.net.both] > max(light[0], light[1]) + 0.04, light  # 0.11 to 0.16 with other seeds


def test_only_what_tells_the_net_changes(trained):
    _, _, mixer, once = trained
    after = practised(mixer, once.state)
    assert after.ways == PRACTISED[:1], "tries then differ by their noise only"
    before, now = mixer.net.state_dict(), after.net.state_dict()
    for name, part in before.items():
        if not tells(name):
            assert torch.equal(part, now[name]), name
    changed = [name for name in before if tells(name) and name != "tell_class.weight"]
    assert any(not torch.equal(before[name], now[name]) for name in changed)
    assert now["tell_class.weight"].shape[0] == before["tell_class.weight"].shape[0] + 1
    assert not hasattr(mixer.net, "both"), "the flow that practice starts from stays as it is"


def test_practised_once_and_found_again(trained):
    run, data, mixer, once = trained
    again = fit_practice(run, data, mixer)
    assert (once.origin, again.origin) == ("trained", "run folder")
    assert [part["drawn"] for part in once.metrics["rounds"]] == [5, 4]
    assert all(torch.equal(once.state[name], again.state[name]) for name in once.state)
    assert all(tells(name) for name in once.state) and not list(run.dir.rglob("*.checkpoint"))
    assert artifacts.load(run.dir, "practice/2.npz")["images"].shape == (4, 32, 32, 3)


def test_a_killed_practice_ends_like_an_undisturbed_one(trained, tmp_path, monkeypatch):
    run, data, mixer, whole = trained
    other, real, calls = replace(run, dir=tmp_path / "other"), practice.learn_from, []

    def die(*words, **options):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*words, **options)

    monkeypatch.setattr(practice, "learn_from", die)
    with pytest.raises(KeyboardInterrupt):
        fit_practice(other, data, mixer)
    monkeypatch.setattr(practice, "learn_from", real)
    monkeypatch.setattr(practice, "mix_once", None)  # all pictures are there already
    again = fit_practice(other, data, mixer)
    assert all(torch.equal(whole.state[name], again.state[name]) for name in whole.state)


def test_shipped_practice_is_taken_for_its_own_flow_only(trained, tmp_path, monkeypatch):
    run, data, mixer, _ = trained
    monkeypatch.setattr(artifacts, "shipped_weights", lambda: run.dir / "generators")
    assert fit_practice(replace(run, dir=tmp_path / "same"), data, mixer).origin == "shipped"
    changed = replace(mixer, net=copy.deepcopy(mixer.net))
    with torch.no_grad():
        changed.net.enter.weight[0, 0, 0, 0] += 1
    assert weights_key(changed.net) != weights_key(mixer.net)
    assert fit_practice(replace(run, dir=tmp_path / "other"), data, changed).origin == "trained"


def test_effort_shortens_practice(trained):
    run = trained[0]
    half = practice.practice_for(replace(run, profile=run.profile.with_effort(0.5)))
    assert half.drawn == (2, 2) and half.plan.steps == 1 and half.kept == TINY_PRACTICE.kept
