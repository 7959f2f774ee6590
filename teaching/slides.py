"""Slides from the committed notebooks, a deck each, by rule: nothing about slides is written into the notebooks.

The title with the goals; each "## heading" with its first paragraph; each question to predict; short code that checks
itself (an assert) or is tagged "slide"; each figure with its message or the sentence below it; a table that answers a
question; the summary. A deck is one file that needs nothing from outside. `make slides` fetches the npm package
reveal.js and runs `python teaching/slides.py REVEAL OUT`.
"""

import html
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import nbformat
from nbconvert.exporters import SlidesExporter

from clockodile.app.notebook_html import Exporter

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
LEFT_OUT = re.compile(r"#+ (For those who doubt|Does it hold|Exercises|Solutions|References|The files|Saved)")
HIDDEN = {"plumbing", "parameters", "exercise"}  # tags of cells
STYLE = """body { background: #fff } .reveal { font: 31px/1.4 system-ui, sans-serif; color: #22282b }
.reveal .slides { text-align: left } .reveal .controls { font-size: 5px } section section[data-long] { font-size: 24px }
h3, h4 { margin: 0 0 0.6em; line-height: 1.2; color: #0b5d51 } h3 { font-size: 46px } h4 { font-size: 36px }
p, ul { margin: 0 0 0.6em } img { width: 100%; height: 530px; object-fit: contain } img ~ p { font-size: 23px }
pre { font: 20px/1.6 monospace; background: #f4f6f6; padding: 0.8em; margin: 0 0 1em; white-space: pre-wrap }
th, td { padding: 0.2em 0.8em } .jp-InputPrompt, .jp-Collapser, .anchor-link { display: none }"""
TEMPLATE = """{%- extends 'base.html.j2' -%}
{%- block header -%}<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{ nb.metadata.title }}</title>
<style>{{ resources.css }}{{ resources.inlining.css[0] }}</style></head>{%- endblock -%}
{%- block body_header -%}<body><div class="reveal"><div class="slides">{%- endblock -%}
{%- block body_footer -%}</div></div><script>{{ resources.js }}</script><script>
Reveal.initialize({width: 1280, height: 720, center: false, hash: true, slideNumber: "c/t", transition: "none"})
</script></body></html>{%- endblock -%}"""


class Deck(Exporter, SlidesExporter):  # formulas as MathML, and reveal.js inside
    raw_template = TEMPLATE


def slides(cells: list) -> Iterator[tuple[str, str]]:
    """("slide" or "subslide", Markdown) of each slide for the cells of a notebook, in order."""
    heading, left_out, asked = "", False, False
    for cell, after in pairwise([*cells, nbformat.v4.new_markdown_cell()]):
        if cell.cell_type == "code":
            if not left_out and not HIDDEN & set(cell.metadata.get("tags", ())):
                below = after.source if after.cell_type == "markdown" else ""
                yield from (("subslide", text) for text in of_code(cell, heading, below, asked))
                asked = False
            continue
        text = re.sub(r"^```.*?^```", "", cell.source, flags=re.DOTALL | re.MULTILINE)  # has "# comments"
        parts = ["", *re.split(r"^(#{1,3} .+)$", text, flags=re.MULTILINE)]
        for new, text in zip(parts[::2], parts[1::2], strict=True):
            heading = re.sub("^#+", "##", new) or heading
            if section := re.match("##? ", new):
                left_out = bool(LEFT_OUT.match(new))
            if left_out:
                continue
            told = opening(new, text) if section else ""
            if told or new.startswith("# "):
                yield "slide", f"{new}\n\n{told}"
            for before, mark, question in (block.partition("**Predict") for block in text.split("\n\n")):
                if mark:
                    context = re.split(r"(?<=[.?!])\s+", before.strip())[-1]  # one sentence
                    context, asked = "" if context in told else context, True
                    yield "subslide", f"## Predict first\n\n{context} **Predict{question}"


def opening(heading: str, text: str) -> str:
    """What stands on the slide of a heading: all of the summary, a page's goals, else its first paragraph."""
    blocks = [block for block in text.split("**Predict")[0].strip().split("\n\n") if block]
    goals = [place for place, block in enumerate(blocks, 1) if block.startswith("- ")]
    if goals and heading.startswith(("# ", "## Summary")):
        return "\n\n".join(blocks[: goals[0]])  # up to the end of the list
    said = [block for block in blocks if not re.match(r"[|<\-]|\d\.", block)]
    return "\n\n".join(said[: 2 if said and said[0].endswith(":") else 1])  # two: a formula follows


def of_code(cell, heading: str, below: str, asked: bool) -> Iterator[str]:
    """Slides of a code cell: its short code, its figures, and what it tells to somebody who was asked."""
    checked = re.search("^assert ", cell.source, re.MULTILINE) or "slide" in cell.metadata.get("tags", ())
    if checked and cell.source.count("\n") < 12:
        yield f"{heading}\n\n```python\n{cell.source}\n```"
    said = "" if below.startswith(("#", "|", "-", "<")) else below.split("\n\n")[0].split("**Predict")[0]
    caption = re.match(r"(.{60,}?[.?!](?=\s))|.*", said, re.DOTALL)[0]  # a sentence; two if it is short
    figures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
    for figure in figures:
        about, data = figure.metadata.get("image/png", {}), figure.data["image/png"].replace("\n", "")
        title = f"## {about['title']}" if "title" in about else heading
        image = f'<img src="data:image/png;base64,{data}" alt="{html.escape(about.get("alt", ""))}">'
        yield f"{title}\n\n{image}\n\n{caption}"
    for output in cell.outputs if asked and not figures else []:
        if table := output.get("data", {}).get("text/html"):
            yield f"{heading}\n\n" + re.sub("<style.*?</style>", "", table, flags=re.DOTALL)


def deck(notebook: Path, *, js: str, css: str) -> str:
    """The page of a deck. js, css: reveal.js and its style sheet."""
    new = nbformat.v4.new_notebook()
    for kind, text in slides(nbformat.read(notebook, as_version=4).cells):
        text = re.sub(r"(?<!!)\[([^\]]+)\]\([^)]+\)", r"\1", text)  # links would lead away, or nowhere
        long = {"long": "yes"} if len(re.sub("<img.*>", "", text)) > 600 else {}  # is written smaller
        new.cells.append(nbformat.v4.new_markdown_cell(text))
        new.cells[-1].metadata.slideshow = {"slide_type": kind, "data": long}
    new.metadata.title = html.escape(new.cells[0].source.partition("\n")[0].lstrip("# "))
    return Deck().from_notebook_node(new, resources={"js": js, "css": css + STYLE})[0]


def main(reveal: str, out: str) -> None:
    """Write a deck for each notebook."""
    js, css = (Path(reveal, "dist", f"reveal.{kind}").read_text("utf-8") for kind in ("js", "css"))
    Path(out).mkdir(parents=True, exist_ok=True)
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        Path(out, f"{notebook.stem}.html").write_text(deck(notebook, js=js, css=css), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
