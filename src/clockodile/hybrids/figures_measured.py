"""Figures of what was measured in notebook 04. Each returns a matplotlib Figure; saving is plots.save_figure's job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clockodile.hybrids.psychometrics import Psychometric
from clockodile.hybrids.quiz import RatingSession
from clockodile.show.pictures import Row, picture_rows, shorten
from clockodile.show.plots import (
    BLUE,
    LINE_COLOURS,
    PALE,
    QUIET,
    VERMILION,
    class_colour,
    new_figure,
    short_id,
    tile_figure,
)

MARKERS = "os^Dv"
SHOWN = ("both_lenient", "kid", "c2st_accuracy", "novelty")  # of BARS, by default
DODGE = 0.006  # of the mix: how far the points of neighbouring methods stand apart
BARS = {  # column of quality.quality_table -> caption, and what photographs get
    "both_strict": ("both classes seen,\n% (at 5 %)", None),
    "both_lenient": ("both classes seen,\n% (at 10 %)", None),
    "kid": ("KID\n(photographs: 0)", 0.0),
    "c2st_accuracy": ("told apart, %\n(photographs: 50)", 50.0),
    "novelty": ("novelty\n(photographs: 1)", 1.0),
    "novelty_pixels": ("novelty of pixels\n(photographs: 1)", 1.0),
    "copies": ("copies of known\nphotographs, %", 1.0),
}


# --- from one class to the other ----------------------------------------------------------------------------


def psychometric_figure(curves: Mapping[str, Psychometric], names: tuple[str, str]) -> Figure:
    """Share of pictures with more of the second class against the mix: points, fitted curve, and PSE."""
    figure, ax = new_figure(height=3.8)
    for place, (method, found) in enumerate(curves.items()):
        mixes, colour = found.shares["mix"], _points(ax, found, "p_second", place, len(curves))
        fine = np.linspace(mixes.min(), mixes.max(), 200)
        pse = found.pse
        turns = f"PSE {pse.value:.2f} ({pse.low:.2f} to {pse.high:.2f})"
        words = f"{method}: {turns if mixes.min() < pse.value < mixes.max() else 'does not turn'}"
        ax.plot(fine, 100 * found.fitted(fine), color=colour, linewidth=2, label=words)
    ax.axhline(50, color=QUIET, linestyle="--", linewidth=1)
    _mix_axis(ax, names)
    ax.set_ylabel(f"more '{shorten(names[1])}' than '{shorten(names[0])}', %")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8.5)
    return figure


def both_figure(curves: Mapping[str, Psychometric], names: tuple[str, str]) -> Figure:
    """Share of pictures with evidence for both classes against the mix, with its 95 % interval."""
    figure, ax = new_figure(height=3.4)
    for place, (method, found) in enumerate(curves.items()):
        colour = _points(ax, found, "both", place, len(curves))
        words = f"{method}: {100 * found.both.value:.0f} % at {found.both_mix:.2f}"
        ax.plot(found.shares["mix"], 100 * found.shares["both"], color=colour, linewidth=2, label=words)
    _mix_axis(ax, names)
    ax.set_ylim(-2, 1.05 * max(100 * found.shares["both_high"].max() for found in curves.values()))
    ax.set_ylabel("both classes seen, %")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8.5)
    return figure


def _points(ax: Axes, found: Psychometric, share: str, place: int, of: int) -> str:
    """A share at each mix with its interval, a little beside those of the `of` other methods; returns its colour."""
    colour, aside = LINE_COLOURS[place % len(LINE_COLOURS)], DODGE * (place - (of - 1) / 2)
    value, low, high = (100 * found.shares[column] for column in (share, f"{share}_low", f"{share}_high"))
    ends = np.maximum([value - low, high - value], 0)  # rounding
    ax.errorbar(
        found.shares["mix"] + aside,
        value,
        ends,
        fmt=MARKERS[place % len(MARKERS)],
        color=colour,
        markersize=4,
        elinewidth=0.8,
        alpha=0.8,
    )
    return colour


def _mix_axis(ax: Axes, names: tuple[str, str]) -> None:
    ax.set_xlim(-0.03, 1.03)
    ax.set_ylim(-3, 103)
    ax.set_xlabel(f"mix: 0 = '{names[0]}', 1 = '{names[1]}'")


# --- methods side by side -----------------------------------------------------------------------------------


def quality_figure(table: pd.DataFrame, *, columns: Sequence[str] = SHOWN) -> Figure:
    """Methods below each other, measures side by side, each with its 95 % interval; dashed: what photographs get.

    table: from quality.quality_table; columns: of BARS.
    """
    figure, axes = new_figure(1, len(columns), height=0.34 * len(table) + 1.1, sharey=True, squeeze=False)
    for ax, column in zip(axes[0], columns, strict=True):
        caption, ideal = BARS[column]
        unit = 100 if "%" in caption else 1
        value, low, high = (unit * table[name] for name in (column, f"{column}_low", f"{column}_high"))
        rows = np.arange(len(table))
        ax.hlines(rows, low, high, color=BLUE, linewidth=1.6)
        ax.plot(value, rows, "o", color=BLUE, markersize=5)
        if ideal is not None:
            ax.axvline(ideal, color=VERMILION, linestyle="--", linewidth=1.2)
        ax.set_xlabel(caption, fontsize=8.5)
        if ideal is None:
            ax.set_xlim(min(0, low.min()))
        ax.grid(axis="y", visible=False)
    axes[0, 0].set_yticks(rows, table["method"])
    axes[0, 0].invert_yaxis()
    return figure


def beside_nearest(
    images: np.ndarray,
    nearest: np.ndarray,
    newness: np.ndarray,
    *,
    ids: Sequence[str],
    heads: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Made pictures above the known photographs most like them.

    images, nearest: uint8 (N, S, S, 3), 6 to 14 of them; newness: (N,) distance between the two, 1 = the median of new
    photographs to their nearest; ids: (N,) of the photographs; heads: (N,) words above the columns, or none.
    """
    ratio = [f"{value:.2f}" for value in newness]
    rows = [Row("made", images, ratio), Row("nearest\nknown", nearest, [short_id(name) for name in ids])]
    title = title or "Above: made, and how new (photographs 1, copies 0). Below: nearest known, and its file"
    return picture_rows(rows, columns=len(images), heads=[shorten(head, 10) for head in heads], title=title)


# --- the rater ----------------------------------------------------------------------------------------------


def rating_page(session: RatingSession, *, columns: int = 10) -> Figure:
    """All pictures of a session with the judge's answer below each, and the rater's where there is one.

    Bars have the colour of the judge's class, red for both and grey for neither.
    """
    asked, agreement = session.questions, session.agreement()
    colours = dict(zip(asked.words, (class_colour(0), class_colour(1), "#B3261E", PALE), strict=True))
    words = [
        f"{shorten(judge, 9)} / {shorten(own, 9)}" if own else shorten(judge)
        for judge, own in zip(asked.judged, session.answers, strict=True)
    ]
    share, count = agreement.value, int((session.answers != "").sum())
    return tile_figure(
        asked.images,
        columns=columns,
        captions=words,
        colours=[colours[judge] for judge in asked.judged],
        title=f"Judge / you: the same for {100 * share:.0f} % of {count} pictures"
        if count
        else "What the judge says",
        size=5.5,
    )


def rating_curve_figure(session: RatingSession) -> Figure:
    """The rater's answers against the mix, beside the judge's. Needs answers to pictures that have a mix."""
    table, names = session.curve(), session.questions.names
    figure, ax = new_figure(height=3.2)
    for who, label, colour, marker in zip(
        ("rater", "judge"), ("you", "the judge"), LINE_COLOURS, MARKERS, strict=False
    ):
        ax.plot(table["mix"], 100 * table[who], f"{marker}-", color=colour, markersize=6, label=label)
    ax.axhline(50, color=QUIET, linestyle="--", linewidth=1)
    _mix_axis(ax, names)
    ax.set_ylabel(f"leaning to '{shorten(names[1])}', %")
    ax.legend(loc="upper left")
    return figure
