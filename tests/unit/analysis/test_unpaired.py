import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench.analysis.unpaired import unpaired_ratio, unpaired_ratios


def test_unpaired_ratio_agrees_with_scipy_welch_test() -> None:
    random = np.random.default_rng(8)
    before, after = random.normal(0, 0.03, 10).tolist(), random.normal(0.05, 0.06, 7).tolist()
    ratio = unpaired_ratio(before, after).interval
    welch = scipy_stats.ttest_ind(after, before, equal_var=False)
    interval = welch.confidence_interval(0.95)
    assert ratio.p == pytest.approx(welch.pvalue)
    assert (ratio.low, ratio.high) == pytest.approx((math.exp(interval.low), math.exp(interval.high)))
    assert ratio.ratio == pytest.approx(math.exp(np.mean(after) - np.mean(before)))


def test_unpaired_ratio_widens_with_number_of_tests() -> None:
    before, after = np.random.default_rng(9).normal(0, 0.03, (2, 10)).tolist()
    single, many = (unpaired_ratio(before, after, tests).interval for tests in (1, 20))
    assert many.low < single.low < single.high < many.high
    assert (many.low90, many.high90) == (single.low90, single.high90)


@pytest.mark.parametrize("before", [[], [0.1], [0.1, math.inf]])
def test_unpaired_ratio_of_too_few_values_is_unknown(before: list[float]) -> None:
    comparison = unpaired_ratio(before, [0.1, 0.2])
    assert math.isnan(comparison.interval.ratio)
    assert math.isnan(comparison.detectable_log_change)


def test_detectable_change_is_detected_in_80_percent() -> None:
    random = np.random.default_rng(10)
    logs = random.normal(0, 0.03, (2, 10))
    planted = unpaired_ratio(list(logs[0]), list(logs[1]), tests=5).detectable_log_change
    scale = 0.03 / float(np.sqrt(logs.var(axis=1, ddof=1).mean()))  # from the noise of this sample to the true noise
    samples = random.normal(0, 0.03, (500, 2, 10))
    samples[:, 1] += planted * scale
    detected = sum(unpaired_ratio(before, after, tests=5).interval.low > 1 for before, after in samples.tolist())
    assert 0.7 <= detected / 500 <= 0.9


def test_detectable_change_without_noise_is_zero() -> None:
    assert unpaired_ratio([0.1, 0.1], [0.1, 0.1]).detectable_log_change == 0


def make_members(random: np.random.Generator, cases: int, blocks: int) -> list[tuple[list[float], list[float]]]:
    """Return two samples without a difference for each case. The cases have different noise."""
    scales = np.exp(random.normal(math.log(0.05), 0.3, cases))
    return [(random.normal(0, scale, blocks).tolist(), random.normal(0, scale, blocks).tolist()) for scale in scales]


@pytest.mark.parametrize(("cases", "blocks"), [(2, 6), (10, 6), (40, 9)])
def test_shared_variances_keep_the_error_rate_of_the_family(cases: int, blocks: int) -> None:
    random = np.random.default_rng(11)
    families = [unpaired_ratios(make_members(random, cases, blocks)) for _ in range(300)]
    wrong = sum(any(member.interval.excludes_one for member in family) for family in families)
    assert wrong <= 26  # binomial(300, .05) exceeds it in 1% of cases


def test_shared_variances_detect_smaller_changes() -> None:
    members = make_members(np.random.default_rng(12), 20, 6)
    shared = [member.detectable_log_change for member in unpaired_ratios(members)]
    alone = [unpaired_ratio(before, after, tests=20).detectable_log_change for before, after in members]
    assert np.median(shared) < 0.95 * np.median(alone)
    assert max(shared) < 0.9 * max(alone)


def test_unknown_member_of_a_family_stays_unknown() -> None:
    known, unknown = unpaired_ratios([([0.0, 0.1, 0.2], [0.1, 0.2, 0.4]), ([0.1], [0.1, 0.2])])
    assert known.detectable_log_change > 0
    assert math.isnan(unknown.interval.ratio)
    assert math.isnan(unknown.detectable_log_change)
