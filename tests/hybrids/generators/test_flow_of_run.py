"""The flow on a run: what it may learn from, kept weights, and sheets of its progress."""

import os
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from tiny_cifar10 import write_archive
from tiny_flows import TINY_FLOW, steps_counted, use_tiny_plans

from clockodile.ambiguous.background import background_pictures
from clockodile.core import store
from clockodile.core.download import SourceUnavailable
from clockodile.core.recipes import PROFILES
from clockodile.data.auxiliary import cifar10_photographs
from clockodile.hybrids.generators import flow_of_run
from clockodile.hybrids.generators.flow import FlowConfig
from clockodile.hybrids.generators.flow_of_run import (
    DRAWN,
    HELD_OUT,
    SEEN,
    draw_sheet,
    fit_flow,
    image_hashes,
    means_of,
    numbered_kinds,
    package_flow,
    sheets_of,
    training_set_of,
)
from clockodile.hybrids.guidance import fit_guidance_classifier

CONFIGS = flow_of_run.configs_of  # as it is outside of these tests
FULL = CONFIGS(PROFILES["full"], finetune=False)


def use_configs(monkeypatch, *trainings, finetune=TINY_FLOW) -> None:
    """Train a flow like this in every profile."""
    configs = {False: trainings, True: (finetune,)}
    monkeypatch.setattr(flow_of_run, "configs_of", lambda profile, *, finetune: configs[finetune])


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    use_tiny_plans(monkeypatch)


def test_the_held_out_fold_is_not_among_the_material(data):
    training_set = training_set_of(data, seed=0)
    train = data.part("train")
    assert training_set.known.sum() == (train.fold != HELD_OUT).sum()
    known = {image.tobytes() for image in train.images[train.fold == HELD_OUT]}
    shown = (training_set.images * 255).round().byte().permute(0, 2, 3, 1).numpy()
    assert not known & {image.tobytes() for image in shown[: training_set.known.sum()]}
    assert set(training_set.labels.tolist()) == {0, 1, 2}


def test_trained_once_and_found_again(run, data):
    net, fitted = fit_flow(run, data)
    again, kept = fit_flow(run, data)
    assert (fitted.origin, kept.origin) == ("trained", "run folder")
    for a, b in zip(net.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert len(fitted.metrics["losses"]) == 4 and not list(run.dir.rglob("*.checkpoint"))
    sheets = sheets_of(kept)
    assert list(sheets) == [1, 2, 3, 4]
    assert sheets[4].dtype == np.uint8 and sheets[4].shape == (2, flow_of_run.SHEETS, *data.images.shape[1:])
    apart = sheets[4].astype(int) - draw_sheet(net, (0, 1), data.images.shape[1])
    assert abs(apart).max() <= 2, "the last are by the net itself, before its weights were rounded"


def test_trainings_follow_one_another_and_an_interruption_loses_none(run, data, tmp_path, monkeypatch):
    plans = (replace(TINY_FLOW, steps=3), replace(TINY_FLOW, steps=2))
    use_configs(monkeypatch, *plans)
    whole, fitted = fit_flow(replace(run, dir=tmp_path / "whole"), data)
    assert list(sheets_of(fitted)) == [1, 2, 3, 4, 5]
    with steps_counted(most=4) as before, pytest.raises(KeyboardInterrupt):
        fit_flow(run, data)
    assert len(list(run.dir.rglob("*.checkpoint"))) == 2
    with steps_counted() as after:
        net, again = fit_flow(run, data)
    assert len(before) + len(after) == 5, "no step is done twice"
    assert again.metrics == fitted.metrics and torch.equal(again.state[DRAWN], fitted.state[DRAWN])
    assert not list(run.dir.rglob("*.checkpoint")) and not list(run.dir.rglob("flow_sheets*"))
    for a, b in zip(net.state_dict().values(), whole.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_other_other_things_train_the_flow_anew_from_its_first_step(run, whole):
    changed = replace(whole, images=whole.images.copy())
    changed.images[np.flatnonzero(whole.split == "background")[0]] ^= 255
    with steps_counted(most=3), pytest.raises(KeyboardInterrupt):
        fit_flow(run, whole)
    with steps_counted() as done:
        assert fit_flow(run, changed)[1].origin == "trained"
    assert len(done) == TINY_FLOW.steps, "nothing of the interrupted training"
    assert fit_flow(run, changed)[1].origin == "run folder"
    assert fit_flow(run, whole)[1].origin == "trained"


def test_what_killed_trainings_left_is_removed_when_nobody_came_back(run, data):
    fit_flow(run, data)
    assert not list(run.dir.rglob("*.checkpoint")), "its own, at once"
    old, fresh = left = [run.dir / "generators" / f"flow-{key}-0.checkpoint" for key in ("0" * 16, "f" * 16)]
    for path in left:
        path.write_bytes(b"of another effort")
    week = 8 * 24 * 3600
    os.utime(old, (time.time() - week,) * 2)
    assert fit_flow(run, data)[1].origin == "run folder"
    assert not old.exists() and fresh.exists(), "somebody may still go on with it"


def test_a_damaged_checkpoint_costs_its_training_and_no_more(run, data, caplog):
    with steps_counted(most=3), pytest.raises(KeyboardInterrupt):
        fit_flow(run, data)
    (place,) = run.dir.rglob("*.checkpoint")
    place.write_bytes(place.read_bytes()[:1000])
    with caplog.at_level("INFO", "clockodile"), steps_counted() as done:
        assert fit_flow(run, data)[1].origin == "trained"
    assert len(done) == TINY_FLOW.steps and "damaged" in caplog.text


@pytest.mark.parametrize("steps, parts", [(4, 4), (45, 20), (500, 20), (1250, 20), (4800, 48)])
def test_means_are_of_equally_many_steps(steps, parts):
    means = means_of(list(range(steps)))
    assert len(means) == parts and np.mean(means) == pytest.approx((steps - 1) / 2, rel=0.1)
    assert np.ptp(np.diff(means)) <= 1


def test_a_mark_is_shared_by_copies_only(data):
    marks = image_hashes(data.images)
    assert len(set(marks.tolist())) == len(data.images) and marks.dtype == np.int64
    assert np.array_equal(image_hashes(data.images[::-1].copy()), marks[::-1])


def test_an_interruption_while_drawing_loses_no_picture(run, data, monkeypatch):
    whole = sheets_of(fit_flow(run, data)[1])
    drawn, real = [], flow_of_run.draw_sheet

    def stop_at_the_third(*words):
        drawn.append(1)
        if len(drawn) == 3:
            raise KeyboardInterrupt
        return real(*words)

    monkeypatch.setattr(flow_of_run, "draw_sheet", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        fit_flow(run, data, retrain=True)
    again = sheets_of(fit_flow(run, data, retrain=True)[1])
    assert list(again) == list(whole)
    assert all(np.array_equal(again[step], whole[step]) for step in whole)


def test_longer_trained_weights_of_the_package_are_good_enough(run, data, whole, tmp_path, monkeypatch):
    fit_flow(run, data)
    place = tmp_path / "weights"
    place.mkdir()
    (run.dir / "generators/flow.safetensors").rename(place / "flow.safetensors")
    monkeypatch.setattr(store, "shipped_weights", lambda: place)
    shorter = (replace(TINY_FLOW, steps=3),)
    use_configs(monkeypatch, *shorter)
    _, fitted = fit_flow(run, data)
    assert fitted.origin == "shipped" and fitted.config["plans"][0]["steps"] == 4
    assert (run.dir / "generators/flow.safetensors").is_file(), "the command line looks there"
    _, others = fit_flow(replace(run, dir=tmp_path / "others"), whole)
    assert others.origin == "shipped", "with whatever other things it was trained"


def test_for_other_photographs_training_goes_on_from_the_package(run, data, tmp_path, monkeypatch):
    known, _ = fit_flow(replace(run, dir=tmp_path / "package"), data)
    package = tmp_path / "package" / "generators"
    monkeypatch.setattr(store, "shipped_weights", lambda: package)
    monkeypatch.setattr(flow_of_run, "package_flow", package_flow)
    still = replace(TINY_FLOW, steps=1, learning_rate=0.0, ema_decay=0.0)
    use_configs(monkeypatch, TINY_FLOW, finetune=still)
    _, again = fit_flow(run, data)
    assert again.origin == "shipped", "its own photographs need no training"
    _, anew = fit_flow(run, data, retrain=True)
    assert anew.config["start"] == "nothing"
    train = data.part("train")
    other = replace(data, images=data.images ^ 1)
    net, fitted = fit_flow(replace(run, dir=tmp_path / "other"), other)
    assert fitted.origin == "trained" and fitted.config["start"] == "package"
    other.images[0] = train.images[train.fold != HELD_OUT][0]  # it may be held out there
    _, mixed = fit_flow(replace(run, dir=tmp_path / "mixed"), other)
    assert mixed.config["start"] == "nothing"
    for name, part in net.state_dict().items():
        if name == "class_embed.weight":
            classes, anything = part[:2], known.class_embed.weight[3]
            assert torch.allclose(classes, anything.expand(2, -1), atol=1e-3), "as yet anything"
        assert torch.allclose(part[-2:], known.state_dict()[name][-2:], atol=1e-3)


def test_the_flow_of_the_package_was_trained_as_it_says_and_shows_how():
    shipped = store.load_shipped(flow_of_run.NAME, {"net": "flow"})
    plans = [FlowConfig(**plan | {"widths": tuple(plan["widths"])}) for plan in shipped.config["plans"]]
    assert plans == [*FULL] and shipped.metrics["beside"] == 50_000
    steps = sum(plan.steps for plan in plans)
    assert max(sheets_of(shipped)) == steps and len(shipped.metrics["losses"]) == steps // 100
    assert len(shipped.state[SEEN]) == 800


def test_the_package_knows_any_number_of_classes():
    net = package_flow(np.zeros((1, 32, 32, 3), np.uint8), tuple("abcde"))
    assert (
        net.class_embed.weight.shape[0] == 7 and net.null_class == 6 and net.class_embed.weight.requires_grad
    )
    with torch.no_grad():
        asked = [
            net(torch.zeros(1, 3, 16, 16), torch.tensor([0.5]), torch.tensor([label]))
            for label in (0, 4, 5, 6)
        ]
    assert (
        torch.equal(asked[0], asked[3])
        and torch.equal(asked[1], asked[3])
        and not torch.equal(asked[2], asked[3])
    )


@pytest.mark.parametrize("side", [16, 40, 64])
def test_the_package_may_have_seen_photographs_of_its_classes_at_another_size(side):
    black = np.zeros((1, side, side, 3), np.uint8)
    assert package_flow(black, ("lamp", "crocodile")) is None
    assert package_flow(black, ("lamp", "bee")) is not None
    assert package_flow(np.zeros((1, 32, 32, 3), np.uint8), ("lamp", "crocodile")) is not None


def test_weights_for_other_photographs_are_not_taken(run, data, tmp_path, monkeypatch):
    fit_flow(run, data)
    monkeypatch.setattr(store, "shipped_weights", lambda: run.dir / "generators")
    data.images[np.flatnonzero(data.fold != HELD_OUT)[0], 0, 0, 0] ^= 255
    assert fit_flow(replace(run, dir=tmp_path / "other"), data)[1].origin == "trained"


def test_kinds_are_numbered_and_rare_ones_share_a_number():
    names = np.array(["lamp"] * 6 + ["bee"] * 5 + ["a", "b"])
    found = numbered_kinds(names)
    assert found.tolist() == [1] * 6 + [0] * 5 + [2, 2]
    assert numbered_kinds(np.array(["a", "b"])).tolist() == [0, 0]


def test_material_holds_no_piece_of_a_held_out_photograph(run, data):
    training_set = training_set_of(data, seed=run.seed)
    background = background_pictures(data, seed=run.seed)
    cut = (background.origin >= 0) & (data.fold[background.origin] == HELD_OUT)
    assert cut.any() and (training_set.labels == 2).sum() == (~cut).sum()
    assert (
        len(training_set.kind) == len(training_set.labels)
        and (training_set.kind[training_set.labels < 2] == 0).all()
    )


def test_evidence_is_0_for_other_things_and_1_for_typical_photographs(run, data):
    guidance_classifier, training_set = (
        fit_guidance_classifier(run, data),
        training_set_of(data, seed=run.seed),
    )
    looks = [
        guidance_classifier.evidence(training_set.images[training_set.labels == label]) for label in (0, 1, 2)
    ]
    assert torch.allclose(looks[2].mean(0), torch.zeros(2), atol=0.1), (
        "the mean of pictures and mirror images is 0"
    )
    for label in (0, 1):
        assert abs(looks[label][:, label].median() - 1) < 0.3


def test_guides_give_evidence_for_each_class_apart(run, data):
    guidance_classifier = fit_guidance_classifier(run, data)
    images = data.tensor()[:6]
    evidence = guidance_classifier.evidence(images)
    assert evidence.shape == (6, 2)
    images.requires_grad_(True)
    guidance_classifier.evidence(images).sum().backward()
    assert images.grad.abs().sum() > 0


@pytest.mark.parametrize("stamp, found", [("", 30), ("drawn", 0)])
def test_photographs_of_anything_are_learned_beside_photographs_only(
    run, data, monkeypatch, tmp_path, stamp, found
):
    write_archive(tmp_path / "cifar10.tar.gz", each=3)
    source = data.card["source"] | {"stamp": stamp}
    data = replace(data, card=data.card | {"source": source})
    monkeypatch.setattr(flow_of_run, "cifar10_photographs", partial(cifar10_photographs, count=30))
    use_configs(monkeypatch, replace(TINY_FLOW, wide=0.5))
    _, fitted = fit_flow(replace(run, data_dir=tmp_path), data)
    assert fitted.metrics["beside"] == found


def test_without_photographs_of_anything_the_flow_learns_all_the_same(run, data, monkeypatch, caplog):
    def refuse(run, **options):
        raise SourceUnavailable("no way")

    monkeypatch.setattr(flow_of_run, "cifar10_photographs", refuse)
    use_configs(monkeypatch, replace(TINY_FLOW, wide=0.5))
    with caplog.at_level("INFO", "clockodile"):
        _, fitted = fit_flow(run, data)
    assert fitted.metrics["beside"] == 0 and "no photographs of anything to learn from: no way" in caplog.text


def test_every_profile_finetunes_a_net_as_wide_as_the_shipped_one():
    shipped = store.load_shipped(flow_of_run.NAME, {"net": "flow"}).config["plans"][0]
    for profile in PROFILES.values():
        (config,) = CONFIGS(profile, finetune=True)
        assert (list(config.widths), config.depth) == (shipped["widths"], shipped["depth"])
