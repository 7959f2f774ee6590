"""The report opens offline, shows what there is, and takes nobody's file name for markup."""

import base64
import io
import os
import re
import shutil

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from clockodile.app.notebook_html import formula, markdown, notebook_title, sanitize
from clockodile.app.report import counts_table, results_markdown, results_text, write_report
from clockodile.core.atomic_files import write_json
from clockodile.core.results import metric, record_metrics

EVIL = "<b>x</b><script>alert(1)</script>"
OUTSIDE = re.compile(
    r"""<script|<link|<iframe|<object|<embed|@import|url\(\s*['"]?(?!\#)|\bsrcset=|<base"""
    r"""|\ssrc\s*=\s*["'](?!data:)|<(?!a\b)[a-z]+[^>]*\shref\s*=\s*["']?(?!\#)""",
    re.IGNORECASE,
)


def picture(size: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), "teal").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def run_dir(tmp_path):
    """A run folder with a bit of everything, and hostile names wherever a user's names can come in."""
    record_metrics(tmp_path, "01", [metric("images", 1000), metric(EVIL, [0.8, 0.9], unit="%", note=EVIL)])
    source = {"kind": "folder", "where": f"/home/{EVIL}", "why": EVIL, "licence": "yours", "stamp": ""}
    notes = [{"path": f"clock/{EVIL}{i}.png", "reason": "truncated image", "used": False} for i in range(12)]
    notes.append({"path": "clock/1.jpg", "reason": "turned upright", "used": True})
    counts = {"train": {EVIL: 3, "crocodile": 4}, "background": 7}
    card = {
        "source": source,
        "classes": [EVIL, "crocodile"],
        "counts": counts,
        "fingerprint": "abc",
        "notes": notes,
    }
    write_json(tmp_path / "data_card.json", card)
    for name, order, size in (("second", 2, 300), ("first", 1, 32)):
        (tmp_path / "figures").mkdir(exist_ok=True)
        (tmp_path / "figures" / f"{name}.png").write_bytes(picture(size))
        about = {"title": f"{name} figure", "alt": f'alt "{EVIL}', "notebook": "01", "order": order}
        write_json(tmp_path / "figures" / f"{name}.json", about)
    write_notebook(tmp_path / "executed" / "01_data.ipynb")
    return tmp_path


def write_notebook(path):
    """An executed notebook that tries to reach outside in every way."""
    html_output = '<table onclick="x()"><tr><td style="background:url(http://x/y)">cell</td></tr></table>'
    outputs = [
        new_output("stream", name="stdout", text=f"\x1b[31mprinted {EVIL}\x1b[0m"),
        new_output(
            "display_data",
            {"text/html": html_output + '<style>@import "http://x"</style><script>a()</script>'},
        ),
        new_output("display_data", {"image/png": base64.b64encode(picture(300)).decode()}),
        new_output(
            "display_data", {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "IntSlider()"}
        ),
        new_output("error", ename="E", evalue="", traceback=[f"trace {EVIL}"]),
    ]
    text = (
        '# 01 · What *is* this?\n\n![far](http://x/y.png) <img src="//x/z.png" onerror="a()"> $a_1 \\leq b$\n\n'
        "<details><summary>Solution</summary>yes</details>\n\n[page](https://example.org) [bad](javascript:a())"
    )
    cells = [new_markdown_cell(text), new_code_cell("print(1)  # <i>", outputs=outputs)]
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=cells), path)


def page_of(run_dir) -> str:
    return write_report(run_dir).read_text("utf-8")


def test_nothing_comes_from_outside(run_dir):
    page = page_of(run_dir)
    assert OUTSIDE.findall(page) == []
    assert "onclick" not in page and "onerror" not in page and "javascript:" not in page


def test_the_check_itself_would_notice():
    for bad in (
        '<img src="http://x">',
        "<link href=x>",
        "a{background:url(http://x)}",
        '<image href="http://x"/>',
    ):
        assert OUTSIDE.search(bad), bad


def test_names_are_text(run_dir):
    page = page_of(run_dir)
    assert "<b>x</b>" not in page
    assert "<script" not in page and "&lt;b&gt;x&lt;/b&gt;" in page


def test_everything_is_shown(run_dir):
    page = page_of(run_dir)
    for text in (
        "85.0",
        "± 7.1 %",
        "What is this?",
        "first figure",
        "12 files left out",
        "1 file changed",
        "abc",
    ):
        assert text in page, text
    assert page.index("first figure") < page.index("second figure")
    assert "<summary>Solution</summary>" in page and "<svg class" in page and "IntSlider" not in page
    assert 'class="pixels" width="32"' in page and 'class="chart" width="300"' in page


def test_long_lists_of_refused_files_are_folded(run_dir):
    page = page_of(run_dir)
    assert re.search(r'<details class="card notes">\s*<summary>12 files', page)
    assert re.search(r'<details class="card notes" open>\s*<summary>1 file ', page)


def test_the_stand_in_has_a_banner(run_dir):
    assert "not photographs" not in page_of(run_dir)
    write_json(
        run_dir / "data_card.json",
        {"source": {"kind": "stand_in", "stamp": "drawn stand-in", "why": "offline"}},
    )
    page = page_of(run_dir)
    assert "Drawn stand-in: these images are not photographs." in page and "offline" in page


@pytest.mark.parametrize("missing", ["metrics.json", "data_card.json", "figures", "executed", "all"])
def test_missing_and_damaged_parts_are_left_out(run_dir, missing):
    for path in list(run_dir.iterdir()):
        if missing in (path.name, "all"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if missing in ("figures", "all"):
        (run_dir / "figures").mkdir()
        (run_dir / "figures" / "broken.png").write_bytes(b"no picture")
    if missing in ("executed", "all"):
        (run_dir / "executed").mkdir()
        (run_dir / "executed" / "02_x.ipynb").write_text("no notebook")
    assert "</html>" in page_of(run_dir)


def test_doubtful_sections_say_so(run_dir):
    settings = {"seed": 1}
    entry = {"name": "01_data", "status": "failed", "settings": {"seed": 0}, "started": 0}
    write_json(run_dir / "run.json", {"settings": settings, "notebooks": {"01": entry}})
    page = page_of(run_dir)
    assert "did not run to its end" in page and "other settings: seed 0" in page


def test_figures_of_an_earlier_run_are_left_out(run_dir):
    old = run_dir / "figures" / "first.png"
    os.utime(old, (1000, 1000))
    write_json(run_dir / "run.json", {"notebooks": {"01": {"started": 2000}}})
    page = page_of(run_dir)
    assert "first figure" not in page and "second figure" in page


def test_counts_come_in_the_order_of_use():
    header, rows = counts_table({"background": 7, "test": {"b": 1}, "train": {"a": 2, "b": 3}})
    assert header == ["", "b", "a", "together"]
    assert rows == [["train", 3, 2, 5], ["test", 1, "", 1], ["background", "", "", 7]]


def test_the_text_table_is_aligned(run_dir):
    record_metrics(run_dir, "02", [metric("accuracy", [0.8, 0.9], unit="%"), metric("n", 3)])
    lines = results_text(run_dir, {"02": "02_classification"}).splitlines()
    start = lines.index("02_classification")
    assert lines[start + 1].index("85.0") == lines[start + 2].index("3") == lines[1].index("1000")


def test_the_markdown_table_keeps_its_columns(run_dir):
    record_metrics(run_dir, "02", [metric("a|b", 1)])
    rows = results_markdown(run_dir).splitlines()
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}


def test_formulas_and_links():
    assert formula(r"x \le \lVert y \rVert").startswith("<svg")
    assert formula(r"\begin{cases}a &lt; b\end{cases}") == r"<code>\begin{cases}a &lt; b\end{cases}</code>"
    assert 'href="https://example.org"' in markdown("[a](https://example.org)", {})
    assert 'src=""' not in sanitize('<img src="x.png" alt="y">')


def test_pictures_beside_the_notebooks_are_taken_in(tmp_path, monkeypatch):
    from clockodile.app import notebook_html

    monkeypatch.setattr(notebook_html, "project_root", lambda: tmp_path / "project")
    (tmp_path / "project" / "images4report").mkdir(parents=True)
    (tmp_path / "project" / "images4report" / "a b.png").write_bytes(picture(8))
    (tmp_path / "secret.png").write_bytes(picture(8))
    assert "data:image/png;base64," in markdown("![x](../images4report/a%20b.png)", {})
    assert "data:" not in markdown("![x](../../secret.png)", {})
    attached = {"p.png": {"image/png": base64.b64encode(picture(8)).decode()}}
    assert "data:image/png;base64," in markdown("![x](attachment:p.png)", attached)


def test_a_notebook_without_a_heading_is_called_after_its_file(tmp_path):
    nbformat.write(new_notebook(), tmp_path / "03_ambiguous_images.ipynb")
    assert notebook_title(tmp_path / "03_ambiguous_images.ipynb") == "Ambiguous images"
