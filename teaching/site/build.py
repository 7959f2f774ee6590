"""The notebooks, teaching pages and manual as a folder of static files, for a browser without a network.

`make site` runs this. Links are relative and nothing runs, so the folder may lie on any server, or on a disk. A page
stands where its source stands in the project (README.md becomes index.html). Decks of `make slides` are taken along
when they are there. The one page that does run something, and needs a server, is the playground: it is there when npm
has fetched onnxruntime-web.
"""

import base64
import hashlib
import os
import posixpath
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import jinja2
import nbformat
import PIL.Image
from bs4 import BeautifulSoup, Tag
from markupsafe import Markup
from nbconvert.filters.markdown_mistune import MarkdownWithMath

from clockodile.app.notebook_html import Renderer, read_notebook, sanitize

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GLOSSARY = ROOT / "teaching" / "glossary.md"
FIGURES = ROOT / "images4report"
FRONT = ("The four notebooks", "For whom", "Results", "Licences")  # sections of README, in this order
GROUPS = (("Notebooks", "notebooks"), ("For teachers", "teaching"), ("More", "playground.html", "gallery.html", "docs"))
PLAYGROUND = PurePosixPath("playground.html")  # its files stand in a folder of that name
FOLDED = ".celltag_plumbing > .input, .celltag_parameters > .input"
WIDGET = "(a widget: open this notebook in Jupyter to use it)"  # what stands for one in a saved notebook
ON_A_PHONE = 32  # characters of a line or formula that need no scrolling there
UNEXPLAINED = "code pre a button summary details math h1 h2 h3 h4 h5 h6".split()
EVERYDAY = {"background", "blend", "candidate", "description", "score"}  # often do not mean the term
ALSO_VERBS = {"judge", "split"}  # mean it behind an article


@dataclass(frozen=True)
class Page:
    """One page of the site."""

    path: PurePosixPath  # in the site
    title: str  # its first heading
    contents: list[tuple[str, str, str]]  # of its other headings: "part", "h2" or "h3", id, text
    body: Markup


# --- from a source to HTML ----------------------------------------------------------------------------------


def sources() -> Iterator[tuple[str, str]]:
    """(path in the site without suffix, safe HTML) of every page."""
    yield "index", of_markdown(front_page(), ROOT)
    for path in sorted(ROOT.glob("notebooks/*.ipynb")):
        yield f"notebooks/{path.stem}", of_notebook(path)
    yield "gallery", of_markdown((HERE / "gallery.md").read_text("utf-8"), HERE)
    for path in [*sorted(ROOT.glob("teaching/*.md")), *sorted(ROOT.glob("docs/*.md"))]:
        yield f"{path.parent.name}/{path.stem}", of_markdown(path.read_text("utf-8"), path.parent)


def sections(text: str) -> list[str]:
    """Markdown, divided before its headings of the second level."""
    return re.split("^(?=## )", text, flags=re.MULTILINE)


def front_page() -> str:
    """What README says to somebody who wants to read."""
    intro, *others = sections((ROOT / "README.md").read_text("utf-8").replace(", slides (`make slides`)", ""))
    titled = {section.partition("\n")[0][3:]: section for section in others}
    return intro + "".join(titled[title] for title in FRONT)


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


def make_page(path: PurePosixPath, text: str, out: Path, terms: list[tuple[str, str]]) -> Page:
    """The page for this HTML; its pictures are written below `out`."""
    (out / path.parent).mkdir(parents=True, exist_ok=True)
    soup = BeautifulSoup(text, "html.parser")
    (_, _, title), *contents = number_headings(soup)
    for link in soup.select('a[href^="#/"]'):
        lead(link, path)
    for image in soup.select('img[src^="data:"]'):
        image["src"] = store(base64.b64decode(image["src"].partition(",")[2]), path, out)
        image["loading"] = "lazy"
        with PIL.Image.open(out / path.parent / image["src"]) as picture:
            image["width"], image["height"] = picture.size  # or the page would jump while it loads
        if not image.find_parent("td"):
            image.wrap(soup.new_tag("a", href=image["src"]))  # a phone can enlarge it there
    for code in soup.find_all("code", string=re.compile(r"^\w+\.png$")):
        if (figure := FIGURES / code.string).is_file():
            code.wrap(soup.new_tag("a", href=store(figure.read_bytes(), path, out)))
    arrange(soup)
    if path.stem == "questions":
        fold_answers(soup)
    explain(soup, terms)
    return Page(path, title, [entry for entry in contents if entry[0] in ("part", "h2", "h3")], Markup(soup))


def number_headings(soup: BeautifulSoup) -> list[tuple[str, str, str]]:
    """Lift the headings by two levels (`Renderer` put them down by as many); level, id and text of each."""
    found = {}
    for heading in soup.find_all(re.compile("^h[3-6]$")):
        level = f"h{int(heading.name[1]) - 2}"
        part = level == "h1" and found  # a notebook may have parts, each with a heading like the title's
        heading.name, heading["class"] = ("h2", "part") if part else (level, level)
        name = re.sub(r"[^\w -]", "", heading.get_text().lower()).strip().replace(" ", "-")
        heading["id"] = name if name not in found else f"{name}-{len(found)}"
        found[heading["id"]] = (heading["class"], heading["id"], heading.get_text())
    return list(found.values())


def relative(target: PurePosixPath, page: PurePosixPath) -> str:
    """The link from a page to a file of the site."""
    return posixpath.relpath(target, page.parent)


def lead(link: Tag, page: PurePosixPath) -> None:
    """Let a link lead to a page of the site; what is no page of it is no link."""
    source, _, anchor = link["href"][2:].partition("#")
    target = PurePosixPath(source.replace("README.md", "index.md"))
    if re.fullmatch(r"index\.md|notebooks/\w+\.ipynb|(teaching|docs)/\w+\.md", str(target)):
        link["href"] = relative(target.with_suffix(".html"), page) + (f"#{anchor}" if anchor else "")
    else:
        link.unwrap()


def store(picture: bytes, page: PurePosixPath, out: Path) -> str:
    """Write a picture, once however often it is shown, and return the link to it."""
    path = PurePosixPath("images", f"{hashlib.sha256(picture).hexdigest()[:16]}.png")
    (out / path).parent.mkdir(parents=True, exist_ok=True)
    (out / path).write_bytes(picture)
    return relative(path, page)


def arrange(soup: BeautifulSoup) -> None:
    """Rows with a picture become cards, plumbing is folded, and what is wide scrolls in a box of its own."""
    for table in soup.find_all("table"):
        cards = table.select("tr:has(img)")
        for part in [part for card in cards for part in (card, *card.find_all("td"))]:
            part["class"], part.name = ("card", "article") if part.name == "tr" else ("of-card", "div")
        box = soup.new_tag("div", tabindex="0", attrs={"class": "scroll"})  # also by keyboard
        table.replace_with(*cards) if cards else table.wrap(box)
    for corner in soup.find_all("th"):
        if not corner.get_text(strip=True):
            corner.name = "td"  # a heading of nothing
    for long in soup.select(".output pre, math[display=block]"):
        if max(map(len, long.get_text().splitlines()), default=0) > ON_A_PHONE:
            long["tabindex"] = "0"
    for code in soup.select(FOLDED):
        summary = soup.new_tag("summary", string="code that prepares or records")
        code.wrap(soup.new_tag("details", attrs={"class": "plumbing"})).insert(0, summary)


def fold_answers(soup: BeautifulSoup) -> None:
    """What follows a question, which stands in italics, is unfolded by a tap."""
    for question in soup.select("li em:first-child"):
        answer = soup.new_tag("details")
        answer.extend([soup.new_tag("summary", string="answer"), *list(question.next_siblings)])
        question.insert_after(answer)


def explain(soup: BeautifulSoup, terms: list[tuple[str, str]]) -> None:
    """Each term (names, meaning) explains itself where the text first uses it, outside code, headings and links."""
    of_term = [(re.sub(r" \(.*?\)", "", term[0]).lower().split(", "), term) for term in terms]
    names = {name: term for words, term in reversed(of_term) for name in words}
    longest_first = sorted(map(re.escape, names.keys() - EVERYDAY), key=len, reverse=True)
    pattern = re.compile(rf"(?<![\w-])({'|'.join(longest_first)})(?:s|es)?(?![\w-])", re.IGNORECASE)
    used = []
    for text in soup.find_all(string=pattern) if terms else ():
        if text.find_parent(UNEXPLAINED) or text.find_parent(class_="output_wrapper"):
            continue
        parts, done = [], 0
        for match in pattern.finditer(text):
            term, before = names[match[1].lower()], text[: match.start()]
            verb = match[1].lower() in ALSO_VERBS and not re.search(r"\b(the|an?)\s$", before, re.IGNORECASE)
            if term not in used and not verb:
                used.append(term)
                parts += [before[done:], *popover(soup, match[0], term, f"term-{len(used)}")]
                done = match.end()
        if parts:
            text.replace_with(*parts, text[done:])


def popover(soup: BeautifulSoup, word: str, term: tuple[str, str], name: str) -> tuple[Tag, Tag]:
    """The word as a button, and what it shows. The browser opens it, without a script."""
    button = soup.new_tag("button", type="button", popovertarget=name, attrs={"class": "term"}, string=word)
    meaning = soup.new_tag("span", id=name, popover="")
    meaning.extend([soup.new_tag("b", string=term[0]), f" {term[1]}"])
    return button, meaning


def make_playground(prepared: Path, out: Path) -> Page:
    """The page on which our nets run. prepared: what playground/export.py wrote; it is copied below `out`."""
    source, folder = HERE / "playground", out / PLAYGROUND.stem
    shutil.copytree(prepared, folder, ignore=shutil.ignore_patterns("key"))
    for path in [*source.glob("*.js"), *source.glob("*.css")]:
        shutil.copyfile(path, folder / path.name)
    text = (source / "page.html").read_text("utf-8")
    headings = re.findall(r'<h2 class="h2" id="(.+?)">(.+?)</h2>', text)
    title = re.search("<h1.*?>(.+?)</h1>", text)[1]
    return Page(PLAYGROUND, title, [("h2", *heading) for heading in headings], Markup(text))


def build(out: Path, slides: Path, playground: Path | None = None) -> list[Page]:
    """Write the site into `out`, which is emptied first, with the decks in `slides` if there are any.

    playground: what playground/export.py wrote; without it the site has no playground.
    """
    shutil.rmtree(out, ignore_errors=True)
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (\d\d) \|$", GLOSSARY.read_text("utf-8"), re.MULTILINE)
    pages = []
    for name, text in sources():
        known = re.match(r"notebooks/(\d\d)|", name)[1] or ("" if name == "teaching/glossary" else "99")
        terms = [(names, meaning) for names, meaning, number in rows if number <= known]
        pages.append(make_page(PurePosixPath(f"{name}.html"), text, out, terms))
    if playground:
        pages.append(make_playground(playground, out))
    decks = [PurePosixPath("slides", path.name) for path in sorted(slides.glob("*.html"))]
    for deck in decks:
        (out / "slides").mkdir(exist_ok=True)
        shutil.copyfile(slides / deck.name, out / deck)
    groups = {
        name: [(page.path, page.title) for page in pages if page.path.parts[0] in folders] for name, *folders in GROUPS
    }
    groups["Slides"] = [(deck, deck.stem.replace("_", " ")) for deck in decks]
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((HERE / "page.html.j2").read_text("utf-8"))
    for page in pages:
        if playground and page.path.parts[0] == "notebooks":
            instead = f', or try <a href="{relative(PLAYGROUND, page.path)}">the playground</a>)'
            page = replace(page, body=page.body.replace(WIDGET, Markup(WIDGET[:-1] + instead)))
        html = template.render(
            page=page, groups=groups, relative=relative, playground=playground and PLAYGROUND,
            repository=os.environ.get("GITHUB_REPOSITORY"),  # set where GitHub builds the site
        )  # fmt: skip
        (out / page.path).write_text(html, "utf-8")
    shutil.copyfile(HERE / "style.css", out / "style.css")
    return pages


if __name__ == "__main__":
    site, runtime = ROOT / "build" / "site", Path(*sys.argv[1:])
    prepared = None
    if (runtime / "package.json").is_file():
        from playground.export import prepare  # torch and onnx take seconds to import

        prepared = prepare(runtime, ROOT / "build" / "playground")
    else:
        print("without the playground: it needs npm, once, to fetch onnxruntime-web (nodejs.org)")
    made = build(site, ROOT / "build" / "slides", prepared)
    size = sum(path.stat().st_size for path in site.rglob("*.*"))
    print(f"build/site/index.html: {len(made)} pages, {size / 1e6:.1f} MB")
