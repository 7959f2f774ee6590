import numpy as np
import pytest

from clockodile.hybrids import psychometrics
from clockodile.hybrids.psychometrics import (
    ANSWERS,
    LAPSE_RATE,
    fit_curve,
    p_second,
    psychometric,
    psychometric_curve,
    psychometric_table,
)

MIXES = np.linspace(0, 1, 11)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(psychometrics, "RESAMPLES", 40)


def simulated(middle, steepness, *, count=200, seed=1):
    """Evidence (M, N, 2) of made-up pictures that turn as a psychometric curve says."""
    rng = np.random.default_rng(seed)
    second = rng.random((len(MIXES), count)) < psychometric(MIXES, middle, steepness)[:, None]
    return np.where(second[..., None], [0.1, 0.97], [0.97, 0.1])


@pytest.mark.parametrize("pse,steepness", [(0.5, 10), (0.3, 20), (0.72, 6)])
def test_the_fit_finds_where_and_how_sharply_answers_turn(pse, steepness):
    found = psychometric_curve(MIXES, simulated(pse, steepness), (0, 1))
    assert found.pse.low <= found.pse.value <= found.pse.high
    assert abs(found.pse.value - pse) < 0.03 and found.pse.high - found.pse.low < 0.12
    rise = np.diff(found.fitted(found.pse.value + np.array([-1e-4, 1e-4]))).item() / 2e-4
    assert found.slope.value == pytest.approx(rise, rel=1e-3)
    assert found.slope.value == pytest.approx(0.98 * steepness / 4, rel=0.15)
    assert np.allclose(found.fitted(np.array([found.pse.value])), 0.5)


def test_exact_shares_give_the_exact_curve():
    assert fit_curve(MIXES, psychometric(MIXES, 0.4, 12)) == pytest.approx((0.4, 12), rel=1e-3)


def test_exchanging_the_classes_mirrors_the_curve():
    shares = np.array([0, 1, 1, 3, 6, 9, 14, 18, 19, 20, 20]) / 20
    (pse, steepness), (mirrored, same) = fit_curve(MIXES, shares), fit_curve(MIXES, 1 - shares[::-1])
    assert mirrored == pytest.approx(1 - pse, abs=1e-3) and same == pytest.approx(steepness, rel=1e-2)


@pytest.mark.parametrize("share,low,high", [(0, 1, 1.5), (1, -0.5, 0)])
def test_answers_that_never_turn_put_the_pse_outside(share, low, high):
    pse, steepness = fit_curve(MIXES, np.full(11, float(share)))
    assert low <= pse <= high and np.isfinite(steepness)


def test_a_sudden_turn_has_a_finite_slope():
    pse, steepness = fit_curve(MIXES, (MIXES > 0.45).astype(float))
    assert 0.4 < pse < 0.5 and 50 < steepness <= psychometrics.STEEPEST


def test_a_step_of_chance_lapses_at_both_ends():
    ends = psychometric(np.array([-100.0, 100.0]), 0.5, 10)
    assert np.allclose(ends, [LAPSE_RATE, 1 - LAPSE_RATE])


def test_equal_evidence_counts_half():
    evidence = np.array([[[0.2, 0.9], [0.9, 0.2], [1.0, 1.0]]])
    assert p_second(evidence, (0, 1)).tolist() == [[1, 0, 0.5]]
    assert p_second(evidence, (1, 0)).tolist() == [[0, 1, 0.5]]


def test_the_region_of_both_is_found_and_shares_add_up():
    evidence = simulated(0.5, 20, count=40)
    evidence[6, :10] = 0.99
    evidence[7, :4] = 0.99
    evidence[1, :5] = 0.01
    found = psychometric_curve(MIXES, evidence, (0, 1))
    assert found.both_mix == MIXES[6] and found.both.value == 0.25
    assert found.both.low < 0.25 < found.both.high and found.shares["neither"][1] == 0.125
    assert np.allclose(found.shares[[*ANSWERS]].sum(axis=1), 1)
    for name in ("p_second", "both", "first"):
        part = found.shares
        assert (
            (part[f"{name}_low"] <= part[name] + 1e-9) & (part[name] <= part[f"{name}_high"] + 1e-9)
        ).all()


def test_one_seed_is_enough_to_draw_something():
    found = psychometric_curve(MIXES, simulated(0.5, 20, count=1), (0, 1))
    assert len(found.shares) == 11 and np.isfinite(found.pse.value)


def test_the_table_has_a_row_a_method():
    found = psychometric_curve(MIXES, simulated(0.5, 10, count=20), (0, 1))
    table = psychometric_table({"blend": found, "flow": found})
    assert table["method"].tolist() == ["blend", "flow"]
    assert table["pse"][0] == found.pse.value and {"slope_low", "both_high", "both_mix"} <= set(table)
