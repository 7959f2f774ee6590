import json
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from clockodile.core import atomic_files, store
from clockodile.core.errors import UserError

SPLITS = pd.DataFrame({"id": ["a/1", "b/2"], "label": [0, 1], "group": [0, 1], "fold": [0, 1], "split": ["train"] * 2})


def test_what_was_saved_comes_back(tmp_path):
    store.save(tmp_path, "splits.csv", SPLITS, {"seed": 0})
    pd.testing.assert_frame_equal(store.load(tmp_path, "splits.csv"), SPLITS, check_dtype=False)


def test_ids_that_look_like_numbers_or_gaps_stay_text(tmp_path):
    table = SPLITS.assign(id=["007", "NA"])
    store.save(tmp_path, "splits.csv", table, {})
    assert store.load(tmp_path, "splits.csv")["id"].tolist() == ["007", "NA"]


def test_a_missing_or_mistyped_part_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'fold' is missing"):
        store.save(tmp_path, "splits.csv", SPLITS.drop(columns="fold"), {})
    with pytest.raises(ValueError, match="'label' should be kind i"):
        store.save(tmp_path, "splits.csv", SPLITS.assign(label=0.5), {})
    assert not (tmp_path / "splits.csv").exists()


PREDICTIONS = {
    "logits": np.zeros((4, 2), np.float32),
    "train_accuracy": np.ones(2),
    "seconds": np.ones(2),
    "parameters": np.array([7]),
}


def test_files_of_a_folder_are_checked_by_its_schema(tmp_path):
    for name in ("predictions/one.npz", "predictions/two.npz"):
        store.save(tmp_path, name, PREDICTIONS, {"name": name})
    with pytest.raises(ValueError, match="'logits' should be kind f with 2 dimensions"):
        store.save(tmp_path, "predictions/three.npz", PREDICTIONS | {"logits": np.zeros(4)}, {})
    assert sorted(path.name for path in (tmp_path / "predictions").iterdir()) == ["one.npz", "two.npz"]


def test_what_was_saved_in_a_folder_comes_back_each_by_its_own_configuration(tmp_path):
    for name in ("one", "two"):
        store.save(tmp_path, f"predictions/{name}.npz", PREDICTIONS | {"train_accuracy": np.ones(3)}, {"name": name})
        found = store.load_cached(tmp_path, f"predictions/{name}.npz", {"name": name})
        assert found["train_accuracy"].tolist() == [1, 1, 1] and found["logits"].dtype == np.float32
    assert store.load_cached(tmp_path, "predictions/one.npz", {"name": "two"}) is None


def test_a_table_or_array_without_a_schema_is_never_written(tmp_path):
    for name, content in (("other.csv", SPLITS), ("other/one.npz", PREDICTIONS)):
        with pytest.raises(KeyError, match="other"):
            store.save(tmp_path, name, content, {})
    assert not list(tmp_path.iterdir())
    store.save(tmp_path, "other.json", {"a": 1}, {})
    assert store.load(tmp_path, "other.json") == {"a": 1}


def test_remember_makes_once_for_each_configuration(tmp_path):
    calls = []

    def make():
        calls.append(1)
        return SPLITS

    for seed in (0, 0, 1):
        store.cached(tmp_path, "splits.csv", {"seed": seed}, make)
    assert len(calls) == 2


@pytest.mark.parametrize("damage", ["edit", "truncate", "delete", "provenance"])
def test_remember_makes_damaged_files_anew(tmp_path, damage):
    store.save(tmp_path, "splits.csv", SPLITS, {"seed": 0})
    path, record = tmp_path / "splits.csv", tmp_path / "provenance" / "splits.csv.json"
    {
        "edit": lambda: path.write_text(path.read_text().replace("a/1", "a/9")),
        "truncate": lambda: path.write_bytes(path.read_bytes()[:10]),
        "delete": path.unlink,
        "provenance": lambda: record.write_text("{"),
    }[damage]()
    with pytest.raises(UserError, match="splits.csv"):
        store.load(tmp_path, "splits.csv")
    again = store.cached(tmp_path, "splits.csv", {"seed": 0}, lambda: SPLITS)
    assert again["id"].tolist() == ["a/1", "b/2"]


def test_recall_partly_ignores_what_was_not_asked(tmp_path):
    store.save(tmp_path, "splits.csv", SPLITS, {"seed": 0, "epochs": 5})
    assert store.load_cached(tmp_path, "splits.csv", {"seed": 0}, subset=True) is not None
    assert store.load_cached(tmp_path, "splits.csv", {"seed": 1}, subset=True) is None
    assert store.load_cached(tmp_path, "splits.csv", {"seed": 0}) is None
    assert store.load_cached(tmp_path, "splits.csv", {"seed": 0, "net": "x"}, subset=True) is None


def test_the_fingerprint_names_images_not_their_order(data):
    order = np.random.default_rng(0).permutation(len(data))
    name = store.fingerprint(data.images, data.labels)
    assert store.fingerprint(data.images[order], data.labels[order]) == name
    assert store.fingerprint(data.images, 1 - data.labels) != name
    changed = data.images.copy()
    changed[0, 0, 0, 0] ^= 1
    assert store.fingerprint(changed, data.labels) != name


def fit_counting(calls):
    def fit():
        calls.append(1)
        return {"weight": torch.arange(3.0)}, {"accuracy": 0.5}

    return fit


def test_fit_or_load_trains_once_and_says_where_weights_come_from(tmp_path):
    calls = []

    def get(**options):
        return store.fit_or_load("nets/a", {"seed": 0}, "data", fit_counting(calls), run_dir=tmp_path, **options)

    first, second, third = get(), get(), get(retrain=True)
    assert [first.origin, second.origin, third.origin] == ["trained", "run folder", "trained"]
    assert len(calls) == 2
    assert torch.equal(second.state["weight"], first.state["weight"])
    assert second.metrics == {"accuracy": 0.5}
    assert first.config == second.config == third.config == {"seed": 0}


def test_other_settings_or_data_or_damage_train_again(tmp_path):
    calls = []
    for config, data in (({"seed": 0}, "a"), ({"seed": 1}, "a"), ({"seed": 1}, "b")):
        store.fit_or_load("net", config, data, fit_counting(calls), run_dir=tmp_path)
    (tmp_path / "net.safetensors").write_bytes(b"not weights")
    store.fit_or_load("net", {"seed": 1}, "b", fit_counting(calls), run_dir=tmp_path)
    assert len(calls) == 4


@pytest.fixture
def trained(tmp_path):
    store.fit_or_load("net", {"seed": 0}, "data", fit_counting([]), run_dir=tmp_path)
    return tmp_path / "net.safetensors"


def not_finite(path):
    record, state = store.read_weights(path)
    text = json.dumps(record, sort_keys=True)
    state = {"weight": torch.tensor([0.0, torch.nan, 2.0])}
    whole = json.dumps(record | {"sha256": store.digest(state, text)})
    save_file(state, path, metadata={"clockodile": whole})


DAMAGE = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "a weight changed": lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\x01"),
    "a word changed": lambda path: path.write_bytes(path.read_bytes().replace(b"accuracy", b"accurate")),
    "foreign": lambda path: save_file({"a": torch.ones(1)}, path),
    "not finite": not_finite,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_named_before_anything_is_trained_again(trained, damage, caplog):
    DAMAGE[damage](trained)
    calls = []
    with pytest.raises(UserError, match="net.safetensors"):
        store.read_checkpoint(trained)
    found = store.fit_or_load("net", {"seed": 0}, "data", fit_counting(calls), run_dir=trained.parent)
    assert found.origin == "trained" and str(trained) in caplog.text and caplog.records[0].levelname == "WARNING"
    caplog.clear()
    assert store.read_checkpoint(trained).metrics == {"accuracy": 0.5} and not caplog.records


def test_other_errors_than_those_of_reading_are_not_taken_for_damage(trained, monkeypatch):
    monkeypatch.setattr(store, "digest", lambda *words: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        store.fit_or_load("net", {"seed": 0}, "data", fit_counting([]), run_dir=trained.parent)


def test_a_training_that_failed_is_not_kept(tmp_path):
    with pytest.raises(UserError, match="not finite"):
        store.fit_or_load("net", {}, "data", lambda: ({"w": torch.tensor(torch.inf)}, {}), run_dir=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_damaged_table_is_named(tmp_path, caplog):
    store.cached(tmp_path, "splits.csv", {"seed": 0}, lambda: SPLITS)
    (tmp_path / "splits.csv").write_text("nothing")
    store.cached(tmp_path, "splits.csv", {"seed": 0}, lambda: SPLITS)
    assert "splits.csv is not what was written there" in caplog.text


def test_retraining_happens_once_in_a_run(tmp_path):
    calls = []
    for _ in range(2):
        store.begin_run()
        for _ in range(3):
            store.fit_or_load("net", {}, "d", fit_counting(calls), run_dir=tmp_path, retrain=True)
    assert len(calls) == 2


def test_shipped_weights_are_whole():
    found = {path.stem: store.read_weights(path) for path in store.shipped_weights().glob("*.safetensors")}
    assert len(found) == 5 and all("sha256" not in record for record, _ in found.values())


def test_weights_of_other_code_are_trained_again_but_shipped_ones_are_used(tmp_path, monkeypatch):
    calls, shipped = [], tmp_path / "shipped"
    for place in (shipped, tmp_path):
        store.fit_or_load("net", {"seed": 0}, "data", fit_counting(calls), run_dir=place)
    monkeypatch.setattr(store, "source_key", lambda *made: "other")
    store.fit_or_load("net", {"seed": 0}, "data", fit_counting(calls), run_dir=tmp_path)
    assert len(calls) == 3
    monkeypatch.setattr(store, "shipped_weights", lambda: shipped)
    new = store.fit_or_load("net", {"seed": 0}, "data", fit_counting(calls), run_dir=tmp_path / "new")
    assert new.origin == "shipped" and len(calls) == 3


def test_shipped_weights_are_used_when_the_data_match(tmp_path, monkeypatch):
    calls, shipped = [], tmp_path / "shipped"
    store.fit_or_load("net", {"seed": 0}, "data", fit_counting(calls), run_dir=shipped)
    monkeypatch.setattr(store, "shipped_weights", lambda: shipped)
    fitted = store.fit_or_load("a/net", {"seed": 0}, "data", fit_counting(calls), run_dir=tmp_path / "run")
    assert (fitted.origin, len(calls)) == ("shipped", 1)
    assert fitted.config == {"seed": 0} and fitted.metrics == {"accuracy": 0.5}


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=5))
def test_the_key_ignores_the_order_of_entries(config):
    assert store.key_of(config) == store.key_of(dict(reversed(config.items())))


KILLED = """
    import os, sys, traceback
    from dataclasses import replace as with_other
    from clockodile.classify.half_quarter_quarter import quarter_accuracies
    from clockodile.data.dataset import prepare_dataset
    from clockodile.core.workspace import open_run

    photos, whole, killed = sys.argv[1:]
    left, replace = 0, os.replace

    def counting(*paths):  # the process dies, without any clean-up, instead of its n-th rename
        global left
        left -= 1
        if left == 0:
            os._exit(9)
        replace(*paths)

    def train(out):
        run = open_run(recipe="folder", data_dir=photos, run_dir=out)
        run = with_other(run, profile=with_other(run.profile, classifier_epochs=3))
        data = prepare_dataset(run).part("train")
        for seed in range(6):
            quarter_accuracies(run, data, seed=seed)

    def status(out, die_at):  # of a process that has loaded everything already
        global left
        child = os.fork()
        if child:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        try:
            left, os.replace = die_at, counting
            train(out)
            os._exit(0)
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(1)

    print(status(whole, 0))
    for die_at in range(1, 30):  # each start dies one write later than the one before, until one survives
        print(found := status(killed, die_at), flush=True)
        if found != 9:
            break
"""


def contents(folder):
    """Everything that counts in a run folder, comparable: bytes of tables and weights, arrays of .npz."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                found |= {f"{name}:{part}": arrays[part].tobytes() for part in arrays.files}
        elif path.suffix == ".safetensors":
            state = store.read_weights(path)[1]
            found |= {f"{name}:{part}": value.numpy().tobytes() for part, value in state.items()}
        elif path.suffix == ".csv" or name.startswith("classifier/"):
            found[name] = path.read_bytes()
    return found


@pytest.mark.slow
def test_a_run_killed_at_any_write_ends_like_an_undisturbed_one(tmp_path, photos):
    words = [str(path) for path in (photos, tmp_path / "whole", tmp_path / "killed")]
    command = [sys.executable, "-c", textwrap.dedent(KILLED), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    undisturbed, *deaths, last = done.stdout.split()
    assert (undisturbed, last) == ("0", "0"), done.stderr
    assert len(deaths) >= 4 and {*deaths} == {"9"}
    expected = contents(tmp_path / "whole")
    assert len(expected) > 10
    atomic_files.sweep(tmp_path / "killed", older_than=0)
    assert contents(tmp_path / "killed") == expected
