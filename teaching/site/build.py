"""The notebooks, teaching pages and manual as a folder of static files, for a browser without a network.

`make site` runs this. Links are relative and nothing runs, so the folder may lie on any server, or on a disk.
A page stands where its source stands in the project (README.md becomes index.html). Decks of `make slides` are taken
along when they are there; the gallery shows the figures that are there.
"""

import base64
import hashlib
import io
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import jinja2
import nbformat
import PIL.Image
from bs4 import BeautifulSoup
from markupsafe import Markup
from nbconvert.filters.markdown_mistune import MarkdownWithMath

from clockodile.app.notebook_html import Renderer, read_notebook, sanitize

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FRONT = ("The four notebooks", "For whom", "Results", "Licences")  # sections of README, in this order
FOLDED = ".celltag_plumbing > .input, .celltag_parameters > .input"
NO_TERMS = "code pre a button summary details math h1 h2 h3 h4 h5 h6".split()
Link = tuple[PurePosixPath, str]  # of a page of the site: path, title


@dataclass(frozen=True)
class Page:
    """One page of the site."""

    path: PurePosixPath  # in the site
    title: str  # its first heading
    contents: list[tuple[str, str, str]]  # of its other headings: "h2" or "h3", id, text
    body: Markup


@dataclass(frozen=True)
class Term:
    """A row of the glossary."""

    names: tuple[str, ...]
    meaning: str
    notebook: str  # where it is first used: "02"


# --- from a source to HTML ----------------------------------------------------------------------------------


def sources() -> Iterator[tuple[str, str]]:
    """(path in the site without suffix, safe HTML) of every page."""
    yield "index", of_markdown(front_page(), ROOT)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        yield f"notebooks/{path.stem}", of_notebook(path)
    yield "gallery", of_markdown(with_pictures((HERE / "gallery.md").read_text("utf-8"), HERE), HERE)
    for path in [*sorted(ROOT.glob("teaching/*.md")), *sorted(ROOT.glob("docs/*.md"))]:
        yield f"{path.parent.name}/{path.stem}", of_markdown(path.read_text("utf-8"), path.parent)


def front_page() -> str:
    """What README says to somebody who wants to read."""
    intro, *sections = re.split("^(?=## )", (ROOT / "README.md").read_text("utf-8"), flags=re.MULTILINE)
    by_title = {section.partition("\n")[0].lstrip("# "): section for section in sections}
    return intro + "".join(by_title[title] for title in FRONT)


def with_pictures(text: str, folder: Path) -> str:
    """Markdown without the sections whose picture is not there."""
    sections = re.split("^(?=## )", text, flags=re.MULTILINE)
    return "".join(
        part for part in sections if all((folder / src).is_file() for src in re.findall(r"!\[.*?\]\((.*?)\)", part))
    )


def of_notebook(path: Path) -> str:
    """An executed notebook as safe HTML."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = mark_links(cell.source, path.parent)
    with tempfile.TemporaryDirectory() as folder:
        nbformat.write(notebook, Path(folder, path.name))
        return read_notebook(Path(folder, path.name))[1]


def of_markdown(text: str, folder: Path) -> str:
    """Markdown that stands in this folder as safe HTML."""
    text = re.sub(r'<img src="(.+?)" alt="(.*?)".*?>', r"![\2](\1)", text)  # these can be embedded
    renderer = Renderer(path=str(folder), escape=False, embed_images=True, exclude_anchor_links=True)
    return sanitize(MarkdownWithMath(renderer).render(mark_links(text, folder)))


def mark_links(text: str, folder: Path) -> str:
    """Markdown with "#/" before links to files of the project: `sanitize` lets no others through."""

    def marked(match: re.Match) -> str:
        path = (folder / match[2]).resolve()
        inside = path.is_file() and path.is_relative_to(ROOT)
        return f"{match[1]}(#/{path.relative_to(ROOT).as_posix()}{match[3] or ''})" if inside else match[0]

    return re.sub(r"((?<!!)\[[^]]+\])\(([\w./-]+)(#[\w-]+)?\)", marked, text)


# --- from HTML to a page ------------------------------------------------------------------------------------


def make_page(path: PurePosixPath, text: str, out: Path, terms: list[Term]) -> Page:
    """The page for this HTML; its pictures are written below `out`."""
    soup = BeautifulSoup(text, "html.parser")
    (_, _, title), *contents = number_headings(soup)
    for link in soup.select('a[href^="#/"]'):
        lead(link, path)
    for image in soup.select('img[src^="data:"]'):
        store(image, path, out)
    arrange(soup)
    explain(soup, terms)
    return Page(path, title, [entry for entry in contents if entry[0] in ("h2", "h3")], Markup(soup))


def number_headings(soup: BeautifulSoup) -> list[tuple[str, str, str]]:
    """Lift the headings by two levels (`Renderer` put them down by as many); level, id and text of each."""
    found = {}
    for heading in soup.find_all(re.compile("^h[3-6]$")):
        heading.name = f"h{int(heading.name[1]) - 2}"
        name = re.sub(r"[^\w -]", "", heading.get_text().lower()).strip().replace(" ", "-")
        heading["id"] = name if name not in found else f"{name}-{len(found)}"
        found[heading["id"]] = (heading.name, heading["id"], heading.get_text())
    return list(found.values())


def relative(target: PurePosixPath | str, page: PurePosixPath) -> str:
    """The link from a page to a file of the site."""
    return PurePosixPath(os.path.relpath(target, page.parent)).as_posix()


def lead(link, page: PurePosixPath) -> None:
    """Let a link lead to a page of the site; what is no page of it is no link."""
    source, _, anchor = link["href"][2:].partition("#")
    target = PurePosixPath(source.replace("README.md", "index.md"))
    if target.suffix in (".md", ".ipynb") and target.parts[0] in ("index.md", "notebooks", "teaching", "docs"):
        link["href"] = relative(target.with_suffix(".html"), page) + (f"#{anchor}" if anchor else "")
    else:
        link.unwrap()


def store(image, page: PurePosixPath, out: Path) -> None:
    """A picture becomes a file, with its size in the page, which then is small and does not jump while it loads."""
    data = base64.b64decode(image["src"].partition(",")[2])
    picture = PIL.Image.open(io.BytesIO(data))
    path = PurePosixPath("images", f"{hashlib.sha256(data).hexdigest()[:16]}.{picture.format.lower()}")
    (out / path).parent.mkdir(parents=True, exist_ok=True)
    (out / path).write_bytes(data)
    size = dict(zip(("width", "height"), picture.size, strict=True))
    image.attrs |= {"src": relative(path, page), "loading": "lazy", **size}
    if not image.find_parent("td"):
        image.wrap(BeautifulSoup().new_tag("a", href=image["src"]))  # a phone can enlarge it there


def arrange(soup: BeautifulSoup) -> None:
    """Rows with a picture become cards, plumbing is folded, and what is wide scrolls in a box of its own."""
    for row in soup.select("tr:has(img)"):
        row.name, row["class"] = "article", "card"
        for part in row.find_all("td"):
            part.name = "div"
    for table in soup.find_all("table"):
        if cards := table.find_all("article"):
            table.replace_with(*cards)
        else:
            table.wrap(soup.new_tag("div", tabindex="0", attrs={"class": "scroll"}))
    for code in soup.select(FOLDED):
        summary = soup.new_tag("summary", string="code that prepares or records")
        code.wrap(soup.new_tag("details", attrs={"class": "plumbing"})).insert(0, summary)


# --- terms --------------------------------------------------------------------------------------------------


def glossary() -> list[Term]:
    """The terms of teaching/glossary.md."""
    text = (ROOT / "teaching" / "glossary.md").read_text("utf-8")
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (\d\d) \|$", text, re.MULTILINE)
    return [Term(tuple(re.sub(r" \(.*?\)", "", row[0]).split(", ")), row[1], row[2]) for row in rows]


def explain(soup: BeautifulSoup, terms: list[Term]) -> None:
    """Each term explains itself where the text first uses it, outside code, headings and links."""
    by_name = {name.lower(): term for term in reversed(terms) for name in term.names}
    names = "|".join(re.escape(name) for name in sorted(by_name, key=len, reverse=True))
    pattern, used = re.compile(rf"(?<![\w-])({names})(?:s|es)?(?![\w-])", re.IGNORECASE), []
    for text in soup.find_all(string=pattern) if terms else ():
        if text.find_parent(NO_TERMS) or text.find_parent(class_="output_wrapper"):
            continue
        parts, done = [], 0
        for match in pattern.finditer(text):
            term = by_name[match[1].lower()]
            if term not in used:
                used.append(term)
                parts += [text[done : match.start()], *popover(soup, match[0], term, f"term-{len(used)}")]
                done = match.end()
        if parts:
            text.replace_with(*parts, text[done:])


def popover(soup: BeautifulSoup, word: str, term: Term, name: str) -> tuple:
    """The word as a button, and what it shows. The browser opens it, without a script."""
    button = soup.new_tag("button", type="button", popovertarget=name, attrs={"class": "term"}, string=word)
    meaning = soup.new_tag("span", id=name, popover="")
    meaning.extend([soup.new_tag("b", string=", ".join(term.names)), f" {term.meaning}"])
    return button, meaning


# --- the site -----------------------------------------------------------------------------------------------


def build(out: Path, slides: Path) -> list[Page]:
    """Write the site into `out`, which is emptied first, with the decks in `slides` if there are any."""
    shutil.rmtree(out, ignore_errors=True)
    pages = []
    for name, text in sources():
        number = re.match(r"notebooks/(\d\d)|", name)[1] or "99"  # a word may mean something else before its notebook
        terms = [] if name == "teaching/glossary" else [term for term in glossary() if term.notebook <= number]
        pages.append(make_page(PurePosixPath(f"{name}.html"), text, out, terms))
    decks = [PurePosixPath("slides", path.name) for path in sorted(slides.glob("*.html"))]
    if decks:
        shutil.copytree(slides, out / "slides")
    groups: dict[str, list[Link]] = {
        "Notebooks": [(page.path, page.title) for page in pages if page.path.parts[0] == "notebooks"],
        "For teachers": [(page.path, page.title) for page in pages if page.path.parts[0] == "teaching"],
        "Slides": [(path, path.stem.replace("_", " ")) for path in decks],
        "More": [(page.path, page.title) for page in pages if page.path.parts[0] in ("gallery.html", "docs")],
    }
    template = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        (HERE / "page.html.j2").read_text("utf-8")
    )
    for page in pages:
        (out / page.path).parent.mkdir(parents=True, exist_ok=True)
        (out / page.path).write_text(template.render(page=page, groups=groups, relative=relative), "utf-8")
    shutil.copyfile(HERE / "style.css", out / "style.css")
    return pages


if __name__ == "__main__":
    site = ROOT / "build" / "site"
    made = build(site, ROOT / "build" / "slides")
    size = sum(path.stat().st_size for path in site.rglob("*.*"))
    print(f"build/site/index.html: {len(made)} pages, {size / 1e6:.1f} MB")
