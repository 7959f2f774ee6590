"""The choice among the sources, and what is said about it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_folders import PETS, SIZE, check_contract, pets

from clockodile.core.download import SourceUnavailable
from clockodile.core.errors import UserError
from clockodile.data import sources
from clockodile.data.collection import Collection, Source
from clockodile.data.sources import collect


def run(recipe=PETS, data_dir=None, source="auto"):
    return SimpleNamespace(recipe=recipe, data_dir=data_dir, source=source, seed=3, background=None)


@pytest.fixture
def stand_in(monkeypatch):
    """Replaces the drawn stand-in by four black images and the download by a refusal."""

    def draw(classes, *, image_size, seed):
        assert classes == ("cat", "dog") and seed == 3
        black = np.zeros((4, image_size, image_size, 3), np.uint8)
        labels, ids, split = np.array([0, 0, 1, 1]), np.array(list("abcd")), np.array(["train"] * 4)
        return Collection(black, labels, ids, split, classes, Source("stand_in", "", "", "ours", "drawn"))

    def refuse(run, image_size):
        raise SourceUnavailable("the name example.org cannot be looked up")

    monkeypatch.setattr(sources, "stand_in_collection", draw)
    monkeypatch.setitem(sources.SOURCES, "cifar100", refuse)


def test_auto_takes_the_folder_that_was_given(tmp_path, stand_in, caplog):
    with caplog.at_level("INFO", "clockodile"):
        collection = collect(run(data_dir=pets(tmp_path)), image_size=SIZE)
    check_contract(collection)
    assert collection.source.kind == "folder" and collection.source.why == "a data folder was given"
    assert "source 'folder' taken (a data folder was given): 8 images" in caplog.messages


def test_auto_never_falls_through_from_a_folder_that_was_given(tmp_path, stand_in):
    with pytest.raises(UserError, match="should hold 'cat' and 'dog'"):
        collect(run(data_dir=tmp_path), image_size=SIZE)


def test_auto_ends_at_the_stand_in_and_says_why(stand_in, caplog):
    with caplog.at_level("INFO", "clockodile"):
        collection = collect(run(), image_size=SIZE)
    check_contract(collection)
    assert collection.source.kind == "stand_in" and collection.source.stamp == "drawn"
    for words in ("no data folder was given", "cifar100: the name example.org cannot be looked up"):
        assert words in collection.source.why and words in caplog.text
    assert "source 'stand_in' taken" in caplog.text


def test_a_named_source_is_used_or_fails(tmp_path, stand_in):
    assert collect(run(source="stand_in", data_dir=tmp_path), image_size=SIZE).source.why == "asked for by name"
    with pytest.raises(UserError, match="cifar100: the name example.org cannot be looked up.*; give data_dir"):
        collect(run(source="cifar100"), image_size=SIZE)
    with pytest.raises(UserError, match="folder: no data folder was given"):
        collect(run(source="folder"), image_size=SIZE)


def test_image_size_comes_from_the_recipe_unless_given(tmp_path):
    pets(tmp_path)
    assert collect(run(replace(PETS, image_size=24), tmp_path)).images.shape[1:] == (24, 24, 3)
    assert collect(run(PETS, tmp_path), image_size=8).images.shape[1:] == (8, 8, 3)


def test_a_recipe_for_a_part_of_the_images_draws_the_same_part_each_time_and_says_so(tmp_path):
    few = replace(PETS, per_class=3)
    first, again = (collect(run(few, pets(tmp_path / str(k))), image_size=SIZE) for k in range(2))
    assert np.bincount(first.labels[first.labels >= 0]).tolist() == [3, 3]
    assert first.ids.tolist() == again.ids.tolist()
    assert any("were drawn for the notebooks" in note.reason for note in first.notes)
    everything = collect(run(PETS, tmp_path / "0"), image_size=SIZE)
    assert (first.split == "background").sum() == (everything.split == "background").sum()
    assert set(first.ids) <= set(everything.ids)
