"""The flow on a run: what it may learn from, kept weights, and sheets of its progress."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_flows import TINY_FLOW, use_tiny_plans

from clockodile import artifacts
from clockodile.ambiguous.neither import pictures_of_neither
from clockodile.hybrids import generator
from clockodile.hybrids.generator import HELD_OUT, SHEETS_FILE, fit_flow, material_of, numbered_kinds
from clockodile.hybrids.guides import fit_guides


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    use_tiny_plans(monkeypatch)


def test_the_held_out_fold_is_not_among_the_material(data):
    material = material_of(data, seed=0)
    train = data.part("train")
    assert material.known.sum() == (train.fold != HELD_OUT).sum()
    known = {image.tobytes() for image in train.images[train.fold == HELD_OUT]}
    shown = (material.images * 255).round().byte().permute(0, 2, 3, 1).numpy()
    assert not known & {image.tobytes() for image in shown[: material.known.sum()]}
    assert set(material.labels.tolist()) == {0, 1, 2}


def test_trained_once_and_found_again(run, data):
    net, fitted = fit_flow(run, data)
    again, kept = fit_flow(run, data)
    assert (fitted.origin, kept.origin) == ("trained", "run folder")
    for a, b in zip(net.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert len(fitted.metrics["losses"]) == 1 and not list(run.dir.rglob("*.checkpoint"))
    sheets = artifacts.load(run.dir, SHEETS_FILE)
    assert sheets["steps"].tolist() == [1, 2, 3, 4] and sheets["images"].shape[:3] == (4, 2, generator.SHEETS)


def test_longer_trained_weights_of_the_package_are_good_enough(run, data, tmp_path, monkeypatch):
    fit_flow(run, data)
    place = tmp_path / "weights"
    place.mkdir()
    (run.dir / "generators/flow.safetensors").rename(place / "flow.safetensors")
    monkeypatch.setattr(artifacts, "shipped_weights", lambda: place)
    _, fitted = fit_flow(run, data, plan=replace(TINY_FLOW, steps=3))
    assert fitted.origin == "shipped" and fitted.config["plan"]["steps"] == 4
    assert (run.dir / "generators/flow.safetensors").is_file(), "the command line looks there"


def test_weights_for_other_photographs_are_not_taken(run, data, tmp_path, monkeypatch):
    fit_flow(run, data)
    monkeypatch.setattr(artifacts, "shipped_weights", lambda: run.dir / "generators")
    data.images[np.flatnonzero(data.fold != HELD_OUT)[0], 0, 0, 0] ^= 255
    assert fit_flow(replace(run, dir=tmp_path / "other"), data)[1].origin == "trained"


def test_kinds_are_numbered_and_rare_ones_share_a_number():
    names = np.array(["lamp"] * 6 + ["bee"] * 5 + ["a", "b"])
    found = numbered_kinds(names)
    assert found.tolist() == [1] * 6 + [0] * 5 + [2, 2]
    assert numbered_kinds(np.array(["a", "b"])).tolist() == [0, 0]


def test_material_holds_no_piece_of_a_held_out_photograph(run, data):
    material = material_of(data, seed=run.seed)
    neither = pictures_of_neither(data, seed=run.seed)
    cut = (neither.origin >= 0) & (data.fold[neither.origin] == HELD_OUT)
    assert cut.any() and (material.labels == 2).sum() == (~cut).sum()
    assert len(material.kind) == len(material.labels) and (material.kind[material.labels < 2] == 0).all()


def test_evidence_is_0_for_other_things_and_1_for_typical_photographs(run, data):
    guides, material = fit_guides(run, data), material_of(data, seed=run.seed)
    looks = [guides.evidence(material.images[material.labels == label]) for label in (0, 1, 2)]
    assert torch.allclose(looks[2].mean(0), torch.zeros(2), atol=0.02)
    for label in (0, 1):
        assert abs(looks[label][:, label].median() - 1) < 0.3


def test_guides_give_evidence_for_each_class_apart(run, data):
    guides = fit_guides(run, data)
    images = data.tensor()[:6]
    evidence = guides.evidence(images)
    assert evidence.shape == (6, 2)
    assert torch.allclose(evidence, guides.evidence(images.flip(3)), atol=1e-5), "mirrors are the same"
    images.requires_grad_(True)
    guides(images).sum().backward()
    assert images.grad.abs().sum() > 0
