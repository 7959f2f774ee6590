"""What notebook 03 does behind its cells: open the run, save figures, make tables, check answers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property

import ipywidgets
import numpy as np
import pandas as pd
from IPython.display import Image
from matplotlib.figure import Figure
from sklearn.metrics.pairwise import cosine_similarity

from clockodile.ambiguous import figures, scores
from clockodile.ambiguous.describe import describe_evidence, quadrant_name
from clockodile.ambiguous.evidence import LENIENT, quadrants
from clockodile.ambiguous.judge import JudgeResult, features_of, judge_run
from clockodile.ambiguous.pairs import nearest_of_others
from clockodile.ambiguous.score_table import SCORES, OutOfFold, ambiguity_table, collect_out_of_fold
from clockodile.classify import half_quarter_quarter, own_net
from clockodile.core import results, store
from clockodile.core.workspace import Run, open_run
from clockodile.data.dataset import Dataset, load_dataset
from clockodile.data.widgets import PAGE, drop_photo, tiles
from clockodile.show.exercise import check
from clockodile.show.plots import save_figure, tile_figure
from clockodile.show.widgets import live_figure, one_of, share

PAIRS = 12  # ambiguous images shown beside their double


@dataclass(frozen=True)
class Page:
    """All that the cells of notebook 03 work on."""

    run: Run
    everything: Dataset
    data: Dataset  # the N training images
    first: dict[str, np.ndarray]  # what report 000's nets say, as stored (schemas.OUT_OF_FOLD)
    judged: JudgeResult
    known: OutOfFold

    @property
    def pair(self) -> tuple[int, int]:
        """The numbers of the two classes that are compared."""
        return self.known.pair

    @property
    def names(self) -> tuple[str, str]:
        """Their names."""
        return tuple(self.data.classes[label] for label in self.pair)

    @property
    def headline(self) -> np.ndarray:
        """How much each image is both: the smaller of its evidences, (N,) in [0, 1]."""
        return scores.both(self.known.evidence, self.pair)

    @cached_property
    def doubles(self) -> pd.DataFrame:
        """Every image's double in the other class of the pair, see pairs.nearest_of_others."""
        allowed = np.isin(self.data.labels, self.pair)
        return nearest_of_others(self.judged.features, self.data.labels, allowed=allowed)


def open_page(*, retrain: bool, **settings) -> Page:
    """Open the run, and ask the nets and the judge about every training image out of fold. settings: of open_run."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    run = open_run(**settings)
    everything = load_dataset(run)
    data = everything.part("train")
    run = own_net.choose_pair(run, data)
    ours, first = (
        own_net.out_of_fold(run, data),
        half_quarter_quarter.three_block_out_of_fold(run, data, retrain=retrain),
    )
    judged = judge_run(run, everything, retrain=retrain)
    for remark in (*data.remarks, judged.background.note):
        if remark:
            print("NOTE:", remark)
    return Page(
        run, everything, data, first, judged, collect_out_of_fold(data, ours, first, judged, run.recipe.pair)
    )


# --- figures --------------------------------------------------------------------------------------------------


def show_figure(page: Page, figure: Figure, name: str, title: str, alt: str) -> Image:
    """Store a figure of this notebook and show it."""
    return save_figure(figure, name, page.run, notebook="03", title=title, alt=alt)


def top_sheet(page: Page, score: np.ndarray, name: str, title: str) -> Image:
    """The 24 images with the highest score, (N,)."""
    alt = f"The 24 images with the highest score, each with its id and score. {title}."
    return show_figure(page, figures.ranked_sheet(page.data, score, title=title), name, title, alt)


def noise_bars(page: Page, shares: dict[str, float], images: dict[str, np.ndarray]) -> Image:
    """How often pictures of neither class look ambiguous to a net that compares. Both by kind, see share_bars."""
    title = "Entropy calls pictures of nothing 'ambiguous'"
    if max(shares.values()) < 0.5:
        title = "How ambiguous are pictures of nothing?"
    alt = "Bars: " + ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    alt += ". Share that is more ambiguous by entropy than nine in ten real images; by chance 10 %."
    figure = figures.share_bars(pd.Series(shares), images, title=title, usual=0.1)
    return show_figure(page, figure, "noise_wins", title, alt)


def plane_idea(page: Page) -> Image:
    """Draw the plane with its four corners and the diagonal, and a typical picture in three of the corners."""
    a, b = page.pair
    evidence, others = page.judged.evidence, page.judged.scores_background[:, [a, b]].max(1)
    lead = [np.where(page.data.labels == k, evidence[:, k] - evidence[:, j], -2) for k, j in ((a, b), (b, a))]
    images = [page.data.images[rows.argmax()] for rows in lead]
    images.append(page.judged.background.images[others.argmin()])
    return show_figure(
        page, figures.drawn_plane(np.stack(images), page.names), "plane_idea",
        "The plane: four corners, and the diagonal that a comparing net looks along",
        "A drawing: a square whose corners are only the first class, only the second, both, and neither. The diagonal "
        "runs from neither to both; a net that compares sees only the distance to it.",
    )  # fmt: skip


def plane(page: Page) -> Image:
    """Every image in the plane of its two scores; those that are most like both, ten at most, have numbers."""
    columns, judged = list(page.pair), page.judged
    others, reach = judged.scores_background[:, columns], int((page.headline >= LENIENT).sum())
    limit = np.quantile(others, LENIENT, axis=0)
    title = f"{reach} of {len(page.data)} images reach the corner 'both'"
    figure = figures.evidence_plane(
        judged.scores[:, columns] - limit, page.data, page.pair, others=others - limit,
        shown=scores.top(page.headline, 10), title=title,
    )  # fmt: skip
    return show_figure(
        page, figure, "plane", title,
        "Scatter plot: score for the first class against score for the second, other things in grey, the corner 'both' "
        "at the upper right. The ten pictures with the most evidence for both are numbered and shown at the side.",
    )  # fmt: skip


def show_exposures(page: Page, exposures: np.ndarray) -> Image:
    """Double exposures, uint8 (N, S, S, 3), each with the corner of the plane in which the judge puts it."""
    words = {corner: f"only {name}" for corner, name in zip(("first", "second"), page.names, strict=True)}
    found = quadrants(page.judged.judge.evidence(features_of(exposures)), page.pair)
    captions = [words.get(corner, corner) for corner in found]
    title = "Both by making: what does the judge say?"
    figure = figures.tile_figure(exposures, columns=len(exposures), captions=captions, title=title, size=9)
    return show_figure(
        page, figure, "exposures", title,
        f"Double exposures of both classes, and what the judge says: {', '.join(captions)}.",
    )  # fmt: skip


def doubles(page: Page) -> Image:
    """Of the 24 most ambiguous images the twelve whose nearest image of the other class is most alike."""
    nearest = page.doubles.iloc[scores.top(page.headline)].query("partner >= 0")
    shown, pairs = set(), []
    for pair in nearest.sort_values("similarity", ascending=False, kind="stable").itertuples():
        if not shown & {pair.row, pair.partner}:  # no picture twice
            shown |= {pair.row, pair.partner}
            pairs.append(pair)
    pairs = pd.DataFrame(pairs[:PAIRS])
    return show_figure(
        page, figures.pairs_page(page.data, pairs), "pairs", "Chihuahua or muffin?",
        f"{len(pairs)} pairs of pictures: an ambiguous image and beside it the image of another class most like it.",
    )  # fmt: skip


def browse_corners(page: Page) -> ipywidgets.VBox:
    """Choose a corner of the plane and how strict to be; see how many images lie there and the clearest of them."""
    a, b = page.names
    corner = one_of(
        "corner", {"both": "both", "neither": "neither", f"only {a}": "first", f"only {b}": "second"}
    )

    def draw(corner: str, threshold: float) -> Figure:
        evidence = page.judged.evidence[:, list(page.pair)]
        inside = np.flatnonzero(quadrants(page.judged.evidence, page.pair, threshold=threshold) == corner)
        clearest = {"both": evidence.min(1), "neither": -evidence.max(1)}.get(
            corner, np.ptp(evidence, axis=1)
        )
        title = f"{len(inside)} of {len(page.data)} images at threshold {threshold:.2f}"
        return tiles(page.data, inside[scores.top(clearest[inside], PAGE)], title)

    return live_figure(
        draw, corner=corner, threshold=share("threshold", LENIENT, low=0.5, high=0.99, step=0.01)
    )


def judge_your_photo(page: Page) -> ipywidgets.VBox:
    """A photograph of one's own: the judge's evidence for both classes, and the picture of each most like it."""

    def draw(photo: np.ndarray) -> Figure:
        described, mean = features_of(photo[None]), page.judged.features.mean(0)
        evidence = page.judged.judge.evidence(described)[0]
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
        return tile_figure(images, columns=3, captions=captions, title=title, width=6.4)

    return drop_photo(draw, page.data.images.shape[1])


# --- tables ---------------------------------------------------------------------------------------------------


def corner_table(page: Page, pictures: dict[str, np.ndarray]) -> pd.DataFrame:
    """How many pictures of each kind the judge puts into each corner, in percent. pictures: kind -> uint8 images."""
    judge, labels = page.judged.judge, page.data.labels
    kinds = {
        name: page.judged.evidence[labels == label] for label, name in zip(page.pair, page.names, strict=True)
    }
    kinds["other things"] = percentiles_of_others(page)
    kinds |= {
        name: judge.evidence(features_of(images)) for name, images in pictures.items() if name not in kinds
    }
    shares = {
        name: pd.Series(quadrants(found, page.pair)).value_counts(normalize=True)
        for name, found in kinds.items()
    }
    table = pd.DataFrame(shares).T.reindex(columns=["first", "second", "both", "neither"]).fillna(0)
    table.columns = [*(f"only {name}, %" for name in page.names), "both, %", "neither, %"]
    return (100 * table).round(1)


# --- files and results ----------------------------------------------------------------------------------------


def store_page(page: Page, tolerance: float, confirmed: list[float]) -> pd.DataFrame:
    """Write ambiguous.csv, pairs.csv and this notebook's rows of the results. Returns the table of images.

    confirmed: shares of the top 24 that two halves of the judge have in common, one for each way to halve it.
    """
    data, known, double = page.data, page.known, page.doubles
    reason = [
        describe_evidence(evidence, data.classes, page.pair)
        + (f"; most like {data.ids[row]}" if row >= 0 else "")
        for evidence, row in zip(page.judged.evidence, double["partner"], strict=True)
    ]
    table = ambiguity_table(data, known, reason)
    config = {"data": data.fingerprint, "folds": data.folds_key, "pair": list(page.pair)}
    store.save(page.run.dir, "ambiguous.csv", table, config)
    double = double.iloc[scores.top(page.headline, len(data))].query("partner >= 0")
    pairs = {"id": data.ids[double["row"]], "partner": data.ids[double["partner"]]}
    store.save(page.run.dir, "pairs.csv", pd.DataFrame(pairs | {"similarity": double["similarity"]}), config)
    wrong = known.first_probability.argmax(1) != data.labels
    inside = scores.within_tolerance(SCORES["centre_balance"].score(known), tolerance)
    rows = [
        results.metric("images predicted wrongly by report 000's net", int(wrong.sum())),
        results.metric(
            f"images about equally far from its two centres (tolerance {tolerance:g})", int(inside.sum())
        ),
        *(
            results.metric(f"judge, {name}: area under the ROC curve", area)
            for name, area in zip(data.classes, page.judged.auroc, strict=True)
        ),
        results.metric("photographs in the corner 'both'", (page.headline >= LENIENT).mean(), unit="%"),
        results.metric("top 24 shared by two judges without a common picture", confirmed, unit="%"),
    ]
    results.record_metrics(page.run.dir, "03", rows)
    return table


# --- exercises ------------------------------------------------------------------------------------------------


def check_exercise(number: int, answer, page: Page) -> None:
    """Say whether the answer to an exercise is right."""
    known, evidence = page.known, page.judged.evidence[:, list(page.pair)]
    truths = {
        1: lambda: int((page.data.labels[scores.top(page.headline)] == page.pair[0]).sum()),
        2: lambda: [int((page.headline >= limit).sum()) for limit in (0.99, 0.95, 0.9, 0.8)],
        3: lambda: int(scores.within_tolerance(SCORES["centre_balance"].score(known), 0.1).sum()),
        4: lambda: round(scores.TOP * scores.overlap(evidence.prod(1), page.headline)),
        5: lambda: int((scores.both(percentiles_of_others(page), page.pair) >= LENIENT).sum()),
    }
    check(answer, truths[number], tolerance=0)


def percentiles_of_others(page: Page) -> np.ndarray:
    """Evidence (M, C) of the pictures of other things, each by the regressions that did not see it."""
    return page.judged.judge.evidence(page.judged.features_background, page.judged.fold_background)
