"""From one class to the other in small steps: where does the judge's answer turn, how sharply, and is there a "both"?

A psychometric function is the share of pictures called the second class at each mix. The mix where it is one half is
the point of subjective equality, PSE (Wichmann & Hill, 2001).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import curve_fit
from scipy.special import expit

from clockodile.ambiguous.evidence import LENIENT, quadrants
from clockodile.core.stats import wilson_interval
from clockodile.hybrids.measures import Estimate

LAPSE_RATE = 0.01  # share of answers at either end that have nothing to do with the picture
RESAMPLES = 100  # of the seeds, for intervals
STEEPEST = 200.0  # logits a whole mix; a steeper curve is a step
ANSWERS = ("first", "second", "both", "neither")


@dataclass(frozen=True)
class Psychometric:
    """How the judge's answers turn along the mix of one generator."""

    shares: (
        pd.DataFrame
    )  # a row a mix: mix, p_second and each of ANSWERS, in [0, 1], with <name>_low and _high
    pse: Estimate  # mix in about 0..1 at which both classes are named equally often
    slope: Estimate  # rise of the curve there, in shares for a whole mix; higher = sharper
    steepness: float  # of the fitted logistic, in logits for a whole mix
    both: Estimate  # the highest share of "both" of any mix, 0..1
    both_mix: float  # the mix where it is reached

    def fitted(self, mixes: np.ndarray) -> np.ndarray:
        """The fitted curve: share of pictures called the second class, in [0, 1], at mixes (M,)."""
        return psychometric(mixes, self.pse.value, self.steepness)


def psychometric(mixes: np.ndarray, pse: float, steepness: float) -> np.ndarray:
    """LAPSE_RATE + (1 - 2 LAPSE_RATE) * logistic(steepness * (mix - pse)), in [0, 1] (Wichmann & Hill, 2001, eq. 1)."""
    return LAPSE_RATE + (1 - 2 * LAPSE_RATE) * expit(steepness * (np.asarray(mixes) - pse))


def fit_curve(mixes: np.ndarray, shares: np.ndarray) -> tuple[float, float]:
    """PSE and steepness of the least-squares curve through shares (M,) in [0, 1] at rising mixes (M,).

    The PSE may lie half a range outside the mixes, and the steepness is limited: answers that never turn, or turn at
    once, end at these limits.
    """
    low, reach = mixes[0], mixes[-1] - mixes[0]
    start = np.clip(mixes[-1] - np.trapezoid(shares, mixes), low, mixes[-1])  # the step of the same area
    near = np.clip(shares, LAPSE_RATE, 1 - LAPSE_RATE)
    (pse, logarithm), _ = curve_fit(
        lambda mixes, pse, logarithm: psychometric(mixes, pse, np.exp(logarithm)),
        mixes,
        shares,
        p0=[start, np.log(10 / reach)],
        sigma=np.sqrt(near * (1 - near)),  # a share near one half varies more than one near the ends
        bounds=([low - reach / 2, np.log(0.1 / reach)], [low + 1.5 * reach, np.log(STEEPEST / reach)]),
        ftol=1e-6,  # along a step's steepness there is nothing to find
        max_nfev=2000,
    )
    return float(pse), float(np.exp(logarithm))


def p_second(evidence: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
    """1 where there is more evidence (..., C) for the second class than the first, 0 where less, 1/2 where as much."""
    return (np.sign(evidence[..., pair[1]] - evidence[..., pair[0]]) + 1) / 2


def psychometric_curve(
    mixes: np.ndarray, evidence: np.ndarray, pair: tuple[int, int], *, seed: int = 0
) -> Psychometric:
    """Shares, fitted curve and region of "both" along a mix.

    mixes: (M,) rising, 0 = first class; evidence: (M, N, C) in [0, 1] of the same N seeds at every mix. Intervals of
    shares are Wilson's, all others come from resampling seeds, whose pictures at neighbouring mixes are alike.
    """
    mixes, second, count = np.asarray(mixes, float), p_second(evidence, pair), evidence.shape[1]
    answers = quadrants(evidence.reshape(-1, evidence.shape[-1]), pair, threshold=LENIENT).reshape(
        second.shape
    )
    shares = pd.DataFrame({"mix": mixes, "p_second": second.mean(1)})
    shares = shares.assign(**{name: (answers == name).mean(1) for name in ANSWERS})
    for name in ("p_second", *ANSWERS):
        shares[f"{name}_low"], shares[f"{name}_high"] = wilson_interval(shares[name], count)
    pse, steepness = fit_curve(mixes, second.mean(1))
    draws = np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))
    fits = np.array([fit_curve(mixes, second[:, drawn].mean(1)) for drawn in draws])
    rise = (1 - 2 * LAPSE_RATE) / 4  # of the curve at the PSE, for a steepness of 1
    most = shares.loc[shares["both"].idxmax()]
    return Psychometric(
        shares=shares,
        pse=_with_interval(pse, fits[:, 0]),
        slope=_with_interval(rise * steepness, rise * fits[:, 1]),
        steepness=steepness,
        both=Estimate(*most[["both", "both_low", "both_high"]].astype(float)),
        both_mix=float(most["mix"]),
    )


def _with_interval(value: float, resampled: np.ndarray) -> Estimate:
    return Estimate(value, *map(float, np.quantile(resampled, [0.025, 0.975])))


def psychometric_table(found: dict[str, Psychometric]) -> pd.DataFrame:
    """One row a generator: method, pse, slope and both with <name>_low and _high, and both_mix."""
    rows = []
    for method, curve in found.items():
        row = {"method": method, "both_mix": curve.both_mix}
        for name in ("pse", "slope", "both"):
            part = getattr(curve, name)
            row |= {name: part.value, f"{name}_low": part.low, f"{name}_high": part.high}
        rows.append(row)
    return pd.DataFrame(rows)
