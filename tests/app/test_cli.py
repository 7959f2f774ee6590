"""The command line: exit codes, one line for a mistake, and a quick --help."""

import io
import os
import subprocess
import sys

import pytest
from tiny_notebooks import DATA, command, make_notebook

from clockodile.app import cli, output, run
from clockodile.core import atomic_files


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with two tiny notebooks that the command line finds."""
    make_notebook(tmp_path / "notebooks" / "01_data.ipynb", DATA, own="image_size: int = 0\n")
    make_notebook(
        tmp_path / "notebooks" / "02_classification.ipynb", "print(epochs)", own="epochs: int = 0\npair: str = ''\n"
    )
    monkeypatch.setattr(run, "project_root", lambda: tmp_path)
    monkeypatch.delenv("CLOCKODILE_DATA", raising=False)
    return tmp_path


def mistake(capsys, *words: str) -> str:
    """What a command line with a mistake says; it must be one line, exit code 2, and nothing on stdout."""
    assert cli.main([str(word) for word in words]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1 and told.err.startswith("clockodile: ")
    return told.err.removeprefix("clockodile: ").strip()


def test_help_imports_nothing_heavy():
    code = (
        "import sys, clockodile.app.cli as cli; cli.main(['--help']); cli.main(['run', '--help']);"
        "cli.main(['predict', '--help']);"
        "assert not {'torch', 'nbclient', 'numpy'} & set(sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "--data-dir" in told and "recipes" in told and "refresh" not in told
    assert "--pretrained" in told and "something else" in told  # what the numbers cannot say


def test_version_and_recipes(capsys):
    assert cli.main(["--version"]) == 0
    assert cli.main(["recipes"]) == 0
    told = capsys.readouterr().out
    assert "clockodile " in told and "clocks_crocodiles" in told and "quick" in told


@pytest.mark.parametrize(
    "words, told",
    [
        ([], "name a command"),
        (["rum"], "did you mean 'run'"),
        (["run", "--profil", "quick"], "did you mean '--profile'"),
        (["run", "--out"], "expected one argument"),
        (["run", "--cell-timeout", "-3"], "--cell-timeout: give a number from 0 to 1000000, not '-3'"),
        (["run", "--cell-timeout", "nan"], "--cell-timeout: give a number"),
        (["demo", "--port", "65536"], "--port: give a whole number from 0 to 65535"),
        (["collect", "a", "--class", "b", "--out", "c", "--max", "501"], "--max: give a whole number from 1 to 500"),
        (["rank", "--pretrained", "a", "--top", "few"], "--top: give a whole number from 1 to 1000000, not 'few'"),
        (["run", "--recipe", "clock_crocodiles"], "did you mean 'clocks_crocodiles'"),
        (["run", "--profile", "fast"], "unknown profile 'fast'"),
        (["run", "--source", "web"], "unknown source 'web'"),
        (["run", "--seed", "x"], "parameter 'seed' wants int, got 'x'"),
        (["run", "--seed", "-1"], "seed is -1"),
        (["run", "--data-dir", "/no/such/folder"], "there is no folder"),
        (["run", "--recipe", "folder"], "--data-dir"),
        (["run", "--only", "09"], "unknown notebook '09'"),
        (["run", "-p", "epochs"], "name=value"),
        (["run", "-p", "epoch=3"], "unknown parameter 'epoch'; did you mean 'epochs'?"),
        (["run", "-p", "epochs=ten"], "parameter 'epochs' wants int, got 'ten'"),
        (["run", "-p", "epochs=1", "-p", "epochs=2"], "given twice"),
        (["run", "--seed", "1", "-p", "seed=2"], "--seed 1 and -p seed=2"),
        (["run", "--only", "01", "-p", "epochs=1"], "belongs to notebook 02_classification"),
        (["run", "-p", "epochs=-1"], "parameter 'epochs' is -1; give one from 0 to 10000"),
        (["run", "-p", "image_size=33"], "parameter 'image_size' is 33; give a multiple of 8"),
        (["run", "--pair", "clock"], "--pair"),
        (["run", "--classes", "bee"], "give two or more different classes"),
        (["run", "--classes", "bee,apple", "-p", "classes=bee,ox"], "--classes bee,apple and -p classes=bee,ox"),
        (["run", "--pair", "clock", "clock"], "give two different classes"),
        (["run", "--pair", "a,b", "c"], "comma"),
        (["run", "--pair", "a", "b", "-p", "pair=a,c"], "--pair a,b and -p pair=a,c"),
    ],
)
def test_mistakes_are_one_line(project, capsys, words, told):
    assert told in mistake(capsys, *words, *(["-p", f"run_dir={project / 'run'}"] if words[:1] == ["run"] else []))
    assert not (project / "run").exists()


def test_out_that_is_a_file(project, capsys):
    (project / "file").write_text("")
    assert "it is a file" in mistake(capsys, "run", "--out", project / "file")


def test_a_locked_folder(project, capsys):
    (project / "run").mkdir()
    with run.only_writer(project / "run"):
        assert "another command is writing" in mistake(capsys, "run", "--out", project / "run")


def test_a_subcommand_is_one_entry(monkeypatch):
    def options(parser):
        """Make a photo larger."""
        parser.add_argument("photo")

    def enlarge(args):
        return 7 if args.photo == "a.png" else 0

    monkeypatch.setitem(cli.COMMANDS, "enlarge", ("make a photo larger", options))
    monkeypatch.setattr(cli, "enlarge_command", enlarge, raising=False)
    assert cli.main(["enlarge", "a.png"]) == 7


def test_every_command_has_its_function():
    assert all(callable(cli.run_of(found)) for found in cli.COMMANDS)


@pytest.mark.parametrize(
    "words", ["run a b --json --csv c", "--json --csv c run a b", "run --json a --csv=c b", "run --csv c a --json -- b"]
)
def test_images_and_options_may_come_in_any_order(words):
    args = cli.parse(["predict", *words.split()])
    assert (args.paths, args.csv, args.json, args.pretrained) == (["run", "a", "b"], "c", True, False)


def test_after_two_dashes_everything_is_a_path():
    assert cli.parse(["predict", "run", "--json", "--", "-a.png", "--csv"]).paths == ["run", "-a.png", "--csv"]


def test_a_mistyped_option_between_images_is_named(capsys):
    assert "did you mean '--json'" in mistake(capsys, "predict", "run", "a.png", "--jsn", "b.png")


def test_a_pair_reaches_the_notebooks_as_a_parameter():
    args = cli.parse(["run", "--pair", "my cat", "dog", "--only", "03", "-p", "pair=my cat,dog"])
    assert run.split_parameters(args) == ({}, {"pair": "my cat,dog"})


def test_the_recipe_follows_from_the_folder(tmp_path):
    assert run.guess_recipe("") == ("clocks_crocodiles", "")
    mine = tmp_path / "mine"
    for name in ("clock", "cat"):
        (mine / name).mkdir(parents=True)
    recipe, why = run.guess_recipe(str(mine))
    assert recipe == "folder" and "does not hold clock and crocodile" in why
    (mine / "crocodile").mkdir()
    assert run.guess_recipe(str(mine))[0] == "clocks_crocodiles"
    mine.rename(tmp_path / "clocks_crocodiles")
    assert run.guess_recipe(str(tmp_path))[0] == "clocks_crocodiles"


def test_classes_are_a_setting_of_the_run():
    args = cli.parse(["run", "--recipe", "tiny_imagenet", "--classes", "tabby,lion"])
    assert run.split_parameters(args) == ({"recipe": "tiny_imagenet", "classes": "tabby,lion"}, {})
    assert run.split_parameters(cli.parse(["run"])) == ({}, {})


@pytest.mark.slow
def test_a_run_prints_a_line_a_notebook_the_source_and_the_table(project, capsys):
    assert cli.main(["run", "--out", str(project / "run"), "-p", "epochs=3", "-p", "seed=5"]) == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert lines[1] == "profile  quick, seed 5"
    assert [line[:23].strip() for line in lines[3:6]] == [
        "[1/2] 01_data",
        "images   folder: it was",
        "[2/2] 02_classification",
    ]
    assert "  images  5" in lines
    assert lines[-1] == f"report: {project / 'run' / 'report.html'}"
    assert told.err == ""


@pytest.mark.slow
def test_a_run_in_a_folder_whose_letters_the_terminal_lacks(project):
    words = command(project, "run", "--only", "01", "--out", str(project / "日本語"))
    settings = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(words, env=settings, capture_output=True, text=True, check=True)
    assert "\\u65e5" in done.stdout and (project / "日本語" / "report.html").is_file()


@pytest.mark.slow
def test_the_stand_in_is_told_loudly_and_a_failure_ends_with_1(project, capsys):
    stamped = DATA.replace('"stamp": ""', '"stamp": "drawn stand-in"')
    make_notebook(project / "notebooks" / "01_data.ipynb", stamped)
    make_notebook(project / "notebooks" / "02_classification.ipynb", "1 / 0")
    assert cli.main(["run", "--out", str(project / "run")]) == 1
    told = capsys.readouterr()
    assert "NOTE: drawn stand-in images, not photographs: it was given" in told.out
    assert "[2/2] 02_classification  stopped after" in told.out
    assert told.err.count("\n") == 4 and "ZeroDivisionError: division by zero" in told.err
    assert "did not run to its end" in (project / "run" / "report.html").read_text()


def test_a_full_disk_is_one_line_with_the_path(project, capsys, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_files.os, "fsync", full)
    assert cli.main(["run", "--out", str(project / "run")]) == 1
    told = capsys.readouterr().err
    assert told == f"clockodile: {project / 'run' / 'run.json'}: no space left on device\n"


# --- pipes, terminals and closed streams ------------------------------------------------------------------


def in_a_process(words: str, **options) -> subprocess.CompletedProcess:
    """A command line of the shell in which `clockodile` is this one."""
    shell = f'clockodile() {{ "{sys.executable}" -m clockodile "$@"; }}; {words}'
    return subprocess.run(["bash", "-c", shell], capture_output=True, text=True, **options)


def test_a_reader_that_has_seen_enough_is_no_error():
    done = in_a_process("for i in 1 2 3; do clockodile recipes; done | true; echo ${PIPESTATUS[0]}")
    assert done.stdout == "0\n" and done.stderr == ""
    assert in_a_process("clockodile --help | true; echo ${PIPESTATUS[0]}").stdout == "0\n"


def test_a_run_goes_on_when_nobody_reads_its_progress(monkeypatch):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

        def fileno(self):
            return handle

    handle = os.open(os.devnull, os.O_WRONLY)
    monkeypatch.setattr(sys, "stdout", Closed())
    output.write_stdout("x\n")
    os.close(handle)


def test_a_refusal_waits_for_no_library_that_takes_seconds_to_load():
    code = "import sys; from clockodile.app.cli import main; print(main(['run', '--data-dir', 'no']), *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    status, *loaded = done.stdout.split()
    assert status == "2" and {"papermill", "torchvision", "sklearn", "matplotlib"}.isdisjoint(loaded)


def test_messages_never_go_to_stdout_when_stderr_is_closed():
    done = in_a_process("clockodile rum 2>&-; echo $?; clockodile recipes >&- 2>&-; echo $?")
    assert done.stdout == "2\n0\n"


@pytest.mark.parametrize("settings", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
@pytest.mark.parametrize("there, said", [(True, "not UTF-8"), (False, "there is no folder")])
def test_letters_that_the_terminal_lacks_are_escaped(settings, there, said, tmp_path):
    """A notebook cannot be handed bytes that are no letters in this locale: one line, and nothing starts."""
    name = b"photos\xe9" if there else "日本語".encode()
    if there:
        os.mkdir(os.fsencode(tmp_path) + b"/" + name)
    words = [sys.executable, "-m", "clockodile", "run", "--data-dir", name]
    settings = os.environ | {"PYTHONCOERCECLOCALE": "0"} | settings
    done = subprocess.run(words, cwd=tmp_path, env=settings, capture_output=True, text=True)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1
    assert done.stdout == ""
