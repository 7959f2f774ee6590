"""What methods enter into the comparison: all of them, with pictures that belong together and honest clocks."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_flows import use_tiny_plans
from tiny_nets import with_short_plans

from clockodile.core import store
from clockodile.data.dataset import as_images
from clockodile.hybrids import entries, mixing
from clockodile.hybrids.entries import FLOW_ENTRIES, INVENTING, SEARCHED, config_of, gather, titles
from clockodile.hybrids.generators.flow_of_run import fit_flow
from clockodile.hybrids.generators.table import CLASSIC
from clockodile.hybrids.mixing import best_of_n, fit_hybrid_sampler, mix_once

COUNT, N_CANDIDATES, ALONE = 3, 2, 5


@pytest.fixture
def short_run(run, monkeypatch):
    use_tiny_plans(monkeypatch)
    return with_short_plans(run, monkeypatch)


@pytest.fixture
def flow(short_run, whole):
    return fit_flow(short_run, whole)


@pytest.fixture
def sampler(short_run, whole, flow):
    return fit_hybrid_sampler(short_run, whole, flow[0])


@pytest.fixture
def found(short_run, whole, sampler):
    return gather(short_run, whole, sampler, count=COUNT, n_candidates=N_CANDIDATES, n_per_class=ALONE)


def of(found, name):
    return found["images"][found["method"] == name]


def test_every_title_has_its_pictures_and_every_class_its_own(found, whole, run, tmp_path):
    n_per_class = [f"alone_{name}_{whole.classes[label]}" for name in INVENTING for label in run.recipe.pair]
    assert sorted(found["entries"]) == sorted([*titles(N_CANDIDATES), *n_per_class])
    counts = {name: int((found["method"] == name).sum()) for name in found["entries"]}
    assert counts == dict.fromkeys(titles(N_CANDIDATES), COUNT) | dict.fromkeys(n_per_class, ALONE)
    assert found["images"].dtype == np.uint8 and found["images"].shape[1:] == (32, 32, 3)
    for name, count in counts.items():
        of_name = found["method"] == name
        mix = n_per_class.index(name) % 2 if name in n_per_class else 0.5
        assert found["seed"][of_name].tolist() == list(range(count)) and (found["mix"][of_name] == mix).all()
    store.save(tmp_path, "hybrids.npz", found, {})  # fits its schema


def test_the_best_are_the_tries_that_the_rule_likes_most(found):
    for name in (*FLOW_ENTRIES, *SEARCHED):
        tried = found[f"tried_{name}_best"].reshape(N_CANDIDATES, COUNT, 32, 32, 3)
        chosen = found[f"worth_{name}_best"].argmax(0)
        assert np.array_equal(of(found, f"{name}_best"), tried[chosen, np.arange(COUNT)])
    for name in FLOW_ENTRIES:
        assert np.array_equal(of(found, name), found[f"tried_{name}_best"][:COUNT]), "one walk is the first"


def test_pictures_are_those_of_the_methods_asked_by_themselves(found, short_run, whole, sampler):
    assert np.array_equal(of(found, "vae"), as_images(CLASSIC["vae"].make(short_run, whole, range(COUNT))))
    best = best_of_n(
        sampler, range(COUNT), n_candidates=N_CANDIDATES, classifier_guidance=FLOW_ENTRIES["following"]
    )
    assert np.array_equal(of(found, "following_best"), as_images(best.images))
    even = mix_once(sampler, mixing.seeds_of(range(COUNT), 0), class_offset=mixing.BALANCED)
    assert np.array_equal(of(found, "balanced"), as_images(even))
    assert not np.array_equal(of(found, "balanced"), of(found, "equal"))
    second = whole.classes[short_run.recipe.pair[1]]
    noise = mixing.seeds_of(range(ALONE), 0)
    assert np.array_equal(of(found, f"alone_flow_{second}"), as_images(mix_once(sampler, noise, mix=1.0)))
    assert np.array_equal(
        of(found, f"alone_gan_{second}"),
        as_images(CLASSIC["gan"].make(short_run, whole, range(ALONE), mix=1.0)),
    )


@pytest.fixture
def counted(monkeypatch):
    """A clock that ticks once for each picture drawn, also within a search; how many each reading of entries found."""
    real, ticks = entries.timed, []

    def clock(make, *words, **options):
        found, took = real(make, *words, **options)
        assert took > 0
        tried = found.tried.flatten(0, 1) if isinstance(found, mixing.BestOfN) else found
        return found, float(len(tried))

    def noting(make, *words, **options):
        found, took = clock(make, *words, **options)
        ticks.append(took)
        return found, took

    monkeypatch.setattr(entries, "timed", noting)
    monkeypatch.setattr(mixing, "timed", clock)
    return ticks


def test_seconds_are_those_of_one_picture(short_run, whole, sampler, counted, monkeypatch):
    monkeypatch.setattr(entries, "filled", lambda count: count)
    count, n_candidates, n_per_class = mixing.PART + 2, 3, 4
    found = gather(short_run, whole, sampler, count=count, n_candidates=n_candidates, n_per_class=n_per_class)
    seconds = dict(zip(found["entries"], found["seconds"], strict=True))
    assert len(counted) == len(seconds) - len(FLOW_ENTRIES), "a single walk is the first of its search"
    assert seconds == {name: n_candidates if name.endswith("_best") else 1 for name in seconds}


def test_what_is_drawn_to_fill_a_part_is_not_charged():
    part = mixing.PART
    assert [entries.filled(count) for count in (1, part, part + 1)] == [part, part, 2 * part]


def test_training_is_over_before_the_clock_starts(short_run, whole, sampler, monkeypatch):
    """Everything is there when the first picture is asked for."""
    asked, real = [], entries.timed

    def clock(make, *words, **options):
        asked.append(sorted(path.stem for path in (short_run.dir / "generators").glob("*.safetensors")))
        return real(make, *words, **options)

    monkeypatch.setattr(entries, "timed", clock)
    gather(short_run, whole, sampler, count=1, n_candidates=1, n_per_class=1)
    assert asked[0] == asked[-1] and set(entries.TRAINED) <= set(asked[0])


def test_of_three_classes_only_the_pair_in_its_order_is_drawn(short_run, whole, sampler, monkeypatch):
    three = replace(
        whole, classes=("a", "b", "c d"), labels=np.where(whole.labels < 0, -1, np.arange(180) % 3)
    )
    there = replace(short_run, dir=short_run.dir / "three", recipe=replace(short_run.recipe, pair=(2, 0)))
    sampler = fit_hybrid_sampler(there, three, fit_flow(there, three)[0])
    found = gather(there, three, sampler, count=1, n_candidates=1, n_per_class=2)
    assert [name for name in found["entries"] if name.startswith("alone_vae")] == [
        "alone_vae_c d",
        "alone_vae_a",
    ]
    vae = CLASSIC["vae"].prepare(there, three)
    for name, mix in (("c d", 0.0), ("a", 1.0)):
        assert np.array_equal(of(found, f"alone_vae_{name}"), as_images(vae(range(2), mix=mix)))
        noise = mixing.seeds_of(range(2), 0)
        assert np.array_equal(of(found, f"alone_flow_{name}"), as_images(mix_once(sampler, noise, mix=mix)))


def test_what_is_stored_is_outdated_when_any_net_or_setting_changes(
    short_run, whole, flow, sampler, monkeypatch
):
    asked, losses = (
        {"count": COUNT, "n_candidates": N_CANDIDATES, "n_per_class": ALONE},
        flow[1].metrics["losses"],
    )
    for method in CLASSIC.values():
        method.prepare(short_run, whole)

    def key(losses=losses, **options):
        return store.key_of(config_of(short_run, whole, losses, **asked | options))

    before = key()
    assert before == key()
    others = [key(count=4), key(n_candidates=3), key(n_per_class=6), key([*losses, 9.0])]
    for module, name in (
        (mixing, "GUIDANCE_SCALE"),
        (mixing, "GUIDANCE_SCALE_ALONE"),
        (entries, "STEPS"),
        (entries, "CLASSIFIER_GUIDANCE"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, getattr(module, name) + 1)
            others.append(key())
    for name in entries.TRAINED:
        path = short_run.dir / f"generators/{name}.safetensors"
        kept = path.read_bytes()
        path.write_bytes(kept + b" ")
        others.append(key())
        path.write_bytes(kept)
    assert len({before, *others}) == len(others) + 1 and key() == before
