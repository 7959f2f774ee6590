"""An executed notebook as HTML that needs nothing from outside and runs nothing: nbconvert's, cleaned, with MathML."""

import html
import logging
import mimetypes
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

import nbformat
import nh3
from jinja2 import pass_context
from latex2mathml.converter import convert
from markupsafe import Markup
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat.v4 import new_markdown_cell, new_notebook

from clockodile.core.results import data_uri
from clockodile.core.workspace import project_root

MATH = "math mrow mi mo mn ms mtext mspace msub msup msubsup mfrac msqrt mroot mover munder munderover mtable mtr mtd"
TAGS = (nh3.ALLOWED_TAGS - {"h1", "h2"}) | {*MATH.split(), "mstyle", "mpadded", "input"}  # one h1 a page
EVERYWHERE = set("alt title class style colspan rowspan open start display stretchy accent width height".split())
BOXES = {"type", "checked", "disabled"}  # of a task list
ATTRIBUTES = {"*": EVERYWHERE, "img": {"src"}, "a": {"href"}, "input": BOXES}
LINKS = ("http://", "https://", "mailto:", "#")  # they wait to be clicked
SUMMARY = r"^## +(?:Summary|What we found)\s*?\n(.*?)(?=(?:^###[^\n]*\s*)?(?:^##? |\Z))"  # no empty part last
MEASURED = r'(?s)<span class="measured">.*?</span>'  # a sentence that is true of the committed run alone
SAFE = {"src": ("data:image/",), "href": LINKS}


def read_notebook(path: Path, measured_on: Mapping | None = None) -> tuple[str, Markup, Markup]:
    """Its title (first heading, or the file's name in words), all of it, and its summary, both as safe HTML.

    measured_on: data and profile of the run, as `refresh` notes them in the committed notebooks. Where these differ,
    text that is true of the committed run alone (cells tagged "measured", and in others what stands in a <span> of that
    class) is left out, and so are the exercises, whose answers speak of it, and the summary; None shows everything. The
    summary is what stands under a heading of that name, up to the next one of its level. ValueError when damaged.
    """
    notebook = nbformat.read(path, as_version=4)
    elsewhere = measured_on is not None and notebook.metadata.get("measured_on") != measured_on
    if elsewhere:
        lesson = {"measured", "exercise"}
        notebook.cells = [cell for cell in notebook.cells if not lesson & set(cell.metadata.get("tags", []))]
        for cell in notebook.cells:
            cell.source = re.sub(MEASURED, "", cell.source)
            if cell.cell_type == "markdown":
                cell.source = re.sub(SUMMARY, "", cell.source, flags=re.MULTILINE | re.DOTALL)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    heading = re.search(r"^# +(?:\d\d\W+)?(.+)$", text, re.MULTILINE)  # the report numbers them itself
    title = re.sub(r"[`*_]", "", heading[1]) if heading else path.stem[3:].replace("_", " ").capitalize()
    found = re.search(SUMMARY, text, re.MULTILINE | re.DOTALL)
    summary = new_notebook()
    if found and not elsewhere:
        summary.cells.append(new_markdown_cell(re.sub("^##+ ", "# ", found[1], flags=re.MULTILINE)))
    return title.strip(), as_page(notebook), as_page(summary)


def as_page(notebook: nbformat.NotebookNode) -> Markup:
    """All of a notebook as safe HTML."""
    exporter = Exporter(
        template_name="basic",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        default_preprocessors=[],
        filters={"clean_html": lambda page: page},  # `sanitize` cleans all of it
        log=logging.Logger("nbconvert", logging.ERROR),  # it warns of pictures without a description
    )
    return Markup(sanitize(exporter.from_notebook_node(notebook)[0]))


def replace_figures(page: str, figures: Sequence[tuple[str, Markup]]) -> Markup:
    """`page` (safe HTML) with these in place of its pictures. figures: alternative text of a picture, what to show."""
    left = list(figures)

    def replaced(image: re.Match) -> str:
        alt = html.unescape(image[1])
        place = next((place for place, (of, _) in enumerate(left) if of == alt), None)
        return image[0] if place is None else left.pop(place)[1]

    return Markup(re.sub(r'<img alt="([^"]*)" src="data:[^"]*"[^>]*>', replaced, page))


def sanitize(page: str) -> str:
    """`page` with harmless tags and attributes only: what a notebook shows may hold names from a user's folders."""
    return nh3.clean(
        page,
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=lambda tag, name, value: value if value.startswith(SAFE.get(name, "")) else None,
        url_schemes={"http", "https", "mailto", "data"},
        filter_style_properties={"text-align"},
    )


class Exporter(HTMLExporter):
    """nbconvert's, with the markdown of `Renderer`."""

    @pass_context
    def markdown2html(self, context, source: str) -> str:
        """HTML of a markdown cell, not yet safe."""
        attached, folder = context["cell"].get("attachments", {}), str(project_root() / "notebooks")
        options = {"escape": False, "embed_images": True, "exclude_anchor_links": True}
        return MarkdownWithMath(Renderer(path=folder, attachments=attached, **options)).render(source)


class Renderer(IPythonRenderer):
    """nbconvert's, with formulas as MathML, headings two levels down, and pictures of the project only."""

    def inline_math(self, body: str, display: str = "inline") -> str:
        """A formula; the TeX itself when it is none."""
        try:
            return convert(body, display=display)
        except Exception:  # an error type for each kind of mistake, without a common ancestor
            return f"<code>{html.escape(body)}</code>"

    def block_math(self, body: str) -> str:
        """A formula on a line of its own."""
        return self.inline_math(body, "block")

    def heading(self, text: str, level: int, **attributes) -> str:
        """The page has a title, and each notebook is a section of it."""
        return super().heading(text, min(level + 2, 6), **attributes)

    def _html_embed_images(self, html: str) -> str:
        return html  # nbconvert's closes a <details> that goes on below

    def _src_to_base64(self, src: str) -> str | None:
        root, path = project_root().resolve(), (Path(self.path) / unquote(src)).resolve()
        kind = mimetypes.guess_type(path)[0] or ""
        safe = ":" not in src and kind.startswith("image/") and path.is_relative_to(root)
        return data_uri(path.read_bytes(), kind) if safe and path.is_file() else None
