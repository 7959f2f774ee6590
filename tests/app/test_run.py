"""The headless run: what it leaves behind when all goes well, and when something does not."""

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import pytest
from tiny_notebooks import DATA, command, make_notebook, outputs

from clockodile.app import execute, memory
from clockodile.app.output import make_writable, only_writer
from clockodile.app.run import check_folder, find_notebooks, print_source, run_notebooks, select, write_run_json
from clockodile.core import store
from clockodile.core.atomic_files import read_json, write_json
from clockodile.core.errors import NotebookFailed, UserError
from clockodile.core.workspace import open_run

SECOND = "02_classification"


@pytest.fixture
def folder(tmp_path):
    """A project folder with two notebooks; the second can be replaced by `second`."""
    make_notebook(tmp_path / "notebooks" / "01_data.ipynb", DATA, own="image_size: int = 0\n")
    second(tmp_path, "print('epochs', epochs)")
    return tmp_path


def second(folder: Path, *cells: str) -> None:
    make_notebook(folder / "notebooks" / f"{SECOND}.ipynb", *cells, own="epochs: int = 0\n")


def run_in(folder: Path, *args, **options) -> Path:
    run = open_run(run_dir=str(folder / "run"), seed=3)
    return run_notebooks(run, *args, notebooks_dir=folder / "notebooks", **options)


def executed(folder: Path, name: str = SECOND) -> Path:
    return folder / "run" / "executed" / f"{name}.ipynb"


def failure(folder: Path, **options) -> list[str]:
    """The lines told when the second notebook fails; the first is left out to save time."""
    with pytest.raises(NotebookFailed) as error:
        run_in(folder, ["02"], **options)
    return str(error.value).splitlines()


# --- before anything starts -------------------------------------------------------------------------------


def test_only_takes_numbers_and_names(folder):
    notebooks = find_notebooks(folder / "notebooks")
    for only in (["2"], ["02"], [SECOND], [f"{SECOND}.ipynb"], ["02", "02"]):
        assert [path.stem for path in select(notebooks, only)] == [SECOND]
    assert select(notebooks, ["02,01"]) == select(notebooks, []) == notebooks
    for unknown in ("7", "data", "1_"):
        with pytest.raises(UserError, match="known: 01_data"):
            select(notebooks, [unknown])
    for nothing in ([""], [","], [",", ""]):
        with pytest.raises(UserError, match="--only names no notebook; known: 01_data"):
            select(notebooks, nothing)


def test_no_notebooks(tmp_path):
    with pytest.raises(UserError, match="checkout"):
        find_notebooks(tmp_path)


@pytest.mark.parametrize("parameters", [{"epoch": 1}, {"epochs": "ten"}, {"image_size": "1"}, {"epochs": -1}])
def test_wrong_parameters_start_nothing(folder, parameters):
    with pytest.raises(UserError):
        run_in(folder, ["02"], parameters)
    assert not (folder / "run").exists()


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_out_must_be_a_folder(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write in .*give another --out"):
        make_writable(tmp_path / place)


def test_out_must_be_writable(tmp_path, monkeypatch):
    def forbidden(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", forbidden)  # root may write anywhere, so folders cannot test it
    with pytest.raises(UserError, match="permission denied"):
        make_writable(tmp_path / "run")


FOREIGN = ("report.html", "metrics.json", "run.json", "data_card.json", "figures/check.png", "provenance/x.json")


@pytest.mark.parametrize("name", FOREIGN)
def test_somebody_elses_folder_is_refused_and_left_as_it_is(folder, name):
    """Whatever a file is called: only a record or a provenance of ours tells that a folder is ours."""
    mine = folder / "run" / name
    mine.parent.mkdir(parents=True)
    mine.write_text('{"accuracy": 0.93}')
    with pytest.raises(UserError, match="no run made them; give an --out that is new or empty"):
        run_in(folder)
    assert mine.read_text() == '{"accuracy": 0.93}'
    assert [path for path in (folder / "run").rglob("*") if path.is_file()] == [mine]


def test_a_folder_of_ours_is_used_again(folder):
    run = open_run(run_dir=str(folder / "run"))
    (run.dir / "figures").mkdir(parents=True)
    (run.dir / ".lock").touch()
    check_folder(run)  # nothing in it that anybody could miss
    store.save(run.dir, "one.json", {}, {"from": "a notebook opened in a browser"})
    check_folder(run)
    shutil.rmtree(run.dir / "provenance")
    with pytest.raises(UserError):
        check_folder(run)
    write_run_json(run, "01_data", {}, "failed", 0)
    check_folder(run)


@pytest.mark.parametrize("place", ["", "results", "cats/results"])
def test_results_among_the_photographs_would_become_a_class(tmp_path, place):
    run = open_run(recipe="folder", data_dir=str(tmp_path), run_dir=str(tmp_path / place))
    with pytest.raises(UserError, match="lies in the data folder"):
        run_notebooks(run)
    check_folder(open_run(recipe="folder", data_dir=str(tmp_path), run_dir=str(tmp_path) + "-results"))


@pytest.mark.parametrize("name", ["run_dir", "data_dir"])
def test_a_folder_name_that_is_no_utf8(tmp_path, name):
    folder = tmp_path / os.fsdecode(b"photos\xe9")
    folder.mkdir()
    run = open_run(recipe="folder", **{"data_dir": str(tmp_path), name: str(folder)})
    with pytest.raises(UserError, match=f"{name}: .* not UTF-8"):
        run_notebooks(run)


def test_the_lock_is_exclusive_and_released(tmp_path):
    with only_writer(tmp_path), pytest.raises(UserError, match="another command is writing"):
        with only_writer(tmp_path):
            pass
    with only_writer(tmp_path):
        pass


@pytest.mark.slow
def test_a_dead_process_holds_no_lock(tmp_path):
    code = (
        "import pathlib, sys, time\nfrom clockodile.app.output import only_writer\n"
        "with only_writer(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(UserError, match="another command is writing"):
        with only_writer(tmp_path):
            pass
    holder.kill()
    holder.communicate()
    with only_writer(tmp_path):
        pass


def test_kernels_get_the_callers_environment_and_keep_freed_memory(folder, monkeypatch):
    given = []
    monkeypatch.setattr("clockodile.app.execute.execute", lambda *words, env, **options: given.append(env))
    run_in(folder, ["02"], env={"MINE": "1"})
    assert given == [memory.environment() | {"MINE": "1"}]


def test_what_is_wrong_with_the_photographs_is_told(tmp_path, capsys):
    source = {"kind": "folder", "why": "a data folder was given", "stamp": ""}
    lines = ["folder 'birds' is no class: it holds no files", "class 'cats': 5 files are not used, 4 are"]
    write_json(tmp_path / "data_card.json", {"source": source, "warnings": lines})
    print_source(tmp_path)
    told = capsys.readouterr().out
    assert told.startswith("images   folder: a data folder was given\n")
    assert all(told.count(f"NOTE: {line}\n") == 1 for line in lines)


# --- with kernels -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_leaves_copies_a_record_and_a_report(folder, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(folder / "no-kernelspecs"))
    second(folder, "import os, sys\nprint(sys.executable, os.environ['CLOCKODILE_HEADLESS'], epochs, seed, run_dir)")
    report = run_in(folder, (), {"epochs": "3"})
    assert report == folder / "run" / "report.html" and report.is_file()
    assert outputs(executed(folder)).split() == [sys.executable, "1", "3", "3", str(folder / "run")]
    text = executed(folder).read_text()
    assert "papermill" not in text and "start_time" not in text and "iopub" not in text
    record = read_json(folder / "run" / "run.json")
    assert record["settings"]["seed"] == 3
    assert record["notebooks"]["02"]["status"] == "done"
    assert record["notebooks"]["02"]["parameters"] == {"epochs": 3}
    assert record["notebooks"]["01"]["parameters"] == {}


@pytest.mark.slow
def test_a_failing_cell_is_told_in_four_lines_and_keeps_the_good_copy(folder):
    run_in(folder, ["02"])
    good = executed(folder).read_text()
    second(folder, "# about to fail\nvalue = 1\n\nraise ValueError('first\\nsecond')", "print('never')")
    lines = failure(folder)
    assert len(lines) == 4
    assert lines[0] == f"notebook {SECOND} failed in code cell 3: value = 1"
    assert "ValueError: first (at: raise ValueError" in lines[1]
    assert str(executed(folder, f"{SECOND}.failed")) in lines[3]
    assert executed(folder).read_text() == good
    partial = nbformat.read(executed(folder, f"{SECOND}.failed"), as_version=4)
    assert partial.cells[3].outputs[0].ename == "ValueError"
    assert read_json(folder / "run" / "run.json")["notebooks"]["02"]["status"] == "failed"
    second(folder, "print(1)")
    run_in(folder, ["02"])
    assert not executed(folder, f"{SECOND}.failed").exists()


@pytest.mark.slow
def test_a_users_mistake_in_a_cell_stays_one(folder):
    second(folder, "from clockodile.core.errors import UserError\nraise UserError('give images')")
    with pytest.raises(UserError, match="^give images$"):
        run_in(folder, ["02"])


@pytest.mark.slow
def test_a_cell_that_takes_too_long(folder):
    second(folder, "import time", "time.sleep(60)")
    lines = failure(folder, cell_timeout=1)
    assert "code cell 4: time.sleep(60)" in lines[0]
    assert "longer than 1 s" in lines[1] and "--cell-timeout" in lines[2]


@pytest.mark.slow
@pytest.mark.parametrize("last_act, told", [("os._exit(3)", "exit code 3"), ("os.kill(os.getpid(), 9)", "memory")])
def test_a_dying_kernel(folder, last_act, told):
    second(folder, f"import os\n{last_act}")
    lines = failure(folder)
    assert "code cell 3: import os" in lines[0] and told in lines[1] and len(lines) == 4


@pytest.mark.slow
def test_no_injected_cell_when_asked_for_none(folder):
    second(folder, "import os\nprint(os.environ['CLOCKODILE_PROFILE'], epochs)")
    run_in(folder, ["02"], env={"CLOCKODILE_PROFILE": "full"}, inject=False)
    assert outputs(executed(folder)) == "full 0\n"
    assert "injected" not in executed(folder).read_text()


def test_a_kernel_that_does_not_start_is_one_line(tmp_path, monkeypatch):
    def no_kernel(*words, **options):
        raise RuntimeError("Kernel didn't respond in 60 seconds")

    monkeypatch.setattr(execute.papermill, "execute_notebook", no_kernel)
    make_notebook(tmp_path / "01_x.ipynb", "1")
    with pytest.raises(NotebookFailed, match="01_x: its Jupyter kernel did not start .Kernel didn't") as raised:
        execute.execute(tmp_path / "01_x.ipynb", tmp_path / "copy.ipynb", parameters={})
    assert "\n" not in str(raised.value)


def test_after_ctrl_c_no_task_is_reported():
    logger = logging.getLogger("asyncio")
    level = logger.level
    try:
        with pytest.raises(KeyboardInterrupt), execute.quiet():
            raise KeyboardInterrupt
        assert not logger.isEnabledFor(logging.ERROR)
        logger.setLevel(level)
        with execute.quiet():
            pass
        assert logger.level == level
    finally:
        logger.setLevel(level)


def test_a_folder_with_braces_and_spaces(folder):
    run = open_run(run_dir=str(folder / "my {run} é"))
    assert run_notebooks(run, ["02"], notebooks_dir=folder / "notebooks").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("sent, code", [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_in_the_middle_then_started_again(folder, sent, code):
    second(
        folder,
        "import os\nopen(os.path.join(run_dir, 'pid'), 'w').write(str(os.getpid()))\nimport time; time.sleep(99)",
    )
    process = subprocess.Popen(
        command(folder, "run", "--out", str(folder / "run"), "--only", "02"),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it
    )
    pid = wait_for(folder / "run" / "pid")
    process.send_signal(sent)
    told = process.communicate(timeout=30)[1]
    assert process.returncode == code
    assert told.count("\n") == (1 if sent == signal.SIGINT else 0)
    assert not executed(folder).exists()
    assert gone(int(pid)), "the kernel outlived the run"
    second(folder, "print('again')")
    run_in(folder, ["02"])
    assert outputs(executed(folder)) == "again\n"
    assert [path.name for path in executed(folder).parent.iterdir()] == [f"{SECOND}.ipynb"]


def wait_for(path: Path) -> str:
    for _ in range(2400):
        with contextlib.suppress(OSError):
            if path.read_text():
                return path.read_text()
        time.sleep(0.05)
    raise AssertionError(f"{path} never came")


def gone(pid: int) -> bool:
    """Whether a process ends within some seconds (it notices its parent's death once a second)."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").is_file() and ") Z " in Path(f"/proc/{pid}/stat").read_text():
                return True  # ended, and waiting for whoever adopted it
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.1)
    return False


def test_the_copy_is_cleaned_of_all_marks():
    cell = nbformat.v4.new_code_cell("1", metadata={"papermill": {}, "execution": {}, "tags": []})
    marker = nbformat.v4.new_markdown_cell("!", metadata={"tags": ["papermill-error-cell-tag"]})
    nb = execute.clean(nbformat.v4.new_notebook(cells=[marker, cell], metadata={"papermill": {}}))
    assert [dict(cell.metadata) for cell in nb.cells] == [{}] and not nb.metadata
