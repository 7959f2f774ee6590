"""Refreshing what is committed: all of it or nothing."""

import nbformat
import pytest
from tiny_notebooks import make_notebook

from clockodile.app import refresh, run
from clockodile.core.atomic_files import write_json
from clockodile.core.errors import NotebookFailed, UserError
from clockodile.core.results import metric, record_metrics

PUBLISH = """import os, sys
from clockodile.core import results, workspace
from clockodile.core.atomic_files import write_json
run = workspace.open_run(recipe=recipe, profile=profile, run_dir=run_dir)
source = {"kind": "folder", "stamp": os.environ.get("STAMP", ""), "why": "offline"}
write_json(run.dir / "data_card.json", {"source": source, "fingerprint": "f1f2"})
results.record_metrics(run.dir, "01", [results.metric("images", 1000)])
(run.dir / "figures").mkdir(exist_ok=True)
(run.dir / "figures" / "a.png").write_bytes(b"new")
(run.dir / "figures" / "of an earlier run.png").write_bytes(b"old")
write_json(run.dir / "figures" / "01.json", {"figures": [{"name": "a"}]})
print("profile", run.profile.name)
print("noise", file=sys.stderr)"""
README = "# x\n<!-- table:results -->\nold\n<!-- /table:results -->\nend\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout with one notebook, a README and an old figure."""
    root = tmp_path / "checkout"
    make_notebook(root / "notebooks" / "01_data.ipynb", PUBLISH)
    (root / "README.md").write_text(README)
    (root / "images4report").mkdir()
    (root / "images4report" / "a.png").write_bytes(b"old")
    for module in (refresh, run):
        monkeypatch.setattr(module, "project_root", lambda: root)
    monkeypatch.setenv("CLOCKODILE_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("CLOCKODILE_DATA", raising=False)
    return root


def contents(root) -> dict:
    return {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.slow
def test_everything_is_replaced_and_clean(project, capsys):
    before = nbformat.read(project / "notebooks" / "01_data.ipynb", as_version=4)
    refresh.refresh_project("quick")
    after = nbformat.read(project / "notebooks" / "01_data.ipynb", as_version=4)
    assert [cell.id for cell in after.cells] == [cell.id for cell in before.cells]
    assert [cell.source for cell in after.cells] == [cell.source for cell in before.cells]
    assert [cell.execution_count for cell in after.cells if cell.cell_type == "code"] == [1, 2]
    assert [output.text for output in after.cells[2].outputs] == ["profile quick\n"]
    assert after.metadata.kernelspec.name == "python3"
    assert after.metadata.measured_on == {"data": "f1f2", "profile": "quick"}
    (figure,) = (project / "images4report").iterdir()
    assert figure.name == "a.png" and figure.read_bytes() == b"new"
    readme = (project / "README.md").read_text()
    assert "| 01 | images | 1000 |" in readme and "old" not in readme and readme.endswith("\nend\n")
    assert "wrote to stderr: noise" in capsys.readouterr().out


@pytest.mark.slow
def test_a_full_run_replaces_no_page(project):
    before = contents(project)
    refresh.refresh_project("full")
    assert contents(project) == before


@pytest.mark.slow
def test_nothing_is_replaced_when_a_later_notebook_fails(project):
    make_notebook(project / "notebooks" / "02_x.ipynb", "1 / 0")
    before = contents(project)
    with pytest.raises(NotebookFailed):
        refresh.refresh_project("quick")
    assert contents(project) == before


@pytest.mark.slow
def test_the_stand_in_is_refused_after_the_first_notebook(project, monkeypatch):
    monkeypatch.setenv("STAMP", "drawn stand-in")
    make_notebook(project / "notebooks" / "02_x.ipynb", "1 / 0")
    before = contents(project)
    with pytest.raises(UserError, match="drawn stand-in .offline.; nothing was replaced"):
        refresh.refresh_project("quick")
    assert contents(project) == before


def copy_with(tmp_path, **changes):
    """An executed copy whose one code cell has these parts."""
    cell = nbformat.v4.new_code_cell("x", execution_count=1)
    cell.update(changes)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "01_x.ipynb")
    return tmp_path / "01_x.ipynb"


def test_nothing_of_this_machine_or_moment_is_published(tmp_path, capsys):
    outputs = [nbformat.v4.new_output("stream", name=name, text="a line") for name in ("stdout", "stderr")]
    copy = nbformat.read(copy_with(tmp_path, outputs=outputs), as_version=4)
    copy.metadata = nbformat.from_dict({"language_info": {"name": "python", "version": "3.11.7"}, "widgets": {}})
    nbformat.write(copy, tmp_path / "01_x.ipynb")
    published = refresh.publishable(tmp_path / "01_x.ipynb")
    assert published.metadata.kernelspec.name == "python3" and "widgets" not in published.metadata
    assert published.metadata.language_info == {"name": "python"}
    assert [output.name for output in published.cells[0].outputs] == ["stdout"]
    assert "01_x.ipynb, cell 1 wrote to stderr: a line" in capsys.readouterr().out


def test_an_edit_made_meanwhile_is_kept(tmp_path):
    path = copy_with(tmp_path)
    with pytest.raises(UserError, match="changed while it ran"):
        refresh.refuse_edited([path], ["another digest"])


def test_photographs_are_not_refused(tmp_path):
    refresh.refuse_stand_in(tmp_path)
    write_json(tmp_path / "data_card.json", {"source": {"stamp": ""}})
    record_metrics(tmp_path, "01", [metric("images", 1)])
    refresh.refuse_stand_in(tmp_path)


def test_weights_of_a_full_run_come_with_the_package(tmp_path, monkeypatch):
    names = [
        "classifier/predictor-compact.safetensors",
        "judge.safetensors",
        "generators/flow.safetensors",  # is learned apart, from much more
        "classifier/compact-fold0.safetensors",
    ]
    for name in names:
        path = tmp_path / "run" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    monkeypatch.setattr(refresh, "shipped_weights", lambda: tmp_path / "weights")
    new = refresh.new_weights(tmp_path / "run")
    assert {path.name: content.decode() for path, content in new.items()} == {
        name.rpartition("/")[2]: name for name in names[:2]
    }
    assert {path.parent for path in new} == {tmp_path / "weights"}
