"""Why an image is where it is in the ranking, in words."""

from __future__ import annotations

import numpy as np

from clockodile.ambiguous.evidence import quadrants

UNUSUAL = 0.9  # an image's number is worth a word when it exceeds this share of its class's images, or of its opposite
WORDS = {  # of baselines.image_statistics -> word for high, word for low
    "brightness": ("bright", "dark"),
    "contrast": ("rich in contrast", "pale"),
    "saturation": ("colourful", "nearly grey"),
    "edges": ("full of lines", "smooth"),
}


def quadrant_name(evidence: np.ndarray, names: tuple[str, ...], pair: tuple[int, int]) -> str:
    """The corner of an image in words: a class's name, "both" or "neither". evidence: (C,) in [0, 1]."""
    (corner,) = quadrants(evidence[None], pair)
    return {"first": names[pair[0]], "second": names[pair[1]]}.get(corner, str(corner))


def describe_evidence(evidence: np.ndarray, names: tuple[str, ...], pair: tuple[int, int]) -> str:
    """How much speaks for each class of the pair: "clock: more than 99.7 % of other things, crocodile: 93 %"."""
    parts = []
    for label in pair:
        share = 100 * float(evidence[label])
        digits = 1 if share > 99 else 0
        parts.append(f"{names[label]}: {share:.{digits}f} %")
    return f"evidence above that of other things, {', '.join(parts)}"


def describe_statistics(ranks: np.ndarray, columns: tuple[str, ...]) -> str:
    """What is unusual about an image among those of its class, at most two words. ranks: (len(columns),) in [0, 1]."""
    found = []
    for rank, name in zip(ranks, columns, strict=True):
        if name in WORDS and max(rank, 1 - rank) >= UNUSUAL:
            found.append((max(rank, 1 - rank), WORDS[name][0 if rank > 0.5 else 1]))
    return " and ".join(word for _, word in sorted(found, reverse=True)[:2])
