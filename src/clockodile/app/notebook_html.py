"""An executed notebook as HTML that needs nothing from outside: pictures inlined, formulas drawn.

nbconvert's own pages fetch MathJax and require.js from the net,
so the few kinds of cells are rendered here, and cleaned on the way.
"""

from __future__ import annotations

import base64
import html
import io
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import bleach
import mistune
import nbformat
from bleach.css_sanitizer import CSSSanitizer
from markupsafe import Markup
from PIL import Image
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from clockodile.core.results import data_uri
from clockodile.core.workspace import project_root

IMAGE_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif"}
SAME = {  # TeX commands that matplotlib does not know -> what it draws the same
    **{"le": r"\leq", "ge": r"\geq", "lVert": r"\|", "rVert": r"\|", "lvert": "|", "rvert": "|"},
    **{"tfrac": r"\frac", "dfrac": r"\frac", "bm": r"\boldsymbol"},
    **dict.fromkeys(("bigl", "bigr", "Bigl", "Bigr", "big", "Big"), ""),
}
EM = 100  # units of a drawn formula to the size of its letters
CSS_DPI = 96  # what a browser takes a pixel for
PIXEL_ART = 160  # pixels a side; smaller pictures are enlarged photographs, so their pixels should stay sharp
TAGS = frozenset(
    "a b blockquote br caption code col colgroup dd del details div dl dt em figcaption figure h1 h2 h3 h4"
    " h5 h6 hr i img input kbd li ol p pre s small span strong sub summary sup table tbody td tfoot th thead"
    " tr u ul".split()
)
STYLES = CSSSanitizer(allowed_css_properties=["text-align", "font-weight", "font-style", "color", "width"])
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def notebook_cells(path: Path) -> list[Markup]:
    """Each cell of the notebook at `path`, as HTML safe to put into a page.

    Raises ValueError for a damaged file.
    """
    cells = nbformat.read(path, as_version=4).cells
    return [Markup(render_cell(cell)) for cell in cells if cell.source.strip()]


def notebook_title(path: Path) -> str:
    """The text of the first heading, or the file's name in words."""
    for cell in nbformat.read(path, as_version=4).cells:
        match = re.search(r"^# +(.+)$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else None
        if match:
            return re.sub(
                r"^\d\d\W+", "", re.sub(r"[`*_]", "", match[1])
            ).strip()  # the report numbers them itself
    return path.stem[3:].replace("_", " ").capitalize()


def render_cell(cell: nbformat.NotebookNode) -> str:
    """One cell: its text, or its code and what that gave."""
    if cell.cell_type == "markdown":
        return f'<div class="text">{markdown(cell.source, cell.get("attachments", {}))}</div>'
    if cell.cell_type != "code":
        return f"<pre>{html.escape(cell.source)}</pre>"
    code = highlight(cell.source, PythonLexer(), HtmlFormatter(nowrap=True))
    outputs = "".join(filter(None, (render_output(output) for output in cell.outputs)))
    shown = f'<div class="output">{outputs}</div>' if outputs else ""
    return f'<div class="code"><pre class="source"><code>{code}</code></pre>{shown}</div>'


def render_output(output: nbformat.NotebookNode) -> str:
    """One output of a code cell, in the richest form that a static page can show; "" for a widget."""
    if output.output_type == "stream":
        return f'<pre class="{html.escape(output.name)}">{plain(output.text)}</pre>'
    if output.output_type == "error":
        return f'<pre class="stderr">{plain(chr(10).join(output.traceback) or output.ename)}</pre>'
    data = output.get("data", {})
    if "application/vnd.jupyter.widget-view+json" in data:
        return ""
    for kind in ("image/png", "image/jpeg"):
        if kind in data:
            alt = output.get("metadata", {}).get(kind, {}).get("alt", "")
            return image(base64.b64decode(data[kind]), kind, alt)
    if "text/html" in data:
        return f'<div class="rich">{sanitize(data["text/html"])}</div>'
    if "text/markdown" in data:
        return f'<div class="text">{markdown(data["text/markdown"], {})}</div>'
    return f"<pre>{plain(data['text/plain'])}</pre>" if "text/plain" in data else ""


def plain(text: str) -> str:
    """Printed text without terminal colours, escaped."""
    return html.escape(ANSI.sub("", text).rstrip("\n"))


# --- pictures ----------------------------------------------------------------------------------------------


def image(content: bytes, kind: str, alt: str) -> str:
    """An <img> that carries its picture, as wide as it was meant to be. Raises ValueError for a damaged picture."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            size, density = picture.size, picture.info.get("dpi", (CSS_DPI, CSS_DPI))[0]
    except OSError as error:
        raise ValueError(f"damaged picture: {error}") from None
    pixels = max(size) <= PIXEL_ART
    width = size[0] if pixels or density <= 0 else round(size[0] * CSS_DPI / density)
    look = f'class="{"pixels" if pixels else "chart"}" width="{width}"'
    return f'<img {look} src="{data_uri(content, kind)}" alt="{html.escape(alt)}">'


def inline_image(source: str, attachments: dict) -> str:
    """A data address for the picture a markdown cell refers to, or "" when it lies outside the project."""
    if source.startswith("data:image/"):
        return source
    if source.startswith("attachment:"):
        bundle = attachments.get(unquote(source.removeprefix("attachment:")), {})
        return next((f"data:{kind};base64,{content}" for kind, content in bundle.items()), "")
    root = project_root().resolve()
    path = (root / "notebooks" / unquote(source)).resolve()
    kind = IMAGE_TYPES.get(path.suffix.lower())
    if ":" in source or kind is None or not path.is_relative_to(root) or not path.is_file():
        return ""
    return data_uri(path.read_bytes(), kind)


# --- text --------------------------------------------------------------------------------------------------


@cache
def renderer() -> mistune.Markdown:
    """Markdown as Jupyter understands it; formulas come out as <span class="math"> or <div class="math">."""
    html_renderer = mistune.HTMLRenderer(
        escape=False, allow_harmful_protocols=True
    )  # `sanitize` sees to both
    return mistune.create_markdown(
        renderer=html_renderer, plugins=["table", "strikethrough", "task_lists", "math"]
    )


def markdown(text: str, attachments: dict) -> str:
    """Clean HTML of a markdown text, with pictures inlined and formulas drawn."""

    def inlined(match: re.Match) -> str:
        return f'{match[1]}"{inline_image(html.unescape(match[2]), attachments)}"'

    page = re.sub(r'(<img\b[^>]*?\bsrc=)"([^"]*)"', inlined, renderer()(text))
    page = sanitize(page)
    page = re.sub(r'<span class="math">\\\((.*?)\\\)</span>', lambda m: formula(m[1]), page, flags=re.DOTALL)
    return re.sub(
        r'<div class="math">\s*\$\$(.*?)\$\$\s*</div>',
        lambda m: f'<div class="formula">{formula(m[1])}</div>',
        page,
        flags=re.DOTALL,
    )


def keep_attribute(tag: str, name: str, value: str) -> bool:
    """Whether an attribute may stay: none that runs code, none that fetches anything."""
    if name == "src":
        return tag == "img" and value.startswith("data:image/")
    if name == "href":
        return tag == "a" and value.startswith(("http://", "https://", "mailto:", "#"))
    if tag == "input":  # the boxes of a task list
        return name in ("type", "checked", "disabled")
    return name in ("alt", "title", "class", "style", "colspan", "rowspan", "open", "start")


def sanitize(page: str) -> str:
    """`page` with only harmless tags and attributes.

    What a notebook shows may hold names from a user's folders.
    """
    page = re.sub(r"<(script|style)\b.*?</\1\s*>", "", page, flags=re.DOTALL | re.IGNORECASE)
    return bleach.clean(
        page,
        tags=TAGS,
        attributes=keep_attribute,
        protocols=["http", "https", "mailto", "data"],
        css_sanitizer=STYLES,
        strip=True,
    )


@cache
def formula(tex: str) -> str:
    """An SVG of a TeX formula (escaped for HTML), drawn by matplotlib; the TeX itself when that cannot."""
    import matplotlib  # a second to import: only when there is a formula
    from matplotlib.textpath import TextPath

    text = " ".join(html.unescape(tex).split())
    known = re.sub(r"\\([A-Za-z]+)", lambda m: SAME.get(m[1], m[0]), text)
    try:
        with matplotlib.rc_context({"text.parse_math": True}):  # the project's figures switch it off
            path = TextPath((0, 0), f"${known}$", size=EM)
    except (
        Exception
    ):  # its parser has an error type for each kind of mistake, and fails otherwise on an empty one
        return f"<code>{html.escape(text)}</code>"
    steps = {path.MOVETO: "M", path.LINETO: "L", path.CURVE3: "Q", path.CURVE4: "C"}
    drawn = "".join(
        steps[code] + " ".join(f"{number:.1f}" for number in points) if code in steps else "Z"
        for points, code in path.iter_segments(simplify=False)
    )
    box = path.get_extents()
    height, depth = box.y1 - box.y0, box.y0
    size = f"width:{box.x1 / EM:.3f}em;height:{height / EM:.3f}em;vertical-align:{depth / EM:.3f}em"
    return (
        f'<svg class="math" role="img" aria-label="{html.escape(text)}" style="{size}"'
        f' viewBox="0 {-box.y1:.1f} {box.x1:.1f} {height:.1f}"><path transform="scale(1,-1)" d="{drawn}"/></svg>'
    )
