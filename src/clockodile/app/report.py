"""The report of a run: one HTML file that opens offline, made from whatever lies in the run folder."""

import glob
import io
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup
from PIL import Image, ImageDraw, ImageOps
from scipy.special import softmax

import clockodile
from clockodile.ambiguous.background import ENOUGH
from clockodile.app.notebook_html import read_notebook, replace_figures
from clockodile.core import store
from clockodile.core.atomic_files import atomic, read_json
from clockodile.core.errors import UserError
from clockodile.core.recipes import DEFAULT_RECIPE, RECIPES
from clockodile.core.results import data_uri, format_metric, read_metrics
from clockodile.core.stats import summary
from clockodile.data.files import InvalidImage, read_image
from clockodile.show.plots import class_colour

ABSENT = (LookupError, OSError, TypeError, UserError, ValueError)  # what reading a missing result may raise
DOUBTFUL = 12  # pictures in the table of labels to look at again
WHOLE = 320  # pixels of the longer side of a photograph there
CUT = 0.1  # share of it outside the square that is worth a word
ABOUT_BOTH = re.compile("both|judge")  # rows of the results table
READABLE = 10  # classes; a table of more, each against each, is not read
MANY_NOTES = 8  # refused files; a longer list is folded up
SPLITS = ("train", "test", "background", "hybrid")  # the order in which a reader meets them
PLAIN = (  # the report of somebody's folder begins with these, written as SENTENCES are, and folds those away
    "You gave {training images:,.0f} photographs of {classes}.",
    "The best of the methods tried names {right:,} of {asked:,} as you did, each without having learned from it (class "
    "by class: {by_class}). Of new ones of the same kind expect roughly {low:.0%} to {high:.0%}; {guessing} gives "
    "{majority class, accuracy:.0%}.",
    "It is built on a ready-made network that has seen a million photographs with their names, perhaps of these very "
    "kinds.{pretrained:.0}",
    "It contradicts you in {contradicted:,}. These are shown below: look at them first.",
)
SENTENCES = (  # the report begins with them; in braces: results by their names, and what `findings` adds
    "There were {training images:,.0f} pictures of {classes} to learn from; groups of near-duplicates among them: "
    "{near-duplicate groups:,.0f}.",
    "They were dealt into {folds} parts, and every part was judged by methods that had learned from the others.",
    "'{best[name]}' was right most often: on {best[mean]:.1%} of the pictures that it has not seen (95 % "
    "interval {low:.0%} to {high:.0%}). Our own net: {compact residual net (ours):.1%}; the best simple rule tried, "
    "{simple[name]}: {simple[mean]:.1%}; {guessing}: {majority class, accuracy:.1%}.",
    "It names {right:,} of {asked:,} rightly: {by_class}.",
    "It contradicts the label of {contradicted:,} of {judged:,} pictures, most surely of {surest}. Look at them: it "
    "may be wrong, or the label, or nothing can be made out.",
    "{mistaken:,} of these {contradicted:,} it takes for {magnet}.",
    "The simple rule '{simple[name]}' does better than {guessing}: colours, of the things or of what is round them, "
    "tell something already, and the best method may go by them, too. That was{coloured} not tested.",
    "May one believe its percentages? In the mean it gives its answer {sure:.1%}, and is right in {best[mean]:.1%}. Of "
    "the half of the pictures that it is surest of it names {surer:.1%} rightly, of the other half {rest:.1%}. "
    "{verdict}.",
    "{pretrained} has seen a million photographs with their names, perhaps of these very kinds. What these pictures "
    "alone can teach at least, our own net tells.",
    "Our own net, which knows these pictures alone,{beaten} does not beat the best simple rule tried.",
    "A fold holds {fold:.0f} pictures: one of them more or less is {one:.1%} of it. Take all figures here for rough.",
    "A judge that asks about each class by itself sees both {pair[0]} and {pair[1]} in {both:,} of {images:,} "
    "pictures; at the top of its list stands {top[id]} (evidence for {pair[0]} {top[evidence_a]:.0%}, for {pair[1]} "
    "{top[evidence_b]:.0%}).",
    "To find pictures that show two of the classes at once, others are needed to compare with that show none, and "
    "{given} pictures of other things were given. A folder with some hundred helps: run again with --background "
    "FOLDER.",
    "Of pictures made of two photographs, or drawn by a net, it sees both in {least[both]:.1%} ({least.name}) to "
    "{most[both]:.1%} ({most.name}); of real pictures that no generator has seen, in {real[both]:.1%}.",
    "Of what a net has drawn, '{drawn.name}' is judged both most often, in {drawn[both]:.1%}; {drawn[told_apart]:.1%} "
    "of these are told from real pictures (guessing: 50%), {drawn[memorised]:.1%} repeat one that was learned from.",
)
NO_BOTH = (
    "Which pictures are both cannot be told without pictures of other things. So this notebook's page and figures are "
    "left out here; they lie in the folders executed and figures of the run."
)
OTHER_NETS = (
    "The last part of this notebook (errors, confidence, noise, explanations, attacks) tests our own nets, which know "
    "these pictures alone, and not '{best[name]}'."
)
OURS = "compact residual net (ours)"
FEW = 60  # pictures in a fold; with fewer, one picture is more than what methods often differ by
LEADING = ("both_top", "hybrids", "mixes", "plane", "results")  # figures that nobody should miss
LEADING_ELSEWHERE = ("results", "plane", "both_top")  # what a net draws of other data is seldom clear
OF_FOLDER = ("why", "hybrids", "mixes")  # more figures about somebody's own photographs
OF_LESSON = re.compile("calibration|small net|out of fold|equally far")  # rows that only the lesson explains
OF_BOTH = ("ambiguous", "pairs", "hybrids")  # tables that say nothing without pictures of other things
LEADING_ALONE = ("results", "check")  # without other things nobody can say what "both" means


@dataclass(frozen=True)
class Figure:
    """One picture of the run, in the page itself."""

    name: str  # its file's, without suffix
    title: str  # its message
    alt: str  # what to know without seeing it
    look: str  # classes of the style: "chart", or "chart pixels" when it shows photographs
    size: tuple[int, int]  # width and height in pixels
    source: str  # the picture itself, as an address

    @property
    def again(self) -> Markup:
        """The picture once more, without its bytes: those of the page's <image id="picture-..."> are used."""
        return Markup(
            '<svg class="{}" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}"><use href="#picture-{}"/></svg>'
        ).format(self.look, self.alt, *self.size, self.size[0], self.name)


@dataclass(frozen=True)
class Section:
    """What one notebook left behind."""

    number: str  # "01"
    name: str  # "01_data"
    title: str
    rows: list[dict]  # of the results table, each with `value` as text
    figures: list[Figure]
    page: Markup  # the executed notebook
    summary: Markup  # its own
    warnings: list[str]  # sentences: not finished, other settings


def write_report(run_dir: Path) -> Path:
    """Write `report.html` into the run folder from what is there, and return its path.

    Missing parts are left out. Raises UserError when the results there are another program's.
    """
    run_dir = Path(run_dir)
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)  # names are never markup
    text = (resources.files("clockodile.app") / "report.html.j2").read_text("utf-8")
    page = environment.from_string(text).render(**gather(run_dir))
    path = run_dir / "report.html"
    with atomic(path) as temporary:
        temporary.write_text(page, "utf-8")
    return path


def gather(run_dir: Path) -> dict:
    """Everything the template shows."""
    run = read_json(run_dir / "run.json") or {}
    card = read_json(run_dir / "data_card.json") or {}
    settings = run.get("settings", {})
    recipe = RECIPES.get(settings.get("recipe", ""))
    parts = sections(run_dir, run, measured_on(card, run))
    figures = {figure.name: figure for section in parts for figure in section.figures}
    facts = facts_of(run_dir, card, [row for section in parts for row in section.rows])
    own = settings.get("recipe", DEFAULT_RECIPE) != DEFAULT_RECIPE
    folder = settings.get("recipe") == "folder"
    if folder:
        parts = [of_folder(part) for part in parts]
    elif own and facts.get("best", {}).get("name") not in (None, OURS):
        words = OTHER_NETS.format_map(facts)
        parts = [replace(part, warnings=[*part.warnings, words]) if part.number == "02" else part for part in parts]
    if "given" in facts:  # then nobody can say what "both" means
        told = [] if folder else [NO_BOTH]  # a folder's report says it at the top
        parts = [part if part.number < "03" else without_both(part, told) for part in parts]
    leading = (LEADING_ALONE if "given" in facts else LEADING_ELSEWHERE) if own else LEADING
    return {
        "title": run.get("title") or (recipe.title if recipe else "Clocks or crocodiles?"),
        "settings": settings,
        "parameters": [
            (f"{name} ({number})", value)
            for number, entry in sorted(run.get("notebooks", {}).items())
            for name, value in entry.get("parameters", {}).items()
        ],
        "version": run.get("version", clockodile.__version__),
        "card": card,
        "counts": counts_table(card.get("counts", {}), card.get("classes", ())),
        "many_notes": MANY_NOTES,
        "plain": findings(facts, PLAIN) if folder and "right" in facts else [],
        "findings": findings(facts),
        "facts": facts,
        "own": own,
        "folder": folder,
        "chapters": [part for part in parts if part.figures or part.page or part.warnings or not own],
        "leading": [figures[name] for name in leading if name in figures],
        "sections": parts,
        "beside": [
            path.relative_to(run_dir).as_posix()
            for path in sorted(run_dir.glob("*.csv"))
            if "given" not in facts or path.stem not in OF_BOTH
        ]
        + [path.relative_to(run_dir).as_posix() for path in copies(run_dir).values()],
    }


def without_both(part: Section, told: Sequence[str]) -> Section:
    """A section of a run without other things: what is said of "both" is left out, and `told` stands there."""
    rows = [row for row in part.rows if not ABOUT_BOTH.search(row["name"])]
    warnings = [*part.warnings, *told]
    return replace(part, rows=rows, figures=[], page=Markup(""), summary=Markup(""), warnings=warnings)


def of_folder(part: Section) -> Section:
    """A section of a report on somebody's photographs: figures about them, and no lesson about other pictures."""
    figures = [figure for figure in part.figures if figure.name in OF_FOLDER]
    rows = [row for row in part.rows if not OF_LESSON.search(row["name"])]
    return replace(part, rows=rows, figures=figures, page=Markup(""), summary=Markup(""))


# --- parts -------------------------------------------------------------------------------------------------


def results(run_dir: Path) -> dict[str, list[dict]]:
    """The results table: notebook number -> rows of metrics.json, each with its `value` as text, in order."""
    content = read_metrics(run_dir)
    return {
        number: [{**row, "value": format_metric(row)} for row in content[number]]
        for number in sorted(content)
        if content[number]
    }


def findings(facts: Mapping, sentences: Sequence[str] = SENTENCES) -> list[str]:
    """What came out on these data: sentences, without those whose results are missing. facts: of `facts_of`."""
    found = []
    for sentence in sentences:
        with suppress(*ABSENT):
            found.append(re.sub(r"\b%", "\N{NO-BREAK SPACE}%", sentence.format_map(facts)))
    unmeasured = "nan\N{NO-BREAK SPACE}%"
    return [sentence for sentence in found if unmeasured not in sentence]


def facts_of(run_dir: Path, card: Mapping, rows: Sequence[Mapping]) -> dict:
    """What the report's first sentences and tables say: results by their names, and more. Missing ones are left out.

    card: the data card; rows: of the results table.
    """
    facts, names = {row["name"]: row["mean"] for row in rows}, card.get("classes")
    number = next((row["n"] for row in rows if row["name"] == OURS), 0)
    ends = ", accuracy"  # of the rules without learning, in notebook 01
    simple = [row | {"name": row["name"].removesuffix(ends)} for row in rows if row["name"].endswith(ends)]
    if rivals := [row for row in rows if number and row["n"] == number and not row["name"].endswith(ends)]:
        facts["best"] = best = max(rivals, key=lambda row: row["mean"])
        facts |= {"pretrained": "Its network"} if "efficientnet" in best["name"] else {}
    if simple:
        facts["simple"] = max(simple, key=lambda row: row["mean"])
    asked = card.get("request", {})
    if folds := asked.get("folds"):
        facts["folds"] = folds
    fold = facts.get("training images", np.inf) / (folds or 1)
    train = card.get("counts", {}).get("train")
    even = isinstance(train, Mapping) and len({*train.values()}) == 1
    facts["guessing"] = "guessing" if even else "naming the most frequent class each time"
    if facts.get("simple", {"mean": 0})["mean"] > 1.25 * facts.get("majority class, accuracy", 1):
        facts["coloured"] = ""
    if facts.get(OURS, 1) <= facts.get("simple", {"mean": 0})["mean"]:
        facts["beaten"] = ""
    if fold < FEW:
        facts |= {"fold": fold, "one": 1 / fold}
    if names:
        some = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
        facts["classes"] = some if len(names) < 4 else f"{len(names)} classes"
    with suppress(*ABSENT):
        runs = pd.read_csv(run_dir / "classifier_runs.csv")
        runs = runs[runs["title"] == facts["best"]["name"]]
        first = runs.iloc[0]
        shares = runs.pivot(index="seed", columns="fold", values="accuracy").to_numpy()
        found = summary(shares, images=int(facts.get("training images", 0)))
        facts |= {end: min(max(found[end], 0), 1) for end in ("low", "high")}
        folder = asked.get("data_dir", "") if asked.get("recipe") == "folder" else ""
        facts |= contradicted(run_dir, first, names, folder)
        word = "modest" if facts["sure"] < facts["best"]["mean"] else "sure"
        within = facts["low"] <= facts["sure"] <= facts["high"]
        facts["verdict"] = "No more can be told from so few pictures" if within else f"So it is too {word}"
    with suppress(*ABSENT):
        images = pd.read_csv(run_dir / "ambiguous.csv")
        pair = read_json(run_dir / "provenance" / "ambiguous.csv.json")["config"]["pair"]
        given = card.get("counts", {}).get("background", ENOUGH)
        both, top = (images["quadrant"] == "both").sum(), images.loc[images["rank"].idxmin()]
        facts |= {"pair": [names[label] for label in pair], "images": len(images), "top": top}
        few = {"given": f"only {given}" if given else "no"}
        facts |= few if given < ENOUGH else {"both": both}
    if "given" in facts:
        return facts
    with suppress(*ABSENT):
        table = pd.read_csv(run_dir / "hybrids.csv", index_col="method").sort_values("both", kind="stable")
        made = table.drop("photographs")
        facts |= {"real": table.loc["photographs"], "least": made.iloc[0], "most": made.iloc[-1]}
        facts["drawn"] = made[made.index.str.startswith("flow")].iloc[-1]
    return facts


def contradicted(run_dir: Path, first: pd.Series, classes: Sequence[str], folder: str = "") -> dict:
    """How many training images a method names otherwise than their label, which, and which class it takes for which.

    first: a row of classifier_runs.csv, whose predictions notebook 02 has stored; folder: where the photographs lie, ""
    for a known data set. Raises UserError where there are no predictions.
    """
    logits = store.load(run_dir, f"predictions/{first['model']}-seed{first['seed']}.npz")["logits"]
    images = pd.read_csv(run_dir / "splits.csv").query("split == 'train'")
    said, shares, labels = logits.argmax(1), softmax(logits, axis=1), images["label"].to_numpy()
    given, probability = shares[np.arange(len(labels)), labels], shares.max(1)  # the label's, the answer's
    wrong = np.flatnonzero(said != labels)
    wrong = wrong[np.argsort(-probability[wrong], kind="stable")]
    unsure = [row for row in np.argsort(given, kind="stable") if said[row] == labels[row]]
    kept = store.load(run_dir, "dataset.npz")
    row_of = {name: row for row, name in enumerate(kept["ids"].tolist())}
    doubtful = []
    for row in [*wrong, *unsure][:DOUBTFUL]:
        name, sure = images["id"].iloc[row], f"{probability[row]:.0%}"
        path, picture, cut = as_it_lies(folder, name) if folder else (name, None, 0)
        if picture is None:
            picture = Image.fromarray(kept["images"][row_of[name]]).resize((WHOLE, WHOLE), Image.Resampling.NEAREST)
        likeliest = np.argsort(-shares[row], kind="stable")[:3]
        about = {"id": name, "path": path, "label": classes[labels[row]], "said": classes[said[row]], "sure": sure}
        about |= {"agrees": said[row] == labels[row], "cut": f"{1 - cut:.0%}" if cut >= CUT else ""}
        about["shares"] = ", ".join(f"{classes[label]} {shares[row, label]:.0%}" for label in likeliest)
        doubtful.append(about | {"picture": webp(picture, quality=80)})
    half, order = len(labels) // 2, np.argsort(-probability, kind="stable")
    surer, rest = (float((said == labels)[rows].mean()) for rows in (order[:half], order[half:]))
    facts, every = {"sure": probability.mean(), "surer": surer, "rest": rest}, range(len(classes))
    if len(classes) <= READABLE:
        counts = pd.crosstab(labels, said).reindex(index=every, columns=every, fill_value=0).to_numpy()
        facts["confusion"] = [[classes[label], *line, line.sum()] for label, line in enumerate(counts)]
        right = zip(classes, counts.diagonal(), counts.sum(1), strict=True)
        facts["by_class"] = ", ".join(f"{name} {hits} of {of}" for name, hits, of in right if of)
        facts |= {"right": counts.diagonal().sum(), "asked": counts.sum()}
        mistaken = counts.sum(0) - counts.diagonal()
        if len(classes) > 2 and mistaken.max() > max(2, mistaken.sum() / 2):
            facts |= {"mistaken": mistaken.max(), "magnet": classes[mistaken.argmax()]}
    words = [f"{image['id']} ({image['said']}? {image['sure']})" for image in doubtful[: min(3, len(wrong))]]
    facts |= {"contradicted": len(wrong), "judged": len(labels), "surest": ", ".join(words)} if words else {}
    return facts | {"doubtful": doubtful}


def as_it_lies(folder: str, name: str) -> tuple[str, Image.Image | None, float]:
    """The file of the photograph with this id, below a user's folder, its picture, and the share that was cut off.

    It is shown whole, the square that was used framed. The id, None and 0 where it cannot be read.
    """
    start = Path(folder, name)
    for path in [start, *sorted(start.parent.glob(f"{glob.escape(start.name)}.*"))]:
        with suppress(InvalidImage):
            pixels, _ = read_image(path, WHOLE, cut=lambda image, side: ImageOps.contain(image, (side, side)))
            whole, side = Image.fromarray(pixels), min(pixels.shape[:2])
            left, top = (whole.width - side) // 2, (whole.height - side) // 2
            if left or top:
                corners = left, top, left + side - 1, top + side - 1
                ImageDraw.Draw(whole).rectangle(corners, outline=class_colour(0), width=2)
            return path.relative_to(folder).as_posix(), whole, 1 - side / max(whole.size)
    return name, None, 0.0


def webp(picture: Image.Image, **options) -> str:
    """A picture as an address; options: of Pillow's writer."""
    buffer = io.BytesIO()
    picture.save(buffer, "webp", **options)
    return data_uri(buffer.getvalue(), "image/webp")


def sections(run_dir: Path, run: Mapping, on: Mapping) -> list[Section]:
    """One section for each notebook that left anything, in order. on: see `measured_on`."""
    rows, noted, executed = results(run_dir), run.get("notebooks", {}), copies(run_dir)
    figures = find_figures(run_dir)
    found = []
    for number in sorted({*rows, *noted, *executed, *figures}):
        copy, entry = executed.get(number), noted.get(number, {})
        name = entry.get("name") or (copy.stem if copy else number)
        title, page, summary = read_copy(copy, name, on)
        shown = figures.get(number, [])
        page = replace_figures(page, [(figure.alt, figure.again) for figure in shown])
        warnings = doubts(entry, run.get("settings", {}))
        found.append(Section(number, name, title, rows.get(number, []), shown, page, summary, warnings))
    return found


def copies(run_dir: Path) -> dict[str, Path]:
    """Notebook number -> its executed copy; those that failed are left out."""
    found = sorted((run_dir / "executed").glob("[0-9][0-9]_*.ipynb"))
    return {path.stem[:2]: path for path in found if not path.stem.endswith(".failed")}


def measured_on(card: Mapping, run: Mapping) -> dict[str, str]:
    """What a run's numbers depend on: fingerprint of its images and name of its profile, "" where not known."""
    return {"data": card.get("fingerprint", ""), "profile": run.get("settings", {}).get("profile", "")}


def read_copy(copy: Path | None, name: str, on: Mapping) -> tuple[str, Markup, Markup]:
    """Title, page and summary of an executed notebook; a plain title and nothing else when it cannot be read."""
    if copy is not None:
        with suppress(OSError, ValueError):
            return read_notebook(copy, on)
    return name[3:].replace("_", " ").capitalize() or f"Notebook {name}", Markup(""), Markup("")


def find_figures(run_dir: Path) -> dict[str, list[Figure]]:
    """Notebook number -> the figures of its last run, in order, by the record that `save_figure` keeps."""
    found = {}
    for record in sorted((run_dir / "figures").glob("*.json")):
        for about in (read_json(record) or {}).get("figures", ()):
            with suppress(OSError):  # a picture that somebody removed, or damaged
                picture = Image.open(run_dir / "figures" / f"{about['name']}.png")
                source = webp(picture.convert("RGB"), lossless=True, method=2)  # half of the PNG's bytes
                look = "chart pixels" if about["pictures"] else "chart"
                figure = Figure(about["name"], about["title"], about["alt"], look, picture.size, source)
                found.setdefault(record.stem, []).append(figure)
    return found


def counts_table(counts: Mapping, classes: Sequence[str] = ()) -> tuple[list[str], list[list]]:
    """Header and rows of the image counts {split: {class: n}} or {split: n}: a row a split, the total last.

    classes: their order.
    """
    splits = sorted(counts, key=lambda split: SPLITS.index(split) if split in SPLITS else len(SPLITS))
    parts = {split: counts[split] if isinstance(counts[split], Mapping) else {} for split in splits}
    splits = [split for split in splits if (sum(parts[split].values()) if parts[split] else counts[split])]
    found = dict.fromkeys(name for split in counts if split in splits for name in parts[split])
    classes = [*(name for name in classes if name in found), *(name for name in found if name not in classes)]
    rows = []
    for split in splits:
        part = parts[split]
        total = sum(part.values()) if part else counts[split]
        rows.append([split, *(part.get(name, "") for name in classes), total])
    return ["", *classes, "together" if classes else "images"], rows


# --- what was not as usual ---------------------------------------------------------------------------------


def doubts(entry: Mapping, settings: Mapping) -> list[str]:
    """Why a section may not belong to the rest of the report; [] when it does."""
    found = []
    if entry.get("status", "done") != "done":
        found.append("This notebook did not run to its end the last time; what stands here is incomplete or older.")
    own = entry.get("settings", settings)
    differing = [
        f"{name} {'none' if own.get(name) in (None, '') else own[name]}"
        for name in settings
        if own.get(name) != settings[name]
    ]
    if differing:
        found.append(f"Made by an earlier run in this folder with other settings: {', '.join(differing)}.")
    return found


# --- the same table as text --------------------------------------------------------------------------------


def results_text(run_dir: Path) -> str:
    """The results table for a terminal: aligned columns, a heading for each notebook; "" when there are no results."""
    rows, run = results(run_dir), read_json(Path(run_dir) / "run.json") or {}
    noted, current = run.get("notebooks", {}), run.get("settings", {})
    flat = [row for group in rows.values() for row in group]
    wide, value = (max((len(row[part]) for row in flat), default=0) for part in ("name", "value"))
    lines = []
    for number, group in rows.items():
        entry = noted.get(number, {})
        earlier = entry.get("settings", current) != current
        lines.append(entry.get("name", number) + (" (an earlier run, other settings)" if earlier else ""))
        for row in group:
            repeats = f"n={row['n']}" if row["n"] > 1 else ""
            line = f"  {row['name']:<{wide}}  {row['value']:<{value}}  {repeats:<5} {row['note']}"
            lines.append(line.rstrip())
    return "\n".join(lines)


def results_markdown(run_dir: Path) -> str:
    """The results table for README.md."""
    lines = ["| notebook | measured | value | repeats |", "|---|---|---|---|"]
    for number, group in results(run_dir).items():
        for row in group:
            name = f"{row['name']} ({row['note']})" if row["note"] else row["name"]
            cells = (number, name, row["value"].replace("+/-", "±"), row["n"])
            lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)
