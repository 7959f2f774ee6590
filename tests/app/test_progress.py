"""What a run tells on the terminal while it goes."""

from clockodile.app.progress import ProgressPrinter
from clockodile.core.atomic_files import write_json


def test_what_is_wrong_with_the_photographs_is_told_after_the_first_notebook(run, capsys):
    source = {"kind": "folder", "why": "a data folder was given", "stamp": ""}
    lines = ["folder 'birds' is no class: it holds no files", "class 'cats': 5 files are not used, 4 are"]
    write_json(run.dir / "data_card.json", {"source": source, "warnings": lines})
    progress = ProgressPrinter(run)
    for number in (1, 2):
        progress.finished(number, 2, "01_data", 3.0)
    told = capsys.readouterr().out
    assert all(told.count(f"NOTE: {line}\n") == 1 for line in lines)
