"""The page of notebook 01: its drawings and figures, and the checks of its exercises."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch
from IPython.display import Image
from matplotlib.colors import ListedColormap
from matplotlib.patches import Rectangle
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clockodile.core.workspace import Run
from clockodile.data import duplicates
from clockodile.data.dataset import Dataset, as_images
from clockodile.learn.augmentation import AUGMENTATIONS, upside_down
from clockodile.show import plots
from clockodile.show.exercise import check
from clockodile.show.pictures import Row, picture_rows

WHITE = "#E4E8EA"
CLEAR = ("clock/2251", "crocodile/32474")  # bright, and not the same upside down
show_figure = partial(plots.save_figure, notebook="01")


def examples(data: Dataset) -> list[int]:
    """A picture of each class in which changes are well seen, by row number: the one we chose, else the first."""
    chosen = [int(np.flatnonzero(data.labels == label)[0]) for label in range(len(data.classes))]
    for row in np.flatnonzero(np.isin(data.ids, CLEAR)):
        chosen[data.labels[row]] = int(row)
    return chosen


def add_frame(ax, rows: slice, columns: slice) -> None:
    """A red frame round some pixels of the picture in `ax`."""
    size = (columns.stop - columns.start, rows.stop - rows.start)
    ax.add_patch(Rectangle((columns.start - 0.5, rows.start - 0.5), *size, fill=False, ec=plots.ALARM, lw=2))


def show_numbers(run: Run, picture: np.ndarray, rows: slice, columns: slice) -> Image:
    """A picture with a frame round a patch, the patch enlarged, and the red channel's numbers in it."""
    figure, axes = plots.new_figure(1, 3, height=3.1)
    patch = picture[rows, columns]
    words = ("the picture", "the framed patch", "its red channel, 0 to 255")
    for ax, pixels, title in zip(axes, (picture, patch, patch * np.uint8([1, 0, 0])), words, strict=True):
        ax.imshow(pixels, interpolation="nearest")
        ax.set_title(title)
        ax.set_axis_off()
    add_frame(axes[0], rows, columns)
    for (y, x), value in np.ndenumerate(patch[..., 0]):
        axes[2].text(x, y, value, ha="center", va="center", color="white", fontweight="bold")
    alt = "A photograph with a red frame; what is in the frame, enlarged; its red channel with a number in each pixel."
    return show_figure(figure, "numbers", run, title="A picture is a table of numbers", alt=alt)


def show_axes(run: Run, picture: np.ndarray) -> Image:
    """One picture in the two orders of its axes: three numbers at each place, or three planes."""
    figure, (left, right) = plots.new_figure(1, 2, height=3.5, width_ratios=(2, 3))
    side = len(picture)
    left.imshow(picture, interpolation="nearest")
    left.set(xlabel="axis 1: W columns", ylabel="axis 0: H rows", title="array (H, W, 3): one grid")
    left.grid(visible=False)
    for channel, name in enumerate(("red", "green", "blue")):
        plane = picture * np.eye(3, dtype=np.uint8)[channel]
        x, y = channel * side * 0.6, (2 - channel) * side / 5
        right.imshow(plane, extent=(x, x + side, y + side, y), zorder=3 - channel, interpolation="nearest")
        place = {"ha": "right", "va": "bottom", "zorder": 4, "backgroundcolor": plots.INK}
        right.text(x + side - 1, y + side - 1, f"{channel}: {name}", color="white", **place)
    right.set(xlim=(-1, 2.25 * side), ylim=(1.45 * side, -1), title="tensor (3, H, W): three planes")
    right.set_axis_off()
    alt = "Left one photograph with rows and columns named; right the same as three planes, red, green and blue."
    return show_figure(figure, "axes", run, title="The same numbers in two orders", alt=alt)


def show_classes(run: Run, data: Dataset) -> Image:
    """Random images of every class with the ids by which their files are found."""
    rng, columns, most = np.random.default_rng(run.seed), 12, 36
    height = plots.sheet_height(most, columns, data.images.shape[1:3], data.ids, 8.4)
    figure, axes = plots.new_figure(len(data.classes), height=len(data.classes) * (height + 0.33))
    for label, (name, ax) in enumerate(zip(data.classes, axes, strict=True)):
        of_class = np.flatnonzero(data.labels == label)
        shown = np.sort(rng.permutation(of_class)[:most])
        captions = [plots.short_id(name) for name in data.ids[shown]]
        look = {"colours": [plots.class_colour(label)] * len(shown), "title": f"{name} ({len(of_class)} images)"}
        plots.show_tiles(ax, data.images[shown], columns=columns, captions=captions, **look)
    alt = "A grid of images of every class, the file number below each, and a bar in the class's colour."
    return show_figure(figure, "check", run, title="What do the classes look like?", alt=alt)


def show_roc(run: Run, names: Sequence[str], values: Sequence, rates: Sequence, *, threshold: float) -> Image:
    """How one number in [0, 1] is spread in two classes, and its ROC curve.

    values: the number of each image, an array a class; rates: false and true positive rates along the curve.
    """
    figure, (left, right) = plots.new_figure(1, 2, height=3.3)
    for label, found in enumerate(values):
        options = {"color": plots.class_colour(label), "label": names[label], "alpha": 0.6}
        left.hist(found, np.linspace(0, 1, 26), **options)
    left.axvline(threshold, color=plots.INK, linestyle="--")
    left.set(xlabel="brightness of the picture", ylabel="pictures", title="One threshold ...")
    left.legend()
    right.plot(*rates, color=plots.BLUE)
    right.fill_between(*rates, alpha=0.15, color=plots.BLUE)
    right.plot([0, 1], [0, 1], ":", color=plots.INK)
    right.text(0.55, 0.45, "a coin")
    right.plot((values[1] > threshold).mean(), (values[0] > threshold).mean(), "o", color=plots.INK)
    right.set(xlabel=f"FPR: {names[1]} called {names[0]}", ylabel=f"TPR: {names[0]} called {names[0]}")
    right.set_title("... is one point of the ROC curve")
    alt = "Left two histograms of brightness and a threshold; right the ROC curve with that threshold's point."
    return show_figure(figure, "roc", run, title="One threshold is one point of the ROC curve", alt=alt)


def show_lazy(run: Run, data: Dataset, areas: pd.Series, pair: tuple[int, int]) -> Image:
    """Average pictures (of many classes only the pair's), and which of the pair has more of each number, by AUROC."""
    figure, (left, right) = plots.new_figure(1, 2, height=2.9, width_ratios=(2, 3))
    colours = [plots.class_colour(label) for label in range(len(data.classes))]
    shown = range(len(colours)) if len(colours) <= 4 else pair
    means = np.stack([data.images[data.labels == label].mean(0).round() for label in shown])
    plots.show_tiles(
        left,
        means.astype(np.uint8),
        columns=2,
        captions=[data.classes[label] for label in shown],
        colours=[colours[label] for label in shown],
        title="The average picture",
        size=9,
    )
    ordered = areas.sort_values()
    sides = [colours[pair[int(area < 0.5)]] for area in ordered]
    bars = right.barh(ordered.index, ordered - 0.5, left=0.5, color=sides)
    right.bar_label(bars, [f"{area:.2f}" for area in ordered], padding=3)
    right.axvline(0.5, color=plots.INK, linewidth=1)
    first, second = (data.classes[label] for label in pair)
    right.set(xlim=(0, 1), xlabel=f"AUROC: below 0.5 {second} has more of it, above 0.5 {first}")
    right.set_title("How well does one number separate?")
    alt = "Left average pictures of classes; right a bar for each number, to the side of the class with more."
    return show_figure(figure, "lazy", run, title="How well does one number separate the classes?", alt=alt)


def show_folds(run: Run, data: Dataset) -> Image:
    """Which folds a model learns from and which it is tested on, in each round."""
    sizes = np.bincount(data.fold)
    figure, ax = plots.new_figure(height=2.5)
    ax.imshow(np.eye(len(sizes)), cmap=ListedColormap([WHITE, plots.BLUE]), aspect="auto")
    for turn, fold in np.ndindex(len(sizes), len(sizes)):
        word, colour = ("tested", "white") if turn == fold else ("learned from", plots.INK)
        ax.text(fold, turn, word, ha="center", va="center", color=colour)
    ax.set_xticks(range(len(sizes)), [f"fold {fold}\n{size} pictures" for fold, size in enumerate(sizes)])
    ax.set_yticks(range(len(sizes)), [f"round {turn}" for turn in range(len(sizes))])
    ax.grid(visible=False)
    title = "Every picture is tested once, by a model that never saw it"
    ax.set_title(title)
    alt = "A table, one row a round, one column a fold: the fold on the diagonal is tested, the others learned from."
    return show_figure(figure, "folds", run, title=title, alt=alt)


def near_duplicates(everything: Dataset) -> pd.DataFrame:
    """The pairs found, by row number: columns first, second, correlation, hash_bits."""
    row_of = {name: row for row, name in enumerate(everything.ids)}
    columns = ["first", "second", "correlation", "hash_bits"]
    pairs = pd.DataFrame(everything.card["near_duplicates"], columns=columns)
    return pairs.assign(**{end: pairs[end].map(row_of.get).astype(int) for end in columns[:2]})


def near_misses(data: Dataset) -> pd.DataFrame:
    """Pairs that the search compared and that are in no group together, most alike first; columns as above."""
    looks = duplicates.looks_of(data.images)
    compared = duplicates.compare_likely(looks, duplicates.candidate_pairs(looks))
    apart = data.group[compared["first"]] != data.group[compared["second"]]
    return compared[apart].sort_values("correlation", ascending=False)


def show_alignment(run: Run, steps: Sequence[tuple[str, np.ndarray, slice]]) -> Image:
    """Grey pictures in [0, 1], each with words above it and a frame round the columns that are compared."""
    figure, axes = plots.new_figure(1, len(steps), height=2.5)
    for ax, (words, picture, frame) in zip(axes, steps, strict=True):
        ax.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        add_frame(ax, slice(0, len(picture)), frame)
        ax.set_title(words, fontsize=9.5)
        ax.set_axis_off()
    alt = "A picture and its darker, mirrored, shifted copy; last, the copy's frame shows what the picture's shows."
    return show_figure(figure, "shift", run, title="Mirror it back, move the frame: the copy is found", alt=alt)


def show_pairs(run: Run, name: str, data: Dataset, pairs: pd.DataFrame, title: str) -> Image | None:
    """A dozen pairs side by side, the first of the table first; None when there are none."""
    shown = pairs.head(12)
    if not len(shown):
        print("There is no such pair.")
        return None
    gap = np.full((len(shown), data.images.shape[1], 1, 3), 255, np.uint8)
    both = np.concatenate([data.images[shown["first"]], gap, data.images[shown["second"]]], axis=2)
    labels = zip(*(data.labels[shown[end]] for end in ("first", "second")), strict=True)
    colours = [plots.class_colour(one) if one == other else plots.QUIET for one, other in labels]
    ids = plots.short_ids(data.ids)
    captions = [
        f"{number}: {ids[pair.first]}\nand {ids[pair.second]}, r = {pair.correlation:.3f}"
        for number, pair in enumerate(shown.itertuples(), start=1)
    ]
    figure = plots.tile_figure(both, columns=4, title=title, captions=captions, colours=colours, size=8)
    alt = "Pairs of images, the most alike first; number, correlation and the two files stand below each pair."
    return show_figure(figure, name, run, title=title, alt=alt)


def show_leak(run: Run, scores: pd.DataFrame) -> Image:
    """Accuracy on images that have a twin, or on all where none has.

    scores: columns split ("grouped" or "random"), accuracy in [0, 1].
    """
    figure, ax = plots.new_figure(height=1.8)
    for row, (split, colour) in enumerate({"grouped": plots.BLUE, "random": plots.ALARM}.items()):
        values = 100 * scores.loc[scores["split"] == split, "accuracy"].to_numpy()
        ax.barh(row, values.mean(), color=colour, alpha=0.35, height=0.6)
        ax.plot(values, np.full(len(values), row), "|", color=colour, markersize=14)
        ax.text(2, row, f"{values.mean():.0f} %", va="center", fontweight="bold")
    ax.set_yticks([0, 1], ["twins\nkept together", "split at random"])
    ax.set(
        xlim=(0, 100),
        xlabel="accuracy of the nearest neighbour on the pictures asked about, % (a tick: one way to split)",
    )
    title = "Do twins on both sides of a split inflate the score?"
    ax.set_title(title)
    alt = "Two bars: accuracy on the pictures asked about, with twins kept together and with folds at random."
    return show_figure(figure, "leak", run, title=title, alt=alt)


def show_augmentations(run: Run, data: Dataset, rows: Sequence[int]) -> Image:
    """Every augmentation by itself on two images, each first as it is; the last one is of no use for photographs."""
    originals = [data.rows(np.full(2, row)).tensor() for row in rows]
    shares = torch.tensor([0.75, 0.5]).view(-1, 1, 1, 1)
    blends = [torch.lerp(b, a, shares) for a, b in (originals, originals[::-1])]
    table, useless = [], "upside\ndown"
    for name, change in {**AUGMENTATIONS, "mixup": None, useless: upside_down}.items():
        generator = torch.Generator().manual_seed(run.seed)
        pictures = [change(images, generator) for images in originals] if change else blends
        parts = [torch.cat([a[:1], b]) for a, b in zip(originals, pictures, strict=True)]
        colours = [plots.ALARM] * 6 if name == useless else ()
        table.append(Row(name, as_images(torch.cat(parts)), colours=colours))
    heads = ["original", "", "changed"] * 2
    title = "Seven changes that should keep the class, one that mixes two, one of no use here"
    figure = picture_rows(table, columns=len(heads), heads=heads, title=title)
    alt = (
        f"Two pictures, each followed by changed versions, a row for each of: {', '.join(AUGMENTATIONS)}, mixup; "
        "and, of no use here, upside down."
    )
    return show_figure(figure, "augmentation", run, title=title, alt=alt)


# --- exercises ------------------------------------------------------------------------------------------------


def mean_accuracy(data: Dataset, seen: np.ndarray, model: ClassifierMixin) -> float:
    """Mean accuracy over the held-out folds. seen: what the model is told of each image, 0 to 255, (N, ...)."""
    flat, folds = seen.reshape(len(data), -1) / 255, PredefinedSplit(data.fold)
    return cross_val_score(model, flat, data.labels, cv=folds).mean()


def thumbnails(images: np.ndarray) -> np.ndarray:
    """Images (N, S, S, 3) shrunk to means of blocks, (N, 8, 8, 3)."""
    block = images.shape[1] // 8
    return images.reshape(len(images), 8, block, 8, block, 3).mean((2, 4))


def ring_means(images: np.ndarray) -> np.ndarray:
    """Mean colour of the outermost ring of pixels, (N, 3). images: (N, S, S, 3)."""
    inside = images[:, 1:-1, 1:-1]
    pixels = images[0, ..., 0].size - inside[0, ..., 0].size
    return (images.sum((1, 2)) - inside.sum((1, 2))) / pixels


def coin_spread(share: float, data: Dataset) -> float:
    """Standard deviation between folds of the accuracy of a coin that is right with probability `share`."""
    return np.sqrt(share * (1 - share) / np.bincount(data.fold).mean())


def check_exercise(number: int, answer, everything: Dataset, pair: tuple[int, int] = (0, 1)) -> None:
    """Print whether the answer to an exercise is right; what is right is computed from the data set."""
    data = everything.part("train")
    images, colours = data.images, make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    truths = {  # number -> what is right, and how far an answer may be off
        1: (lambda: images[3, 5, 7, 1] / 255, 0.001),
        2: (lambda: [(images[data.labels == label].mean((1, 2, 3)) > 127.5).mean() for label in pair], 0.01),
        3: (lambda: int((near_duplicates(everything)["correlation"] >= 0.96).sum()), 0),
        4: (lambda: mean_accuracy(data, thumbnails(images), KNeighborsClassifier(1)), 0.002),
        5: (lambda: mean_accuracy(data, ring_means(images), colours), 0.005),
        6: (lambda: coin_spread(mean_accuracy(data, images.mean((1, 2)), colours), data), 0.002),
    }
    truth, tolerance = truths[number]
    check(answer, truth, tolerance=tolerance)
