import os

import numpy as np
import pytest

from clockodile.core import atomic_files


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "result.json"
    atomic_files.write_json(path, {"a": 1})
    with pytest.raises(RuntimeError), atomic_files.atomic(path) as temporary:
        temporary.write_text("half a res")
        raise RuntimeError
    assert atomic_files.read_json(path) == {"a": 1}
    assert os.listdir(tmp_path) == ["result.json"]


def test_results_are_readable_by_whom_the_umask_allows(tmp_path):
    atomic_files.write_json(tmp_path / "result.json", {})
    (tmp_path / "plain").touch()
    assert (tmp_path / "result.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_only_old_unfinished_files_are_swept(tmp_path):
    young, old, result = (tmp_path / name for name in (".unfinished-a", "b/.unfinished-c", "result.json"))
    old.parent.mkdir()
    for path in (young, old, result):
        path.touch()
    for path in (old, result):
        os.utime(path, (0, 0))
    atomic_files.sweep(tmp_path)
    assert young.exists() and result.exists() and not old.exists()


@pytest.mark.parametrize("content", ["", "{", "[1]"])
def test_a_damaged_file_reads_as_none(tmp_path, content):
    (tmp_path / "result.json").write_text(content)
    assert atomic_files.read_json(tmp_path / "result.json") is None
    assert atomic_files.read_json(tmp_path / "missing.json") is None


def test_names_that_are_no_text_survive(tmp_path):
    names = {os.fsdecode(b"photos\xe9"): "鰐 é", "path": os.fsdecode(b"\xff/x")}
    path = tmp_path / os.fsdecode(b"out\xe9") / "result.json"
    atomic_files.write_json(path, names)
    assert atomic_files.read_json(path) == names
    assert "鰐 é" in path.read_bytes().decode("utf-8")


def test_arrays_are_made_once_and_again_when_their_file_is_damaged(tmp_path):
    made = []

    def make():
        made.append(1)
        return {"a": np.arange(1000), "b": np.array(["x", "y"])}

    path = tmp_path / "kept" / "arrays.npz"
    first, again = (atomic_files.kept_arrays(path, ("a", "b"), make) for _ in range(2))
    assert len(made) == 1 and np.array_equal(first["a"], again["a"]) and again["b"].tolist() == ["x", "y"]
    for damaged in (path.read_bytes()[:-40], b"PK\x03\x04", b"", b"something else"):
        path.write_bytes(damaged)
        before = len(made)
        assert np.array_equal(atomic_files.kept_arrays(path, ("a", "b"), make)["a"], first["a"])
        assert len(made) == before + 1
    assert set(atomic_files.kept_arrays(path, ("a",), make)) == {"a"}
    before = len(made)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atomic_files.tempfile, "mkstemp", lambda **_: (_ for _ in ()).throw(OSError("full")))
        assert len(atomic_files.kept_arrays(tmp_path / "other.npz", ("a",), make)["a"]) == 1000
    assert len(made) == before + 1 and not (tmp_path / "other.npz").exists()
