"""The pages of `make site`: complete, understood without a terminal, and in need of nothing from outside."""

import importlib.util
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup
from PIL import Image

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("site_build", ROOT / "teaching" / "site" / "build.py")
build = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(build)
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
TERMS = [("fold, cross-validation", "Parts."), ("class evidence (of a flow)", "How."), ("score, log-odds", "Sum.")]
TERMS += [("judge", "A model."), ("evidence", "A share.")]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, with a deck, moved away from where it was built."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "decks").mkdir()
    (folder / "decks" / "01_data.html").write_text("<!doctype html><title>A deck</title>", "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_REPOSITORY", "someone/clockodile")
        build.build(folder / "built", folder / "decks")
    return shutil.move(folder / "built", folder / "elsewhere with a space")


@pytest.fixture(scope="module")
def pages(site) -> dict[str, BeautifulSoup]:
    return {
        path.relative_to(site).as_posix(): BeautifulSoup(path.read_text("utf-8"), "html.parser")
        for path in sorted(site.rglob("*.html"))
    }


def explained(text: str, terms=TERMS) -> list[str]:
    """The words of this HTML that explain themselves."""
    soup = BeautifulSoup(text, "html.parser")
    build.explain(soup, terms)
    return [button.string for button in soup.select("button.term")]


def test_a_notebook_can_be_opened_in_binder_where_github_builds_the_site(pages):
    for name, page in pages.items():
        links = [link["href"] for link in page.select("a[href*=mybinder]")]
        path = name.replace(".html", ".ipynb")
        address = f"https://mybinder.org/v2/gh/someone/clockodile/HEAD?labpath={path}"
        assert links == [address] * name.startswith("notebooks/")
    for name in ("requirements.txt", "postBuild", "runtime.txt"):
        assert (ROOT / ".binder" / name).is_file()


def test_answers_of_the_question_bank_are_folded(pages):
    answers = pages["teaching/questions.html"].select("li > details, li > p > details")
    assert len(answers) >= 30 and all(answer.summary.string == "answer" for answer in answers)


# --- the whole site -----------------------------------------------------------------------------------------


def test_every_source_has_a_page_that_the_front_page_links_to(pages):
    sources = [*NOTEBOOKS, *ROOT.glob("teaching/*.md"), *ROOT.glob("docs/*.md")]
    wanted = {f"{path.parent.name}/{path.stem}.html" for path in sources} | {"gallery.html", "slides/01_data.html"}
    linked = {link["href"] for link in pages["index.html"].select("a")}
    assert wanted | {"index.html"} == set(pages) and wanted <= linked


def test_every_link_and_picture_leads_to_a_file_and_to_a_place_in_it(site, pages):
    broken = []
    for name, page in pages.items():
        for target in [part.get("href") or part.get("src") or "" for part in page.select("a, img, link")]:
            parts = urlsplit(target)
            if parts.scheme:
                continue  # waits to be clicked, or lies in the page
            path = (site / name).parent / unquote(parts.path) if parts.path else site / name
            there = path.is_file() and path.resolve().is_relative_to(site.resolve())
            anchor = f'id="{unquote(parts.fragment)}"'
            if not there or (parts.fragment and anchor not in path.read_text("utf-8")):
                broken.append((name, target))
    assert broken == []


def test_nothing_is_fetched_from_outside_and_nothing_runs(site, pages):
    for name, page in pages.items():
        assert not page.select("script, iframe, object, embed, video, audio, [srcset], [style*=url], [onclick]"), name
        for part in page.select("[src], link[href]"):
            assert urlsplit(part.get("src") or part["href"]).scheme in ("", "data"), (name, part)
    assert not re.search(r"url\(|@import|https?:", (site / "style.css").read_text("utf-8"))


def test_every_page_has_one_title_and_sound_ids(pages):
    for name, page in pages.items():
        if not name.startswith("slides/"):
            assert len(page.select("h1")) == 1 and page.select_one("meta[name=viewport]"), name
            ids = [part["id"] for part in page.select("[id]")]
            assert len(ids) == len(set(ids)), name


def test_pictures_say_their_own_size_and_what_they_show(site, pages):
    for name, page in pages.items():
        for image in page.select("img"):
            with Image.open((site / name).parent / image["src"]) as picture:
                assert picture.size == (int(image["width"]), int(image["height"])), name
            assert image["alt"], name


def test_building_again_leaves_no_page_of_old(tmp_path, monkeypatch):
    (tmp_path / "old.html").write_text("old")
    monkeypatch.setattr(build, "sources", lambda: [("index", "<h3>One</h3>")])
    build.build(tmp_path, tmp_path / "no decks")
    assert not (tmp_path / "old.html").exists() and not (tmp_path / "slides").exists()


# --- the playground -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def playful(tmp_path_factory) -> Path:
    """A site of two pages, one of them the playground, with something in the place of its nets."""
    folder = tmp_path_factory.mktemp("playful")
    (folder / "prepared" / "nets").mkdir(parents=True)
    (folder / "prepared" / "nets" / "flow.onnx").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "sources", lambda: [("index", "<h3>One</h3>")])
        build.build(folder / "site", folder / "no decks", folder / "prepared")
    return folder / "site"


def test_the_playground_is_a_page_like_others_and_alone_runs_something(playful):
    index, page = (
        BeautifulSoup((playful / name).read_text("utf-8"), "html.parser") for name in ("index.html", "playground.html")
    )
    assert not index.select("script") and index.select_one(".bar a[href='playground.html']")
    assert len(page.select(".contents a")) == len(page.select("main h2")) == 4
    for part in page.select("[src], link[rel=stylesheet]"):
        assert (playful / (part.get("src") or part["href"])).is_file(), part
    assert (playful / "playground" / "nets" / "flow.onnx").is_file()


def test_everything_on_the_playground_has_a_name(playful):
    page = BeautifulSoup((playful / "playground.html").read_text("utf-8"), "html.parser")
    for part in page.select("main input, main button, main canvas"):
        assert part.get("aria-label") or part.get_text(strip=True) or part.find_parent("label"), part


def test_what_the_script_looks_for_is_on_the_page(playful):
    text = (playful / "playground.html").read_text("utf-8")
    script = (playful / "playground" / "playground.js").read_text("utf-8")
    wanted = set(re.findall(r'\bat\("([\w-]+)"\)', script))
    assert len(wanted) > 20 and {name for name in wanted if f'id="{name}"' not in text} == set()


# --- the notebooks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_all_there_with_its_plumbing_folded(pages, path):
    page, cells = pages[f"notebooks/{path.stem}.html"], nbformat.read(path, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    hidden = [cell for cell in cells if {"plumbing", "parameters"} & {*cell.metadata.get("tags", ())}]
    assert len(page.select("details.plumbing:not([open]) > .input pre")) == len(hidden) > 0
    assert len(page.select("main details:not(.plumbing, [open])")) == text.count("<details>") > 0
    assert len(page.select(".code_cell")) == sum(cell.cell_type == "code" for cell in cells)
    figures = sum("image/png" in out.get("data", {}) for cell in cells for out in cell.get("outputs", ()))
    assert len(page.select(".output img")) == figures
    text = re.sub("^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)  # has "# comments"
    headings = re.findall(r"^#{1,3} (.+)", text, re.MULTILINE)[1:]
    assert [link.get_text() for link in page.select(".contents a")] == [re.sub("[`*]", "", line) for line in headings]


def test_notebooks_lead_to_the_next_and_back(pages):
    names = [f"notebooks/{path.stem}.html" for path in NOTEBOOKS]
    for here, after in zip(names, names[1:], strict=False):
        assert pages[here].select_one("[rel=next]")["href"] == Path(after).name
        assert pages[after].select_one("[rel=prev]")["href"] == Path(here).name
    assert not pages[names[0]].select("[rel=prev]") and not pages[names[-1]].select("[rel=next]")


def test_tables_scroll_in_a_box_of_their_own(pages):
    tables = [table for page in pages.values() for table in page.select("table")]
    assert len(tables) > 10 and all(table.parent["class"] == ["scroll"] for table in tables)


# --- the other pages ----------------------------------------------------------------------------------------


def test_the_front_page_shows_a_card_a_notebook(pages):
    cards = pages["index.html"].select("article.card")
    assert [card.a["href"] for card in cards] == [f"notebooks/{path.stem}.html" for path in NOTEBOOKS]
    assert all(card.img and "?" in card.get_text() for card in cards)


def test_figures_that_a_lesson_names_can_be_opened(pages):
    shown = pages["teaching/lesson_90_minutes.html"].select("td a[href$='.png'] > code")
    assert "lazy.png" in [code.string for code in shown]


def test_the_gallery_shows_a_picture_under_each_heading(pages):
    assert len(pages["gallery.html"].select("main h2")) == len(pages["gallery.html"].select("main img")) > 3


@pytest.mark.parametrize("link", ["../LICENSE", "../pyproject.toml", "../src/clockodile/app/run.py"])
def test_links_to_what_is_no_page_become_words(tmp_path, link):
    text = build.of_markdown(f"# T\n\nSee [words]({link}) and [that](nets.md#what-follows).", ROOT / "docs")
    body = build.make_page(build.PurePosixPath("docs/x.html"), text, tmp_path, []).body
    assert "See words and <a href=" in body and 'href="nets.html#what-follows"' in body


# --- terms --------------------------------------------------------------------------------------------------


def test_a_term_explains_itself_once_whichever_of_its_names_comes_first():
    assert explained("<p>Two folds, a fold.</p><p>By cross-validation.</p><p>Evidence.</p>") == ["folds", "Evidence"]


@pytest.mark.parametrize("tag", ["h1", "h4", "code", "pre", "a", "summary", "details", "math"])
def test_no_term_in_code_headings_or_links(tag):
    assert explained(f"<{tag}><i>a fold</i></{tag}><p>the second fold</p>") == ["fold"]
    assert explained(f"<{tag}>a fold</{tag}>") == []


def test_no_term_inside_a_longer_word_or_in_what_a_cell_printed():
    assert explained("<p>unfold out-of-fold folded</p><div class='output_wrapper'><p>fold</p></div>") == []
    assert explained("<p>the class evidence</p>") == ["class evidence"]


def test_everyday_words_and_verbs_are_left_alone():
    assert explained("<p>The score: judge it. The judge says.</p>") == ["judge"]
    assert explained("<p>Judge it yourself, to judge is hard.</p>") == []


def test_a_term_is_a_button_that_opens_its_meaning_without_a_script(pages):
    buttons = 0
    for name, page in pages.items():
        for button in page.select("button"):
            buttons += 1
            (meaning,) = page.select(f"#{button['popovertarget']}[popover]")
            assert meaning.b and len(meaning.get_text()) > 20 and button.find_next_sibling() is meaning, name
    assert buttons > 50


def test_a_notebook_explains_only_terms_that_it_or_an_earlier_one_brings(pages):
    first, last = (pages[f"notebooks/{path.stem}.html"] for path in (NOTEBOOKS[0], NOTEBOOKS[-1]))
    assert "flow matching" in [meaning.b.string for meaning in last.select("[popover]")]
    assert not {"judge", "layer, weight"} & {meaning.b.string for meaning in first.select("[popover]")}
    assert not pages["teaching/glossary.html"].select("button")
