"""Things to play with in notebook 01."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.figure import Figure

from clockodile.core.errors import UserError
from clockodile.data.dataset import Dataset, as_images
from clockodile.data.files import InvalidImage, read_image
from clockodile.learn.augmentation import AUGMENTATIONS, augment
from clockodile.show.plots import class_colour, short_id, tile_figure
from clockodile.show.widgets import live_figure, one_of, whole_number

PAGE = 24  # tiles shown at once
COLUMNS = 12


def tiles(data: Dataset, shown: np.ndarray, title: str) -> Figure:
    """Images with id and colour of their class; shown: int (K,), their rows; a blank tile when there are none."""
    if not len(shown):
        return tile_figure(np.full((1, *data.images.shape[1:]), 255, np.uint8), columns=COLUMNS, title=title)
    return tile_figure(
        data.images[shown],
        columns=COLUMNS,
        title=title,
        captions=[short_id(name) for name in data.ids[shown]],
        colours=[class_colour(label) for label in data.labels[shown]],
    )


def browse_classes(data: Dataset) -> widgets.VBox:
    """Leaf through the images of a class, page by page, with the ids by which the files are found."""
    names = {name: label for label, name in enumerate(data.classes)}
    kind = one_of("class", names)
    page = whole_number("page", 1, 1)

    def pages(label: int) -> int:
        return max(1, -(-int((data.labels == label).sum()) // PAGE))

    def limit(_change=None) -> None:
        page.max = pages(kind.value)

    kind.observe(limit, names="value")
    limit()

    def draw(label: int, number: int) -> Figure:
        shown = np.flatnonzero(data.labels == label)[(number - 1) * PAGE : number * PAGE]
        return tiles(data, shown, f"{data.classes[label]}, page {number} of {pages(label)}")

    return live_figure(draw, label=kind, number=page)


def play_with_augmentation(data: Dataset) -> widgets.VBox:
    """Choose an image, which augmentations, and a seed; see a dozen random versions of it."""
    chosen = widgets.SelectMultiple(options=list(AUGMENTATIONS), value=("flip", "crop"), description="apply")
    row = whole_number("image", 0, len(data) - 1)
    seed = whole_number("seed", 0, 99)

    def draw(names: tuple, index: int, seed: int) -> Figure:
        copies = data.rows(np.full(COLUMNS, index)).tensor()
        copies[1:] = augment(copies[1:], tuple(names), torch.Generator().manual_seed(seed))
        title = f"{data.ids[index]}: as it is, then {', '.join(names) or 'unchanged'}"
        return tile_figure(as_images(copies), columns=COLUMNS, title=title)

    return live_figure(draw, names=chosen, index=row, seed=seed)


def drop_photo(draw: Callable[[np.ndarray], Figure], size: int) -> widgets.VBox:
    """Choose a photograph of one's own and see what `draw`, given uint8 (size, size, 3), makes of it."""
    chosen = widgets.FileUpload(
        accept="image/*,.heic", description="your photo", tooltip="at most 10 MB, which is what Jupyter takes"
    )

    def shown(files: tuple) -> Figure:
        if not files:
            return tile_figure(np.full((1, size, size, 3), 255, np.uint8), columns=COLUMNS)
        with tempfile.TemporaryDirectory() as folder:  # read like any file of a folder
            path = Path(folder) / "photo"
            path.write_bytes(files[0]["content"])
            try:
                pixels, _ = read_image(path, size)
            except InvalidImage as reason:
                raise UserError(f"{files[0]['name']}: {reason}; choose another picture") from reason
        return draw(pixels)

    return live_figure(shown, files=chosen)
