"""The long training: the same command goes on, and its last part makes what is shipped."""

import sys

import numpy as np
import pytest
import torch
from made_photos import striped_and_dotted
from tiny_flows import small_unet

from clockodile.core import store
from clockodile.hybrids.generators import flow_of_run, pretrain
from clockodile.hybrids.generators.flow_of_run import SEEN, flow_from, image_hashes, known_photographs
from clockodile.hybrids.generators.flow_training import Photographs


@pytest.fixture
def small(monkeypatch):
    """Two classes of pictures instead of CIFAR-100, and a small net."""
    images, labels = striped_and_dotted(8)

    def photographs(device):
        record = {"classes": ["dotted", "striped"], "known": "k", "seen": torch.from_numpy(image_hashes(images))}
        return Photographs(images, labels, (0, 1), device), record

    monkeypatch.setattr(pretrain, "training_photographs", photographs)
    monkeypatch.setattr(pretrain, "UNet", small_unet)
    monkeypatch.setattr(flow_of_run, "UNet", small_unet)


def train(monkeypatch, folder, *words) -> None:
    words = ["pretrain", "--batch", "4", "--dir", str(folder), *words]
    monkeypatch.setattr(sys, "argv", words)
    pretrain.main()


def weights(folder) -> dict:
    return store.read_checkpoint(folder / "flow.safetensors", "trained").state


def test_stopped_and_begun_again_it_goes_on(small, monkeypatch, tmp_path):
    train(monkeypatch, tmp_path / "through", "--pictures", "16")
    train(monkeypatch, tmp_path / "broken", "--pictures", "8")
    train(monkeypatch, tmp_path / "broken", "--pictures", "16")
    one, other = weights(tmp_path / "through"), weights(tmp_path / "broken")
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_the_last_part_leaves_the_long_training_where_it_was(small, monkeypatch, tmp_path):
    train(monkeypatch, tmp_path, "--pictures", "8")
    before = (tmp_path / "checkpoint.pt").read_bytes()
    long = weights(tmp_path)
    train(monkeypatch, tmp_path, "--finish", "8")
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    shipped = store.read_checkpoint(tmp_path / "flow.safetensors", "shipped")
    assert shipped.metrics["pictures"] == 16 and len(shipped.state[SEEN]) == 16
    assert not torch.equal(shipped.state["conv_out.weight"], long["conv_out.weight"])
    assert flow_from(shipped, ["striped", "dotted"]).both([1]).shape == (1, 3, 32, 32)


def test_without_a_checkpoint_it_goes_on_from_given_weights(small, monkeypatch, tmp_path):
    train(monkeypatch, tmp_path / "old", "--pictures", "8")
    given = str(tmp_path / "old" / "flow.safetensors")
    train(monkeypatch, tmp_path / "new", "--pictures", "8", "--begin", given)  # nothing is left to do
    old, new = weights(tmp_path / "old"), weights(tmp_path / "new")
    assert all(torch.equal(old[name], new[name]) for name in old)
    train(monkeypatch, tmp_path / "new", "--pictures", "12", "--begin", given)  # the checkpoint goes before
    assert store.read_checkpoint(tmp_path / "new" / "flow.safetensors", "trained").metrics["pictures"] == 12


def test_what_is_learned_from_is_recorded(run, whole, monkeypatch):
    others = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    names = np.array(["apple", "worm"] * 3)
    monkeypatch.setattr(pretrain, "open_run", lambda **settings: run)
    monkeypatch.setattr(pretrain, "load_dataset", lambda run: whole)
    monkeypatch.setattr(pretrain, "cifar100_by_class", lambda run, without: (others, names))
    photographs, record = pretrain.training_photographs(torch.device("cpu"))
    known = known_photographs(whole)
    assert record["classes"] == ["apple", "dotted", "striped", "worm"]
    assert record["known"] == store.fingerprint(known.images, known.labels)
    assert record["seen"].tolist() == image_hashes(np.concatenate([known.images, others])).tolist()
    assert photographs.focus.tolist() == [2, 1] and len(photographs.images) == len(known) + 6
