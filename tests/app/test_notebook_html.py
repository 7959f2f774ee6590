"""Notebooks as pages: all that they show, and nothing that runs or fetches."""

import base64
import io
import re

import nbformat
import pytest
from markupsafe import Markup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from clockodile.app import notebook_html
from clockodile.app.notebook_html import read_notebook, replace_figures, sanitize


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def page(tmp_path):
    """What becomes of a notebook with one cell of text, or of code with these outputs."""

    def made(text: str, *outputs, **parts) -> str:
        cell = new_code_cell(text, outputs=list(outputs)) if outputs else new_markdown_cell(text, **parts)
        nbformat.write(new_notebook(cells=[cell]), tmp_path / "01_x.ipynb")
        return read_notebook(tmp_path / "01_x.ipynb")[1]

    return made


def test_formulas_become_mathml(page):
    shown = page("inline $x \\le \\lVert y \\rVert$ and\n\n$$\\begin{cases}a < b\\\\ c\\end{cases}$$")
    assert shown.count("<math") == 2 and '<math display="block">' in shown
    assert "<mo>≤</mo>" in shown and "<mo>&lt;</mo>" in shown and "$" not in shown


def test_what_is_no_formula_stays_as_it_was_typed(page):
    assert r"<code>\x{</code>" in page(r"a $\x{$ b")


def test_solutions_stay_folded_and_their_code_is_coloured(page):
    shown = page("<details><summary>Solution</summary>\n\n```python\nx = 1  # why\n```\n\n</details>\n\nafter")
    folded = shown[shown.index("<details>") : shown.index("</details>")]
    assert "<summary>Solution</summary>" in folded and '<span class="c1"># why</span>' in folded
    assert "after" not in folded


@pytest.mark.parametrize("level", [1, 2, 3, 6])
def test_headings_are_below_those_of_the_page(page, level):
    assert f"<h{min(level + 2, 6)}>x</h" in page("#" * level + " x")
    assert "<h1" not in page("<h1>x</h1>")


def test_terminal_colours_are_gone(page):
    outputs = [
        new_output("stream", text="\x1b[31mred\x1b[0m <b>"),
        new_output("error", ename="E", evalue="", traceback=["\x1b[31mtrace\x1b[0m"]),
    ]
    shown = page("1", *outputs)
    assert "red" in shown and "trace" in shown and "&lt;b&gt;" in shown
    assert "\x1b" not in shown and "style=" not in shown


@pytest.mark.parametrize(
    "evil",
    [
        "<script>a()</script>",
        "<img src=x onerror=a()>",
        "<svg onload=a()><a xlink:href='javascript:a()'>x</a></svg>",
        "<math><mi href='javascript:a()'>x</mi><annotation-xml encoding='text/html'><script>a()</script></math>",
        "<a href='JaVaScRiPt:a()'>x</a>",
        "<a href='data:text/html,<script>a()</script>'>x</a>",
        "<iframe src='data:text/html,a'></iframe>",
        "<p style='background:url(http://x/y);text-align:right'>x</p>",
        "<style>@import 'http://x'</style><link rel=stylesheet href=http://x>",
        "<form action=http://x><button formaction='javascript:a()'>x</button></form>",
        "<math><mtext><style><img src=x onerror=a()></style></mtext></math>",
    ],
)
def test_nothing_runs_and_nothing_is_fetched(page, evil):
    shown = page("1", new_output("display_data", {"text/html": evil})) + page(evil)
    for word in ("<script", "javascript:", "error=", "load=", "xlink", "url(", "@import", "<link", "<iframe"):
        assert word not in shown.lower(), word
    assert not {"<svg", "<form", "action=", 'src="x"', "<style"} & set(re.findall(r"<\w+|\w+=|src=\"x\"", shown))


def test_links_pictures_and_alignment_stay():
    for good in (
        '<a href="https://example.org" rel="noopener noreferrer">a</a>',
        '<img src="data:image/png;base64,AAAA" alt="y">',
        '<td style="text-align:right">1</td>',
    ):
        wrapped = f"<table><tbody><tr>{good}</tr></tbody></table>" if good.startswith("<td") else good
        assert sanitize(wrapped) == wrapped
    assert sanitize('<img src="x.png" alt="y">') == '<img alt="y">'


def test_pictures_beside_the_notebooks_are_taken_in(page, tmp_path, monkeypatch):
    monkeypatch.setattr(notebook_html, "project_root", lambda: tmp_path / "project")
    (tmp_path / "project" / "images4report").mkdir(parents=True)
    (tmp_path / "project" / "notebooks").mkdir(parents=True)
    (tmp_path / "project" / "images4report" / "a b.png").write_bytes(picture())
    (tmp_path / "secret.png").write_bytes(picture())
    assert "data:image/png;base64," in page("![x](../images4report/a%20b.png)")
    assert "data:" not in page("![x](../../secret.png)")
    attached = {"p.png": {"image/png": base64.b64encode(picture()).decode()}}
    assert "data:image/png;base64," in page("![x](attachment:p.png)", attachments=attached)


@pytest.mark.parametrize(
    ("text", "title"), [("# 01 · What *is* `this`?", "What is this?"), ("no heading", "Ambiguous images")]
)
def test_the_title_is_the_first_heading_or_the_files_name(tmp_path, text, title):
    nbformat.write(new_notebook(cells=[new_markdown_cell(text)]), tmp_path / "03_ambiguous_images.ipynb")
    assert read_notebook(tmp_path / "03_ambiguous_images.ipynb")[0] == title


@pytest.mark.parametrize(
    "cells",
    [
        [new_markdown_cell("always"), new_markdown_cell("72 percent", metadata={"tags": ["measured"]})],
        [new_markdown_cell("always"), new_markdown_cell("72 percent", metadata={"tags": ["exercise"]})],
        [new_markdown_cell('one <span class="measured">72\npercent</span> always <span class="measured">x</span>')],
    ],
)
def test_what_was_measured_elsewhere_or_is_homework_is_left_out(tmp_path, cells):
    here, elsewhere = {"data": "a1", "profile": "quick"}, {"data": "b2", "profile": "quick"}
    nbformat.write(new_notebook(cells=cells, metadata={"measured_on": here}), tmp_path / "01_x.ipynb")
    for on, seen in ((None, True), (here, True), (elsewhere, False)):
        shown = read_notebook(tmp_path / "01_x.ipynb", on)[1]
        assert "always" in shown and ("72 percent" in " ".join(shown.split())) is seen


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("## Summary\n\n- one\n\n### Failed\n\n- two\n\n## Next\n\nthree", ["one", "<h3>Failed</h3>", "two"]),
        ("## What we found\n\none $x$", ["one", "<math"]),
        ("## Summary\n\none\n\n### three\n\n## Next", ["one"]),
        ("# X\n\n## Summary\n\none\n\n### three", ["one"]),
        ("## Summary of others\n\none", []),
        ("no such heading", []),
    ],
)
def test_the_summary_ends_at_the_next_heading_of_its_level(tmp_path, text, there):
    nbformat.write(
        new_notebook(cells=[new_markdown_cell(part) for part in text.split("\n\n")]), tmp_path / "01_x.ipynb"
    )
    summary = read_notebook(tmp_path / "01_x.ipynb")[2]
    assert [part for part in there if part not in summary] == [] and "three" not in summary
    assert bool(summary.strip()) == bool(there)


def test_pictures_are_replaced_in_order_and_others_stay():
    shown = [
        f'<img alt="{alt}" src="data:image/png;base64,AA" width="8">' for alt in ("a &gt; b", "c", "a &gt; b", "c")
    ]
    replaced = replace_figures(
        "".join(shown), [("a > b", Markup("[1]")), ("c", Markup("[2]")), ("a > b", Markup("[3]"))]
    )
    assert replaced == "[1][2][3]" + shown[3]
