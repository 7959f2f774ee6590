"""What notebook 04 does behind its cells: open the run, save figures, make tables, check answers."""

import logging
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from IPython.display import Image
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from sklearn.metrics import cohen_kappa_score

from clockodile.ambiguous.evidence import quadrants
from clockodile.ambiguous.judge import maps_of
from clockodile.classify import own_net
from clockodile.core import results, store
from clockodile.core.recipes import DEFAULT_RECIPE
from clockodile.core.workspace import Run, open_run
from clockodile.data.dataset import Dataset, as_images, as_tensor, load_dataset
from clockodile.hybrids import evaluation
from clockodile.hybrids.evaluation import Reference
from clockodile.hybrids.generators.flow import GUIDANCE_SCALE, losses_told, noise_of, to_signed, to_unit
from clockodile.hybrids.generators.flow_of_run import (
    FIRST_TRIES,
    HELD_OUT,
    SIDE,
    STRONG,
    Flow,
    as_generators_see,
    fit_flow,
    plain,
    set_into,
)
from clockodile.hybrids.generators.table import GENERATORS, Draw, make_hybrids, parents, prepare
from clockodile.hybrids.quiz import Quiz, answer_agreement, count_answers, make_quiz, shares_in_words
from clockodile.hybrids.quiz_widget import number_sheet, quiz_widget
from clockodile.show.exercise import check
from clockodile.show.pictures import Row, picture_rows
from clockodile.show.plots import ALARM, BLUE, QUIET, VERMILION, new_figure, save_figure, tile_figure
from clockodile.show.widgets import live_figure, one_of, share, show_widget, whole_number

SHOWN = 8  # pictures in a row
FEWEST = 6  # places in a row: one or two pictures would fill the page
LABEL = 12  # letters in a line beside pictures
PATHS = (0.0, 0.25, 0.5, 0.75, 1.0)  # times at which the drawing shows a mixture of noise and photograph
ASKED = ("half_and_half", "pyramid_paste", "flow_placed", "flow_best")  # generators in the quiz
OTHERS = ("lizard", "oak_tree")  # of the package's flow: what a crocodile may be taken for
JOINED = GENERATORS["flow_best"].title  # sources of the viewers' answers, as titles of generators are
FIRST_CAME = "the same, the first that came"
WORDS = ("first", "second", "both", "neither")  # what viewers may answer
VIEWERS = resources.files("clockodile.hybrids") / "viewers.csv"  # what outside viewers answered, counted
show_figure = partial(save_figure, notebook="04")


@dataclass(frozen=True)
class Page:
    """All that the cells of notebook 04 work on."""

    run: Run
    everything: Dataset
    flow: Flow
    known: Reference
    draws: dict[str, Draw]  # of every generator, by its name
    count: int  # pictures made by each

    @property
    def names(self) -> tuple[str, str]:
        return tuple(self.everything.classes[label] for label in self.run.recipe.pair)

    @cached_property
    def made(self) -> dict[str, tuple[np.ndarray, float]]:
        """Generator -> its hybrids, uint8 (count, S, S, 3), and seconds a picture; kept in hybrids.npz."""
        profile = self.run.profile
        config = {
            "data": self.everything.fingerprint,
            "seed": self.run.seed,
            "count": self.count,
            "candidates": profile.n_candidates,
            "selector": store.digest({"weight": torch.from_numpy(self.flow.selector.judge.weight)}),
            "flow": profile.finetune_steps,
            "pair": list(self.run.recipe.pair),
            "epochs": profile.autoencoder_epochs,
        }
        kept = store.cached(self.run.dir, "hybrids.npz", config, partial(make_hybrids, self.draws, self.count))
        return {
            name: (kept["images"][kept["method"] == name], float(seconds))
            for name, seconds in zip(self.draws, kept["seconds"], strict=True)
        }


def open_page(*, count: int, n_candidates: int, retrain: bool, **settings) -> Page:
    """Open the run, make the generators ready and what their pictures are measured with. settings: of open_run."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("clockodile").setLevel(logging.INFO)
    run = open_run(**settings)
    everything = load_dataset(run)
    run = own_net.choose_pair(run, everything.part("train"))
    everything, side = as_generators_see(everything), everything.images.shape[1]
    profile = replace(run.profile, n_candidates=n_candidates or run.profile.n_candidates)
    run = replace(run, profile=profile)
    for remark in everything.remarks:
        print("NOTE:", remark)
    if side > SIDE:
        print(
            f"NOTE: the nets of this page learned from pictures of {SIDE} pixels a side: the photographs, of {side}, "
            "are shrunk to that for it, and the judge is fitted anew to what is left"
        )
    flow = fit_flow(run, everything, retrain=retrain)
    known = evaluation.reference(run, everything)
    if note := known.judged.background.note:
        print("NOTE:", note)
        print("NOTE: the judge has learned that shuffled tiles are no class: shuffled blocks can't test it here")
    draws = prepare(list(GENERATORS), run, everything, retrain=retrain, ready={fit_flow: flow})
    return Page(run, everything, flow, known, draws, count or run.profile.n_hybrids)


# --- figures --------------------------------------------------------------------------------------------------


def show_rows(
    page: Page, rows: dict[str, torch.Tensor | np.ndarray], name: str, title: str, *, heads: Sequence[str] = ()
) -> Image:
    """Rows of pictures, each float (N, 3, S, S) in [0, 1], or uint8 (N, S, S, 3), beside its label."""
    alt = f"Rows of small pictures: {', '.join(rows)}."
    return show_figure(rows_of_tiles(rows, heads=heads, title=title), name, page.run, title, alt)


def rows_of_tiles(rows: dict[str, torch.Tensor | np.ndarray], *, heads: Sequence[str] = (), title: str = "") -> Figure:
    """One labelled line of pictures for each entry, as of show_rows; heads: above the columns."""
    lines = [Row(textwrap.fill(label, LABEL), as_images(x) if torch.is_tensor(x) else x) for label, x in rows.items()]
    columns = max(FEWEST, *(len(line.pictures) for line in lines))
    return picture_rows(lines, columns=columns, heads=heads, title=title)


def draw_the_way(page: Page) -> Image:
    """Draw the straight way from one noise to one photograph."""
    photos, _ = parents(page.run, page.everything, range(3))
    photo, noise = to_signed(photos[:1]), noise_of([0], photos.shape[-1])
    mixtures = as_images(to_unit(torch.cat([(1 - t) * noise + t * photo for t in PATHS])))
    others = as_images(photos[1:])  # that the same noise could have led to
    figure, ax = new_figure(height=3.0)
    ax.set(xlim=(-0.07, 1.3), ylim=(-0.75, 0.75), xlabel="time t: 0 = pure noise, 1 = the photograph")
    ax.set_yticks([])
    ax.set_xticks(PATHS)
    ax.grid(False)
    ax.spines["left"].set_visible(False)
    for height in (0.5, -0.5):
        ax.plot([0.1, 1.1], [0, height], color=QUIET, linestyle=":", linewidth=1.2)
    ax.annotate("", (1.0, 0), (0.0, 0), arrowprops={"arrowstyle": "-|>", "color": VERMILION, "linewidth": 2})
    places = [(time, 0.0) for time in PATHS] + [(1.2, 0.5), (1.2, -0.5)]
    for picture, place in zip([*mixtures, *others], places, strict=True):
        box = OffsetImage(picture, zoom=1.7, interpolation="nearest")
        ax.add_artist(AnnotationBbox(box, place, frameon=False))
    ax.text(0.5, 0.38, "velocity = photograph - noise", color=VERMILION, ha="center", fontweight="bold")
    ax.text(1.2, 0.16, "could have\nbeen these", color=QUIET, ha="center", va="center", fontsize=8.5)
    title = "From noise to a photograph in a straight line"
    ax.set_title(f"{title}: this is what the net learns to guess")
    return show_figure(
        figure, "straight_way", page.run, title,
        "A drawing: noise at the left, four mixtures with more and more of a photograph, joined by an arrow called "
        "velocity. Dotted lines lead to two other photographs that the same noise could have led to.",
    )  # fmt: skip


def one_pixel(page: Page) -> Image:
    """Draw walks of one pixel, from noise drawn at random, when there are two photographs, -1 and 1."""
    ends, steps = np.array([-1.0, 1.0]), 100
    walks = [np.r_[0.5, np.random.default_rng(page.run.seed).normal(size=11)]]
    for time in np.arange(steps) / steps:
        noise = (walks[-1][:, None] - time * ends) / (1 - time)  # with which each photograph would lead here
        weight = np.exp(-(noise**2) / 2)
        walks.append(walks[-1] + (weight * (ends - noise)).sum(1) / weight.sum(1) / steps)
    figure, ax = new_figure(height=2.9)
    for number, walk in enumerate(np.transpose(walks)):
        colour, width = (QUIET, 1.0) if number else (VERMILION, 2.6)
        ax.plot(np.linspace(0, 1, steps + 1), walk, color=colour, linewidth=width)
    ax.plot([1, 1], ends, "o", color=BLUE, clip_on=False, label="the two photographs")
    ax.plot([], [], color=VERMILION, linewidth=2.6, label="the walk from 0.5")
    ax.set(xlim=(0, 1), xlabel="time t: 0 = pure noise, 1 = a photograph", ylabel="the pixel, x")
    figure.legend(loc="outside lower center", ncols=2)
    title = "Walks of one pixel: each decides for one of the two photographs"
    ax.set_title(title)
    alt = "Twelve curves from random heights at the left, which run towards the middle and then part to 1 or to -1."
    return show_figure(figure, "one_pixel", page.run, title, alt)


def hybrids(page: Page, name: str) -> Image:
    """The hybrids of the first seeds, none of these left out."""
    images = page.made[name][0][: 3 * SHOWN]
    title = f"The first {len(images)} seeds, none left out"
    figure = tile_figure(images, columns=SHOWN, title=title)
    alt = f"Rows of small pictures: a disc for which '{page.names[0]}' was asked, in a drawing of '{page.names[1]}'."
    return show_figure(figure, "hybrids", page.run, title, alt)


def from_one_to_the_other(page: Page) -> Image:
    """The same noise, led to mixtures from all first class to all second."""
    shares = np.linspace(0, 1, 7)
    drawn = torch.stack([page.draws["flow_placed"](range(3), mix=float(mix)) for mix in shares], 1)
    rows = [Row(f"seed {seed}", as_images(line)) for seed, line in enumerate(drawn)]
    heads = [f"{mix:.2g}" for mix in shares]
    title = f"From '{page.names[0]}' (mix 0) to '{page.names[1]}' (mix 1), one line for each seed"
    figure = picture_rows(rows, columns=len(heads), heads=heads, title=title, width=6.4)
    alt = "Rows of pictures: one noise each, from the first class to the second."
    return show_figure(figure, "mixes", page.run, title, alt)


def play(page: Page) -> None:
    """Choose way, mix, guidance and seed, and see six pictures."""

    def draw(way: str, mix: float, guidance: float, number: int) -> Figure:
        seeds = range(number, number + 6)
        pictures = getattr(page.flow, way)(seeds, mix=mix, guidance=guidance)
        return rows_of_tiles({f"seeds {number} to {number + 5}": pictures})

    controls = live_figure(
        draw,
        way=one_of("way", {"told where": "placed", "both everywhere": "both"}),
        mix=share("mix", 0.5),
        guidance=share("guidance", GUIDANCE_SCALE, high=8.0, step=0.5),
        number=whole_number("seed", 0, 1000),
    )
    show_widget(controls)


def beside_nearest(page: Page, name: str) -> Image:
    """The hybrids most like a photograph that was learned from, above that photograph."""
    images, known = page.made[name][0], page.known
    distance = evaluation.pixel_distances(images, known.learned)
    rows = distance.min(1).argsort()[:FEWEST]
    nearest = known.learned[distance[rows].argmin(1)]
    title = "The least new of the hybrids, above the learned picture most like each"
    return show_rows(page, {"made": images[rows], "nearest learned": nearest}, "neighbours", title)


# --- tables ---------------------------------------------------------------------------------------------------


def measure_all(page: Page) -> pd.DataFrame:
    """Every method's pictures and the photographs, measured alike; written to hybrids.csv and the results."""
    rows = [{"method": "photographs"} | evaluation.measure_photographs(page.known) | {"seconds": np.nan}]
    for name, (images, seconds) in page.made.items():
        found = evaluation.measure(images, page.known)
        rows.append({"method": GENERATORS[name].title} | found | {"seconds": seconds})
    table = pd.DataFrame(rows)
    config = {"data": page.everything.fingerprint, "pair": list(page.run.recipe.pair), "count": page.count}
    store.save(page.run.dir, "hybrids.csv", table, config)
    results.record_metrics(page.run.dir, "04", [
        results.metric(
            f"{'hidden ' * (row.method == 'photographs')}{row.method}: judged both", row.both, unit="%",
            note=f"of {row.images}; 95 % interval {100 * row.both_low:.0f} to {100 * row.both_high:.0f} %",
        )
        for row in table.itertuples()
    ])  # fmt: skip
    return table.set_index("method")


def readable(page: Page, table: pd.DataFrame) -> pd.DataFrame:
    """The table for the page: shares in percent, and names of the classes."""
    shown = table[["first", "second"]].round(2).set_axis([f"evidence {name}" for name in page.names], axis=1)
    percent = 100 * table[["both", "both_low", "both_high"]] + 1e-9  # a half goes up
    percent = percent.round().astype(int)
    shown["judged both, %"] = percent.apply(lambda row: "{} ({} to {})".format(*row), axis=1)
    return shown


def alone(page: Page, count: int) -> pd.DataFrame:
    """New pictures of one class each, measured beside photographs of that class: kid and more as in `measure_all`."""
    rows = []
    for label, wanted, name in zip(page.run.recipe.pair, page.flow.pair, page.names, strict=True):
        known = evaluation.reference(page.run, page.everything, pair=(label, label))
        found = evaluation.measure(page.flow.one(wanted, range(count)), known)
        real = evaluation.measure_photographs(known)
        rows.append({
            "new pictures of": name,
            "judge sees it, %": round(100 * found["both"]),
            "in photographs, %": round(100 * real["both"]),
            **{measure: found[measure] for measure in ("kid", "told_apart", "memorised")},
        })  # fmt: skip
    return pd.DataFrame(rows).set_index("new pictures of")


def answers() -> pd.DataFrame:
    """What outside viewers answered: a row a viewer and source, with how often each of WORDS was said.

    asked: "fresh" for pictures made when every choice had been made; "earlier" for those of an earlier method that were
    shown among them; "discs" for those of `same_discs`. shown: how many pictures.
    """
    with VIEWERS.open("r", encoding="utf-8") as file:
        found = pd.read_csv(file)
    return found.assign(shown=found[list(WORDS)].sum(axis=1))


def discs_table(page: Page, judged: dict[str, np.ndarray]) -> pd.DataFrame:
    """How often the judge and each viewer called pictures of `same_discs` both; judged: the judge's yes or no, (N,)."""
    first, second = page.names
    said = {}
    for one in answers().query("asked == 'discs'").itertuples():
        source = one.source.replace("FIRST", first).replace("SECOND", second)
        said.setdefault(source, []).append(f"{one.both} of {one.shown}")
    rows = {name: [f"{both.sum()} of {len(both)}", *said[name]] for name, both in judged.items() if name in said}
    return pd.DataFrame(rows, index=["the judge", "one viewer", "another"]).T.rename_axis("called both")


def same_viewers(page: Page, table: pd.DataFrame, discs: dict[str, np.ndarray]) -> Image | None:
    """Hybrids of `JOINED` beside a rival, a line a voice: the judge, and each viewer who saw both in one round.

    table: of `measure_all`; discs: the judge's yes or no for the pictures of `same_discs`. None, and a line, for
    pictures of anything but clocks and crocodiles: no viewer has seen such.
    """
    if page.run.recipe.name != DEFAULT_RECIPE:
        print("the viewers were shown clocks and crocodiles; nobody was asked about pictures of your classes")
        return None
    counts = {name: (round(row.both * row.images), row.images) for name, row in table.iterrows()}
    counts |= {name: (both.sum(), len(both)) for name, both in discs.items()}
    counts[FIRST_CAME] = counts[f"drawn '{page.names[1]}', first"]
    photographs = f"photographs of {page.names[1]}"
    rivals = {title: title for title in (GENERATORS[name].title for name in ("half_and_half", "flow_placed"))}
    rivals |= {"the first that came": FIRST_CAME, f"same clocks on\n{photographs}": photographs}
    figure, ax = new_figure(height=4.6)
    row, ticks = 0, []
    for title, rival in rivals.items():
        voices = [(counts[JOINED], counts[rival], ALARM)]
        voices += [(*pair, BLUE) for pair in seen_together(rival.replace(page.names[1], "SECOND"))]
        ticks.append((row + (len(voices) - 1) / 2, title))
        for ours, theirs, colour in voices:
            one, other = (100 * both / shown for both, shown in (ours, theirs))
            ax.plot([other, one], [row, row], "-", color=colour, linewidth=1.5)
            ax.plot(other, row, "o", color=colour, markerfacecolor="white")
            ax.plot(one, row, "o", color=colour)
            words = "{} of {}, {} of {}".format(*map(int, (*ours, *theirs)))
            ax.text(103, row, words, va="center", fontsize=8, color=colour)
            row += 1
        row += 0.8  # a gap before the next rival
    ax.set_yticks(*zip(*ticks, strict=True))
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.set(xlim=(-2, 123), xticks=range(0, 101, 20), xlabel='share called "both", %')
    words = ("the judge", ALARM, ALARM), ("one viewer", BLUE, BLUE), ("filled: joined drawings", QUIET, QUIET)
    for label, colour, inside in (*words, ("open: the rival at the left", QUIET, "white")):
        ax.plot([], [], "o", color=colour, markerfacecolor=inside, label=label)
    figure.legend(loc="outside lower center", ncols=4)
    title = "The joined drawings lead all four rivals by the judge, two by viewers"
    ax.set_title(title)
    return show_figure(
        figure, "voices", page.run, title,
        "For four rivals the share called both of hybrids (filled) and of the rival (open), joined by a line: one line "
        "for the judge, and one for each viewer who saw both in one round.",
    )  # fmt: skip


def seen_together(rival: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Of how many joined drawings, and of how many pictures of a rival, each viewer who saw both called how many both.

    rival: a source of viewers.csv. Whoever saw both saw them in one round.
    """
    by_viewer = answers().drop_duplicates(["viewer", "source"]).set_index(["source", "viewer"])[["both", "shown"]]
    ours, theirs = by_viewer.loc[JOINED], by_viewer.loc[rival]
    both_seen = ours.index.intersection(theirs.index)
    return [(tuple(ours.loc[viewer]), tuple(theirs.loc[viewer])) for viewer in both_seen]


# --- the quiz -------------------------------------------------------------------------------------------------


def quiz(page: Page) -> Quiz:
    """Forty pictures whose sources are hidden: photographs, other things, blends and hybrids of the flow."""
    known, background = page.known, page.known.judged.background
    photos = known.train.rows(known.held_out)
    groups = {
        f"photograph, {name}": photos.images[photos.labels == label]
        for label, name in zip(page.run.recipe.pair, page.names, strict=True)
    }
    groups["other things"] = background.images
    for name in ASKED:  # of seeds that the page has not shown with their names
        images = page.made[name][0]
        groups[GENERATORS[name].title] = images[SHOWN:] if len(images) > SHOWN else images
    sources = np.repeat(list(groups), [len(images) for images in groups.values()])
    return make_quiz(np.concatenate(list(groups.values())), sources, page.names, seed=page.run.seed)


def buttons(asked: Quiz, file: Path) -> None:
    """Show the quiz with buttons; every click is kept in the file."""
    show_widget(quiz_widget(asked, file))


def quiz_sheet(page: Page, asked: Quiz) -> Image:
    """All pictures of the quiz with their numbers."""
    alt = "Forty small numbered pictures, photographs and made ones in random order."
    return show_figure(number_sheet(asked), "quiz", page.run, "Forty pictures: what do you see?", alt)


def judge_words(page: Page, asked: Quiz) -> list[str]:
    """What the judge calls each picture of the quiz, in the words of the quiz."""
    words = dict(zip(WORDS, asked.words, strict=True))
    return [words[corner] for corner in quadrants(evidence_for(page, asked.images), (0, 1))]


def print_key(page: Page, asked: Quiz) -> None:
    """Where the pictures of the quiz come from, and what the judge calls each: a paragraph a source."""
    said = judge_words(page, asked)
    for source in dict.fromkeys(asked.sources):
        rows = np.flatnonzero(asked.sources == source)
        text = f"{source}: " + ", ".join(f"{row + 1} {said[row]}" for row in rows)
        print(textwrap.fill(text, 96, subsequent_indent="    "))


def compare_with_judge(page: Page, asked: Quiz, mine: pd.DataFrame) -> pd.DataFrame | None:
    """What was answered to the pictures of each source, and how far that agrees with the judge; None without answers.

    mine: picture, source, answer, of `Quiz.read` or `Quiz.table`.
    """
    if not len(mine):
        print("no answers yet: use the buttons above, then run this cell again")
        return None
    judge = asked.table(judge_words(page, asked))
    print(f"you and the judge: Cohen's kappa {answer_agreement(mine, judge):.2f}")
    return shares_in_words(count_answers(mine, asked.words))


def evidence_for(page: Page, images: np.ndarray | torch.Tensor) -> np.ndarray:
    """The judge's evidence (N, 2) for the two classes, by the probes that saw none of the hidden photographs.

    images: uint8 (N, S, S, 3), or float (N, 3, S, S) in [0, 1].
    """
    images = as_images(images) if torch.is_tensor(images) else images
    found = page.known.judged.judge.evidence(maps_of(images), np.full(len(images), HELD_OUT))
    return found[:, list(page.run.recipe.pair)]


def in_blocks(pictures: torch.Tensor, side: int, draws: torch.Generator) -> torch.Tensor:
    """Pictures (N, 3, S, S) cut into blocks of side times side pixels, and the blocks shuffled.

    Each picture has an order of its own, in which no block stays in its place.
    """
    blocks = torch.nn.functional.unfold(pictures, side, stride=side)  # (N, 3 * side * side, B)
    order = torch.zeros(len(blocks), blocks.shape[2], dtype=torch.long)
    for row in order:
        ring = torch.randperm(len(row), generator=draws)
        row[ring] = ring.roll(1)  # each block moves on to the next place of a random ring
    shuffled = blocks.gather(2, order[:, None].expand_as(blocks))
    return torch.nn.functional.fold(shuffled, pictures.shape[-1], side, stride=side)


def same_discs(page: Page) -> dict[str, torch.Tensor]:
    """The hybrids of `flow_best`, and their discs in other surroundings: each float (N, 3, S, S) in [0, 1].

    Controls: if the disc were enough, all would be judged both alike. It stands by the same rule in each picture.
    """
    made, flow, (_, name) = as_tensor(page.made["flow_best"][0]), page.flow, page.names
    judged, hidden = page.known.judged, page.known.train.rows(page.known.held_out)
    others = as_tensor(judged.background.images[judged.fold_background == HELD_OUT])
    second = hidden.rows(hidden.labels == page.run.recipe.pair[1]).tensor()
    asked = {f"drawn '{name}', first": flow.pair[1], "drawn, told nothing": flow.net.null_class}
    asked |= {
        f"drawn '{other.replace('_', ' ')}'": flow.classes.index(other) for other in OTHERS if other in flow.classes
    }
    seeds = range(len(made))
    clocks = flow.best_of(0, seeds, FIRST_TRIES)
    around = {words: flow.one(label, seeds, guidance=STRONG) for words, label in asked.items()}
    for kind, pictures in ((name, second), (judged.background.word, others)):
        spread = np.linspace(0, len(pictures) - 1, len(made)).astype(int)  # of many kinds
        around[f"photographs of {kind}"] = pictures[spread]
    found = {words: set_into(pictures, clocks) for words, pictures in around.items()}
    return {f"drawn '{name}', kept": made} | found


# --- exercises ------------------------------------------------------------------------------------------------


def check_exercise(number: int, answer, page: Page, **given) -> None:
    """Say whether the answer to an exercise is right; given: what the cells before have computed."""
    truths = {
        1: lambda: [1.0, -1.0, 0.0],
        2: lambda: float(((given["photos"] - given["noise"]) ** 2).mean()),
        3: lambda: cohen_kappa_score([1] * 8 + [0] * 12, [1] * 5 + [0] * 3 + [1] * 2 + [0] * 10),
        4: lambda: int((given["evidence"] >= 0.95).all(1).sum()),
        5: lambda: [explained_by_the_first(page, pictures) for pictures in given["pictures"]],
        6: lambda: [1, 4],
    }
    check(answer, truths[number], tolerance={1: 0.01, 2: 0.002, 3: 0.01}.get(number, 0))


def explained_by_the_first(page: Page, pictures: torch.Tensor) -> int:
    """How many pictures (N, 3, S, S) the flow explains better when told the first class than when told the second."""
    layouts = [plain(label) for label in page.flow.pair]
    first, second = losses_told(page.flow.net, pictures, layouts, times=(0.2, 0.35, 0.5, 0.65))
    return int((first < second).sum())
