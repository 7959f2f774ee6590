"""What notebook 03 does behind its cells: open the run, save figures, make tables, check answers."""

import logging
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import ipywidgets
import numpy as np
import pandas as pd
from IPython.display import Image
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patches import Rectangle
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.preprocessing import normalize

from clockodile.ambiguous import scores
from clockodile.ambiguous.describe import describe_evidence, quadrant_name
from clockodile.ambiguous.evidence import LENIENT, mean_features, percentile, quadrants
from clockodile.ambiguous.judge import JudgeResult, judge_run, maps_of
from clockodile.ambiguous.score_table import SCORES, OutOfFold, ambiguity_table, collect_out_of_fold
from clockodile.classify import own_net
from clockodile.core import results, store
from clockodile.core.workspace import Run, open_run
from clockodile.data.dataset import Dataset, load_dataset
from clockodile.data.widgets import PAGE, drop_photo, tiles
from clockodile.show import plots
from clockodile.show.exercise import check
from clockodile.show.pictures import Row, picture_rows
from clockodile.show.widgets import live_figure, one_of, share

PAIRS = 12  # ambiguous images shown beside their double
show_figure = partial(plots.save_figure, notebook="03")


@dataclass(frozen=True)
class Page:
    """All that the cells of notebook 03 work on."""

    run: Run
    everything: Dataset
    data: Dataset  # the N training images
    judged: JudgeResult
    known: OutOfFold

    @property
    def pair(self) -> tuple[int, int]:
        """The numbers of the two classes that are compared."""
        return self.known.pair

    @property
    def names(self) -> tuple[str, str]:
        return tuple(self.data.classes[label] for label in self.pair)

    @property
    def headline(self) -> np.ndarray:
        """How much each image is both: the smaller of its evidences, (N,) in [0, 1]."""
        return scores.both(self.known.evidence, self.pair)

    @cached_property
    def doubles(self) -> pd.DataFrame:
        """Every image's double in the other class of the pair, see nearest_of_others."""
        return nearest_of_others(self.judged.features, self.data.labels, np.isin(self.data.labels, self.pair))


def nearest_of_others(features: np.ndarray, labels: np.ndarray, allowed: np.ndarray) -> pd.DataFrame:
    """For each image the image of another class nearest to it, by the angle between their features.

    features: (N, D) comparable with each other; labels: int (N,); allowed: bool (N,), who may be a partner. A row for
    each of the N images, in their order: row, partner (numbers), similarity (cosine, -1..1); where there is none,
    partner is -1 and similarity nan.
    """
    unit = normalize(features)
    unit = normalize(unit - unit.mean(0))  # what all pictures share says nothing about who is alike
    similarity = unit @ unit.T
    similarity[(labels[:, None] == labels) | ~allowed] = -np.inf
    best = similarity.max(1)
    there = np.isfinite(best)
    partner = np.where(there, similarity.argmax(1), -1)
    return pd.DataFrame({"row": np.arange(len(best)), "partner": partner, "similarity": np.where(there, best, np.nan)})


def open_page(*, retrain: bool, **settings) -> Page:
    """Open the run, and ask the nets and the judge about every training image out of fold. settings: of open_run."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    run = open_run(**settings)
    everything = load_dataset(run)
    data = everything.part("train")
    run = own_net.choose_pair(run, data)
    judged = judge_run(run, everything, retrain=retrain)
    for remark in (*data.remarks, judged.background.note):
        if remark:
            print("NOTE:", remark)
    known = collect_out_of_fold(data, own_net.out_of_fold(run, data), judged, run.recipe.pair)
    return Page(run, everything, data, judged, known)


# --- figures --------------------------------------------------------------------------------------------------


def top_sheet(page: Page, score: np.ndarray, name: str, title: str) -> Image:
    """The 24 images with the highest score, (N,)."""
    data, order = page.data, scores.top(score)
    ids = plots.short_ids(data.ids)
    below = np.floor(100 * score + 1e-9) / 100  # what is less than 0.9 shall not stand there as 0.90
    figure = plots.tile_figure(
        data.images[order],
        columns=8,
        captions=[f"{ids[row]}: {below[row]:.2f}" for row in order],
        colours=[plots.class_colour(label) for label in data.labels[order]],
        title=f"{title} ({plots.colour_key(data.classes)})",
        size=8,
    )
    alt = f"The 24 images with the highest score, each with its id and score. {title}."
    return show_figure(figure, name, page.run, title, alt)


def noise_bars(page: Page, by_net: dict[str, list[float]], images: dict[str, np.ndarray]) -> Image:
    """How often pictures of neither class look ambiguous to nets that compare, beside three pictures of each kind.

    by_net: kind -> a share of 0..1 for each net; images: kind -> uint8 (N, S, S, 3). Bars are means.
    """
    shares = {kind: float(np.mean(found)) for kind, found in by_net.items()}
    title = "Pictures of neither class: how many seem 'ambiguous' by their entropy?"
    alt = "Bars: " + ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    alt += ". Share that is more ambiguous by entropy than nine in ten real images; by chance 10 %."
    kinds, percent = list(shares), [100 * share for share in shares.values()]
    figure, (left, ax) = plots.new_figure(1, 2, height=0.75 * len(kinds) + 0.9, width_ratios=(1, 2))
    three = [images[kind][:: max(1, len(images[kind]) // 3)][:3] for kind in kinds]
    sheet = plots.image_sheet(np.concatenate(three), 3)
    left.imshow(sheet, extent=(0, 3, len(kinds) - 0.5, -0.5), interpolation="nearest", aspect="auto")
    left.set_yticks(range(len(kinds)), kinds)
    left.set_xticks([])
    left.tick_params(axis="y", length=0)
    left.spines[:].set_visible(False)
    ax.barh(range(len(kinds)), percent, color=plots.BLUE, height=0.6)
    for row, kind in enumerate(kinds):
        ends = 100 * min(by_net[kind]), 100 * max(by_net[kind])
        ax.plot(ends, [row, row], color=plots.INK, linewidth=1.2, label="from net to net" if row == 0 else None)
        ax.text(max(ends) + 2, row, f"{percent[row]:.0f} %", va="center")
    ax.axvline(10, color=plots.ALARM, linestyle="--", label="real images, by construction")
    ax.set(xlim=(0, 105), ylim=(len(kinds) - 0.5, -0.5), yticks=[])
    ax.set_xlabel("share that is more 'ambiguous' than nine in ten real images, %")
    ax.legend(loc="lower right")
    figure.suptitle(title, x=0.01, ha="left")
    return show_figure(figure, "noise_wins", page.run, title, alt)


def corner_names(ax: Axes, names: tuple[str, str]) -> None:
    """Write what lies in each of the four corners of the plane into it."""
    look = {"transform": ax.transAxes, "fontsize": 13, "fontweight": "bold"}
    ax.text(0.99, 0.015, f"only {names[0]}", ha="right", va="bottom", **look)
    ax.text(0.01, 0.985, f"only {names[1]}", ha="left", va="top", **look)
    ax.text(0.99, 0.985, "both", ha="right", va="top", **look)
    ax.text(0.01, 0.015, "neither", ha="left", va="bottom", **look)


def plane_idea(page: Page) -> Image:
    """Draw the plane with its four corners and the diagonal, and a typical picture in three of the corners."""
    (a, b), names = page.pair, page.names
    found, others = page.judged.scores, page.judged.scores_background[:, [a, b]].max(1)
    lead = [np.where(page.data.labels == k, found[:, k] - found[:, j], -np.inf) for k, j in ((a, b), (b, a))]
    images = [page.data.images[rows.argmax()] for rows in lead]
    images.append(page.judged.background.images[others.argmin()])
    figure, ax = plots.new_figure(width=6.4, height=5.6)
    ax.plot([0, 1], [0, 1], color=plots.ALARM, linewidth=2.5)
    along = {"rotation": 45, "transform_rotates_text": True, "rotation_mode": "anchor", "va": "top"}
    ax.text(0.68, 0.67, "the diagonal: undecided", color=plots.ALARM, ha="center", **along)
    for place, image in zip(((0.86, 0.15), (0.14, 0.84), (0.14, 0.15)), images, strict=True):
        box = OffsetImage(image, zoom=64 / len(image), interpolation="nearest")
        ax.add_artist(AnnotationBbox(box, place, pad=0.1))
    ax.text(0.86, 0.83, "?", fontsize=40, ha="center", va="center", backgroundcolor="white")
    for end in ((0.72, 0.28), (0.28, 0.72)):
        ax.annotate("", end, (0.5, 0.5), arrowprops={"arrowstyle": "-|>", "color": plots.INK, "linewidth": 1.5})
    ax.text(0.735, 0.285, f"surely {names[0]}", ha="left", va="center")
    ax.text(0.265, 0.715, f"surely {names[1]}", ha="right", va="center")
    corner_names(ax, names)
    ax.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[])
    ax.set_xlabel(f"more and more {names[0]} in the picture")
    ax.set_ylabel(f"more and more {names[1]} in the picture")
    ax.set_title("A difference tells the side of the diagonal and the distance, no more")
    return show_figure(
        figure, "plane_idea", page.run, "The plane: four corners, and the diagonal that a comparing net looks along",
        "A drawing: a square whose corners are only the first class, only the second, both, and neither. The diagonal "
        "runs from neither to both; a net that compares sees only the distance to it.",
    )  # fmt: skip


def plane(page: Page) -> Image:
    """Every image in the plane of its two scores; those that are both have numbers, three to ten of them."""
    columns, data, names = list(page.pair), page.data, page.names
    others = page.judged.scores_background[:, columns]
    # both axes count from where a class counts as present
    limit = np.quantile(page.judged.judge.background[:, columns], LENIENT, axis=0)
    points, others = page.judged.scores[:, columns] - limit, others - limit
    figure, (ax, side) = plots.new_figure(1, 2, width=8.4, height=6.4, width_ratios=(3, 1))
    words = page.judged.background.word
    # where nobody gave other things, evidence is counted among the classes
    rivals = "of the other classes" if page.judged.background.note else words
    ax.plot(*others.T, ".", color="#8A9296", markersize=3, alpha=0.5, label=words)
    if (rest := ~np.isin(data.labels, columns)).any():
        ax.plot(*points[rest].T, "x", color=plots.QUIET, markersize=4, label="the other classes")
    for label, name in zip(columns, names, strict=True):
        look = {"color": plots.class_colour(label), "markersize": 3, "alpha": 0.55, "label": name}
        ax.plot(*points[data.labels == label].T, "o", **look)
    every = np.concatenate([points, others])
    low, high = every.min(0) - 0.3, every.max(0) + 0.3
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    ends = np.array([low.max(), high.min()])
    ax.plot(ends, ends, color=plots.ALARM, linewidth=1.5, label="the diagonal: as far over one line as the other")
    limits = {"color": plots.INK, "linewidth": 0.9, "linestyle": ":"}
    ax.axvline(0, **limits, label=f"exceeded by one in ten {rivals}")
    ax.axhline(0, **limits)
    corner_names(ax, names)
    shown = scores.top(page.headline, max(3, min(10, int((page.headline >= LENIENT).sum()))))
    ids = plots.short_ids(data.ids)
    colours = [plots.class_colour(label) if label in columns else plots.QUIET for label in data.labels[shown]]
    places = number_places((points[shown] - low) / (high - low))
    for number, (row, place, colour) in enumerate(zip(shown, places, colours, strict=True), start=1):
        line = {"arrowstyle": "-", "linewidth": 0.6, "shrinkB": 1}
        look = {"ha": "center", "va": "center", "fontsize": 10, "fontweight": "bold"}
        ax.plot(*points[row], "o", markersize=5, color=colour, markeredgecolor=plots.INK)
        ax.annotate(str(number), points[row], place, textcoords="axes fraction", arrowprops=line, **look)
    captions = [f"{number}: {ids[row]}" for number, row in enumerate(shown, start=1)]
    plots.show_tiles(side, data.images[shown], columns=2, captions=captions, colours=colours, size=8)
    title = f"{(page.headline >= LENIENT).sum()} of {len(data)} images reach the corner 'both'"
    title += ", compared with the other classes" * bool(page.judged.background.note)
    figure.suptitle(title, x=0.01, ha="left")
    ax.set_xlabel(f"score for '{names[0]}', counted from evidence 0.9")
    ax.set_ylabel(f"score for '{names[1]}', counted from evidence 0.9")
    figure.legend(loc="outside lower center", ncols=3, markerscale=2, fontsize=8.5)
    return show_figure(
        figure, "plane", page.run, title,
        f"Scatter plot: score for the first class against score for the second, {words} in grey, the corner 'both' at "
        "the upper right. The ten pictures with the most evidence for both are numbered and shown at the side.",
    )  # fmt: skip


def number_places(points: np.ndarray) -> np.ndarray:
    """Where to write numbers beside points (K, 2), all in shares of the axes: clear of the points and each other."""
    turns = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    around, taken = 0.045 * np.stack([np.cos(turns), np.sin(turns)], 1), list(points)
    for point in points:
        gaps = np.linalg.norm((point + around)[:, None] - np.array(taken), axis=2).min(1)
        taken.append(point + around[gaps.argmax()])
    return np.array(taken[len(points) :])


def vote_sheet(page: Page, images: np.ndarray) -> Image:
    """Pictures to vote on, uint8 (N, S, S, 3): each has its number and nothing else."""
    title = "Vote: what is in each of these pictures?"
    figure = plots.tile_figure(
        images, columns=6, captions=[str(n) for n in range(1, len(images) + 1)], title=title, size=8
    )
    alt = f"{len(images)} numbered pictures, some of which are both by making."
    return show_figure(figure, "exposures", page.run, title, alt)


def stamped_sheet(page: Page, images: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> Image:
    """The same eight pictures with one stamp after another, each with its evidence for the first class of the pair.

    images: stamp -> uint8 (N, S, S, 3); found: stamp -> (N,) in [0, 1]. A row a stamp.
    """
    some = np.linspace(0, len(next(iter(found.values()))) - 1, 8).astype(int)
    rows = []
    for name, evidence in found.items():
        captions = [f"{np.floor(100 * value) / 100:.2f}" for value in evidence[some]]
        colours = [plots.ALARM if value >= LENIENT else plots.PALE for value in evidence[some]]
        rows.append(Row(textwrap.fill(name, 11), images[name][some], captions, colours))
    title = f"Does a stamp make a {page.names[0]}? (below: evidence for that class; red: {LENIENT:g} and more)"
    figure = picture_rows(rows, columns=8, title=title)
    alt = f"Eight pictures a row; row by row stamped with {', '.join(images)}; under each its evidence."
    return show_figure(figure, "stamped", page.run, title, alt)


def place_answers(page: Page, maps: Sequence[np.ndarray], fold: np.ndarray) -> list[np.ndarray]:
    """What every place of feature maps says for the pair's classes: (2, N, H, W) for each size, of (N, D, H, W)."""
    weights = np.split(page.judged.judge.weight[fold][:, list(page.pair)], len(maps), axis=2)
    return [
        np.einsum("ncd,ndyx->cnyx", weight, seen.astype(np.float64)) for weight, seen in zip(weights, maps, strict=True)
    ]


def frame_strongest(ax: Axes, answers: np.ndarray, label: int, *, side: float = 1, width: float = 2.5) -> None:
    """Frame the place with the highest of the answers (H, W) in its class's colour; side: of a place, as drawn."""
    y, x = np.unravel_index(answers.argmax(), answers.shape)
    look = {"fill": False, "edgecolor": plots.class_colour(label), "linewidth": width}
    ax.add_patch(Rectangle((x * side - 0.5, y * side - 0.5), side, side, **look))


def place_maps(
    page: Page, images: np.ndarray, fold: np.ndarray, captions: Sequence[str], name: str, title: str
) -> Image:
    """Pictures, and below each how much every place of the larger enlargement looks like each class of the pair.

    images: uint8 (N, S, S, 3); fold: int (N,) whose probes, fitted without it, are asked about each; captions: N.
    """
    coarse, places = place_answers(page, maps_of(images), fold)
    side, large = (images.shape[1] / found.shape[-1] for found in (places, coarse))  # pixels of a place in the picture
    figure, axes = plots.new_figure(3, len(images), height=0.9 + 20 / max(len(images), 6))
    for column, (image, caption) in enumerate(zip(images, plots.short_ids(captions), strict=True)):
        axes[0, column].imshow(image, interpolation="nearest")
        axes[0, column].set_title(caption, fontsize=9, fontweight="normal")
        for row, (label, found) in enumerate(zip(page.pair, places, strict=True), start=1):
            axes[row, column].imshow(found[column], cmap="Greys_r", vmin=found.min(), vmax=found.max())
            frame_strongest(axes[row, column], found[column], label)
            frame_strongest(axes[0, column], coarse[row - 1, column], label, side=large, width=1.0)
            frame_strongest(axes[0, column], found[column], label, side=side)
    for row, class_name in enumerate(page.names, start=1):
        axes[row, 0].set_ylabel(f"answers for\n{class_name}")
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    figure.suptitle(title, x=0.01, ha="left")
    return show_figure(
        figure, name, page.run, title,
        f"Pictures, and below each two grids of {places.shape[2]} times {places.shape[3]} grey squares, one for each "
        "class: the brighter, the more the place looks like the class. The brightest square is framed.",
    )  # fmt: skip


def judge_by_steps(page: Page) -> Image:
    """The way of one photograph through the judge: places of two sizes, their answers, other things' scores."""
    label, data, judged = page.pair[0], page.data, page.judged
    rows = np.flatnonzero((data.fold == 0) & (data.labels == label))
    by_score = rows[np.argsort(judged.scores[rows, label])]
    middle = by_score[len(rows) // 3 :][: max(1, len(rows) // 3)]  # neither the clearest nor the least clear
    answers = [found[0] for found in place_answers(page, maps_of(data.images[middle]), data.fold[middle])]
    # the one whose strongest places of the two sizes lie nearest to each other: most alike for the eye
    places = [
        (np.stack(np.unravel_index(found.reshape(len(middle), -1).argmax(1), found.shape[1:])) + 0.5) / found.shape[1]
        for found in answers
    ]
    chosen = np.square(places[0] - places[1]).sum(0).argmin()
    row, image = middle[chosen], data.images[middle[chosen]]
    figure, axes = plots.new_figure(2, 3, height=4.6, width_ratios=(1, 1, 1.6))
    for (left, right, _), found in zip(axes, answers, strict=True):
        left.imshow(image, interpolation="nearest")
        side, found = found.shape[-1], found[chosen]
        for line in np.arange(1, side) * len(image) / side - 0.5:
            left.axvline(line, color="white", linewidth=0.8)
            left.axhline(line, color="white", linewidth=0.8)
        left.set_ylabel(f"{side} x {side} places")
        right.imshow(found, cmap="Greys_r")
        frame_strongest(right, found, label)
        right.set_xlabel(f"the strongest: {found.max():.1f}")
        for ax in (left, right):
            ax.set(xticks=[], yticks=[])
    axes[0, 0].set_title("First: each place\nbecomes 1,280 numbers", fontsize=9.5)
    axes[0, 1].set_title("Second, third: scores;\nthe strongest counts", fontsize=9.5)
    for ax in axes[:, 2]:
        ax.remove()
    ax = figure.add_subplot(axes[0, 0].get_gridspec()[:, 2], axes_class=type(axes[0, 0]))
    score, things = judged.scores[row, label], judged.judge.background[:, label]
    # where nobody gave other things, evidence is counted among the classes
    rivals = "the other classes" if judged.background.note else judged.background.word
    ax.hist(things, bins=30, color="#8A9296", label=rivals)
    ax.axvline(np.quantile(things, LENIENT), color=plots.INK, linestyle="--", label=f"evidence {LENIENT:g}")
    ax.axvline(score, color=plots.class_colour(label), linewidth=2.5, label="this photograph")
    bias = judged.judge.bias[0, label]
    ax.set(xlabel=f"score for '{page.names[0]}': both strongest, and b = {bias:.1f}", yticks=[])
    share = judged.evidence[row, label]
    ax.set_title(f"Then evidence: the share of {rivals}\nwith a lower score, {share:.3f}", fontsize=9.5)
    ax.legend(loc="center", bbox_to_anchor=(0.62, 0.55))
    ax.spines[["top", "right", "left"]].set_visible(False)
    return show_figure(
        figure, "steps", page.run, "The judge, step by step",
        "A photograph with a coarse and a fine grid; beside each a grid of grey squares, the brightest framed; a "
        "histogram of the scores of others, and a line where that of the photograph lies.",
    )  # fmt: skip


def doubles(page: Page) -> Image:
    """Of the 24 most ambiguous images the twelve whose nearest image of the other class is most alike."""
    nearest = page.doubles.iloc[scores.top(page.headline)].query("partner >= 0")
    shown, pairs = set(), []
    for pair in nearest.sort_values("similarity", ascending=False, kind="stable").itertuples():
        if len(pairs) < PAIRS and not shown & {pair.row, pair.partner}:  # no picture twice
            shown |= {pair.row, pair.partner}
            pairs.append((pair.row, pair.partner))
    images, ids = page.data.images, page.data.ids
    gap = np.full((images.shape[1], max(1, images.shape[2] // 32), 3), 255, np.uint8)
    figure = plots.tile_figure(
        np.stack([np.concatenate([images[one], gap, images[other]], 1) for one, other in pairs]),
        columns=3,
        captions=[f"{ids[one]}\n{ids[other]}" for one, other in pairs],
        title="From the top 24 (left), and its double in the other class (right)",
        size=9,
    )
    alt = f"{len(pairs)} pairs of pictures: an ambiguous image and beside it the image of another class most like it."
    return show_figure(figure, "pairs", page.run, "Each with its double in the other class", alt)


def browse_corners(page: Page) -> ipywidgets.VBox:
    """Choose a corner of the plane and how strict to be; see how many images lie there and the clearest of them."""
    a, b = page.names
    corner = one_of("corner", {"both": "both", "neither": "neither", f"only {a}": "first", f"only {b}": "second"})

    def draw(corner: str, threshold: float) -> Figure:
        evidence = page.judged.evidence[:, list(page.pair)]
        inside = np.flatnonzero(quadrants(page.judged.evidence, page.pair, threshold=threshold) == corner)
        clearest = {"both": evidence.min(1), "neither": -evidence.max(1)}.get(corner, np.ptp(evidence, axis=1))
        title = f"{len(inside)} of {len(page.data)} images at threshold {threshold:.2f}"
        return tiles(page.data, inside[scores.top(clearest[inside], PAGE)], title)

    return live_figure(draw, corner=corner, threshold=share("threshold", LENIENT, low=0.5, high=0.99, step=0.01))


def judge_your_photo(page: Page) -> ipywidgets.VBox:
    """A photograph of one's own: the judge's evidence for both classes, and the picture of each most like it."""

    def draw(photo: np.ndarray) -> Figure:
        maps, mean = maps_of(photo[None]), page.judged.features.mean(0)
        evidence, described = page.judged.judge.evidence(maps)[0], mean_features(maps)
        near = []
        for label in page.pair:
            rows = np.flatnonzero(page.data.labels == label)
            alike = cosine_similarity(described - mean, page.judged.features[rows] - mean)
            near.append(rows[alike.argmax()])
        captions = [quadrant_name(evidence, page.data.classes, page.pair)]
        captions += [f"most like it: {name}" for name in page.names]
        shares = zip(page.names, evidence[list(page.pair)], strict=True)
        title = "Your photo, evidence: " + ", ".join(f"{name} {share:.2f}" for name, share in shares)
        images = np.stack([photo, *page.data.images[near]])
        return plots.tile_figure(images, columns=3, captions=captions, title=title, width=6.4)

    return drop_photo(draw, page.data.images.shape[1])


# --- tables ---------------------------------------------------------------------------------------------------


def corner_words(page: Page, evidence: np.ndarray) -> list[str]:
    """In which corner of the plane pictures lie, such as "only clock", by their evidence for the pair, (N, 2)."""
    names = tuple(f"only {name}" for name in page.names)
    return [quadrant_name(row, names, (0, 1)) for row in evidence]


def corner_table(page: Page, evidence: dict[str, np.ndarray]) -> pd.DataFrame:
    """How many pictures the judge puts into each corner, in percent: those of the run, and more kinds.

    evidence: kind -> (N, C), for pictures that the judge has not learned from.
    """
    labels = page.data.labels
    kinds = {name: page.judged.evidence[labels == label] for label, name in zip(page.pair, page.names, strict=True)}
    if (rest := ~np.isin(labels, page.pair)).any():
        kinds["the other classes"] = page.judged.evidence[rest]
    judge = page.judged.judge  # each other thing by the regressions that have not seen it
    kinds[page.judged.background.word] = percentile(page.judged.scores_background, judge.background)
    kinds |= evidence
    shares = {
        name: pd.Series(quadrants(found, page.pair)).value_counts(normalize=True) for name, found in kinds.items()
    }
    table = pd.DataFrame(shares).T.reindex(columns=["first", "second", "both", "neither"]).fillna(0)
    table.columns = [*(f"only {name}, %" for name in page.names), "both, %", "neither, %"]
    table = (100 * table).round(1)
    table.insert(0, "pictures", [len(found) for found in kinds.values()])
    return table


# --- files and results ----------------------------------------------------------------------------------------


def store_page(page: Page, tolerance: float, confirmed: list[float]) -> pd.DataFrame:
    """Write ambiguous.csv, pairs.csv and this notebook's rows of the results. Returns the table of images.

    confirmed: shares of the top 24 that two halves of the judge have in common, one for each way to halve it.
    """
    data, known, double = page.data, page.known, page.doubles
    reason = [
        describe_evidence(evidence, data.classes, page.pair) + (f"; most like {data.ids[row]}" if row >= 0 else "")
        for evidence, row in zip(page.judged.evidence, double["partner"], strict=True)
    ]
    table = ambiguity_table(data, known, reason)
    config = {"data": data.fingerprint, "folds": data.folds_key, "pair": list(page.pair)}
    store.save(page.run.dir, "ambiguous.csv", table, config)
    double = double.iloc[scores.top(page.headline, len(data))].query("partner >= 0")
    pairs = {"id": data.ids[double["row"]], "partner": data.ids[double["partner"]]}
    store.save(page.run.dir, "pairs.csv", pd.DataFrame(pairs | {"similarity": double["similarity"]}), config)
    wrong = known.probability.argmax(1) != data.labels
    rows = [results.metric("images that our net names wrongly, out of fold", int(wrong.sum()))]
    if len(data.classes) == 2:  # of three the others are far from both, and often about equally
        inside = int((SCORES["centre_balance"].score(known) > 1 - tolerance).sum())
        rows.append(results.metric(f"images about equally far from both centres (tolerance {tolerance:g})", inside))
    for name, area in zip(data.classes, page.judged.auroc, strict=True):
        rows.append(results.metric(f"judge, {name}: area under the ROC curve", area))
    note = "compared with the other classes, of which one in ten passes" * bool(page.judged.background.note)
    both = (page.headline >= LENIENT).mean()
    rows.append(results.metric("photographs in the corner 'both'", both, unit="%", note=note))
    name, note = "top 24 shared by two judges without a common picture", f"by luck {min(1, scores.TOP / len(data)):.0%}"
    rows.append(results.metric(name, confirmed, unit="%", note=note))
    results.record_metrics(page.run.dir, "03", rows)
    return table


# --- exercises ------------------------------------------------------------------------------------------------


def check_exercise(number: int, answer, page: Page) -> None:
    """Say whether the answer to an exercise is right."""
    evidence = page.judged.evidence[:, list(page.pair)]
    truths = {
        1: lambda: stamped_with(page, 1, page.pair[1]),
        2: lambda: [int((page.headline >= limit).sum()) for limit in (0.99, 0.95, 0.9, 0.8)],
        3: lambda: [3.0, 0.25, 0.75],
        4: lambda: round(scores.TOP * scores.overlap(evidence.prod(1), page.headline)),
        5: lambda: [*percentile(np.array([[0.5], [4]]), np.array([[-2, -1, 0.5, 0.5, 3]]).T).flatten(), 1],
        6: lambda: [stamped_with(page, number, page.pair[0]) for number in (5, 6)],
    }
    check(answer, truths[number], tolerance=1e-9)


def stamped_with(page: Page, number: int, label: int) -> int:
    """In how many of a hundred pictures of the second class a class is present, with a stamp in the upper left corner.

    The stamp is that corner of the image that is most both but for `number` others; label: the class's number.
    """
    data, third = page.data, page.data.images.shape[1] // 3
    rows = np.flatnonzero((data.fold == 0) & (data.labels == page.pair[1]))[:100]
    images, source = data.images[rows], scores.top(page.headline, 8)[number]
    images[:, :third, :third] = data.images[source, :third, :third]
    return int((page.judged.judge.evidence(maps_of(images), data.fold[rows])[:, label] >= LENIENT).sum())
