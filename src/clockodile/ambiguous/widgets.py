"""Things to play with in notebook 03: the plane of evidence, and the tolerance of report 000's second attempt."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape

import ipywidgets as widgets
import numpy as np
import PIL.Image
from matplotlib.figure import Figure

from clockodile.ambiguous.evidence import LENIENT, quadrants
from clockodile.ambiguous.judge import JudgeResult
from clockodile.core.results import data_uri
from clockodile.data.dataset import Dataset
from clockodile.data.widgets import PAGE, tiles
from clockodile.show.plots import INK, class_colour, short_id
from clockodile.show.widgets import live_figure, share

SIDE, EDGE, SHOWN = 480, 40, 192  # pixels on the page: of the plane, of its margin, of the picture beside it
FINEST, MOST = 64, 2000  # pixels a side, and number, of the pictures that the page holds: 3 kB each at 32
STYLE = (
    ".plane .told{visibility:hidden} .plane image{image-rendering:pixelated} .plane g:hover .told{visibility:visible} "
    ".plane circle{fill-opacity:.6} .plane g:hover circle{stroke:#000;stroke-width:2;fill-opacity:1}"
)


def browse_plane(data: Dataset, judged: JudgeResult, pair: tuple[int, int]) -> widgets.VBox:
    """`pointing_page`, and below it the clearest images of one corner. data: the images judged; pair: two labels."""
    return widgets.VBox([widgets.HTML(pointing_page(data, judged, pair)), browse_corners(data, judged, pair)])


def pointing_page(data: Dataset, judged: JudgeResult, pair: tuple[int, int]) -> str:
    """HTML: images of the pair's classes as dots in the plane (at most MOST); the one pointed at is shown beside it.

    It needs no script: what belongs to a dot is there from the start and becomes visible under the pointer.
    """
    shown = np.flatnonzero(np.isin(data.labels, pair))
    shown = shown[:: max(1, -(-len(shown) // MOST))]
    scores, others = judged.scores[shown][:, list(pair)], judged.scores_background[:, list(pair)]
    every = np.concatenate([scores, others])
    low, high = every.min(0), every.max(0)
    limits = np.quantile(others, LENIENT, axis=0, method="inverted_cdf")

    def at(points: np.ndarray) -> np.ndarray:
        """Log-odds (N, 2) -> place on the page, right and down."""
        across = (points - low) / np.maximum(high - low, 1e-9)
        return EDGE + SIDE * np.stack([across[:, 0], 1 - across[:, 1]], 1)

    names, far = [data.classes[label] for label in pair], EDGE + SIDE
    (x, y) = at(limits[None])[0]
    parts = [
        f'<rect x="{EDGE}" y="{EDGE}" width="{SIDE}" height="{SIDE}" fill="none" stroke="{INK}"/>',
        f'<path d="M{x:.1f} {EDGE}V{far}M{EDGE} {y:.1f}H{far}" stroke="{INK}" stroke-dasharray="3 3"/>',
        text(far - 6, EDGE + 18, "both", "end"),
        text(EDGE + 6, far - 8, "neither"),
        text(far - 6, far - 8, f"only {names[0]}", "end"),
        text(EDGE + 6, EDGE + 18, f"only {names[1]}"),
        text(EDGE, far + 20, f"right: more '{names[0]}'; up: more '{names[1]}'; grey: other things"),
        text(far + EDGE, EDGE + 18, "point at a dot"),  # the picture will cover it
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{class_colour(-1)}"/>' for x, y in at(others)),
    ]
    for row, (x, y) in zip(shown, at(scores), strict=True):
        label, evidence = data.labels[row], judged.evidence[row, list(pair)]
        lines = [f"{data.classes[label]} {short_id(data.ids[row])}"]
        lines += [f"{name}: {value:.2f}" for name, value in zip(names, evidence, strict=True)]
        dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{class_colour(label)}"/>'
        parts.append(f"<g>{dot}{told(data.images[row], lines)}</g>")
    width, height = far + EDGE + SHOWN + EDGE, far + EDGE
    about = f"evidence for {names[0]} against evidence for {names[1]}"
    return (
        f'<svg class="plane" xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'style="background:#fff" font-family="sans-serif" font-size="13" role="img" '
        f'aria-label="{escape(about)}"><style>{STYLE}</style>{"".join(parts)}</svg>'
    )


def told(image: np.ndarray, lines: Sequence[str]) -> str:
    """A picture, uint8 (S, S, 3), and what there is to say of it, beside the plane."""
    left = 2 * EDGE + SIDE
    words = "".join(
        text(left, EDGE + SHOWN + 20 * number, line) for number, line in enumerate(lines, start=1)
    )
    return (
        f'<g class="told"><image x="{left}" y="{EDGE}" width="{SHOWN}" height="{SHOWN}" href="{as_link(image)}"/>'
        f"{words}</g>"
    )


def text(x: float, y: float, words: str, anchor: str = "start") -> str:
    """Words in the page."""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{INK}">{escape(words)}</text>'


def as_link(image: np.ndarray) -> str:
    """A picture, uint8 (S, S, 3), as an address that holds it whole, or smaller if it has more than FINEST pixels."""
    buffer, picture = io.BytesIO(), PIL.Image.fromarray(image)
    picture.thumbnail((FINEST, FINEST))
    picture.save(buffer, "webp", lossless=True)  # less than PNG: there may be a thousand
    return data_uri(buffer.getvalue(), "image/webp")


def browse_corners(data: Dataset, judged: JudgeResult, pair: tuple[int, int]) -> widgets.VBox:
    """Choose a corner of the plane and how strict to be; see how many images lie there and the clearest of them."""
    names, evidence = [data.classes[label] for label in pair], judged.evidence
    corners = {
        f"only {names[0]}": "first",
        f"only {names[1]}": "second",
        "both": "both",
        "neither": "neither",
    }
    corner = widgets.Dropdown(options=corners, value="both", description="corner")
    threshold = share("threshold", LENIENT, low=0.5, high=0.99, step=0.01)

    def draw(corner: str, threshold: float) -> Figure:
        inside = np.flatnonzero(quadrants(evidence, pair, threshold=threshold) == corner)
        smaller, larger = evidence[:, list(pair)].min(1), evidence[:, list(pair)].max(1)
        clearest = {"both": smaller, "neither": -larger}.get(corner, larger - smaller)
        shown = inside[np.argsort(-clearest[inside], kind="stable")][:PAGE]
        title = f"{len(inside)} of {len(data)} images at threshold {threshold:.2f}"
        return tiles(data, shown, title)

    return live_figure(draw, corner=corner, threshold=threshold)


def choose_tolerance(
    data: Dataset, score: np.ndarray, *, start: float = 0.2, highest: float = 0.5
) -> widgets.VBox:
    """Slide the tolerance of report 000's second attempt; see how many images pass and the first of them.

    score: (N,) as from ambiguous.scores.centre_balance, in the order of `data`.
    """
    tolerance = share("tolerance", start, low=0.01, high=highest, step=0.01)

    def draw(tolerance: float) -> Figure:
        passing = np.flatnonzero(score > 1 - tolerance)
        shown = passing[np.argsort(-score[passing], kind="stable")][:PAGE]
        title = f"tolerance {tolerance:.2f}: {len(passing)} of {len(data)} images, the most balanced first"
        return tiles(data, shown, title)

    return live_figure(draw, tolerance=tolerance)
