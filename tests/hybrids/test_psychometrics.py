import numpy as np
import pytest

from clockodile.hybrids import psychometrics
from clockodile.hybrids.psychometrics import (
    LAPSES,
    answer_shares,
    answers_of,
    fit_curve,
    measure_turning,
    p_second,
    psychometric,
    slope_at_middle,
    turning_table,
)

MIXES = np.linspace(0, 1, 11)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(psychometrics, "RESAMPLES", 40)


@pytest.mark.parametrize("near", [(0.5, 3.0), (0.3, 40.0)])
def test_a_curve_begun_near_ends_where_one_begun_from_nothing_does(near):
    second = simulated(0.4, 9, count=60).argmax(2).sum(1)
    assert fit_curve(MIXES, second, 60, near=near) == pytest.approx(fit_curve(MIXES, second, 60), rel=1e-2)


def simulated(middle, steepness, *, count=200, seed=0):
    """Evidence (M, N, 2) of made-up pictures that turn as a psychometric curve says."""
    rng = np.random.default_rng(seed)
    second = rng.random((len(MIXES), count)) < psychometric(MIXES, middle, steepness)[:, None]
    return np.where(second[..., None], [0.1, 0.97], [0.97, 0.1])


@pytest.mark.parametrize("middle,steepness", [(0.5, 10), (0.3, 20), (0.72, 6)])
def test_the_fit_finds_where_and_how_sharply_answers_turn(middle, steepness):
    found = measure_turning(MIXES, simulated(middle, steepness), (0, 1))
    assert found.middle.low <= found.middle.value <= found.middle.high
    assert abs(found.middle.value - middle) < 0.03 and found.middle.high - found.middle.low < 0.12
    assert found.slope.value == pytest.approx(slope_at_middle(steepness), rel=0.3)
    assert np.allclose(found.fitted(np.array([found.middle.value])), 0.5)


def test_exact_shares_give_the_exact_curve():
    middle, steepness = fit_curve(MIXES, 1000 * psychometric(MIXES, 0.4, 12), 1000)
    assert middle == pytest.approx(0.4, abs=1e-3) and steepness == pytest.approx(12, rel=1e-2)


def test_exchanging_the_classes_mirrors_the_curve():
    second = np.array([0, 1, 1, 3, 6, 9, 14, 18, 19, 20, 20])
    middle, steepness = fit_curve(MIXES, second, 20)
    mirrored, same = fit_curve(MIXES, 20 - second[::-1], 20)
    assert mirrored == pytest.approx(1 - middle, abs=1e-3) and same == pytest.approx(steepness, rel=1e-2)


@pytest.mark.parametrize("second,low,high", [(0, 1, 1.5), (30, -0.5, 0)])
def test_answers_that_never_turn_put_the_middle_outside(second, low, high):
    middle, steepness = fit_curve(MIXES, np.full(11, second), 30)
    assert low <= middle <= high and np.isfinite(steepness)


def test_a_sudden_turn_has_a_finite_slope():
    middle, steepness = fit_curve(MIXES, 30 * (MIXES > 0.45), 30)
    assert 0.4 < middle < 0.5 and 50 < steepness < 1000


def test_a_step_of_chance_lapses_at_both_ends():
    ends = psychometric(np.array([-100.0, 100.0]), 0.5, 10)
    assert np.allclose(ends, [LAPSES, 1 - LAPSES])


def test_equal_evidence_counts_half():
    evidence = np.array([[[0.2, 0.9], [0.9, 0.2], [1.0, 1.0]]])
    assert p_second(evidence, (0, 1)).tolist() == [[1, 0, 0.5]]
    assert p_second(evidence, (1, 0)).tolist() == [[0, 1, 0.5]]


def test_the_region_of_both_is_found_and_shares_add_up():
    evidence = simulated(0.5, 20, count=40)
    evidence[6, :10] = 0.99
    evidence[7, :4] = 0.99
    evidence[1, :5] = 0.01
    found = measure_turning(MIXES, evidence, (0, 1))
    assert found.both_mix == MIXES[6] and found.both.value == 0.25
    assert found.both.low < 0.25 < found.both.high and found.shares["neither"][1] == 0.125
    assert np.allclose(found.shares[["first", "second", "both", "neither"]].sum(axis=1), 1)
    for name in ("turned", "both", "first"):
        part = found.shares
        assert (
            (part[f"{name}_low"] <= part[name] + 1e-9) & (part[name] <= part[f"{name}_high"] + 1e-9)
        ).all()


def test_one_seed_is_enough_to_draw_something():
    evidence = simulated(0.5, 20, count=1)
    shares = answer_shares(MIXES, answers_of(evidence, (0, 1)), p_second(evidence, (0, 1)))
    assert len(shares) == 11 and np.isfinite(measure_turning(MIXES, evidence, (0, 1)).middle.value)


def test_the_table_has_a_row_a_method():
    found = measure_turning(MIXES, simulated(0.5, 10, count=20), (0, 1))
    table = turning_table({"blend": found, "flow": found})
    assert table["method"].tolist() == ["blend", "flow"]
    assert table["middle"][0] == found.middle.value and {"slope_low", "both_high", "both_mix"} <= set(table)
