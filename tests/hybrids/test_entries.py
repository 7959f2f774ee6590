"""What methods enter into the comparison: all of them, with pictures that belong together and honest clocks."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_photos import striped_dataset, with_noise, write_photos
from tiny_flows import use_tiny_plans
from tiny_nets import with_short_plans

from clockodile.core import store
from clockodile.core.workspace import open_run
from clockodile.data.dataset import as_images
from clockodile.hybrids import entries, evaluation, mixing
from clockodile.hybrids.entries import alone, config_of, gather, titles
from clockodile.hybrids.generators.table import GENERATORS, HybridGenerator
from clockodile.hybrids.mixing import best_of_n, fit_hybrid_sampler, mix_once

COUNT, N_CANDIDATES, ALONE = 3, 2, 5
ASKED = {"count": COUNT, "n_candidates": N_CANDIDATES, "n_per_class": ALONE}
ONE_CLASS = [name for name, generator in GENERATORS.items() if generator.one_class]
SEARCHED = [name for name, generator in GENERATORS.items() if generator.searched]


def opened(place):
    return with_short_plans(
        open_run(recipe="folder", data_dir=str(write_photos(place / "photos")), run_dir=str(place / "run"))
    )


@pytest.fixture(scope="module")
def tiny():
    with pytest.MonkeyPatch.context() as patch:
        use_tiny_plans(patch)
        yield


@pytest.fixture(scope="module")
def trained(tiny, tmp_path_factory):
    """A run in which everything is trained, and what its generators made."""
    run = opened(tmp_path_factory.mktemp("entries"))
    return run, gather(run, with_noise(striped_dataset()), **ASKED)


@pytest.fixture
def short_run(trained, tmp_path):
    """A copy of that run."""
    shutil.copytree(trained[0].dir, tmp_path / "copy")
    return replace(trained[0], dir=tmp_path / "copy")


@pytest.fixture
def found(trained):
    return trained[1]


@pytest.fixture
def sampler(short_run, whole):
    return fit_hybrid_sampler(short_run, whole)


def of(found, name):
    return found["images"][found["method"] == name]


def test_every_title_has_its_pictures_and_every_class_its_own(found, whole, short_run, tmp_path):
    n_per_class = [alone(name, whole.classes[label]) for name in ONE_CLASS for label in short_run.recipe.pair]
    assert sorted(found["entries"]) == sorted([*titles(N_CANDIDATES), *n_per_class])
    counts = {name: int((found["method"] == name).sum()) for name in found["entries"]}
    assert counts == dict.fromkeys(titles(N_CANDIDATES), COUNT) | dict.fromkeys(n_per_class, ALONE)
    assert found["images"].dtype == np.uint8 and found["images"].shape[1:] == (32, 32, 3)
    for name, count in counts.items():
        of_name = found["method"] == name
        mix = n_per_class.index(name) % 2 if name in n_per_class else 0.5
        assert found["seed"][of_name].tolist() == list(range(count)) and (found["mix"][of_name] == mix).all()
    store.save(tmp_path, "hybrids.npz", found, {})  # fits its schema


def test_the_best_have_the_highest_selection_score(found):
    for name in SEARCHED:
        candidates = found[f"candidates_{name}"].reshape(N_CANDIDATES, COUNT, 32, 32, 3)
        chosen = found[f"scores_{name}"].argmax(0)
        assert np.array_equal(of(found, f"{name}_best"), candidates[chosen, np.arange(COUNT)])
        assert np.array_equal(of(found, name), candidates[0]), "a single picture is the first candidate"


def test_pictures_are_those_of_the_generators_asked_by_themselves(found, short_run, whole, sampler):
    draws = {name: generator.prepare(short_run, whole) for name, generator in GENERATORS.items()}
    for name, draw in draws.items():
        assert np.array_equal(of(found, name), as_images(draw(range(COUNT))))
    best = best_of_n(
        draws["flow_guided"], sampler.selector, sampler.pair, range(COUNT), n_candidates=N_CANDIDATES
    )
    assert np.array_equal(of(found, "flow_guided_best"), as_images(best.images))
    even = mix_once(sampler, mixing.candidate_seeds(range(COUNT), 0), class_offset=mixing.BALANCED)
    assert np.array_equal(of(found, "flow_balanced"), as_images(even))
    second = whole.classes[short_run.recipe.pair[1]]
    noise = mixing.candidate_seeds(range(ALONE), 0)
    assert np.array_equal(of(found, alone("flow", second)), as_images(mix_once(sampler, noise, mix=1.0)))
    assert np.array_equal(of(found, alone("gan", second)), as_images(draws["gan"](range(ALONE), mix=1.0)))


def test_a_generator_takes_part_as_soon_as_it_has_an_entry(trained, short_run, whole, monkeypatch):
    """Its pictures, the best of them, one class alone, its rows and measures; and stored ones depend on its file."""

    def draw(nets, run, data, seeds, *, mix, candidate):
        return torch.stack([torch.full((3, 32, 32), (seed + 7 * candidate) % 10 / 10) for seed in seeds])

    def fit(run, data, *, retrain=False):
        store.fit_or_load("generators/toy", {}, "", lambda: ({"a": torch.zeros(1)}, {}), run_dir=run.dir)

    for name in set(GENERATORS) - {"pixel_blend"}:
        monkeypatch.delitem(GENERATORS, name)
    toy = HybridGenerator(
        "toy", "grey pictures", "nobody", draw, fit, files=("toy",), one_class=True, searched=True
    )
    monkeypatch.setitem(GENERATORS, "toy", toy)
    made = gather(short_run, whole, **ASKED)
    names = ["pixel_blend", "pixel_blend_best", "toy", "toy_best"]
    assert made["entries"].tolist() == [*names, *(alone("toy", name) for name in whole.classes)]
    assert titles(9)["toy_best"] == "grey pictures, best of 9" and made["candidates_toy"].shape[0] == 6
    assert (of(made, "toy")[:, 0, 0, 0] == [0, 26, 51]).all()
    known = evaluation.reference(short_run, whole)
    measured = evaluation.evaluate_pictures(short_run, whole, of(made, "toy"), known=known)
    assert evaluation.quality_table({"toy": measured})["images"].tolist() == [COUNT]
    before = config_of(short_run, whole, **ASKED)
    (short_run.dir / "generators/toy.safetensors").write_bytes(b"another")
    assert config_of(short_run, whole, **ASKED) != before


@pytest.fixture
def counted(monkeypatch):
    """A clock that ticks once for each picture drawn, also within a search; how many each reading of entries found."""
    real, ticks = entries.timed, []

    def clock(make, *words, **options):
        found, took = real(make, *words, **options)
        assert took > 0
        drawn = found.candidates.flatten(0, 1) if isinstance(found, mixing.BestOfN) else found
        return found, float(len(drawn))

    def noting(make, *words, **options):
        found, took = clock(make, *words, **options)
        ticks.append(took)
        return found, took

    monkeypatch.setattr(entries, "timed", noting)
    monkeypatch.setattr(mixing, "timed", clock)
    return ticks


def test_seconds_are_those_of_one_picture(short_run, whole, counted, monkeypatch):
    monkeypatch.setattr(entries, "filled", lambda count, batch: count)
    count, n_candidates, n_per_class = mixing.PART + 2, 3, 4
    found = gather(short_run, whole, count=count, n_candidates=n_candidates, n_per_class=n_per_class)
    seconds = dict(zip(found["entries"], found["seconds"], strict=True))
    assert len(counted) == len(seconds) - len(SEARCHED), "a single picture is the first of its search"
    assert seconds == {name: n_candidates if name.endswith("_best") else 1 for name in seconds}


def test_what_is_drawn_to_fill_a_part_is_not_charged():
    part = mixing.PART
    assert [entries.filled(count, part) for count in (1, part, part + 1)] == [part, part, 2 * part]
    assert entries.filled(3, 1) == 3


def test_training_is_over_before_the_clock_starts(short_run, whole, monkeypatch):
    """Everything is there when the first picture is asked for."""
    asked, real = [], entries.timed
    shutil.rmtree(short_run.dir / "generators")

    def clock(make, *words, **options):
        asked.append({path.stem for path in (short_run.dir / "generators").glob("*.safetensors")})
        return real(make, *words, **options)

    monkeypatch.setattr(entries, "timed", clock)
    gather(short_run, whole, count=1, n_candidates=1, n_per_class=1)
    files = {file for generator in GENERATORS.values() for file in generator.files}
    assert asked[0] == asked[-1] and files | {"selector"} <= asked[0]


def test_of_three_classes_only_the_pair_in_its_order_is_drawn(short_run, whole):
    three = replace(
        whole, classes=("a", "b", "c d"), labels=np.where(whole.labels < 0, -1, np.arange(180) % 3)
    )
    there = replace(short_run, dir=short_run.dir / "three", recipe=replace(short_run.recipe, pair=(2, 0)))
    found = gather(there, three, count=1, n_candidates=1, n_per_class=2)
    assert [name for name in found["entries"] if name.startswith("alone_vae")] == [
        "alone_vae_c d",
        "alone_vae_a",
    ]
    for generator in ("vae", "flow"):
        draw = GENERATORS[generator].prepare(there, three)
        for name, mix in (("c d", 0.0), ("a", 1.0)):
            assert np.array_equal(of(found, alone(generator, name)), as_images(draw(range(2), mix=mix)))


def test_what_is_stored_is_outdated_when_any_net_or_setting_changes(short_run, whole, monkeypatch):
    def key(**options):
        return store.key_of(config_of(short_run, whole, **ASKED | options))

    before = key()
    assert before == key()
    others = [key(count=4), key(n_candidates=3), key(n_per_class=6)]
    for module, name in (
        (mixing, "GUIDANCE_SCALE"),
        (mixing, "GUIDANCE_SCALE_ALONE"),
        (mixing, "CLASSIFIER_GUIDANCE"),
        (entries, "STEPS"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, getattr(module, name) + 1)
            others.append(key())
    files = sorted({file for generator in GENERATORS.values() for file in generator.files})
    for name in (*files, "selector"):
        path = short_run.dir / f"generators/{name}.safetensors"
        kept = path.read_bytes()
        path.write_bytes(kept + b" ")
        others.append(key())
        path.write_bytes(kept)
    assert len({before, *others}) == len(others) + 1 and key() == before
