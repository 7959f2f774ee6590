import hashlib
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_photos import write_photos
from PIL import Image
from tiny_folders import photo, put

from clockodile.core import store
from clockodile.core.errors import UserError
from clockodile.core.workspace import open_run
from clockodile.data import dataset
from clockodile.data.collection import Collection, Source
from clockodile.data.dataset import as_images, as_tensor, load_dataset, prepare_dataset, split_table


def test_images_survive_the_way_to_tensors_and_back(data):
    tensor = as_tensor(data.images)
    assert tensor.shape == (120, 3, 32, 32) and tensor.dtype == torch.float32
    assert 0 <= tensor.min() and tensor.max() <= 1
    assert np.array_equal(as_images(tensor), data.images)
    assert as_images(torch.tensor([-1.0, 2.0]).view(2, 1, 1, 1)).ravel().tolist() == [0, 255]


def test_a_users_folder_becomes_a_data_set(run):
    data = prepare_dataset(run)
    assert data.classes == ("dotted", "striped")
    assert data.images.shape == (48, 32, 32, 3)
    assert (data.fold >= 0).all() and len(data.part("test")) == 0
    assert data.card["counts"]["train"] == {"dotted": 24, "striped": 24}


def test_the_second_time_everything_comes_from_disk(run):
    first, again = prepare_dataset(run), load_dataset(run)
    for part in ("images", "labels", "ids", "group", "fold"):
        assert np.array_equal(getattr(first, part), getattr(again, part))
    assert first.card == again.card


def test_loading_prepares_what_is_missing_and_says_so(run, caplog):
    caplog.set_level("INFO")
    assert len(load_dataset(run)) == 48
    assert "no data prepared" in caplog.text


def test_folds_are_written_once(run):
    first = prepare_dataset(run)
    stamp = (run.dir / "splits.csv").stat().st_mtime_ns
    assert np.array_equal(prepare_dataset(run).fold, first.fold)
    assert (run.dir / "splits.csv").stat().st_mtime_ns == stamp


def test_another_seed_means_other_folds(run):
    first, other = prepare_dataset(run), load_dataset(replace(run, seed=1))
    assert not np.array_equal(first.fold, other.fold)


def test_new_photos_are_seen_by_notebook_01(run, photos):
    before = prepare_dataset(run)
    (photos / "striped" / "photo 0.png").unlink()
    after = prepare_dataset(run)
    assert len(after) == len(before) - 1 == len(load_dataset(run))
    assert after.fingerprint != before.fingerprint


def move(photos):
    (photos / "striped" / "photo 0.png").rename(photos / "dotted" / "moved.png")


def remove(photos):
    (photos / "striped" / "photo 0.png").unlink()


@pytest.mark.parametrize("change", [move, remove])
def test_later_notebooks_see_that_photos_changed_and_say_so(run, photos, caplog, change):
    before = prepare_dataset(run, image_size=24)
    change(photos)
    after = load_dataset(run)
    assert after.fingerprint != before.fingerprint and after.images.shape[1] == 24
    assert [record.message for record in caplog.records] == [f"NOTE: {dataset.CHANGED}"]
    assert after.card["warnings"] == [dataset.CHANGED]
    assert load_dataset(run).card == after.card and len(caplog.records) == 1, "once"
    assert prepare_dataset(run).card["warnings"] == [], "until notebook 01 has seen them"


def test_photos_that_were_merely_touched_keep_everything(run, photos, caplog):
    before, stamp = prepare_dataset(run), (run.dir / "splits.csv").stat().st_mtime_ns
    os.utime(photos / "striped" / "photo 0.png")
    assert np.array_equal(load_dataset(run).fold, before.fold)
    assert (run.dir / "splits.csv").stat().st_mtime_ns == stamp and not caplog.records


def test_a_newer_program_says_nothing_of_photos_that_were_merely_touched(run, photos, caplog, monkeypatch):
    prepare_dataset(run)
    os.utime(photos / "striped" / "photo 0.png")
    monkeypatch.setattr(dataset.store, "source_key", lambda *_: "of other code")
    assert load_dataset(run).card["warnings"] == [] and not caplog.records


def test_unchanged_photos_are_not_read_again(run, monkeypatch):
    prepare_dataset(run)
    monkeypatch.setattr(dataset, "collect", None)
    assert len(load_dataset(run)) == 48


def test_what_became_no_class_is_said_and_kept_in_the_card(run, photos, caplog):
    (photos / "films").mkdir()
    (photos / "films" / "1.mov").write_bytes(b"film")
    card = prepare_dataset(run).card
    assert len(card["warnings"]) == 1 and "folder 'films' is no class" in card["warnings"][0]
    assert caplog.records[0].message == f"NOTE: {card['warnings'][0]}"


def test_a_folder_whose_name_is_no_text(tmp_path):
    photos = write_photos(tmp_path / os.fsdecode(b"photos\xe9"))
    opened = open_run(recipe="folder", data_dir=str(photos), run_dir=str(tmp_path / os.fsdecode(b"run\xe9")))
    made = prepare_dataset(opened)
    assert load_dataset(opened).card == made.card and made.card["source"]["where"] == "photos\\udce9"


def test_background_that_shows_a_labelled_image_is_left_out_with_a_note(run, photos):
    (photos / "background").mkdir()
    write_photos(photos / "background", classes=("noise", "discs"), count=6)
    shown = prepare_dataset(run, image_size=40).part("train")
    copies = {"copy": shown.images[1], "crop": np.roll(shown.images[3], 2, axis=1)}
    for name, pixels in (copies | {"mirror": shown.images[9][:, ::-1]}).items():
        Image.fromarray(pixels).save(photos / "background" / f"{name}.png")
    data = prepare_dataset(run, image_size=40)
    assert (
        not set(data.ids) & {"background/copy", "background/crop", "background/mirror"}
        and len(data.part("train")) == 48
    )
    notes = {note["path"]: note["reason"] for note in data.card["notes"] if not note["used"]}
    assert notes["background/copy"] == f"shows the same as {shown.ids[1]}; left out of the background"
    assert notes["background/crop"] == f"shows the same as {shown.ids[3]}; left out of the background"
    assert notes["background/mirror"] == f"shows the same as {shown.ids[9]}; left out of the background"


def collection_of(data, split):
    """The made pictures as what a source returns."""
    source = Source("folder", "made", "asked", "none")
    return Collection(data.images, data.labels, data.ids, split, data.classes, source)


def test_a_pair_that_a_person_saw_moves_nobody_else(data, tmp_path):
    collection = collection_of(data, data.split)
    before, _ = split_table(collection, folds=5, seed=0)
    groups = before.groupby("group").filter(lambda rows: len(rows) == 1)
    one = groups.index[0]
    other = next(row for row in groups.index if before["fold"][row] != before["fold"][one])
    digests = [hashlib.sha256(data.images[row].tobytes()).hexdigest() for row in (other, one)]
    table = tmp_path / "pairs.csv"
    table.write_text("first,second\n" + ",".join(digests) + "\n")
    after, pairs = split_table(collection, folds=5, seed=0, known=table)
    assert (one, other) in set(zip(pairs["first"], pairs["second"], strict=True))
    assert after["group"][one] == after["group"][other] and after["fold"][one] == after["fold"][other]
    moved = after.index[after["fold"] != before["fold"]]
    assert set(moved) <= {one, other} and len(moved) == 1


def test_test_images_with_a_twin_in_training_are_left_out_and_counted(data):
    split = np.where(np.arange(len(data)) < 100, "train", "test")
    group = np.arange(len(data))
    group[[100, 101, 102]] = [3, 3, 4]  # twins of training images
    group[[110, 111]] = 110  # of each other alone
    whole = replace(data, split=split, group=group, fold=np.where(split == "train", data.fold, -1))
    tests, left_out = whole.fresh_tests()
    assert left_out == 3 and tests.ids.tolist() == data.ids[103:].tolist()
    assert whole.part("train").fresh_tests()[1] == 0


def test_parts_of_two_data_sets_are_never_mixed(run, photos):
    prepare_dataset(run)
    (photos / "striped" / "photo 0.png").unlink()
    other = replace(run, dir=run.dir.with_name("other"))
    prepare_dataset(other)
    for name in ("dataset.npz", "provenance/dataset.npz.json"):  # as if killed after writing the images
        (run.dir / name).write_bytes((other.dir / name).read_bytes())
    data = load_dataset(run)
    assert len(data.images) == len(data.fold) == 47


def test_the_chosen_image_size_is_kept_by_later_notebooks(run):
    prepare_dataset(run, image_size=24)
    assert load_dataset(run).images.shape[1] == 24
    assert load_dataset(replace(run, seed=1)).images.shape[1] == 24


@pytest.mark.parametrize("size", [-1, 4, 5000])
def test_an_image_size_without_sense_is_one_line(run, size):
    with pytest.raises(UserError, match="parameter 'image_size' is"):
        prepare_dataset(run, image_size=size)


@pytest.mark.parametrize("size", [12, 50, 511])
def test_an_image_size_that_later_nets_cannot_halve_is_refused_at_once(run, size):
    with pytest.raises(UserError, match=f"'image_size' is {size}; give a multiple of 8$"):
        prepare_dataset(run, image_size=size)
    assert not run.dir.exists(), "before anything is written"


def test_near_duplicates_share_a_fold(tmp_path):
    photos = write_photos(tmp_path / "photos")
    for copy in range(3):
        target = photos / "dotted" / f"copy {copy}.png"
        target.write_bytes((photos / "dotted" / "photo 2.png").read_bytes())
    data = prepare_dataset(open_run(recipe="folder", data_dir=str(photos), run_dir=str(tmp_path / "run")))
    twins = np.char.find(data.ids, "copy") >= 0
    original = data.ids == "dotted/photo 2"
    assert set(data.fold[twins]) == set(data.fold[original])
    assert len(data.card["near_duplicates"]) >= 3


def test_three_classes(tmp_path):
    photos = write_photos(tmp_path / "photos", classes=("a", "b", "c"))
    data = prepare_dataset(open_run(recipe="folder", data_dir=str(photos), run_dir=str(tmp_path / "run")))
    assert data.classes == ("a", "b", "c") and set(data.labels) == {0, 1, 2}


def test_the_stand_in_carries_its_stamp(tmp_path, monkeypatch):
    monkeypatch.delenv("CLOCKODILE_DATA", raising=False)
    data = prepare_dataset(open_run(source="stand_in", run_dir=str(tmp_path)))
    assert data.stamp == "drawn stand-in"
    sizes = {split: len(data.part(split)) for split in ("train", "test", "background", "hybrid")}
    assert sizes == {"train": 1000, "test": 200, "background": 100, "hybrid": 100}
    assert (data.part("hybrid").fold == -1).all() and (data.part("hybrid").labels == -1).all()
    stored = store.load(tmp_path, "splits.csv")
    assert (stored["split"] == "hybrid").sum() == 100


@pytest.mark.parametrize("split", ["background", "hybrid"])
def test_unlabelled_parts_have_neither_class_nor_fold(run, split):
    assert len(prepare_dataset(run).part(split)) == 0


def test_a_users_large_photographs_stay_larger_and_the_card_says_why(tmp_path):
    photos = write_photos(tmp_path / "large", classes=("a", "b", "c"))  # of 40, 64 and 88 pixels
    for path in photos.rglob("*.*"):
        Image.open(path).resize((130, 120)).save(path)
    run = open_run(recipe="folder", data_dir=str(photos), run_dir=str(tmp_path / "run"))
    data = prepare_dataset(run)
    assert data.images.shape[1:] == (96, 96, 3)
    assert any("made 96 pixels a side" in note["reason"] for note in data.card["notes"])
    assert load_dataset(run).images.shape[1:] == (96, 96, 3)
    assert prepare_dataset(run, image_size=16).images.shape[1:] == (16, 16, 3)
    assert load_dataset(run).images.shape[1:] == (16, 16, 3)


def test_a_folder_of_other_things_is_part_of_the_request(run, tmp_path):
    streets = tmp_path / "streets"
    for number in range(6):
        put(streets / f"{number}.png", photo(number))
    data = prepare_dataset(replace(run, background=streets))
    assert data.card["counts"]["background"] == 6
    assert len(load_dataset(replace(run, background=streets)).part("background")) == 6
    next(streets.rglob("*.png")).unlink()
    assert len(load_dataset(replace(run, background=streets)).part("background")) == 5
    assert len(load_dataset(run).part("background")) == 0
