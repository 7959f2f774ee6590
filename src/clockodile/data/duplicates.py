"""Near-duplicates: the same object photographed or cropped twice, which must not end up on both sides of a split.

Two looks at each pair. A perceptual hash (imagehash.phash) finds copies that were recompressed or brightened; the
correlation of grey values, allowing a mirror image and a shift of a few pixels, finds other crops of the same scene.
Barz and Denzler, "Do we train on test data?" (2020), found such pairs between CIFAR's training and test images.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import imagehash
import numpy as np
import pandas as pd
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.neighbors import NearestNeighbors

NEIGHBOURS = 8  # candidates an image; a scene rarely has more than a handful of copies
FEW = 3  # candidates where only sure copies count
MAX_SHIFT = 3  # pixels at 32; other crops of the same photo in CIFAR-100 rarely differ by more
# chosen by eye on the clocks and crocodiles: every pair above it shows the same thing
MIN_CORRELATION = 0.925
MAX_HASH_BITS = 10  # of 64 that may differ; unrelated photographs differ in about 30
# 64 bits say little about a plain background, so the pixels must agree a little
MIN_CORRELATION_FOR_HASH = 0.75
SURE = 0.95  # correlation: of millions of pairs of strangers a few reach 0.93
WORTH_A_LOOK = 0.75  # correlation of half-size pictures; of the real pairs none that counts is below 0.81
THUMB = 8  # pixels a side: coarse enough that a shift by MAX_SHIFT changes little
WORKING_SIZE = 32  # pixels a side at which pictures are compared, whatever their own size
BLOCK = 512  # rows compared at once, to bound memory
FLAT = 1e-6  # a picture of one colour has no grey pattern to compare
KNOWN_PAIRS = Path(__file__).with_name("known_pairs.csv")  # near-duplicates that only a person saw


def grey(images: np.ndarray) -> np.ndarray:
    """Luma in [0, 1]. images: uint8 (N, H, W, 3); returns float32 (N, H, W)."""
    return images.astype(np.float32) @ (np.array([0.299, 0.587, 0.114], np.float32) / 255)


def shrink(pictures: np.ndarray, side: int) -> np.ndarray:
    """Grey pictures (N, H, W) averaged down to (N, side, side); unchanged when they have that size."""
    if pictures.shape[1:] == (side, side):
        return pictures
    return np.stack([np.asarray(Image.fromarray(picture).resize((side, side), Image.BOX)) for picture in pictures])


def standardise(patches: np.ndarray) -> np.ndarray:
    """Each picture as a vector of mean 0 and length 1, so that a dot product is a correlation.

    patches: float32 (N, h, w); returns (N, h * w), all zeros for a picture of one colour.
    """
    rows = patches.reshape(len(patches), -1)
    rows = rows - rows.mean(1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(length > FLAT, rows / np.maximum(length, FLAT), 0)


def perceptual_hashes(images: np.ndarray) -> np.ndarray:
    """64-bit perceptual hash of each image. images: uint8 (N, H, W, 3); returns bool (N, 64)."""
    hashes = [imagehash.phash(Image.fromarray(image)).hash.ravel() for image in images]
    return np.array(hashes, bool).reshape(len(images), -1)


class Looks(NamedTuple):
    """What N pictures are compared by."""

    pictures: np.ndarray  # float32 (N, 32, 32), grey
    hashes: np.ndarray  # bool (N, 64), perceptual


def looks_of(images: np.ndarray) -> Looks:
    """What uint8 images (N, H, W, 3) are compared by."""
    return Looks(shrink(grey(images), WORKING_SIZE), perceptual_hashes(images))


def nearest(known: Looks, asked: Looks, count: int) -> np.ndarray:
    """Rows of `known` most like each asked picture: `count` by thumbnail, by its mirror image, and by hash.

    Returns int (M, 3 * count). Memory grows with N, not with N squared.
    """
    count = min(count, len(known.pictures))
    thumbs, shown = shrink(known.pictures, THUMB), shrink(asked.pictures, THUMB)
    by_thumb = NearestNeighbors(n_neighbors=count).fit(standardise(thumbs))
    by_hash = NearestNeighbors(n_neighbors=count, metric="hamming", algorithm="brute").fit(known.hashes)
    found = [
        by_thumb.kneighbors(standardise(shown), return_distance=False),
        by_thumb.kneighbors(standardise(shown[:, :, ::-1]), return_distance=False),
        by_hash.kneighbors(asked.hashes, return_distance=False),
    ]
    return np.concatenate(found, axis=1)


def candidate_pairs(looks: Looks) -> np.ndarray:
    """Pairs worth a closer look, each picture with its `nearest`: int (P, 2), first < second, sorted, each once."""
    second = nearest(looks, looks, NEIGHBOURS + 1)
    first = np.broadcast_to(np.arange(len(second))[:, None], second.shape)
    pairs = np.sort(np.stack([first.ravel(), second.ravel()], 1), axis=1)
    return np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)


def pair_correlation(images: np.ndarray, pairs: np.ndarray, *, max_shift: int = MAX_SHIFT) -> np.ndarray:
    """Highest grey-value correlation of each pair over mirror images and shifts of up to `max_shift` pixels.

    images: float32 (N, H, W), H and W above 2 * max_shift; pairs: int (P, 2). Returns float32 (P,) in [-1, 1].
    """
    blocks = [pairs[start : start + BLOCK] for start in range(0, len(pairs), BLOCK)]
    found = [best_alignment(images[block[:, 0]], images[block[:, 1]], max_shift) for block in blocks]
    return np.concatenate(found) if found else np.zeros(0, np.float32)


def best_alignment(first: np.ndarray, second: np.ndarray, max_shift: int) -> np.ndarray:
    """`pair_correlation` for pictures already in pairs. first, second: float32 (P, H, W); returns (P,)."""
    best = np.full(len(first), -1.0, np.float32)
    for dy in range(-max_shift, max_shift + 1):
        for dx in range(-max_shift, max_shift + 1):
            window = standardise(common_part(first, dy, dx))
            for other in (second, second[:, :, ::-1]):
                best = np.maximum(best, (window * standardise(common_part(other, -dy, -dx))).sum(1))
    return best


def common_part(images: np.ndarray, dy: int, dx: int) -> np.ndarray:
    """The part of (P, H, W) pictures that a second picture, shifted by (dy, dx), also covers."""
    height, width = images.shape[1:]
    return images[:, max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]


def find_near_duplicates(images: np.ndarray) -> pd.DataFrame:
    """Pairs that show the same thing, most alike first: enough of them that chains of pairs link all copies.

    images: uint8 (N, H, W, 3). Returns columns first, second (row numbers, first < second), correlation in [-1, 1],
    hash_bits (0..64 that differ).
    """
    looks, rows, crowded = looks_of(images), np.arange(len(images)), True
    table = alike(looks, candidate_pairs(looks))
    # more copies than neighbours hide others from each other, so look again among one of each group
    while crowded:
        group = group_by_pairs(len(images), table)
        crowded = np.bincount(group[rows]).max(initial=0) > NEIGHBOURS // 2
        rows = np.unique(group, return_index=True)[1]
        if crowded:
            some = Looks(*(part[rows] for part in looks))
            more = alike(some, candidate_pairs(some))
            more[["first", "second"]] = rows[more[["first", "second"]].to_numpy(dtype=int)]
            table = pd.concat([table, more], ignore_index=True)
    return table.sort_values(["correlation", "first"], ascending=[False, True], ignore_index=True)


def compare(looks: Looks, pairs: np.ndarray) -> pd.DataFrame:
    """How alike pairs, int (P, 2), are: the columns of `find_near_duplicates`."""
    bits = (looks.hashes[pairs[:, 0]] != looks.hashes[pairs[:, 1]]).sum(1)
    correlation = pair_correlation(looks.pictures, pairs)
    return pd.DataFrame({"first": pairs[:, 0], "second": pairs[:, 1], "correlation": correlation, "hash_bits": bits})


def compare_likely(looks: Looks, pairs: np.ndarray) -> pd.DataFrame:
    """`compare` for those of `pairs` whose half-size pictures are alike."""
    half = shrink(looks.pictures, WORKING_SIZE // 2)
    coarse = pair_correlation(half, pairs, max_shift=MAX_SHIFT // 2 + 1)
    return compare(looks, pairs[coarse >= WORTH_A_LOOK])


def alike(looks: Looks, pairs: np.ndarray) -> pd.DataFrame:
    """Those of `pairs` that show the same thing, as `compare` has them."""
    table = compare_likely(looks, pairs)
    by_hash = (table["hash_bits"] <= MAX_HASH_BITS) & (table["correlation"] >= MIN_CORRELATION_FOR_HASH)
    return table[by_hash | (table["correlation"] >= MIN_CORRELATION)].reset_index(drop=True)


def twins_of(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """For each of `others` the row of `images` that surely shows the same thing; -1 for none.

    images: uint8 (N, H, W, 3); others: uint8 (M, H, W, 3). Returns int64 (M,).
    """
    count, twin = len(images), np.full(len(others), -1)
    if not len(others):
        return twin
    known, asked = looks_of(images), looks_of(others)
    looks = Looks(*(np.concatenate(parts) for parts in zip(known, asked, strict=True)))
    first = nearest(known, asked, FEW)
    second = np.broadcast_to(np.arange(count, count + len(others))[:, None], first.shape)
    pairs = np.unique(np.stack([first.ravel(), second.ravel()], 1), axis=0)
    table = alike(looks, pairs).query("correlation >= @SURE").sort_values("correlation")
    twin[table["second"] - count] = table["first"]  # of several the last, which is the most alike
    return twin


def known_pairs(images: np.ndarray, table: Path = KNOWN_PAIRS) -> pd.DataFrame:
    """Near-duplicates among `images` that only a person saw, with the columns of `find_near_duplicates`.

    images: uint8 (N, H, W, 3); table: a csv file with columns first and second, the SHA-256 of each image's pixels.
    """
    row_of = {hashlib.sha256(image.tobytes()).hexdigest(): row for row, image in enumerate(images)}
    named = pd.read_csv(table, dtype=str)[["first", "second"]]
    rows = named.apply(lambda names: names.map(row_of)).dropna().to_numpy(dtype=int)
    return compare(looks_of(images), np.sort(rows, axis=1))


def group_by_pairs(count: int, pairs: pd.DataFrame) -> np.ndarray:
    """Group number of each of `count` images: images linked by any chain of `pairs` share one. Returns int64 (N,)."""
    links = coo_matrix((np.ones(len(pairs)), (pairs["first"], pairs["second"])), shape=(count, count))
    return connected_components(links, directed=False)[1].astype(np.int64)
