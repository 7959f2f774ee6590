"""Figures: one look for all of them, and the one function that writes them to disk.

Class A is always amber and class B always dark teal: they differ in lightness too, so a colour-blind reader or a grey
print tells them apart. Tiny images are enlarged without smoothing: a smoothed 32x32 image hides what a net sees.
"""

import functools
import io
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
from IPython.display import Image
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, fontManager, get_font
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from clockodile.core import atomic_files
from clockodile.core.workspace import Run

CLASS_COLOURS = ("#E69F00", "#0B5D51", "#56B4E9", "#CC79A7", "#0072B2", "#8C6D1F")
COLOUR_WORDS = ("orange", "green", "light blue", "pink", "blue", "brown")  # the same, as people say them
# of nets and methods, never of classes
LINE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8C6D1F", "#56B4E9")
BLUE, VERMILION = LINE_COLOURS[:2]
QUIET = "#5A6266"  # what is there for comparison
INK, PALE, ALARM = "#22282B", "#C9CFD1", "#B3261E"
DPI = 96  # dots per inch, a browser's own: on a page no pixel is smoothed, and notebooks stay under their size limit
OTHER_SCRIPTS = set(  # fonts that draw what DejaVu Sans cannot, such as Chinese class names
    "Noto Sans CJK JP,Noto Sans CJK SC,Noto Sans JP,Noto Sans SC,WenQuanYi Zen Hei,Hiragino Sans,PingFang SC,"
    "Yu Gothic,Microsoft YaHei,Malgun Gothic,Arial Unicode MS,Noto Sans Devanagari".split(",")
)
STYLE = {
    "axes.edgecolor": "#8A9296",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "figure.facecolor": "white",
    "figure.titlesize": 12.5,
    "figure.titleweight": "bold",
    "font.family": ["DejaVu Sans", *sorted(OTHER_SCRIPTS & set(fontManager.get_font_names()))],
    "font.size": 9.5,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in somebody's file name is not a formula
}
BAR = 0.06  # height of a class's bar, as a share of the picture's
PAPER = 244  # on a page, brighter values of all three colours become white
LETTERS = 11  # of a title an inch holds, at least
ALT_LIMIT = 300  # characters; screen readers lose people in longer ones


def class_colour(label: int) -> str:
    """Colour of a class by its number; grey for images without a class (-1)."""
    return CLASS_COLOURS[label % len(CLASS_COLOURS)] if label >= 0 else "#8A9296"


def colour_key(classes: Sequence[str]) -> str:
    """What the colours mean, in words: "orange: clock, green: crocodile"; of more than four classes just that."""
    if len(classes) > 4:  # too long for a title, and from the seventh on colours come again
        return f"{len(classes)} classes"
    return ", ".join(f"{word}: {name}" for word, name in zip(COLOUR_WORDS, classes, strict=False))


# --- one look, and nobody else's settings touched -------------------------------------------------------------


class StyledAxes(Axes):
    """Axes that have the project's look whatever a caller's settings are."""


class StyledFigure(Figure):
    """The same for a whole figure. Letters that no font here has are written as escapes, not drawn as boxes."""

    def draw(self, renderer) -> None:
        for text in self.findobj(Text):
            if not text.get_text().isascii():
                text.set_text(legible(text.get_text()))
        for axis in (axis for ax in self.axes for axis in (ax.xaxis, ax.yaxis)):  # they write labels anew
            formatter = axis.get_major_formatter()
            plain = functools.partial(type(formatter).format_ticks, formatter)
            formatter.format_ticks = lambda values, plain=plain: [legible(text) for text in plain(values)]
        super().draw(renderer)


# these methods run under STYLE: words get their look when they are written, ticks when they are drawn
for kind, names in {
    StyledAxes: ("annotate", "bar_label", "legend", "set_title", "text", "tick_params"),
    StyledFigure: ("colorbar", "draw", "legend", "savefig", "suptitle", "supxlabel", "supylabel", "text"),
}.items():
    for name in names:
        setattr(kind, name, plt.rc_context(STYLE)(getattr(kind, name)))


@functools.cache
def letters() -> frozenset[int]:
    """Numbers of the letters that the project's fonts have."""
    paths = [findfont(name) for name in STYLE["font.family"]]
    return frozenset().union(*(get_font(path).get_charmap() for path in paths))


def legible(text: str) -> str:
    """`text` with escapes such as \\u732b for letters that no font here has."""
    known = letters()
    return "".join(c if c.isspace() or ord(c) in known else c.encode("unicode_escape").decode() for c in text)


@plt.rc_context(STYLE)
def new_figure(rows: int = 1, columns: int = 1, *, width: float = 8.4, height: float = 3.2, **options):
    """Figure and array of axes in the project's style; width and height in inches."""
    options = {"FigureClass": StyledFigure, "subplot_kw": {"axes_class": StyledAxes}, **options}
    return plt.subplots(rows, columns, figsize=(width, height), layout="constrained", **options)


# --- tiny images ----------------------------------------------------------------------------------------------


def image_sheet(images: np.ndarray, columns: int, *, gaps: tuple[int, int] = (2, 2)) -> np.ndarray:
    """Images side by side in rows of `columns`, as one picture.

    images: uint8 (N, H, W, 3); gaps: pixels below and to the right of each. Missing places are white.
    Returns uint8 (rows * (H + gaps[0]), columns * (W + gaps[1]), 3).
    """
    count, height, width, _ = images.shape
    rows, high, wide = -(-count // columns), height + gaps[0], width + gaps[1]
    sheet = np.full((rows * columns, high, wide, 3), 255, np.uint8)
    sheet[:count, :height, :width] = images
    return sheet.reshape(rows, columns, high, wide, 3).swapaxes(1, 2).reshape(rows * high, columns * wide, 3)


def tile_gaps(height: int, captions: Sequence[str]) -> tuple[int, int]:
    """Pixels below (room for a caption) and to the right of a tile of this height."""
    return max(2, round(height * (0.36 if len(captions) else 0.08))), max(2, round(height * 0.12))


def sheet_height(count: int, columns: int, shape: tuple[int, int], captions: Sequence[str], width: float) -> float:
    """Inches that `count` tiles of (H, W) pixels need in height on a figure `width` inches wide."""
    below, right = tile_gaps(shape[0], captions)
    return -(-count // columns) * (shape[0] + below) / (columns * (shape[1] + right)) * width


def short_id(name: str) -> str:
    """The last part of an id, which is enough beside a class name: clock/10092 -> 10092."""
    text = str(name).rsplit("/", 1)[-1]
    return text if len(text) <= 12 else f"{text[:5]}…{text[-6:]}"


def short_ids(names: Sequence[str]) -> list[str]:
    """Each id's last part where it is the only one here, else with the beginning of what stands before it."""
    parts = [short_id(name) for name in names]
    often = Counter(parts)
    return [
        part if often[part] == 1 else f"{str(name).partition('/')[0][:3]}/{part}"
        for name, part in zip(names, parts, strict=True)
    ]


def show_tiles(
    ax: Axes,
    images: np.ndarray,
    *,
    columns: int,
    captions: Sequence[str] = (),
    colours: Sequence[str] = (),
    title: str = "",
    size: float = 6.5,
) -> None:
    """Draw images as a grid into `ax`, each with a small caption below it and a coloured bar for its class.

    images: uint8 (N, H, W, 3); captions and colours: (N,) or empty; size: points.
    """
    height, width = images.shape[1:3]
    gaps = tile_gaps(height, captions)
    high, wide = height + gaps[0], width + gaps[1]
    ax.imshow(image_sheet(images, columns, gaps=gaps), interpolation="nearest")
    ax.set_axis_off()
    ax.set_title(title)
    for index, caption in enumerate(captions):
        row, column = divmod(index, columns)
        x, y = column * wide + width / 2 - 0.5, row * high + height + gaps[0] * 0.55
        ax.text(x, y, caption, ha="center", va="center", fontsize=size, color=INK, parse_math=False)
    for index, colour in enumerate(colours):
        row, column = divmod(index, columns)
        x, y = column * wide - 0.5, row * high + height - 0.5
        ax.add_patch(Rectangle((x, y), width, BAR * height, color=colour, linewidth=0))  # below it, not on it


def fitted_title(title: str, width: float) -> tuple[str, float]:
    """A title in lines that fit a figure `width` inches wide, and the inches that all but the first line need."""
    lines = textwrap.wrap(title, max(20, int(LETTERS * width)))  # names of classes may be long, and many
    return "\n".join(lines), 0.2 * max(0, len(lines) - 1)


def tile_figure(images: np.ndarray, *, columns: int, width: float = 8.4, title: str = "", **options) -> Figure:
    """A figure that holds nothing but a grid of tiny images; `options` as for `show_tiles`."""
    height = sheet_height(len(images), columns, images.shape[1:3], options.get("captions", ()), width)
    title, more = fitted_title(title, width)
    figure, ax = new_figure(width=width, height=height + more + (0.35 if title else 0.1))
    show_tiles(ax, images, columns=columns, title=title, **options)
    return figure


# --- saving ---------------------------------------------------------------------------------------------------


# figures/<notebook>.json -> the figures that this process, one run of that notebook, wrote, in order: file times would
# not do, for folders are copied, and the clock of a file server may be hours off
WRITTEN: dict[Path, dict[str, dict]] = {}


def save_figure(figure: Figure, name: str, run: Run, title: str, alt: str, *, notebook: str) -> Image:
    """Write a figure into the run folder, close it, and return it for display with its alternative text.

    name: file name without suffix; title: the one message of the figure, its headline in the report; alt: what a reader
    who cannot see it should know, up to 300 characters; notebook: "01".."04".
    """
    if len(alt) > ALT_LIMIT:
        raise ValueError(f"alt text of '{name}' has {len(alt)} characters; {ALT_LIMIT} at most")
    card = atomic_files.read_json(run.dir / "data_card.json") or {}
    stamp = card.get("source", {}).get("stamp")  # of drawn images, which nobody must take for photographs
    if stamp:
        # the layout engine makes room for this label, so it never covers a part of the figure
        label = figure.supxlabel(f" {stamp} ", x=0.99, ha="right", fontsize=8, color="white")
        label.set_bbox({"facecolor": ALARM, "edgecolor": "none", "pad": 2})
    path = run.dir / "figures" / f"{name}.png"
    with atomic_files.atomic(path) as temporary:
        figure.savefig(temporary, dpi=DPI)
    plt.close(figure)
    pictures = any(ax.images for ax in figure.axes)
    record = run.dir / "figures" / f"{notebook}.json"
    figures = WRITTEN.setdefault(record, {})
    figures[name] = {"name": name, "title": title, "alt": alt, "pictures": pictures}  # again, it keeps its place
    atomic_files.write_json(record, {"figures": list(figures.values())})
    shown = for_the_page(path, 160 if pictures else 96)
    return Image(data=shown, format="png", alt=alt, width=int(figure.get_figwidth() * 96))


def for_the_page(path: Path, colours: int) -> bytes:
    """The picture in so many well-chosen colours, a third of the size, for a notebook. The file keeps them all."""
    picture = PIL.Image.open(path).convert("RGB")
    few = picture.resize((picture.width // 3 or 1, picture.height // 3 or 1), PIL.Image.Resampling.NEAREST)
    palette = few.quantize(colours, kmeans=3)  # the palette from a ninth of the pixels: as good, and quick
    picture = picture.quantize(palette=palette, dither=PIL.Image.Dither.NONE)
    shades = np.array(picture.getpalette()).reshape(-1, 3)
    shades[shades.min(1) > PAPER] = 255  # means of what is nearly white: on white paper they are seen
    picture.putpalette(shades.astype(np.uint8).tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "png", optimize=True)
    return buffer.getvalue()
