"""Pictures of other things: without them nobody can say what "both" means, only which of two classes is nearer."""

from dataclasses import dataclass

import numpy as np

from clockodile.data.dataset import Dataset
from clockodile.data.stand_in import draw

ENOUGH = 40  # pictures; with fewer, "the 5 % that look most like it" would be one or two
MADE = 300  # pictures made when there are not enough
TILES = 4  # a side: a shuffled picture keeps its colours and textures and loses its object
COMPARES = (
    "the other classes are counter-examples for each class, too: so the judge does compare classes, and evidence for "
    "one is the share of the other classes' photographs with a lower score (where the text says 'other things', these "
    "are meant)"
)


@dataclass(frozen=True)
class Background:
    """M pictures that show none of the classes."""

    images: np.ndarray  # uint8 (M, S, S, 3)
    kinds: np.ndarray  # str (M,) what they show; whole kinds are held out together
    origin: np.ndarray  # int (M,) row of the training photograph a picture was cut from, -1 = of none
    note: str = ""  # what a reader must know about them; if there is one, the judge compares the classes
    word: str = "other things"  # what to call them: drawings and shuffled tiles are no photographs of other things

    def folds(self, train: Dataset, *, seed: int) -> np.ndarray:
        """A fold for each picture, int (M,): that of its kind, or of the photograph it was cut from."""
        drawn = folds_of_kinds(self.kinds, int(train.fold.max()) + 1, seed=seed)
        return np.where(self.origin >= 0, train.fold[self.origin], drawn)


def background_pictures(data: Dataset, *, seed: int) -> Background:
    """The background images of a data set; when there are fewer than ENOUGH, drawn scenes and shuffled pictures too.

    data: all splits. Made pictures are a makeshift: whatever is not a drawing may then pass as evidence, and the note
    says so. The same seed makes the same ones.
    """
    found = data.part("background")
    kinds = np.array([str(name).rpartition("/")[0] or str(name) for name in found.ids])
    if len(found) >= ENOUGH:
        return Background(found.images, kinds, np.full(len(found), -1))
    drawn = [draw("background", (seed, index), data.images.shape[1]) for index in range(MADE // 2)]
    shuffled, origin = shuffled_tiles(data.part("train").images, MADE // 2, seed=seed)
    made = np.array([f"{kind} {index}" for kind in ("drawn", "shuffled") for index in range(MADE // 2)])
    note = (
        f"{f'only {len(found)}' if len(found) else 'no'} pictures of other things were given. {len(made)} were made "
        f"(drawn scenes, shuffled tiles), and {COMPARES}. To tell both from neither, give --background a folder with "
        "some hundred photographs that show none of the classes"
    )
    return Background(
        np.concatenate([found.images, np.stack(drawn), shuffled]),
        np.concatenate([kinds, made]),
        np.concatenate([np.full(len(found) + len(drawn), -1), origin]),
        note,
        "made pictures",
    )


def shuffled_tiles(images: np.ndarray, count: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` of the images, uint8 (N, S, S, 3), each cut into TILES x TILES squares and put together at random.

    Returns them, and which images they were, int (count,).
    """
    rng = np.random.default_rng(seed)
    tile = images.shape[1] // TILES
    rows = rng.choice(len(images), count, replace=len(images) < count)
    whole = images[rows].copy()
    for picture in whole:
        corner = picture[: tile * TILES, : tile * TILES]
        squares = corner.reshape(TILES, tile, TILES, tile, 3).swapaxes(1, 2).reshape(-1, tile, tile, 3)
        mixed = squares[rng.permutation(TILES**2)].reshape(TILES, TILES, tile, tile, 3)
        corner[:] = mixed.swapaxes(1, 2).reshape(corner.shape)
    return whole, rows


def folds_of_kinds(kinds: np.ndarray, folds: int, *, seed: int) -> np.ndarray:
    """A fold 0..folds-1 for each picture, whole kinds together where there are at least three a fold; int (M,)."""
    rng = np.random.default_rng(seed)
    names, which = np.unique(kinds, return_inverse=True)
    if len(names) < 3 * folds:
        names, which = kinds, np.arange(len(kinds))
    return rng.permutation(np.arange(len(names)) % folds)[which]
