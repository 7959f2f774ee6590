"""What notebook 04 does behind its cells: open the run, save figures, make tables, check answers."""

import logging
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import resources
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from IPython.display import Image
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from sklearn.metrics import cohen_kappa_score

from clockodile.ambiguous.evidence import LENIENT, quadrants
from clockodile.ambiguous.judge import maps_of
from clockodile.classify import own_net
from clockodile.core import results, store
from clockodile.core.recipes import DEFAULT_RECIPE
from clockodile.core.stats import wilson_interval
from clockodile.core.workspace import Run, open_run
from clockodile.data.dataset import Dataset, as_images, as_tensor, load_dataset
from clockodile.hybrids import evaluation
from clockodile.hybrids.evaluation import Reference
from clockodile.hybrids.generators.flow import GUIDANCE_SCALE, losses_told, noise_of, to_signed, to_unit
from clockodile.hybrids.generators.flow_of_run import (
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
from clockodile.hybrids.quiz import Quiz, answer_agreement, make_quiz
from clockodile.hybrids.quiz_widget import number_sheet, quiz_widget
from clockodile.show.exercise import check
from clockodile.show.pictures import Row, picture_rows
from clockodile.show.plots import BLUE, LINE_COLOURS, QUIET, VERMILION, new_figure, save_figure, tile_figure
from clockodile.show.widgets import live_figure, one_of, share, show_widget, whole_number

SHOWN = 8  # pictures in a row
FEWEST = 6  # places in a row: one or two pictures would fill the page
LABEL = 12  # letters in a line beside pictures
TWO_PHOTOS = np.array([-1.0, 1.0])  # of one pixel each
PATHS = (0.0, 0.25, 0.5, 0.75, 1.0)  # times at which the drawing shows a mixture of noise and photograph
ASKED = ("half_and_half", "pyramid_paste", "flow_placed", "flow_joined")  # generators in the quiz
RELATIVE = "lizard"  # of the package's flow: what a crocodile may be taken for
JOINED = GENERATORS["flow_joined"].title  # sources of the viewers' answers, as titles of generators are
WORDS = ("first", "second", "both", "neither")  # what viewers may answer
# first letters of the viewers who were shown the pictures of the committed page, in two rounds
ROUNDS = {"y": "three viewers", "w": "four other viewers"}
ANSWERS = resources.files("clockodile.hybrids") / "viewers.csv"  # what outside viewers answered, counted
JUDGE = "the judge"  # who says what is both, beside ROUNDS
PHOTOGRAPHS = "hidden photographs"  # a kind, beside those of made pictures
MOST_SHOWN = 32  # of them, to a viewer
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
            "flow": profile.finetune_steps,
            "pair": list(self.run.recipe.pair),
            "epochs": profile.autoencoder_epochs,
        }
        kept = store.cached(self.run.dir, "hybrids.npz", config, partial(make_hybrids, self.draws, self.count))
        return {
            name: (kept["images"][kept["method"] == name], float(seconds))
            for name, seconds in zip(self.draws, kept["seconds"], strict=True)
        }


def open_page(*, count: int, retrain: bool, **settings) -> Page:
    """Open the run, make the generators ready and what their pictures are measured with. settings: of open_run."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("clockodile").setLevel(logging.INFO)
    run = open_run(**settings)
    everything = load_dataset(run)
    run = own_net.choose_pair(run, everything.part("train"))
    everything, side = as_generators_see(everything), everything.images.shape[1]
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
    """Draw the straight way from a noise to a photograph, and the ways of two others that cross it half-way."""
    photos, _ = parents(page.run, page.everything, range(3))
    photos, noise = to_signed(photos), noise_of([0], photos.shape[-1])
    way = torch.cat([(1 - t) * noise + t * photos[:1] for t in PATHS])
    others = 2 * way[len(PATHS) // 2] - photos[1:]  # the noises from which the way to these leads through its middle
    figure, ax = new_figure(height=3.8)
    ax.set(xlim=(-0.1, 1.1), ylim=(-1.15, 1.15), xlabel="time t: 0 = pure noise, 1 = the photograph")
    ax.set_yticks([])
    ax.set_xticks(PATHS)
    ax.grid(False)
    ax.spines["left"].set_visible(False)
    heights = 0.75, -0.75
    for height, colour in zip(heights, (BLUE, LINE_COLOURS[2]), strict=True):
        ax.plot([0, 1], [-height, height], color=colour, linestyle=":", linewidth=2.5)
    ax.annotate("", (1.0, 0), (0.0, 0), arrowprops={"arrowstyle": "-|>", "color": VERMILION, "linewidth": 2})
    places = [(time, 0.0) for time in PATHS]
    places += [(time, sign * height) for time, sign in ((0.0, -1), (1.0, 1)) for height in heights]
    pictures = as_images(to_unit(torch.cat([way, others, photos[1:]])))
    for picture, place in zip(pictures, places, strict=True):
        box = OffsetImage(picture, zoom=1.7, interpolation="nearest")
        ax.add_artist(AnnotationBbox(box, place, frameon=False))
    ax.text(0.5, 0.42, "velocity = photograph - noise", color=VERMILION, ha="center", fontweight="bold")
    title = "One mixture, and three ways that lead through it"
    ax.set_title(title)
    return show_figure(
        figure, "straight_way", page.run, title,
        "A drawing: noise at the left, three mixtures with more and more of a photograph, and the photograph, on an "
        "arrow called velocity. Through the middle one, two dotted lines run from other noises to other photographs.",
    )  # fmt: skip


def best_guess(x: np.ndarray, time: float | np.ndarray) -> np.ndarray:
    """The velocity that costs least at pixels x (N,), when there are two photographs, -1 and 1: (N,).

    time: one for all pixels, or one for each, (N,).
    """
    time = np.asarray(time)[..., None]
    noise = (x[:, None] - time * TWO_PHOTOS) / (1 - time)  # with which each photograph would lead here
    weight = np.exp(-(noise**2) / 2)
    return (weight * (TWO_PHOTOS - noise)).sum(1) / weight.sum(1)


def draw_walks(page: Page, ax: Axes, guess: Callable[[np.ndarray, float], np.ndarray], **style) -> list[Line2D]:
    """Draw twelve walks of one pixel that follow a guess of the velocity, the first from 0.5, the rest from noise."""
    steps = 100
    walks = [np.r_[0.5, np.random.default_rng(page.run.seed).normal(size=11)]]
    for time in np.arange(steps) / steps:
        walks.append(walks[-1] + guess(walks[-1], time) / steps)
    return ax.plot(np.linspace(0, 1, steps + 1), np.array(walks), **style)


def show_walks(page: Page, name: str, title: str, alt: str, figure: Figure, keys: dict[str, tuple[str, str]]) -> Image:
    """Complete a figure of walks by its photographs, words and key (label -> colour and style), and show it."""
    (ax,) = figure.axes
    ax.plot([1, 1], TWO_PHOTOS, "o", color=BLUE, clip_on=False, label="the two photographs")
    for label, (colour, style) in keys.items():
        ax.plot([], [], style, color=colour, linewidth=1.8, label=label)
    ax.set(xlim=(0, 1), xlabel="time t: 0 = pure noise, 1 = a photograph", ylabel="the pixel, x")
    figure.legend(loc="outside lower center", ncols=3)
    ax.set_title(title)
    alt = f"Twelve curves from random heights run towards the middle and then part to 1 or to -1. {alt}"
    return show_figure(figure, name, page.run, title, alt)


def one_pixel(page: Page) -> Image:
    """Draw walks of one pixel that follow the best guess, and two ways of the training through one of them."""
    figure, ax = new_figure(height=3.3)
    thick, *_ = draw_walks(page, ax, best_guess, color=QUIET, linewidth=1.0)
    thick.set(color=VERMILION, linewidth=2.6)
    for start, end in ((-0.2, 1), (1.8, -1)):
        ax.plot([0, 1], [start, end], ":", color=BLUE, linewidth=1.8)
    ax.plot([0.5], [0.4], "o", color=VERMILION, markeredgecolor="white", markersize=9)
    keys = {"the walk from 0.5": (VERMILION, "-"), "two ways of the training, through 0.4": (BLUE, ":")}
    title = "Walks of one pixel: each decides for one of the two photographs"
    alt = "Two straight dotted lines cross on the thick one, half-way."
    return show_walks(page, "one_pixel", title, alt, figure, keys)


def one_pixel_learned(page: Page, net: torch.nn.Module) -> Image:
    """Draw the walks that follow a net, (N, 2) of pixel and time -> (N, 1), beside those of the best guess."""

    @torch.no_grad()
    def learned(x: np.ndarray, time: float) -> np.ndarray:
        return net(torch.tensor(np.stack([x, np.full(len(x), time)], 1)).float())[:, 0].double().numpy()

    figure, ax = new_figure(height=3.0)
    draw_walks(page, ax, best_guess, color=QUIET, linewidth=1.0)
    draw_walks(page, ax, learned, color=VERMILION, linewidth=1.6, linestyle="--")
    keys = {"the best guess": (QUIET, "-"), "the tiny net": (VERMILION, "--")}
    title = "A tiny net walks as the best guess does, which nobody told it"
    return show_walks(page, "one_pixel_learned", title, "Beside each runs a dashed one, by the net.", figure, keys)


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


def beside_nearest(page: Page, made: torch.Tensor) -> Image:
    """Those of the made pictures (N, 3, S, S) that are most like one that was learned from, above it."""
    images, known = as_images(made), page.known
    distance = evaluation.pixel_distances(images, known.learned)
    rows = distance.min(1).argsort()[:FEWEST]
    nearest = known.learned[distance[rows].argmin(1)]
    title = "The least new of these pictures, above the learned picture most like each"
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
    """New pictures of one class each, measured beside photographs of that class, as in `measure_all`."""
    rows = []
    for label, wanted, name in zip(page.run.recipe.pair, page.flow.pair, page.names, strict=True):
        known = evaluation.reference(page.run, page.everything, pair=(label, label))
        found = evaluation.measure(page.flow.one(wanted, range(count)), known)
        real = evaluation.measure_photographs(known)
        rows.append({
            "new pictures of": name,
            "judge sees it, %": round(100 * found["both"]),
            "in photographs, %": round(100 * real["both"]),
            "told apart, %": round(100 * found["told_apart"]),
            "memorised": found["memorised"],
        })  # fmt: skip
    return pd.DataFrame(rows).set_index("new pictures of")


def answers() -> pd.DataFrame:
    """What outside viewers answered: a row a viewer and source, with how often each of WORDS was said.

    asked: "fresh" for pictures made when every choice had been made; "earlier" for those of an earlier method that were
    shown among them; "joined" for what only `exchanged` makes. shown: how many pictures.
    """
    with ANSWERS.open("r", encoding="utf-8") as file:
        found = pd.read_csv(file)
    return found.assign(shown=found[list(WORDS)].sum(axis=1))


def voices(page: Page, joined: dict[str, np.ndarray]) -> pd.DataFrame | None:
    """Who called how many pictures of this page both: the judge, and each viewer of ROUNDS, of the very same ones.

    joined: the judge's yes or no for each picture of `exchanged`, (N,). Columns kind, who, both, shown; who is a round,
    with a row for each of its viewers. Hidden photographs are one kind more; of these the judge was not asked about the
    very same. None, and a line, for pictures of anything but clocks and crocodiles.
    """
    if page.run.recipe.name != DEFAULT_RECIPE:
        print("the viewers were shown clocks and crocodiles; nobody was asked about pictures of your classes")
        return None
    known, pair = page.known, list(page.run.recipe.pair)
    hidden = spread_over(torch.from_numpy(known.judged.evidence[known.held_out][:, pair]), MOST_SHOWN)
    made = ("half_and_half", "flow_placed", "flow_both")
    evidence = {GENERATORS[name].title: evidence_for(page, page.made[name][0]) for name in made}
    judged = {PHOTOGRAPHS: hidden.numpy().min(1) >= LENIENT}
    judged |= {kind: found.min(1) >= LENIENT for kind, found in evidence.items()} | joined
    found, names = answers(), {"FIRST": page.names[0], "SECOND": page.names[1], "photographs: .*": PHOTOGRAPHS}
    found = found.assign(kind=found["source"].replace(names, regex=True), who=found["viewer"].str[0].map(ROUNDS))
    found = found[found["who"].notna() & found["kind"].isin(judged)]
    found = found.groupby(["kind", "who", "viewer"], sort=False)[["both", "shown"]].sum().reset_index()
    ours = (
        found.drop_duplicates("kind")
        .assign(who=JUDGE)
        .sort_values("kind", key=lambda kinds: kinds.map([*judged].index))
    )
    # of the same pictures, so no more than the viewers saw
    ours["both"] = [judged[kind][:shown].sum() for kind, shown in zip(ours["kind"], ours["shown"], strict=True)]
    return pd.concat([ours, found], ignore_index=True).drop(columns="viewer")


def both_shares(found: pd.DataFrame) -> pd.DataFrame:
    """The share called both, and its 95 % interval, by the judge and in the mean of the viewers of each round.

    found: of `voices`. Index kind and who, columns share, low, high, 0 to 1. More viewers are no more pictures, so the
    interval of their mean is that of as many answers as there are pictures.
    """
    means = found.groupby(["kind", "who"], sort=False)[["both", "shown"]].mean()
    share = means["both"] / means["shown"]
    ends = [wilson_interval(part, count) for part, count in zip(share, means["shown"], strict=True)]
    return pd.DataFrame(ends, index=means.index, columns=["low", "high"]).assign(share=share)


def viewers_figure(page: Page, found: pd.DataFrame | None) -> Image | None:
    """What the judge called both and what viewers did, of the same pictures. found: of `voices`."""
    if found is None:
        return None
    shares, counts = 100 * both_shares(found), found.groupby("kind", sort=False)["shown"].unique()
    shown = counts.map(lambda of: " or ".join(str(count) for count in sorted(of)))
    figure, ax = new_figure(height=0.5 * len(shown) + 1.5)
    for place, (who, colour) in enumerate(
        zip((JUDGE, *ROUNDS.values()), (VERMILION, LINE_COLOURS[2], BLUE), strict=True)
    ):
        there = [kind for kind in shown.index if (kind, who) in shares.index]
        y = np.array([shown.index.get_loc(kind) for kind in there]) + 0.24 * (place - 1)
        share, low, high = (shares.loc[[(kind, who) for kind in there], end] for end in ("share", "low", "high"))
        ax.errorbar(share, y, xerr=(share - low, high - share), fmt="o", color=colour, markersize=6, label=who)
        if who != JUDGE:
            each = found[found["who"] == who]
            heights = each["kind"].map(dict(zip(there, y, strict=True)))
            ax.plot(100 * each["both"] / each["shown"], heights, "|", color="black", markersize=6, markeredgewidth=1)
    ax.plot([], [], "|", color="black", label="each of them")
    ax.set(xlim=(-2, 100), xticks=range(0, 101, 20), xlabel='share called "both", %')
    ax.set_yticks(range(len(shown)), [f"{kind} ({count})" for kind, count in shown.items()])
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=4)
    title = "The same pictures: who calls them both?"
    ax.set_title(title)
    alt = "Dots with 95 % intervals: share called both, by the judge and two rounds of viewers, of several kinds."
    return show_figure(figure, "voices", page.run, title, alt)


def two_by_two(page: Page, found: pd.DataFrame | None) -> pd.DataFrame | None:
    """The joined pictures by what is drawn and what photographed: share that viewers called both in %, with intervals.

    By the last of ROUNDS, the only one that was shown all four kinds; the last row and column are differences in
    points. found: of `voices`.
    """
    if found is None:
        return None
    square = 100 * both_shares(found).xs([*ROUNDS.values()][-1], level="who").loc[[*joined_kinds(page.names)]]
    words = [f"{part.share:.0f} ({part.low:.0f} to {part.high:.0f})" for part in square.itertuples()]
    hows = "drawn", "photographed"
    table, share = (np.array(part).reshape(2, 2) for part in (words, square["share"]))  # rows: the first class
    rows, columns = ([f"{name} {how}" for how in hows] for name in page.names)
    table = pd.DataFrame(table, rows, columns)
    table["difference"] = [f"{gap:+.0f}" for gap in share[:, 1] - share[:, 0]]
    table.loc["difference"] = [*(f"{gap:+.0f}" for gap in share[1] - share[0]), ""]
    return table.rename_axis("both, %")


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


def compare_with_judge(page: Page, asked: Quiz, mine: pd.DataFrame) -> pd.DataFrame:
    """How many pictures of each source the judge called both, and whoever answered; prints how far they agree.

    mine: picture, source, answer, of `Quiz.read` or `Quiz.table`; without answers their column is empty.
    """
    judge, both = asked.table(judge_words(page, asked)), asked.words[2]
    rows = judge.groupby("source", sort=False)["answer"]
    table = pd.DataFrame({"pictures": rows.size(), "both, the judge": rows.agg(lambda said: (said == both).sum())})
    if len(mine):
        print(f"you and the judge: Cohen's kappa {answer_agreement(mine, judge):.2f}")
        yours = mine[mine["answer"] == both].groupby("source").size()
        table["both, you"] = yours.reindex(table.index, fill_value=0)
    else:
        print("no answers yet: use the buttons above, then run this cell again")
        table["both, you"] = ""
    return table


def evidence_for(page: Page, images: np.ndarray | torch.Tensor) -> np.ndarray:
    """The judge's evidence (N, 2) for the two classes, by the probes that saw none of the hidden photographs.

    images: uint8 (N, S, S, 3), or float (N, 3, S, S) in [0, 1].
    """
    images = as_images(images) if torch.is_tensor(images) else images
    found = page.known.judged.judge.evidence(maps_of(images), np.full(len(images), HELD_OUT))
    return found[:, list(page.run.recipe.pair)]


def joined_kinds(names: tuple[str, str]) -> tuple[str, str, str, str]:
    """What the four kinds of joined pictures are called: the first class drawn, twice; then it is photographed."""
    first, second = names
    return (
        JOINED, f"drawn {first}, photographed {second}", f"photographed {first}, drawn {second}",
        f"photographed {first} and {second}",
    )  # fmt: skip


def exchanged(page: Page) -> dict[str, torch.Tensor]:
    """The hybrids of `flow_joined`, and others joined by the same rule: each float (N, 3, S, S) in [0, 1].

    First those in which hidden photographs of the one class, the other, or both take the place of the same drawings;
    then the drawings of the first class in other surroundings.
    """
    count, flow = len(page.made["flow_joined"][0]), page.flow
    judged, hidden = page.known.judged, page.known.train.rows(page.known.held_out)
    drawn = [flow.one(label, range(count), guidance=STRONG) for label in flow.pair]
    photos = [spread_over(hidden.rows(hidden.labels == label).tensor(), count) for label in page.run.recipe.pair]
    found = {JOINED: as_tensor(page.made["flow_joined"][0])}  # both drawn, as they were kept
    for kind, (first, second) in [*zip(joined_kinds(page.names), product((drawn, photos), repeat=2), strict=True)][1:]:
        found[kind] = set_into(second[1], first[0])
    others = as_tensor(judged.background.images[judged.fold_background == HELD_OUT])
    found[f"drawn {page.names[0]} on {judged.background.word}"] = set_into(spread_over(others, count), drawn[0])
    if RELATIVE in flow.classes:
        relatives = flow.one(flow.classes.index(RELATIVE), range(count), guidance=STRONG)
        found[f"drawn {page.names[0]}, drawn {RELATIVE}"] = set_into(relatives, drawn[0])
    return found


def spread_over(pictures: torch.Tensor, count: int) -> torch.Tensor:
    """`count` of the pictures, from the first to the last: of many kinds, where these follow each other."""
    return pictures[np.linspace(0, len(pictures) - 1, count).astype(int)]


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
