"""Why an image is where it is in the ranking, in words."""

import numpy as np

from clockodile.ambiguous.evidence import quadrants


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
