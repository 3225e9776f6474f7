import math

import numpy as np
import pytest
from scipy import special
from scipy import stats as scipy_stats

from bench.analysis import statistics


@pytest.mark.parametrize(
    ("n", "ranks"), [(6, (1, 6)), (8, (1, 8)), (9, (2, 8)), (10, (2, 9)), (12, (3, 10)), (20, (6, 15))]
)
def test_order_ranks_agree_with_published_tables(n: int, ranks: tuple[int, int]) -> None:
    assert statistics.order_ranks(n)[:2] == ranks


def test_order_ranks_coverage_is_exact_binomial() -> None:
    assert statistics.order_ranks(6)[2] == pytest.approx(1 - 2 / 64)
    assert statistics.order_ranks(10)[2] == pytest.approx(1 - 2 * 11 / 1024)


@pytest.mark.parametrize("n", range(6, 60))
def test_order_ranks_are_the_narrowest_with_95_percent(n: int) -> None:
    low, high, coverage = statistics.order_ranks(n)
    assert low + high == n + 1
    assert coverage >= 0.95
    assert 1 - 2 * scipy_stats.binom.cdf(low, n, 0.5) < 0.95


@pytest.mark.parametrize("n", range(1, 6))
def test_order_ranks_of_few_blocks_are_the_range(n: int) -> None:
    low, high, coverage = statistics.order_ranks(n)
    assert (low, high) == (1, n)
    assert coverage < 0.95


def test_median_interval_agrees_with_scipy_quantile_test() -> None:
    values = [float(value) for value in np.random.default_rng(3).normal(size=15)]
    ours = statistics.median_interval(values)
    interval = scipy_stats.quantile_test(values, p=0.5).confidence_interval(0.95)
    theirs = [float(end) for end in np.asarray(interval)]
    assert (ours.estimate, ours.low, ours.high) == (np.median(values), *theirs)


def test_median_interval_ranks_infinite_values_highest() -> None:
    interval = statistics.median_interval([3.0, 1.0, math.inf, 2.0, math.inf, math.inf])
    assert (interval.low, interval.estimate, interval.high) == (1.0, math.inf, math.inf)
    assert statistics.median_interval([1.0, 2.0, 3.0, math.inf, 4.0]).estimate == 3.0


def single_ratio(logs: list[float]) -> statistics.LogRatio:
    """Return the ratio of a family with one member."""
    return statistics.log_ratios([logs])[0]


def test_intervals_of_too_few_values_are_unknown() -> None:
    assert math.isnan(statistics.median_interval([]).estimate)
    assert math.isnan(single_ratio([]).ratio)
    assert math.isnan(single_ratio([0.1]).low)
    assert single_ratio([0.1]).ratio == pytest.approx(math.exp(0.1))


def test_log_ratio_agrees_with_scipy_t_test() -> None:
    logs = [float(value) for value in np.random.default_rng(4).normal(0.05, 0.04, 10)]
    ours = single_ratio(logs)
    theirs = scipy_stats.ttest_1samp(logs, 0.0)
    wide, narrow = theirs.confidence_interval(0.95), theirs.confidence_interval(0.90)
    assert ours.p == pytest.approx(theirs.pvalue)
    assert ours.ratio == pytest.approx(math.exp(np.mean(logs)))
    assert (ours.low, ours.high) == pytest.approx((math.exp(wide.low), math.exp(wide.high)))
    assert (ours.low90, ours.high90) == pytest.approx((math.exp(narrow.low), math.exp(narrow.high)))


def test_log_ratio_without_spread_is_a_point() -> None:
    equal, different = single_ratio([0.0] * 4), single_ratio([0.5] * 4)
    assert (equal.low, equal.high, equal.p) == (1.0, 1.0, 1.0)
    assert (different.low, different.high, different.p) == pytest.approx((math.exp(0.5), math.exp(0.5), 0.0))


def test_log_ratio_with_infinite_block_is_unbounded() -> None:
    found = single_ratio([0.1, 0.2, 0.3, math.inf])
    assert (found.low, found.high, found.p) == (0.0, math.inf, 1.0)
    assert found.ratio == pytest.approx(math.exp(0.25))


def test_holm_agrees_with_computation_by_hand() -> None:
    # In order: .01 x 4, .02 x 3, .03 x 2, .04 x 1 = .04 .06 .06 .04. No value may be less than the previous one.
    assert statistics.holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert statistics.holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert statistics.holm([]) == []


def test_log_ratio_of_equals_errs_in_5_percent() -> None:
    random = np.random.default_rng(5)
    wrong = sum(single_ratio(list(random.normal(0, 0.03, 10))).p < 0.05 for _ in range(1_000))
    assert 32 <= wrong <= 70  # 99% of binomial(1000, .05)


def test_family_members_share_their_variance() -> None:
    random = np.random.default_rng(6)
    alike = [list(random.normal(0, 0.03, 10)) for _ in range(15)]
    alone, together = [single_ratio(logs) for logs in alike], statistics.log_ratios(alike, 5)
    widths = [[math.log(one.high / one.low) for one in found] for found in (alone, together)]
    assert np.std(widths[1]) < np.std(widths[0]) / 3, "similar arms get similar intervals"
    assert [one.ratio for one in alone] == pytest.approx([one.ratio for one in together])
    assert np.median(widths[1]) < 1.7 * np.median(widths[0]), "although they are simultaneous"


def test_unlike_family_member_keeps_its_variance() -> None:
    random = np.random.default_rng(7)
    members = [list(random.normal(0, 0.01, 10)) for _ in range(10)] + [list(random.normal(0, 1.0, 10))]
    *calm, wild = statistics.log_ratios(members, 5)
    assert math.log(wild.high / wild.low) > 20 * max(math.log(one.high / one.low) for one in calm)


def test_blocks_for_grow_with_square_of_precision() -> None:
    now = statistics.LogRatio(1.0, math.exp(-0.06), math.exp(0.06), 0.95, 1.05, 0.5)
    assert statistics.blocks_for(0.06, now, 10) == pytest.approx(11, abs=1)
    assert statistics.blocks_for(0.03, now, 10) == pytest.approx(42, abs=1)
    assert statistics.blocks_for(0.2, now, 10) == 10
    assert math.isnan(statistics.blocks_for(0.03, statistics.LogRatio(1.0, 0.0, math.inf, 0.0, math.inf, 1.0), 10))


@pytest.mark.parametrize("value", [0.0011, 0.1, 1.0, math.pi**2 / 6, 30.0, 1e5])
def test_trigamma_inverse_inverts_trigamma(value: float) -> None:
    assert special.polygamma(1, statistics.trigamma_inverse(value)) == pytest.approx(value, rel=1e-12)


def test_excludes_one_and_is_within_use_both_ends() -> None:
    assert statistics.LogRatio(1.2, 1.1, 1.3, 1.1, 1.3, 0.0).excludes_one
    assert statistics.LogRatio(0.8, 0.7, 0.9, 0.7, 0.9, 0.0).excludes_one
    assert not statistics.UNKNOWN.excludes_one
    assert statistics.LogRatio(1.0, 0.9, 1.1, 0.95, 1.05, 1.0).is_within(0.95, 1.05)
    assert not statistics.LogRatio(1.0, 0.9, 1.1, 0.94, 1.0, 1.0).is_within(0.95, 1.05)
