"""From one class to the other in small steps: where does a judge's answer turn, how sharply, and is there a "both"?

A psychometric curve is the share of pictures called the second class at each mix. Fitted by maximum likelihood with a
small rate of lapses, its middle is the point of subjective equality (Wichmann & Hill, 2001).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit

from clockodile.ambiguous.evidence import LENIENT, quadrants
from clockodile.core.stats import wilson_interval
from clockodile.hybrids.measures import Estimate

LAPSES = 0.01  # share of answers at either end that have nothing to do with the picture
RESAMPLES = 200  # of the seeds, for intervals
STEEPEST = 200.0  # logits a whole mix; a steeper curve is a step
ANSWERS = ("first", "second", "both", "neither")


@dataclass(frozen=True)
class Psychometric:
    """How judgements turn along the mix of one method."""

    shares: pd.DataFrame  # a row a mix: see `answer_shares`
    middle: Estimate  # mix in about 0..1 at which both classes are named equally often
    slope: Estimate  # rise of the curve there, in shares for a whole mix; higher = sharper
    steepness: float  # of the fitted logistic, in logits for a whole mix
    both: Estimate  # the highest share of "both" of any mix, 0..1
    both_mix: float  # the mix where it is reached

    def fitted(self, mixes: np.ndarray) -> np.ndarray:
        """The fitted curve: share of pictures called the second class, in [0, 1], at mixes (M,)."""
        return psychometric(mixes, self.middle.value, self.steepness)


def psychometric(mixes: np.ndarray, middle: float, steepness: float, *, lapses: float = LAPSES) -> np.ndarray:
    """lapses + (1 - 2 lapses) * logistic(steepness * (mix - middle)), in [0, 1] (Wichmann & Hill, 2001, eq. 1)."""
    return lapses + (1 - 2 * lapses) * expit(steepness * (np.asarray(mixes) - middle))


def fit_curve(
    mixes: np.ndarray, second: np.ndarray, count: int, *, near: tuple[float, float] | None = None
) -> tuple[float, float]:
    """Middle and steepness of the likeliest curve. mixes: (M,); second: (M,) answers "second" of `count` at each mix.

    near: a curve to begin with, of answers that are much the same; otherwise a flat and a steep one are tried.
    The middle may lie half a range outside the mixes, and the steepness between 0 and STEEPEST: answers that never turn
    or turn at once end at these limits.
    """
    mixes, second = np.asarray(mixes, float), np.asarray(second, float)
    low, high = mixes.min(), mixes.max()
    reach = max(high - low, 1e-6)

    def surprise(values: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the log-likelihood, and its slope in the middle and the logarithm of the steepness."""
        steep = np.exp(values[1])
        expected, rise = psychometric(mixes, values[0], steep), expit(steep * (mixes - values[0]))
        rise = (1 - 2 * LAPSES) * rise * (1 - rise)  # of what is expected, a logit
        wrong = ((count - second) / (1 - expected) - second / expected) * rise * steep
        value = -(second * np.log(expected) + (count - second) * np.log(1 - expected)).sum()
        return float(value), np.array([-wrong.sum(), (wrong * (mixes - values[0])).sum()])

    bounds = [(low - reach / 2, high + reach / 2), (np.log(0.1 / reach), np.log(STEEPEST / reach))]
    start = crossing(mixes, second / max(count, 1))
    starts = [near] if near else [(start, steep / reach) for steep in (4.0, 30.0)]
    fits = [
        minimize(surprise, [middle, np.log(steep)], bounds=bounds, method="L-BFGS-B", jac=True)
        for middle, steep in starts
    ]
    middle, steepness = min(fits, key=lambda fit: fit.fun).x
    return float(middle), float(np.exp(steepness))


def crossing(mixes: np.ndarray, shares: np.ndarray) -> float:
    """Where a rising curve would turn that has the same area as the shares (M,) at mixes (M,): Spearman and Karber."""
    area = np.trapezoid(shares, mixes)
    return float(np.clip(mixes.max() - area, mixes.min(), mixes.max()))


def slope_at_middle(steepness: float) -> float:
    """Rise of the curve at its middle, in shares for a whole mix."""
    return (1 - 2 * LAPSES) * steepness / 4


def p_second(evidence: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
    """1 where there is more evidence for the second class than for the first, 0 where less, 1/2 where as much.

    evidence: (..., C); returns float (...).
    """
    first, second = evidence[..., pair[0]], evidence[..., pair[1]]
    return (np.sign(second - first) + 1) / 2


def answers_of(evidence: np.ndarray, pair: tuple[int, int], *, threshold: float = LENIENT) -> np.ndarray:
    """Corner of every picture, str (M, N). evidence: (M, N, C) in [0, 1] of N seeds at M mixes."""
    flat = quadrants(evidence.reshape(-1, evidence.shape[-1]), pair, threshold=threshold)
    return flat.reshape(evidence.shape[:2])


def answer_shares(mixes: np.ndarray, answers: np.ndarray, second: np.ndarray) -> pd.DataFrame:
    """A row a mix: mix, turned, first, second, both, neither (shares in [0, 1]), each with <name>_low and _high.

    answers: str (M, N); second: float (M, N) in [0, 1], asked to choose ("turned" is its mean). Intervals are
    Wilson's.
    """
    columns = {"turned": second.mean(1)} | {name: (answers == name).mean(1) for name in ANSWERS}
    table = {"mix": mixes}
    for name, share in columns.items():
        low, high = wilson_interval(share, answers.shape[1])
        table |= {name: share, f"{name}_low": low, f"{name}_high": high}
    return pd.DataFrame(table)


def measure_turning(
    mixes: np.ndarray,
    evidence: np.ndarray,
    pair: tuple[int, int],
    *,
    threshold: float = LENIENT,
    seed: int = 0,
) -> Psychometric:
    """Shares, fitted curve and region of "both" along a mix.

    mixes: (M,) rising, 0 = first class; evidence: (M, N, C) in [0, 1] of the same N seeds at every mix. Intervals
    come from resampling seeds, whose pictures at neighbouring mixes are alike.
    """
    mixes, second = np.asarray(mixes, float), p_second(evidence, pair)
    answers, count = answers_of(evidence, pair, threshold=threshold), evidence.shape[1]
    middle, steepness = fit_curve(mixes, second.sum(1), count)
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, count, (RESAMPLES, count))
    near = (middle, steepness)
    fits = np.array([fit_curve(mixes, second[:, drawn].sum(1), count, near=near) for drawn in draws])
    shares = answer_shares(mixes, answers, second)
    most = shares.loc[shares["both"].idxmax()]
    return Psychometric(
        shares=shares,
        middle=_with_interval(middle, fits[:, 0]),
        slope=_with_interval(slope_at_middle(steepness), slope_at_middle(fits[:, 1])),
        steepness=steepness,
        both=Estimate(*(float(most[name]) for name in ("both", "both_low", "both_high"))),
        both_mix=float(most["mix"]),
    )


def _with_interval(value: float, resampled: np.ndarray) -> Estimate:
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Estimate(value, float(low), float(high))


def turning_table(found: dict[str, Psychometric]) -> pd.DataFrame:
    """One row a method: method, middle, slope and both with <name>_low and _high, and both_mix."""
    rows = []
    for method, curve in found.items():
        row = {"method": method}
        for name in ("middle", "slope", "both"):
            part = getattr(curve, name)
            row |= {name: part.value, f"{name}_low": part.low, f"{name}_high": part.high}
        rows.append(row | {"both_mix": curve.both_mix})
    return pd.DataFrame(rows)
