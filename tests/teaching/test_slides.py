"""The decks of `make slides`: what goes onto slides, and that a deck needs nothing from outside."""

import importlib.util
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("slides", ROOT / "teaching" / "slides.py")
slides = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(slides)
PAGES = sorted(slides.NOTEBOOKS.glob("*.ipynb"))


def texts(*cells) -> list[str]:
    """The slides of these cells: kind and text in one string."""
    return [f"{kind}: {text}" for kind, text in slides.slides(list(cells))]


def drawn(source: str = "draw()", tags=(), **about):
    """A cell with a figure."""
    figure = new_output("display_data", {"image/png": "QUJD"}, metadata={"image/png": {"alt": "A", **about}})
    return new_code_cell(source, outputs=[figure], metadata={"tags": [*tags]})


# --- what goes onto slides ----------------------------------------------------------------------------------


def test_a_page_begins_with_its_goals_and_a_section_with_its_first_paragraph():
    page = new_markdown_cell("# 01 · Page\n\nWhy.\n\nYou will\n\n- see,\n- ask.\n\n| a table |\n|---|\n")
    section = new_markdown_cell("## Section\n\n| x |\n|---|\n\nFirst.\n\nSecond.\n\n### Below\n\nThird.")
    assert texts(page, section) == [
        "slide: # 01 · Page\n\nWhy.\n\nYou will\n\n- see,\n- ask.",
        "slide: ## Section\n\nFirst.",
    ]


def test_a_question_stands_alone_before_its_figure():
    asks = new_markdown_cell("## Noise\n\nWe add noise.\n\nThree nets. **Predict:** which\nwins?\n\nLater.")
    found = texts(
        asks, drawn(), new_markdown_cell("The first one wins, by a margin that nobody of us had expected. More.")
    )
    assert [text.partition("\n")[0] for text in found] == [
        "slide: ## Noise",
        "subslide: ## Predict first",
        "subslide: ## Noise",
    ]
    assert found[1].endswith("Three nets. **Predict:** which\nwins?")
    assert found[2].endswith("\n\nThe first one wins, by a margin that nobody of us had expected.")


def test_a_table_is_shown_where_it_answers_a_question():
    table = new_code_cell("t", outputs=[new_output("execute_result", {"text/html": "<table>7</table>"})])
    assert len(texts(new_markdown_cell("## A\n\nText."), table)) == 1
    assert texts(new_markdown_cell("## A\n\nText.\n\n**Predict** it."), table)[-1].endswith("<table>7</table>")


def test_the_message_of_a_figure_is_its_headline():
    cells = new_markdown_cell("## A\n\nText."), drawn(title="Noise wins")
    assert texts(*cells)[1].startswith("subslide: ## Noise wins\n\n<img")


@pytest.mark.parametrize(
    "source, tags, shown",
    [
        ("x = 1\nassert x == 1", (), True),
        ("x = 1", ("slide",), True),
        ("x = 1", (), False),
        ("x = 1\n" * 12 + "assert x", (), False),
        ("assert True", ("plumbing",), False),
        ("assert True", ("exercise",), False),
    ],
)
def test_code_is_shown_when_it_is_short_and_checks_itself(source, tags, shown):
    found = texts(new_markdown_cell("## A\n\nText."), new_code_cell(source, metadata={"tags": [*tags]}))
    assert any("```python" in text for text in found) == shown


@pytest.mark.parametrize("title", ["For those who doubt", "Exercises", "Solutions", "Does it hold?"])
def test_what_is_for_reading_alone_is_left_out(title):
    section = new_markdown_cell(f"## {title}\n\nText.\n\n**Predict** it.\n\n```python\n# a comment\n```")
    assert texts(section, drawn(), new_markdown_cell("## Summary\n\n- all,\n- of it.")) == [
        "slide: ## Summary\n\n- all,\n- of it."
    ]


# --- the committed pages ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def decks() -> dict[str, str]:
    return {page.stem: slides.deck(page, js="/* reveal.js */", css="/* reveal.css */") for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_deck_holds_its_page_and_needs_nothing_from_outside(decks, page):
    deck, cells = decks[page.stem], nbformat.read(page, as_version=4).cells
    told = list(slides.slides(cells))
    assert 12 <= len(told) <= 45 and deck.count("<section") == len(told) + sum(kind == "slide" for kind, _ in told)
    images = re.findall("<img[^>]*>", deck)
    assert len(images) == sum(text.count("<img") for _, text in told)
    assert all(' src="data:image/png;base64,' in image and re.search(' alt="[^"]{20}', image) for image in images)
    assert not re.search(
        r"(src|href)=.?(?!data:)\w|url\(|@import|\*\*Predict|\]\(", re.sub("<code.*?</code>", "", deck)
    )
    questions = sum(cell.source.count("**Predict") for cell in cells if cell.cell_type == "markdown")
    assert deck.count(">Predict first</h4>") <= questions and "Summary</h4>" in deck
    assert "/* reveal.js */" in deck and "/* reveal.css */" in deck


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_figure_outside_the_left_out_sections_is_in_the_deck(decks, page):
    left_out, missing = False, []
    for cell in nbformat.read(page, as_version=4).cells:
        for heading in re.findall(r"^##? .+", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else ():
            left_out = bool(slides.LEFT_OUT.match(heading))
        for output in () if left_out or cell.cell_type != "code" else cell.outputs:
            data = output.get("data", {}).get("image/png", "").replace("\n", "")
            if data not in decks[page.stem]:
                missing.append(output.metadata["image/png"]["alt"])
    assert missing == []


def test_the_script_writes_a_file_a_page(tmp_path):
    (tmp_path / "reveal" / "dist").mkdir(parents=True)
    for kind in ("js", "css"):
        (tmp_path / "reveal" / "dist" / f"reveal.{kind}").write_text(f"/* {kind} */")
    slides.main(tmp_path / "reveal", tmp_path / "out")
    assert [path.stem for path in sorted((tmp_path / "out").iterdir())] == [page.stem for page in PAGES]
