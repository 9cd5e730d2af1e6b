"""Interquartile mean, bootstrap intervals and common grids against hand work and SciPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from raylab.analysis.statistics import bootstrap_curve, common_grid, iqm, stratified_bootstrap


def test_iqm_is_the_mean_of_the_middle_half() -> None:
    scores = [100.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, -100.0]  # cuts -100, 1 and 6, 100

    assert float(iqm(scores)) == pytest.approx((2 + 3 + 4 + 5) / 4)


def test_iqm_cuts_only_whole_scores() -> None:
    assert float(iqm([1.0, 2.0, 30.0])) == pytest.approx(11.0)  # floor(3 / 4) = 0: the mean
    assert float(iqm([1.0, 2.0, 3.0, 40.0, 5.0])) == pytest.approx(10 / 3)  # 1 and 40 go


def test_iqm_reduces_the_given_axis() -> None:
    curves = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0], [90.0, -90.0]])

    assert iqm(curves, axis=0) == pytest.approx([2.0, 1.0])


def test_interval_of_three_seeds_equals_the_enumeration_of_all_resamples() -> None:
    scores = [1.0, 2.0, 6.0]
    every_resample = [np.mean(draw) for draw in itertools.product(scores, repeat=3)]
    expected = np.quantile(every_resample, [0.1, 0.9])

    estimate = stratified_bootstrap([scores], confidence=0.8, resamples=40_000)

    assert estimate.value == pytest.approx(3.0)
    assert (estimate.low, estimate.high) == pytest.approx(tuple(expected), abs=1e-9)
    assert estimate.n == 3


def test_interval_agrees_with_scipy_on_one_stratum() -> None:
    scores = np.random.default_rng(3).gamma(2.0, 10.0, size=20)
    oracle = stats.bootstrap(
        (scores,),
        lambda sample, axis: stats.trim_mean(sample, 0.25, axis=axis),
        n_resamples=40_000,
        method="percentile",
        rng=np.random.default_rng(4),
    ).confidence_interval

    estimate = stratified_bootstrap([scores], resamples=40_000)

    width = oracle.high - oracle.low
    assert estimate.low == pytest.approx(oracle.low, abs=0.02 * width)
    assert estimate.high == pytest.approx(oracle.high, abs=0.02 * width)


def test_strata_are_resampled_separately() -> None:
    near_zero, near_hundred = [0.0, 1.0], [99.0, 100.0]
    resamples = [
        np.sort([a, b, c, d])[1:3].mean()  # IQM of four: the middle two
        for a, b in itertools.product(near_zero, repeat=2)
        for c, d in itertools.product(near_hundred, repeat=2)
    ]

    stratified = stratified_bootstrap([near_zero, near_hundred], resamples=20_000)
    pooled = stratified_bootstrap([near_zero + near_hundred], resamples=20_000)

    assert (stratified.low, stratified.high) == (min(resamples), max(resamples)) == (49.5, 50.5)
    assert pooled.low < 2  # without strata a resample may miss a task altogether


def test_the_same_seed_gives_the_same_interval() -> None:
    scores = np.random.default_rng(0).normal(size=9)

    again = [stratified_bootstrap([scores], resamples=200, seed=5) for _ in range(2)]

    assert again[0] == again[1]
    assert again[0] != stratified_bootstrap([scores], resamples=200, seed=6)


def test_one_seed_has_no_interval() -> None:
    estimate = stratified_bootstrap([[7.0]])

    assert estimate.value == 7.0
    assert np.isnan(estimate.low)
    assert np.isnan(estimate.high)


@pytest.mark.parametrize("strata", [[], [[]], [[1.0, float("nan")]]])
def test_unusable_scores_are_refused(strata: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="scores"):
        stratified_bootstrap(strata)


def test_curve_band_equals_the_interval_at_each_point() -> None:
    curves = np.random.default_rng(1).normal(size=(6, 3)).cumsum(axis=1)
    x = np.array([0.0, 1.0, 2.0])

    band = bootstrap_curve(x, curves, resamples=20_000)

    for point in range(3):
        single = stratified_bootstrap([curves[:, point]], resamples=20_000)
        assert band.value[point] == pytest.approx(single.value)
        assert band.low[point] == pytest.approx(single.low, abs=0.06)
        assert band.high[point] == pytest.approx(single.high, abs=0.06)


def test_curve_band_does_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    curves = np.random.default_rng(1).normal(size=(4, 7))
    x = np.arange(7.0)
    whole = bootstrap_curve(x, curves, resamples=50)
    monkeypatch.setattr("raylab.analysis.statistics._CHUNK_VALUES", 400)

    chunked = bootstrap_curve(x, curves, resamples=50)

    np.testing.assert_array_equal(whole.low, chunked.low)
    np.testing.assert_array_equal(whole.high, chunked.high)


def test_curve_of_one_seed_has_no_band() -> None:
    band = bootstrap_curve(np.arange(2.0), np.array([[1.0, 2.0]]))

    assert band.value.tolist() == [1.0, 2.0]
    assert np.isnan(band.low).all()
    assert np.isnan(band.high).all()


def test_common_grid_covers_what_all_seeds_cover() -> None:
    first = (np.array([0.0, 10.0]), np.array([0.0, 100.0]))
    second = (np.array([2.0, 4.0, 8.0]), np.array([1.0, 3.0, 3.0]))

    grid, curves = common_grid([first, second], points=4)

    assert grid.tolist() == [2.0, 4.0, 6.0, 8.0]
    np.testing.assert_allclose(curves, [[20.0, 40.0, 60.0, 80.0], [1.0, 3.0, 3.0, 3.0]])


def test_common_grid_takes_the_last_of_several_values_at_one_step() -> None:
    x, y = np.array([0.0, 1.0, 1.0, 2.0]), np.array([0.0, 5.0, 7.0, 9.0])

    _, curves = common_grid([(x, y)], points=3)

    assert curves.tolist() == [[0.0, 7.0, 9.0]]


def test_common_grid_is_empty_without_common_range() -> None:
    early = (np.array([0.0, 1.0]), np.zeros(2))
    late = (np.array([2.0, 3.0]), np.zeros(2))

    assert common_grid([early, late])[0].size == 0
    assert common_grid([early, (np.empty(0), np.empty(0))])[1].shape == (2, 0)
    assert common_grid([])[0].size == 0
