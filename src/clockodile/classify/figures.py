"""Figures of how a net works, of scores, and of how far to trust them.

Functions called show_... write the figure into the run folder and return it for display.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import matplotlib
import numpy as np
import pandas as pd
import torch
from IPython.display import Image
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter
from torch import nn

from clockodile.classify.metrics import reliability_bins
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset, as_images
from clockodile.learn.training import predict
from clockodile.show import plots
from clockodile.show.pictures import Row, picture_rows, shorten

show_figure = partial(plots.save_figure, notebook="02")
ERRORS, COLUMNS = 16, 8  # wrongly judged images that are shown, and how many stand in a row


# --- how a net works ------------------------------------------------------------------------------------------


def show_filter(
    run: Run, grey: torch.Tensor, kernel: torch.Tensor, place: tuple[int, int], response: torch.Tensor
) -> Image:
    """One filter at one place, with its numbers; below, what it says of the whole picture.

    grey: (S, S) in [0, 1]; kernel: (3, 3); place: row and column of the patch's middle; response: (S - 2, S - 2).
    """
    figure, axes = plots.new_figure(2, 4, height=4.9)
    y, x = place
    patch = grey[y - 1 : y + 2, x - 1 : x + 2]
    total = (patch * kernel).sum()
    draw_map(axes[0, 0], grey, "the picture, in grey", low=0, high=1)
    axes[0, 0].add_patch(Rectangle((x - 1.5, y - 1.5), 3, 3, fill=False, edgecolor=plots.VERMILION, linewidth=2.5))
    draw_numbers(axes[0, 1], patch, "nine values under it", colours="gray", low=0, high=1)
    draw_numbers(axes[0, 2], kernel, "× the nine weights")
    draw_numbers(axes[0, 3], patch * kernel, f"products, sum {total:+.2f}".replace("-", "−"))
    most = response.abs().max()
    draw_map(axes[1, 0], response, "the sum at every place", colours="RdBu_r", low=-most, high=most)
    axes[1, 0].add_patch(Rectangle((x - 1.5, y - 1.5), 1, 1, fill=False, edgecolor=plots.INK, linewidth=2))
    kept = response.clamp(min=0)
    draw_map(axes[1, 1], kept, "ReLU: no negative ones", low=0, high=most)
    pooled = torch.nn.functional.max_pool2d(kept[None], 2)[0]
    draw_map(axes[1, 2], pooled, "pooled: half the side", low=0, high=most)
    axes[1, 3].set_axis_off()
    words = "red: positive\n(darker on the left)\nblue: negative\n(darker on the right)\nwhite: both alike"
    axes[1, 3].text(0, 0.95, words, va="top", transform=axes[1, 3].transAxes)
    alt = "A grey picture, nine of its values, nine weights, their products and sum; below, the sums at every place, "
    alt += "the same after ReLU, and after pooling."
    return show_figure(figure, "filter", run, "What does one filter see?", alt)


def draw_map(ax: Axes, values: torch.Tensor, title: str, *, colours: str = "gray", low, high) -> None:
    """Numbers of a plane as shades, without axes."""
    ax.imshow(values.numpy(), cmap=colours, vmin=float(low), vmax=float(high), interpolation="nearest")
    ax.set_title(title, fontsize=9.5)
    ax.set_axis_off()


def draw_numbers(ax: Axes, values: torch.Tensor, title: str, *, colours: str = "RdBu_r", low=-3, high=3) -> None:
    """A few numbers, each in a square of its shade."""
    draw_map(ax, values, title, colours=colours, low=low, high=high)
    for (row, column), value in np.ndenumerate(values.numpy()):
        dark = colours == "gray" and value < 0.5 * high
        words = f"{value:.2f}".replace("-", "−")
        ax.text(column, row, words, ha="center", va="center", color="white" if dark else plots.INK, fontsize=10)


def show_descent(run: Run, loss_of: Callable, path: Sequence[tuple[float, float]]) -> Image:
    """Left, the loss of one picture against the probability of its class; right, steps down a loss of one weight.

    loss_of: weight -> loss, the curve on the right; path: weight and loss at each step.
    """
    reach = max(abs(weight) for weight, _ in path) + 0.5
    weights = np.linspace(-reach, reach, 101)
    losses = [float(loss_of(torch.tensor(weight))) for weight in weights]
    figure, axes = plots.new_figure(1, 2, height=3.1)
    p = np.linspace(0.005, 1, 400)
    axes[0].plot(p, -np.log(p), color=plots.BLUE, linewidth=2)
    axes[0].plot(0.5, np.log(2), "o", color=plots.VERMILION)
    axes[0].annotate("no idea: ln 2", (0.5, np.log(2)), (0.56, 1.4), arrowprops={"arrowstyle": "-"})
    axes[0].set_title("What one picture costs")
    axes[0].set(xlabel="probability given to the right class", ylabel="loss")
    axes[1].plot(weights, losses, color=plots.BLUE, linewidth=2)
    steps = np.array(path)
    axes[1].plot(*steps.T, "o-", color=plots.VERMILION, markersize=5, linewidth=1)
    axes[1].annotate("start", steps[0], (0, 8), textcoords="offset points", ha="center")
    axes[1].set_title("Steps downhill, each against the slope")
    axes[1].set(xlabel="the one weight", ylabel="mean loss")
    alt = "Left, the loss falls from infinity to zero as the probability of the right class rises; right, a "
    alt += "bowl-shaped curve of the loss against one weight, with steps that get shorter towards its bottom."
    return show_figure(figure, "descent", run, "What does a gradient step do?", alt)


def accuracy_by_epoch(curves: Mapping[str, Sequence[tuple[float, float]]], *, epochs: int) -> Figure:
    """Accuracy on the pictures learned from and on unseen ones by epoch, a panel for each training.

    curves: title -> for each epoch the two accuracies, 0..1; epochs: where the axes end.
    """
    figure, axes = plots.new_figure(1, len(curves), width=8.4, height=3.2, sharey=True, squeeze=False)
    for ax, (title, rows) in zip(axes[0], curves.items(), strict=True):
        values = 100 * np.array(rows).reshape(-1, 2)
        for column, (name, colour) in enumerate((("learned from", plots.BLUE), ("unseen", plots.VERMILION))):
            words = f"{name}: {values[-1, column]:.1f} %" if len(values) else name
            look = {"color": colour, "linewidth": 2, "marker": "o" if len(values) == 1 else ""}
            ax.plot(np.arange(1, len(values) + 1), values[:, column], label=words, **look)
        ax.set(xlim=(0, epochs + 0.5), xlabel="epoch")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_title(title)
        ax.legend(loc="lower right")
    axes[0, 0].set_ylabel("accuracy, %")
    low, high = axes[0, 0].get_ylim()
    axes[0, 0].set_ylim(low - 0.3 * (high - low), high)  # room for the legends
    return figure


# --- comparison -----------------------------------------------------------------------------------------------


def show_results(run: Run, table: pd.DataFrame) -> Image:
    """Accuracies of models, one a row in the table's order: mean, interval, and every single score as a faint dot.

    table: columns title, mean, low, high (as from comparison.summary) and scores (a sequence of numbers each), all in
    [0, 1]. Intervals are drawn up to 100 % at most.
    """
    figure, ax = plots.new_figure(height=0.4 * len(table) + 1)
    for row, model in enumerate(table.itertuples()):
        scores = 100 * np.ravel(model.scores)
        spread = np.linspace(-0.22, 0.22, len(scores)) if len(scores) > 1 else [0]
        ax.plot(scores, row + np.asarray(spread), "o", color=plots.BLUE, markersize=4, alpha=0.3, markeredgewidth=0)
        ends = np.clip([100 * model.low, 100 * model.high], 0, 100)
        ax.plot(ends, [row, row], color=plots.BLUE, linewidth=2.5, solid_capstyle="butt")
        ax.plot(100 * model.mean, row, "o", color=plots.BLUE, markersize=8, markeredgecolor="white")
        words = {"xycoords": ("axes fraction", "data"), "va": "center", "fontweight": "bold"}
        ax.annotate(f"{100 * model.mean:.1f}", (1.01, row), **words)
    ax.set_yticks(range(len(table)), table["title"])
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    for row in range(1, len(table)):
        ax.axhline(row - 0.5, color=plots.PALE, linewidth=0.5)
    ax.set_xlabel("accuracy on unseen images, %\n(faint: one fold and seed; bar: 95 % interval of the mean)")
    alt = "Accuracy on unseen images of each classifier: mean, 95 % interval, and every fold as a faint dot."
    return show_figure(figure, "results", run, "Who tells them apart best?", alt)


def errors_with_neighbours(data: Dataset, rows: np.ndarray, neighbours: np.ndarray, probability: np.ndarray) -> Figure:
    """Wrongly judged images, each above the training images most like it; the bar has the true class's colour.

    rows: int (M,) in `data`, those to show first; neighbours: int (M, K); probability: (N, C) of all images.
    """
    left_out = f"the {ERRORS} surest of {len(rows)} errors, and how sure. " if len(rows) > ERRORS else ""
    rows, neighbours = rows[:ERRORS], neighbours[:ERRORS]
    if not len(rows):
        return plots.tile_figure(np.full_like(data.images[:1], 255), columns=COLUMNS, title="No errors at all")
    lines, ids = [], plots.short_ids(data.ids)
    for start in range(0, len(rows), COLUMNS):
        wrong = rows[start : start + COLUMNS]
        told = [f"{ids[row]}: {100 * probability[row].max():.0f} %" for row in wrong]
        lines.append(Row("wrong", data.images[wrong], told, bars(data, wrong)))
        for rank, near in enumerate(neighbours[start : start + COLUMNS].T, start=1):
            lines.append(Row(f"its nearest\n({rank})", data.images[near], colours=bars(data, near)))
    title = f"{left_out}The bar is the label ({plots.colour_key(data.classes)})"
    title = title[0].upper() + title[1:]
    return picture_rows(lines, columns=COLUMNS, title=title)


def bars(data: Dataset, rows: np.ndarray) -> list[str]:
    """The colour of each picture's true class."""
    return [plots.class_colour(label) for label in data.labels[rows]]


# --- trust ----------------------------------------------------------------------------------------------------


def show_reliability(run: Run, labels: np.ndarray, before: np.ndarray, after: np.ndarray) -> Image:
    """How sure and how right, bin by bin, side by side: a gap between the two is a broken promise.

    before, after: probabilities (N, C), without and with a temperature; a bar is the 95 % interval.
    """
    figure, axes = plots.new_figure(1, 2, height=3.4, sharey=True)
    titles = ("Before", "After temperature scaling")
    for ax, probability, title in zip(axes, (before, after), titles, strict=True):
        bins = reliability_bins(labels, probability)
        place = np.arange(len(bins))
        ax.vlines(place, bins["low"], bins["high"], color=plots.BLUE, alpha=0.4, linewidth=3)
        ax.plot(place, bins["accuracy"], "o", color=plots.BLUE, label="how often it was right")
        look = {"color": plots.VERMILION, "markersize": 16, "markeredgewidth": 3}
        ax.plot(place, bins["confidence"], "_", **look, label="how sure")
        ax.set_title(title)
        ax.set_xticks(place, ["least\nsure", *[""] * (len(bins) - 2), "most\nsure"][-len(bins) :])
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        ax.grid(axis="x", visible=False)
    axes[0].legend(loc="lower right")
    figure.supxlabel("a tenth of all pictures each, sorted by confidence", fontsize=9)
    alt = "For ten groups of pictures sorted by confidence: how sure the net was and how often it was right, before "
    alt += "and after temperature scaling."
    return show_figure(figure, "reliability", run, "Is it as sure as it is right?", alt)


def accuracy_curves(
    curves: Mapping[str, Sequence[float]], places: Sequence[float], *, xlabel: str, chance: float
) -> Figure:
    """Accuracy (0..1) of several nets against the strength of a change, and that of guessing."""
    figure, ax = plots.new_figure(height=3.2)
    for (name, values), colour in zip(curves.items(), plots.LINE_COLOURS, strict=False):
        ax.plot(places, 100 * np.array(values), "o-", color=colour, markersize=5, linewidth=2, label=name)
    ax.axhline(100 * chance, color=plots.QUIET, linestyle="--", linewidth=1)
    words = {"va": "bottom", "fontsize": 8.5, "color": plots.QUIET}
    ax.text(0.01, 100 * chance + 1, "guessing", transform=ax.get_yaxis_transform(), **words)
    ax.set(ylim=(-2, 102), xlabel=xlabel, ylabel="accuracy on unseen pictures, %")
    ax.set_xticks(places, [f"{place:g}" for place in places])
    ax.legend(loc="lower left")
    return figure


def show_noise(run: Run, curves: Mapping, amounts: Sequence[float], chance: float) -> Image:
    """Accuracy against the amount of noise, in shares of the range. curves: net -> accuracies, 0..1."""
    percent = [100 * amount for amount in amounts]
    words = "standard deviation of the noise, % of the way from black to white"
    figure = accuracy_curves(curves, percent, xlabel=words, chance=chance)
    alt = "Accuracy on unseen pictures against the amount of noise, for three nets."
    return show_figure(figure, "noise", run, "What does a grain of noise do?", alt)


def show_attacks(run: Run, curves: Mapping, strengths: Sequence[float], chance: float) -> Image:
    """Accuracy under attack against its strength. curves: name -> accuracies, 0..1."""
    words = "largest change of any value, of 255"
    figure = accuracy_curves(curves, strengths, xlabel=words, chance=chance)
    alt = "Accuracy on the first fold's unseen pictures against the largest change: random signs and FGSM."
    return show_figure(figure, "attacks", run, "How much noise, placed by an enemy, does it stand?", alt)


def show_grain(run: Run, images: Mapping[str, torch.Tensor]) -> Image:
    """Rows of the same pictures, changed more and more. images: name of a row -> (N, 3, S, S) in [0, 1]."""
    rows = [Row(name, as_images(changed)) for name, changed in images.items()]
    figure = picture_rows(rows, columns=len(rows[0].pictures))
    alt = "Eight pictures as they are, and below each the same with a little and with much noise."
    return show_figure(figure, "grain", run, "How much is a little noise?", alt)


def show_fooled(
    run: Run, net: nn.Module, images: torch.Tensor, attacked: torch.Tensor, classes: Sequence[str]
) -> Image:
    """Pictures, what was added, enlarged, and the attacked pictures, with what the net says before and after.

    images, attacked: (N, 3, S, S) in [0, 1]. A bar has the colour of the class that the net names.
    """
    said = torch.stack([predict(net, images), predict(net, attacked)]).softmax(2)
    noise = attacked - images
    most = noise.abs().max().clamp_min(1e-6)
    named, sure = said.argmax(2).numpy(), said.amax(2).numpy()
    words = [
        [f"{shorten(classes[name])} {100 * share:.0f} %" for name, share in zip(*row, strict=True)]
        for row in zip(named, sure, strict=True)
    ]
    colours = [[plots.class_colour(name) for name in row] for row in named]
    rows = [
        Row("original", as_images(images), words[0], colours[0]),
        Row(f"change\n× {0.5 / most:.0f}", as_images(0.5 + 0.5 * noise / most)),
        Row("attacked", as_images(attacked), words[1], colours[1]),
    ]
    title = f"No value moved by more than {most * 255:.0f} of 255 (bar and words: what the net says)"
    figure = picture_rows(rows, columns=len(images), title=title)
    alt = "Pictures, the enlarged change and the attacked pictures, each with the net's answer and its probability."
    return show_figure(figure, "fooled", run, "What does a fooling picture look like?", alt)


def show_maps(run: Run, images: torch.Tensor, maps: Mapping[str, torch.Tensor]) -> Image:
    """Pictures, and below each the maps of several nets. images: (N, 3, S, S) in [0, 1]; maps: (N, S, S), >= 0."""
    rows = [Row("picture", as_images(images))]
    for name, values in maps.items():
        highest = values.flatten(1).quantile(0.99, dim=1)[:, None, None].clamp_min(1e-12)
        glow = matplotlib.colormaps["inferno"]((values / highest).clamp(0, 1).numpy())[..., :3]
        rows.append(Row(name, (255 * glow).round().astype(np.uint8)))
    figure = picture_rows(rows, columns=len(images))
    alt = "Unseen pictures, and below each the maps of a trained net, of another trained net and of one that knows "
    alt += "nothing."
    return show_figure(figure, "saliency", run, "Can you tell which net knows?", alt)
