"""The report opens offline, shows what there is, and takes nobody's file name for markup."""

import base64
import html
import io
import json
import re
import shutil
from string import Formatter

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from clockodile.app import report
from clockodile.app.report import LEADING, SENTENCES, counts_table, results_markdown, results_text, write_report
from clockodile.core import store
from clockodile.core.atomic_files import write_json
from clockodile.core.errors import UserError
from clockodile.core.results import metric, record_metrics
from clockodile.core.workspace import project_root

EVIL = "<b>x</b><script>alert(1)</script>"
OUTSIDE = re.compile(
    r"""<script|<link|<iframe|<object|<embed|@import|url\(\s*['"]?(?!\#)|\bsrcset=|<base"""
    r"""|\ssrc\s*=\s*["'](?!data:)|<(?!a\b)[a-z]+[^>]*\shref\s*=\s*(?!["']?(?:\#|data:image/))""",
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
    notes.append({"path": "clock/1.jpg", "reason": "enlarged from 10x12", "used": True})
    counts = {"train": {EVIL: 3, "crocodile": 4}, "background": 7}
    card = {"source": source, "classes": [EVIL, "crocodile"], "counts": counts, "fingerprint": "abc", "notes": notes}
    write_json(tmp_path / "data_card.json", card)
    write_figures(tmp_path, "01", "first", "second")
    write_notebook(tmp_path / "executed" / "01_data.ipynb")
    return tmp_path


def write_figures(run_dir, notebook, *names, alt=f'alt "{EVIL}'):
    """Figures as `save_figure` leaves them; the first holds photographs."""
    (run_dir / "figures").mkdir(exist_ok=True)
    about = []
    for name in names:
        (run_dir / "figures" / f"{name}.png").write_bytes(picture(300))
        entry = {"name": name, "title": f"{name} figure", "alt": alt, "pictures": name == names[0]}
        about.append(entry)
    write_json(run_dir / "figures" / f"{notebook}.json", {"figures": about})


def write_notebook(path):
    """An executed notebook that tries to reach outside in every way."""
    html_output = '<table onclick="x()"><tr><td style="background:url(http://x/y)">cell</td></tr></table>'
    outputs = [
        new_output("stream", name="stdout", text=f"\x1b[31mprinted {EVIL}\x1b[0m"),
        new_output(
            "display_data", {"text/html": html_output + '<style>@import "http://x"</style><script>a()</script>'}
        ),
        new_output(
            "display_data",
            {"image/png": base64.b64encode(picture(300)).decode()},
            metadata={"image/png": {"alt": "a teal square"}},
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
    for bad in ('<img src="http://x">', "<link href=x>", "a{background:url(http://x)}", '<image href="http://x"/>'):
        assert OUTSIDE.search(bad), bad


def test_names_are_text(run_dir):
    page = page_of(run_dir)
    assert "<b>x</b>" not in page
    assert "<script" not in page and "&lt;b&gt;x&lt;/b&gt;" in page


def test_everything_is_shown(run_dir):
    page = page_of(run_dir)
    for text in ("85.0", "± 7.1 %", "What is this?", "first figure", "Left out: 12", "Changed on the way in<", "abc"):
        assert text in page, text
    assert page.index("first figure") < page.index("second figure")
    assert "<summary>Solution</summary>yes</details>" in page and "<math" in page
    assert page.count("<h1") == 1 and "\x1b" not in page
    assert 'alt="a teal square"' in page and page.count('aria-label="alt &#34;&lt;b&gt;') == 2
    assert page.count('<svg class="chart pixels"') == page.count('<svg class="chart"') == 1


def write_results(run_dir, **hybrids):
    """Results of all four notebooks on two classes; hybrids: other values in the row of the flow."""
    card = {"classes": ["cat", EVIL, "dog"], "counts": {"train": {"cat": 3}}, "request": {"folds": 5}}
    write_json(run_dir / "data_card.json", card)
    counts = [metric("training images", 1200), metric("near-duplicate groups", 7)]
    record_metrics(run_dir, "01", [*counts, metric("majority class, accuracy", 0.5, unit="%")])
    methods = {"compact residual net (ours)": [0.95, 0.97], "HOG + SVM": [0.96, 1.0], "four layers": [0.8, 0.8]}
    record_metrics(run_dir, "02", [metric(name, found, unit="%") for name, found in methods.items()])
    runs = {"model": "hog_svm", "title": "HOG + SVM", "source": "", "seed": 0, "fold": [0, 1], "parameters": 1}
    runs |= {"train_accuracy": 1.0, "accuracy": [0.96, 1.0], "log_loss": 1.0, "seconds": 0.1}
    store.save(run_dir, "classifier_runs.csv", pd.DataFrame(runs), {})
    rows = [("a/1", 2, "both", 0.9, 0.93), ("b/2", 1, "both", 0.97, 0.985), ("b/3", 3, "first", 0.99, 0.1)]
    columns = ["id", "rank", "quadrant", "evidence_a", "evidence_b"]
    pd.DataFrame(rows, columns=columns).to_csv(run_dir / "ambiguous.csv", index=False)
    write_json(run_dir / "provenance" / "ambiguous.csv.json", {"config": {"pair": [2, 0]}})
    measured = {"photographs": (0.02, 0.5), "paste": (0.0, 1.0), "flow": (0.25, 0.98), "codes": (0.125, 1.0)}
    table = pd.DataFrame(measured, index=["both", "told_apart"]).T.assign(memorised=0.0)
    for name, value in hybrids.items():
        table.loc["flow", name] = value
    table.to_csv(run_dir / "hybrids.csv", index_label="method")


FOUND = {  # which file a sentence needs -> how it begins, and what it tells
    "data_card.json": ("There were 1,200 pictures of cat, <b>x</b>", "and dog to learn from", "among them: 7."),
    "metrics.json": (
        "'HOG + SVM' was right most often: on 98.0 %",
        "(95 % interval 54 % to 100 %)",
        "Our own net: 96.0 %",
        "the best simple rule tried, majority class: 50.0 %",
    ),
    "ambiguous.csv": ("A judge", "both dog and cat in 2 of 3", "stands b/2 (evidence for dog 97 %, for cat 98 %)"),
    "hybrids.csv": (
        "Of pictures made of two photographs",
        "in 0.0 % (paste) to 25.0 % (flow)",
        "of real pictures that no generator has seen, in 2.0 %.",
    ),
}


def test_it_begins_with_what_was_found(run_dir):
    write_results(run_dir)
    page = page_of(run_dir)
    page = page.replace("\N{NO-BREAK SPACE}%", " %")
    lead = html.unescape(page.partition('<ul class="lead">')[2].partition("</ul>")[0])
    for parts in FOUND.values():
        places = [lead.index(part) for part in parts]
        assert places == sorted(places)
    assert "'flow' is judged both most often, in 25.0 %; 98.0 % of these are told from real pictures" in lead
    assert "0.0 % repeat" in lead and lead.count("<li>") == 6
    assert page.index('class="lead"') < page.index("<nav") < page.index("<table")


@pytest.mark.parametrize("missing", FOUND)
def test_what_was_not_found_is_not_told(run_dir, missing):
    write_results(run_dir)
    (run_dir / missing).unlink()
    page = html.unescape(page_of(run_dir)).replace("\N{NO-BREAK SPACE}%", " %")
    assert FOUND[missing][0] not in page and "nan" not in page
    kept = [parts[0] in page for name, parts in FOUND.items() if name != missing]
    assert sum(kept) >= (3 if missing.endswith("csv") else 1)


def write_predictions(run_dir, logits) -> None:
    """Four pictures, the last without a class, and what the best method says of the first three."""
    split = {"id": ["cat/1", "cat/2", "dog/3", "x/4"], "label": [0, 0, 2, -1], "group": range(4)}
    split |= {"fold": [0, 1, 0, -1], "split": ["train"] * 3 + ["background"]}
    store.save(run_dir, "splits.csv", pd.DataFrame(split), {})
    arrays = {"logits": np.array(logits), "train_accuracy": np.ones(1)}
    arrays |= {"seconds": np.ones(1), "parameters": np.ones(1, int)}
    store.save(run_dir, "predictions/hog_svm-seed0.npz", arrays, {})
    kept = {"images": np.zeros((4, 8, 8, 3), np.uint8), "labels": np.array(split["label"])}
    kept |= {"ids": np.array(split["id"]), "split": np.array(split["split"])}
    store.save(run_dir, "dataset.npz", kept, {})


def test_it_names_the_labels_that_the_best_method_contradicts(run_dir):
    write_results(run_dir)
    assert "contradicts the label" not in page_of(run_dir)  # nothing is stored
    write_predictions(run_dir, [[0, 0, 3.0], [2, 0, 1], [9, 0, 0]])
    assert "It names 1 of 3 rightly: cat 1 of 2, dog 0 of 1." in page_of(run_dir)
    said = "contradicts the label of 2 of 3 pictures, most surely of dog/3 (cat? 100 %), cat/1 (dog? 91 %)."
    page = page_of(run_dir)
    assert said.replace(" %", "\N{NO-BREAK SPACE}%") in page
    sure = "In the mean it gives its answer 85.8 %, and is right in 98.0 %. Of the half of the pictures that it "
    sure += "is surest of it names 0.0 % rightly, of the other half 50.0 %. No more can be told"
    assert sure.replace(" %", "\N{NO-BREAK SPACE}%") in page
    wrong, unsure = page.split('<ul class="doubtful">')[1:]
    assert (
        wrong.index("dog/3") < wrong.index("cat/1")
        and "2 contradicted" in page
        and "1 with whose label it agrees" in page
    )
    assert "label: dog<br>it says: cat 100%" in wrong and "cat/2" in unsure
    assert page.count('loading="lazy"') == 3 and "A frame marks" not in page
    table = page.partition("Which class is taken for which")[2].partition("</table>")[0]
    assert "".join(re.findall(r"<td>(\d)</td>", table)) == "101200001001"  # each row's sum last


def test_a_list_of_labels_without_a_contradiction_is_explained_all_the_same(run_dir):
    write_results(run_dir)
    write_predictions(run_dir, [[3.0, 0, 0], [2, 0, 1], [0, 0, 9]])
    page = page_of(run_dir)
    assert (
        "3 with whose label it agrees" in page
        and " contradicted" not in page
        and page.count("only somebody who looks can say") == 1
    )


def test_a_doubtful_photograph_is_shown_whole_with_the_square_that_was_used(tmp_path):
    (tmp_path / "cat").mkdir()
    Image.new("RGB", (200, 100), "white").save(tmp_path / "cat" / "a [1].png")
    (tmp_path / "cat" / "b.jpg").write_bytes(b"no picture")
    path, whole, cut = report.as_it_lies(str(tmp_path), "cat/a [1]")
    assert cut == 0.5
    assert path == "cat/a [1].png" and whole.size == (report.WHOLE, report.WHOLE // 2)
    frame = (np.array(whole) != 255).any(2)
    assert np.flatnonzero(frame[80]).tolist() == [80, 81, 238, 239], "of the square in the middle"
    assert report.as_it_lies(str(tmp_path), "cat/a [1].png")[0] == "cat/a [1].png"
    for name in ("cat/b", "cat/none"):
        assert report.as_it_lies(str(tmp_path), name) == (name, None, 0)


@pytest.mark.parametrize(
    ("counts", "words"),
    [({"cat": 9, "dog": 9}, "guessing"), ({"cat": 9, "dog": 5}, "naming the most"), ({}, "naming the most")],
)
def test_it_says_what_knows_nothing(run_dir, counts, words):
    write_results(run_dir)
    write_json(run_dir / "data_card.json", {"classes": [*counts], "counts": {"train": counts}, "request": {"folds": 5}})
    page = page_of(run_dir)
    assert f"; {words}" in page and "dealt into 5 parts" in page


@pytest.mark.parametrize(("images", "few"), [(75, True), (1000, False)])
def test_with_few_pictures_it_says_how_much_one_of_them_weighs(run_dir, images, few):
    write_results(run_dir)
    record_metrics(run_dir, "01", [metric("training images", images)])
    said = "A fold holds 15 pictures: one of them more or less is 6.7\N{NO-BREAK SPACE}% of it."
    assert (said in page_of(run_dir)) == few


@pytest.mark.parametrize(("given", "said"), [(0, "and no pictures"), (12, "and only 12 pictures"), (500, "")])
def test_without_other_things_it_says_what_the_judge_is_worth(run_dir, given, said):
    write_results(run_dir)
    record_metrics(run_dir, "03", [metric("photographs in the corner 'both'", 0.1, unit="%")])
    write_figures(run_dir, "03", "plane", "pairs")
    card = {"classes": ["cat", EVIL, "dog"], "counts": {"background": given}}
    write_json(run_dir / "data_card.json", card)
    page = page_of(run_dir)
    assert ("of other things were given" in page) == bool(said) and said in page
    assert ("A judge that asks about each class" in page) != bool(said)
    assert ("photographs in the corner" in page) != bool(said)
    assert ('id="figure-pairs"' in page) != bool(said)
    assert ("page and figures are left out here" in page) == bool(said)


def test_a_report_on_somebodys_folder_is_about_the_folder(run_dir):
    write_results(run_dir)
    write_figures(run_dir, "02", "results", "fooled")
    write_notebook(run_dir / "executed" / "02_classification.ipynb")
    assert "The whole notebook" in page_of(run_dir)
    write_json(run_dir / "run.json", {"settings": {"recipe": "folder"}})
    page = page_of(run_dir)
    assert "The whole notebook" not in page and "lie in the folder" in page
    assert 'id="figure-results"' in page and 'id="figure-fooled"' not in page
    assert "HOG + SVM" in page.partition('<table class="results"')[2]


def test_a_report_on_somebodys_folder_begins_plainly_and_folds_the_rest_away(run_dir):
    write_results(run_dir)
    write_predictions(run_dir, [[0, 0, 3.0], [2, 0, 1], [0, 0, 9]])
    assert 'class="more"' not in page_of(run_dir)
    write_json(run_dir / "run.json", {"settings": {"recipe": "folder"}})
    page = html.unescape(page_of(run_dir)).replace("\N{NO-BREAK SPACE}%", " %")
    lead, _, rest = page.partition('<ul class="lead">')[2].partition("</ul>")
    assert (
        lead.count("<li>") == 3 and "names 2 of 3 as you did" in lead and "cat 1 of 2" in lead and "dog 1 of 1" in lead
    )
    assert "roughly 54 % to 100 %" in lead and "HOG" not in lead
    assert rest.index("<details>") < rest.index('class="more"') < rest.index("'HOG + SVM' was right")
    assert rest.index("<details") < rest.index('<table class="results"') and "before you send it" in rest


def test_on_other_images_it_says_which_nets_the_tests_are_of(run_dir):
    write_results(run_dir)
    words = "tests our own nets, which know these pictures alone, and not 'HOG + SVM'"
    assert words not in html.unescape(page_of(run_dir))  # the page was written about these nets
    write_json(run_dir / "run.json", {"settings": {"recipe": "faces"}})
    assert words in html.unescape(page_of(run_dir))


def test_what_could_not_be_measured_is_not_told(run_dir):
    write_results(run_dir, told_apart=float("nan"))
    page = page_of(run_dir)
    assert "25.0\N{NO-BREAK SPACE}% (flow)" in page and "is judged both most often" not in page
    for path in run_dir.glob("*.csv"):
        path.write_text("method,both\nx,y\n")
    assert "There were 1,200 pictures" in page_of(run_dir)


def test_the_best_pictures_come_first(run_dir):
    write_figures(run_dir, "03", "plane", "pairs", "both_top")
    write_figures(run_dir, "04", "mixes", "blocks", "hybrids")
    page = page_of(run_dir)
    shown = re.findall('id="figure-([^"]+)"', page)
    assert shown == ["both_top", "hybrids", "mixes", "plane", "first", "second", "pairs", "blocks"]
    assert page.index('id="figure-plane"') < page.index('<table class="results"') < page.index('id="figure-pairs"')
    assert '<a href="#figure-plane">' in page


def test_a_figure_is_in_the_page_once_and_opens_without_a_script(run_dir):
    write_figures(run_dir, "01", "one", "two", alt="a teal square")
    again = new_output(
        "display_data",
        {"image/png": base64.b64encode(picture(30)).decode()},
        metadata={"image/png": {"alt": "a teal square"}},
    )
    cells = [new_code_cell("1", outputs=[again]), new_code_cell("2", outputs=[again])]
    nbformat.write(new_notebook(cells=cells), run_dir / "executed" / "01_data.ipynb")
    page = page_of(run_dir)
    assert page.count("data:image/") == page.count("data:image/webp") == 2 and "<img" not in page
    folded = page.index('<details class="card copy">')
    for name in ("one", "two"):
        uses = page.index(f'<use href="#picture-{name}"')
        assert page.index(f'<image id="picture-{name}"') < folded < uses
    assert page.index('"#picture-one"') < page.index('"#picture-two"')
    frames = re.findall(r'<details class="frame"><summary>\s*<svg [^>]*role="img" aria-label="[^"]', page)
    assert len(frames) == page.count("<figure ") == 2


def test_captions_are_titles(run_dir):
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page_of(run_dir), re.DOTALL)
    assert captions == ["<h3>first figure</h3>", "<h3>second figure</h3>"]


def test_photographs_keep_their_colours(run_dir):
    """The pictures are packed, and not a single pixel changes."""
    noise = Image.effect_noise((64, 48), 90).convert("RGB")
    noise.save(run_dir / "figures" / "first.png")
    content = re.search(r'id="picture-first"[^>]*base64,([^"]+)"', page_of(run_dir))[1]
    shown = Image.open(io.BytesIO(base64.b64decode(content)))
    assert shown.convert("RGB").tobytes() == noise.tobytes()


def test_a_notebooks_summary_is_outside_its_fold(run_dir):
    text = "# 01 · X\n\n## Summary\n\n- we saw it\n\n### What did not work\n\n- much\n\n## Exercises\n\nadd"
    path, here = run_dir / "executed" / "01_data.ipynb", {"data": "abc", "profile": ""}
    nbformat.write(new_notebook(cells=[new_markdown_cell(text)]), path)
    warning = "What they\n    tell of results need not be so here"
    page = page_of(run_dir)
    assert warning in page and "we saw it" not in page and "much" not in page, "of other pictures"
    nbformat.write(new_notebook(cells=[new_markdown_cell(text)], metadata={"measured_on": here}), path)
    before, folded, inside = page_of(run_dir).partition('<details class="card copy">')
    assert (
        warning not in inside and "we saw it" in before and "<h3>What did not work</h3>" in before and "much" in before
    )
    assert folded and "Exercises" not in before and "Exercises" in inside


def test_what_the_opening_names_is_there():
    """The last refresh recorded these results, and the notebooks draw these figures."""
    readme = (project_root() / "README.md").read_text("utf-8")
    fields = {field for sentence in SENTENCES for _, field, _, _ in Formatter().parse(sentence) if field}
    named = {field for field in fields if " " in field}
    recorded = {row.split(" | ")[1] for row in readme.splitlines() if row.count(" | ") == 3}
    assert len(named) == 4 and named - recorded == set()
    places = ("src/clockodile/*/page*.py", "src/clockodile/*/figures.py", "notebooks/0*.ipynb")
    pages = [path for place in places for path in project_root().glob(place)]
    source = "".join(path.read_text("utf-8") for path in pages).replace('\\"', '"')
    assert [name for name in LEADING if f'"{name}"' not in source] == []


def test_tables_and_notebooks_beside_it_are_linked(run_dir):
    (run_dir / "split s.csv").write_text("id\n")
    page = page_of(run_dir)
    assert '<a href="split%20s.csv">' in page and '<a href="executed/01_data.ipynb">' in page


def test_the_results_of_another_program_are_one_clear_line(run_dir):
    (run_dir / "metrics.json").write_text('{"accuracy": 0.93}')
    with pytest.raises(UserError, match="was not written by clockodile"):
        write_report(run_dir)


def test_long_lists_of_refused_files_are_folded(run_dir):
    page = page_of(run_dir)
    assert re.search(r'<details class="card notes">\s*<summary>Left out: 12<', page)
    assert re.search(r'<details class="card notes" open>\s*<summary>Changed on the way in<', page)


def test_the_stand_in_has_a_banner(run_dir):
    assert "not photographs" not in page_of(run_dir)
    write_json(
        run_dir / "data_card.json", {"source": {"kind": "stand_in", "stamp": "drawn stand-in", "why": "offline"}}
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


def test_only_figures_of_a_notebooks_last_run_are_shown(run_dir):
    (run_dir / "figures" / "stray.png").write_bytes(picture(30))
    write_figures(run_dir, "01", "second")
    (run_dir / "figures" / "gone.png").unlink(missing_ok=True)
    page = page_of(run_dir)
    assert "second figure" in page and "first figure" not in page and "stray" not in page


def test_a_clock_that_is_wrong_hides_no_figure(run_dir):
    write_json(run_dir / "run.json", {"notebooks": {"01": {"name": "01_data", "started": 4e9}}})
    assert "first figure" in page_of(run_dir)


def test_parameters_that_were_given_are_told(run_dir):
    entries = {"02": {"parameters": {"epochs": 3}}, "04": {"parameters": {"count": 8, "effort": 0.05}}}
    write_json(run_dir / "run.json", {"settings": {"seed": 0}, "notebooks": entries})
    chips = re.findall("<li><b>(.*?)</b>(.*?)</li>", page_of(run_dir))
    assert chips == [
        ("seed", "0"),
        ("images", "folder"),
        *(("epochs (02)", "3"), ("count (04)", "8"), ("effort (04)", "0.05")),
    ]


def test_classes_keep_their_order_in_the_table():
    assert counts_table({"train": {"a": 2, "b": 3}}, ["b", "a"]) == (["", "b", "a", "together"], [["train", 3, 2, 5]])


def test_the_report_says_when_other_things_were_made_up(run_dir):
    write_results(run_dir)
    assert "were made up" not in page_of(run_dir)
    card = json.loads((run_dir / "data_card.json").read_text("utf-8"))
    card["counts"]["background"] = 7
    (run_dir / "data_card.json").write_text(json.dumps(card), "utf-8")
    assert "only 7 pictures of other things were given" in page_of(run_dir)


def test_counts_come_in_the_order_of_use():
    header, rows = counts_table({"background": 7, "test": {"b": 1}, "train": {"a": 2, "b": 3}})
    assert header == ["", "b", "a", "together"]
    assert rows == [["train", 3, 2, 5], ["test", 1, "", 1], ["background", "", "", 7]]
    assert counts_table({"background": 0, "test": {"b": 0}, "train": {"a": 2}})[1] == [["train", 2, 2]]


def test_the_text_table_is_aligned(run_dir):
    record_metrics(run_dir, "02", [metric("accuracy", [0.8, 0.9], unit="%"), metric("n", 3)])
    write_json(run_dir / "run.json", {"notebooks": {"02": {"name": "02_classification"}}})
    lines = results_text(run_dir).splitlines()
    start = lines.index("02_classification")
    assert lines[start + 1].index("85.0") == lines[start + 2].index("3") == lines[1].index("1000")


def test_the_markdown_table_keeps_its_columns(run_dir):
    record_metrics(run_dir, "02", [metric("a|b", 1)])
    rows = results_markdown(run_dir).splitlines()
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.1)."""
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_text_has_contrast(run_dir, theme):
    style = page_of(run_dir).partition("</style>")[0]
    light, dark = re.findall(r":root \{(.*?)\n *\}", style, re.DOTALL)[:2]
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", light if theme == "light" else dark))
    pairs = [(ink, "tint") for ink in "kscmf"]  # code
    pairs += [(ink, paper) for ink in ("ink", "soft", "green", "brass") for paper in ("paper", "card", "tint")]
    for ink, paper in [*pairs, ("warn-ink", "warn")]:
        low, high = sorted(luminance(colours[name]) for name in (ink, paper))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, paper)
