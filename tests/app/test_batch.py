import errno
import os
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from made_photos import striped_and_dotted
from PIL import Image

from clockodile.app import batch
from clockodile.app.batch import Job, Table, check_seen, judge_all, judge_part, make_job, open_table
from clockodile.classify.predictor import Predictor, load_predictor, save_predictor
from clockodile.classify.report_nets import ThreeBlockNet
from clockodile.core.errors import UserError
from clockodile.core.recipes import Recipe
from clockodile.data.folders import folder_collection
from clockodile.learn.training import seeded

ODD = ("a,b.png", 'say "x".png', "two\nlines.png", "\rx.png", "Zürich 日本.png", "back\\nslash.png", "latin \udce9.png")


@dataclass
class Mean:
    """Finds the mean of an image; stops like Ctrl-C after so many parts."""

    parts: int = 1000
    image_size: int = 8
    columns: tuple[str, ...] = ("mean, of all",)
    seen: int = 0

    def rows(self, images):
        if self.parts == 0:
            raise KeyboardInterrupt
        self.parts -= 1
        self.seen += len(images)
        return [[repr(float(image.mean()))] for image in images]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(batch, "PART", 2)
    Path("weights").write_text("1")


def paint(names):
    for value, name in enumerate(names):
        Image.new("L", (8, 8), value).save(os.fsencode(name), "png")
    return list(names)


def judge(files, model=None, key="weights"):
    """Path -> (refusal, mean) of the table; and the model, which counts."""
    model = model or Mean()
    with open_table(Path("kept"), make_job(Mean, Path(key)), ["."], files, model.columns) as table:
        judge_all(make_job(Mean, Path(key)), model, table)
        return {path: (why, *values) for path, why, values in table.rows()}, model


def kept() -> Path:
    (path,) = Path("kept").iterdir()
    return path


def test_every_file_has_one_row_whatever_its_name():
    files = paint(ODD)
    Path("bad.png").write_text("x")
    found, _ = judge([*files, "bad.png"])
    assert list(found) == [*files, "bad.png"] and found["bad.png"][1] == "" and "not an image" in found["bad.png"][0]
    assert [float(found[name][1]) for name in files] == list(range(len(ODD)))
    assert kept().read_bytes().count(b"\n") == 1 + len(ODD) + 1 and kept().read_bytes().isascii()
    assert judge(files)[1].seen == 0 and judge(files)[0] == {name: found[name] for name in files}


def test_an_interrupted_work_goes_on_where_it_was(capsys):
    files = paint([f"{n}.png" for n in range(7)])
    with pytest.raises(KeyboardInterrupt):
        judge(files, Mean(parts=2))
    found, model = judge(files)
    said = capsys.readouterr().err
    assert model.seen == 3 and list(found) == files and said == "4 of 7 images were judged before\n"


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_half_written_line_is_dropped(cut):
    files = paint([f"{n}.png" for n in range(3)])
    whole, _ = judge(files)
    path = kept()
    path.write_bytes(path.read_bytes()[:-cut])
    found, model = judge(files)
    assert found == whole and model.seen >= 1
    names = [line.split(b",")[0] for line in path.read_bytes().splitlines()]
    assert names == [b"path", b"0.png", b"1.png", b"2.png"]


def test_a_damaged_table_is_judged_again():
    files = paint([f"{n}.png" for n in range(4)])
    whole, _ = judge(files)
    lines = kept().read_bytes().splitlines(keepends=True)
    kept().write_bytes(b"".join([*lines[:2], b'"\xff\n', *lines[3:]]))
    found, model = judge(files)
    assert found == whole and model.seen == 1
    kept().write_bytes(b"another file\n" * 9)
    found, model = judge(files)
    assert found == whole and model.seen == 4


def test_changed_and_refused_files_are_judged_again():
    files = paint([f"{n}.png" for n in range(4)])
    Path("3.png").write_text("x")
    judge(files)
    Image.new("L", (9, 9), 200).save("0.png")
    found, model = judge(files)
    assert model.seen == 1 and found["0.png"] == ("", "200.0") and found["3.png"][0]


def test_other_weights_begin_a_table_of_their_own():
    files = paint([f"{n}.png" for n in range(4)])
    judge(files)
    Path("other").write_text("2")
    assert judge(files, key="other")[1].seen == 4 and len(list(Path("kept").iterdir())) == 2


def test_two_at_once_on_the_same_images_are_refused():
    pytest.importorskip("fcntl")
    files = paint([f"{n}.png" for n in range(4)])
    judge(files)
    table = Table(kept(), files, ["mean, of all"])
    with pytest.raises(UserError, match="another process"):
        judge(files)
    os.close(table.handle)
    assert judge(files)[1].seen == 0


def test_a_full_disk_names_the_table_and_keeps_what_is_done(monkeypatch):
    files, write = paint([f"{n}.png" for n in range(5)]), os.write

    def full(handle, content):
        if b"2.png" in content:
            write(handle, content[:5])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, content)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(UserError, match="kept/.*no space left on device"):
        judge(files)
    monkeypatch.setattr(os, "write", write)
    found, model = judge(files)
    assert model.seen == 3 and list(found) == files


def test_one_part_leaves_nothing_behind():
    judge(paint(["a.png", "b.png"]))
    assert not Path("kept").exists()


def test_progress_counts_only_what_had_to_be_judged():
    assert batch.progress(600, 500, 700, 60) == "600 of 700 images, about 1 min left"
    assert batch.progress(50, 50, 700, 9) == "50 of 700 images"


# --- real nets -------------------------------------------------------------------------------------------------


def nets() -> Predictor:
    with seeded(3):
        made = [ThreeBlockNet(classes=3, image_size=16) for _ in range(2)]
    return Predictor("nets", ("ant", "bee, wild", "cow"), 16, made, temperature=0.05, kind="three_block")


def test_photos_are_prepared_as_those_of_a_data_folder_and_judged_alike_alone(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("x", "y"):
        Path(name).mkdir()
        wide = Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8))
        exif = Image.Exif()
        exif[0x0112] = 6  # turned by a quarter
        wide.save(f"{name}/turned.jpg", exif=exif)
        wide.convert("P").save(f"{name}/palette.gif")
        wide.putalpha(100)
        wide.save(f"{name}/transparent.png")
        Image.fromarray(rng.integers(0, 65536, (50, 20), dtype=np.uint16)).save(f"{name}/deep.png")
    data = folder_collection(Recipe("any", "", ("folder",), min_per_class=1), tmp_path, 16)
    files = [str(next(tmp_path.glob(f"{name}.*"))) for name in data.ids]
    model, expected = nets(), nets().probabilities(data.images)
    together = np.array([row[4:] for row in judge_part(model, files)], float)
    alone = np.array([judge_part(model, [path])[0][4:] for path in files], float)
    assert len(files) == 8 and np.ptp(expected[:, 0]) > 0.01
    assert np.allclose(together, expected, atol=1e-6) and np.allclose(alone, expected, atol=1e-6)


# --- a cluster -------------------------------------------------------------------------------------------------


def test_no_dask_and_no_scheduler_are_one_line(monkeypatch):
    files = paint(["a.png"])
    table = Table(Path("t.csv"), files, Mean().columns)

    def ask():
        judge_all(make_job(Mean, Path("weights")), Mean(), table, scheduler="tcp://127.0.0.1:9")

    pytest.importorskip("distributed")
    monkeypatch.setattr(batch, "PATIENCE", 1)
    with pytest.raises(UserError, match="no Dask scheduler answers"):
        ask()
    monkeypatch.setattr(batch.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install distributed"):
        ask()
    os.close(table.handle)


def test_workers_that_do_not_see_the_files_are_no_refusals():
    paint(["a.png"])
    gone = ["-1", "-1", "no such file or directory", ""]
    check_seen(["b.png"], [gone])  # gone for everybody
    with pytest.raises(UserError, match="a worker does not see a.png"):
        check_seen(["b.png", "a.png"], [gone, gone])


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_every_image_once_though_a_worker_is_killed(monkeypatch, tmp_path):
    """Two worker processes; one is killed in the middle of the work. The result is that of one process alone."""
    distributed = pytest.importorskip("distributed")
    Path("photos").mkdir()
    files = []
    for number, image in enumerate(striped_and_dotted(60, size=20)[0]):
        files.append(f"photos/{number}.png")
        Image.fromarray(image).save(files[-1])
    Path("photos/7.png").write_text("x")
    save_predictor(Path("nets.safetensors"), nets())
    job, model = (
        make_job(load_predictor, tmp_path / "nets.safetensors"),
        load_predictor(tmp_path / "nets.safetensors"),
    )
    alone = Table(Path("alone.csv"), files, model.columns)
    judge_all(job, model, alone)
    together = Table(Path("together.csv"), files, model.columns)
    empty = Table(Path("empty.csv"), files, model.columns)
    append, killed = Table.append, []

    def kill_one_then_append(table, numbers, rows):
        if not killed and numbers[0] >= 20:
            killed.append(next(iter(pids.values())))
            os.kill(killed[0], signal.SIGKILL)
        append(table, numbers, rows)

    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster, set_as_default=False) as client:
        pids = client.run(os.getpid)
        monkeypatch.setattr(Table, "append", kill_one_then_append)
        judge_all(job, None, together, scheduler=cluster.scheduler_address)  # no model: workers load theirs
        after = client.run(os.getpid)
        elsewhere = Job(load_predictor, "/nowhere/nets.safetensors", job.key)
        with pytest.raises(UserError, match="/nowhere/nets.safetensors: no such file.*every worker needs"):
            judge_all(elsewhere, None, empty, scheduler=cluster.scheduler_address)
    assert len(set(pids.values())) == 2 and killed and killed[0] not in after.values()
    names = Counter(line.split(b",")[0].decode() for line in Path("together.csv").read_bytes().splitlines()[1:])
    assert names == Counter(files)
    for (path, why, values), (path_alone, why_alone, values_alone) in zip(together.rows(), alone.rows(), strict=True):
        assert (path, why, values[0]) == (path_alone, why_alone, values_alone[0])
        assert why or np.allclose(np.array(values[1:], float), np.array(values_alone[1:], float), atol=1e-6)
