import math

import numpy as np
import pandas as pd
import pytest

from bench.analysis.comparisons import COMPARISON_COLUMNS, compare_arms, conclude, noise_floor_share
from bench.analysis.statistics import LogRatio
from bench.schema.conclusions import Conclusion
from bench.schema.csv_schema import SliceRow, TrialRow
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.support import synthetic
from tests.unit.analysis.builders import REFERENCE_ARMS, make_tables, only_row, set_codes


def compare_throughput(rows: synthetic.Rows) -> pd.DataFrame:
    """Return the comparisons of throughput. Without values, the other metrics cost no time."""
    slices = rows.slices.assign(service_p50_us=math.nan, server_cpu_us=math.nan)
    return compare_arms(rows.trials, slices, REFERENCE_ARMS, DEFAULT_THRESHOLDS)


def compare_rates(rates: dict[str, list[list[float]]]) -> pd.DataFrame:
    """Return the comparisons of throughput."""
    comparisons = compare_arms(*make_tables(rates), REFERENCE_ARMS, DEFAULT_THRESHOLDS)
    return comparisons[comparisons["metric"] == "throughput_rps"]


@pytest.mark.parametrize(
    ("metric", "interval", "conclusion"),
    [
        ("throughput_rps", LogRatio(1.2, 1.1, 1.3, 1.15, 1.25, 0.01), Conclusion.FASTER),
        ("cpu_us_per_request", LogRatio(1.2, 1.1, 1.3, 1.15, 1.25, 0.01), Conclusion.SLOWER),
        ("throughput_rps", LogRatio(1.01, 0.97, 1.06, 0.98, 1.04, 0.5), Conclusion.EQUIVALENT),
        ("throughput_rps", LogRatio(1.01, 0.9, 1.2, 0.94, 1.1, 0.5), Conclusion.INCONCLUSIVE),
        ("throughput_rps", LogRatio(*[math.nan] * 6), Conclusion.INCONCLUSIVE),
    ],
)
def test_conclude_follows_the_interval(metric: str, interval: LogRatio, conclusion: Conclusion) -> None:
    assert conclude(metric, interval) is conclusion


def test_comparison_of_no_rows_has_its_columns() -> None:
    comparisons = compare_arms(pd.DataFrame(), pd.DataFrame(), REFERENCE_ARMS, DEFAULT_THRESHOLDS)
    assert list(comparisons.columns) == COMPARISON_COLUMNS
    trials, slices = synthetic.read_back([], TrialRow), synthetic.read_back([], SliceRow)
    assert compare_arms(trials, slices, REFERENCE_ARMS, DEFAULT_THRESHOLDS).empty


def test_ratio_inside_rounds_ignores_common_drift() -> None:
    drift = [[100.0, 200.0, 50.0], [70.0, 300.0, 20.0], [10.0, 11.0, 90.0], [60.0, 30.0, 40.0]]
    faster = [[1.2 * rate for rate in rates] for rates in drift]
    row = only_row(compare_rates({"asyncio/tcp": drift, "select/tcp": faster}))
    assert (row["arm"], row["reference"]) == ("select/tcp", "asyncio/tcp")
    assert (row["blocks"], row["conclusion"]) == (4, "faster")
    assert (row["model"], row["transport"], row["scenario_kind"]) == ("select", "tcp", "capacity")
    assert (row["ratio"], row["low"], row["high"]) == pytest.approx((1.2, 1.2, 1.2))


def test_round_that_one_arm_lacks_is_left_out_of_both() -> None:
    trials, slices = make_tables({"asyncio/tcp": [[10.0, 1000.0]] * 3, "select/tcp": [[20.0, 1000.0]] * 3})
    slices = slices[~((slices["arm"] == "select/tcp") & (slices["round"] == 1))]
    comparisons = compare_arms(trials, slices, REFERENCE_ARMS, DEFAULT_THRESHOLDS)
    assert only_row(comparisons, metric="throughput_rps")["ratio"] == pytest.approx(2.0)


def test_disturbed_round_is_left_out_of_comparison() -> None:
    trials, slices = make_tables({"asyncio/tcp": [[10.0] * 3] * 4, "select/tcp": [[20.0] * 3] * 4})
    slices["codes"] = slices["codes"].astype(object)
    slices.loc[slices["round"] == 1, "throughput_rps"] = 1e9
    slices.loc[slices["round"] == 1, "codes"] = "DISTURBED"
    comparisons = compare_arms(trials, slices, REFERENCE_ARMS, DEFAULT_THRESHOLDS)
    assert only_row(comparisons, metric="throughput_rps")["ratio"] == pytest.approx(2.0)


def test_two_blocks_are_inconclusive() -> None:
    row = only_row(compare_rates({"asyncio/tcp": [[10.0]] * 2, "select/tcp": [[20.0]] * 2}))
    assert (row["conclusion"], row["codes"], row["verdict"]) == ("inconclusive", "FEW_BLOCKS=2", "suspect")


def test_arm_without_measured_reference_keeps_its_row() -> None:
    row = only_row(compare_rates({"select/tcp": [[20.0]] * 4}))
    assert (row["conclusion"], row["blocks"], row["codes"]) == ("inconclusive", 0, "FEW_BLOCKS=0")


def test_invalid_numbers_are_inconclusive() -> None:
    trials, slices = make_tables({"asyncio/tcp": [[10.0]] * 4, "select/tcp": [[20.0]] * 4})
    set_codes(trials, "invalid", "CORRUPT_REPLIES=1", trials["arm"] == "select/tcp")
    row = only_row(compare_arms(trials, slices, REFERENCE_ARMS, DEFAULT_THRESHOLDS), metric="throughput_rps")
    assert (row["conclusion"], row["verdict"], row["codes"]) == ("inconclusive", "invalid", "CORRUPT_REPLIES=1")


def test_arm_that_costs_or_takes_less_is_faster() -> None:
    comparisons = compare_arms(
        *make_tables({"asyncio/tcp": [[1e4] * 3] * 6, "select/tcp": [[2e4] * 3] * 6}),
        REFERENCE_ARMS,
        DEFAULT_THRESHOLDS,
    )
    conclusions = comparisons.set_index("metric")["conclusion"].to_dict()
    assert conclusions == {"throughput_rps": "faster", "cpu_us_per_request": "faster", "service_p50_us": "faster"}


def test_planned_throughput_of_open_loop_is_not_compared() -> None:
    trials, slices = make_tables({"asyncio/tcp": [[1e4] * 3] * 6, "select/tcp": [[2e4] * 3] * 6})
    comparisons = compare_arms(trials.assign(scenario_kind="latency"), slices, REFERENCE_ARMS, DEFAULT_THRESHOLDS)
    assert set(comparisons["metric"]) == {"cpu_us_per_request", "service_p50_us"}


def test_planted_difference_is_found_and_equal_arm_is_not() -> None:
    found = wrong = 0
    for seed in range(30):
        rates = {"asyncio/tcp": {16: 30e3}, "select/tcp": {16: 33e3}, "iterative/tcp": {16: 30e3}}
        rows = synthetic.make_run(rates, blocks=10, rounds=8, block_noise=0.015, seed=seed)
        with_reference = (
            compare_throughput(rows).query("metric == 'throughput_rps' and kind == 'reference'").set_index("arm")
        )
        conclusions = with_reference["conclusion"]
        found += conclusions["select/tcp"] == "faster"
        wrong += conclusions["iterative/tcp"] in ("faster", "slower")
    assert found >= 28
    assert wrong <= 4  # binomial(30, .05) exceeds it in 2% of cases


def test_controls_share_one_error_rate_but_keep_single_intervals() -> None:
    runs = single = 0
    for seed in range(60):
        rates = {arm: dict.fromkeys((1, 4, 16, 64, 256), 30e3) for arm in ("asyncio/tcp", "asyncio/tcp~control")}
        rows = synthetic.make_run(rates, blocks=6, rounds=4, block_noise=0.015, seed=seed)
        controls = compare_throughput(rows).query("metric == 'throughput_rps' and kind == 'control'")
        runs += int(controls["conclusion"].isin(["faster", "slower"]).any())
        single += int(((controls["low"] > 1) | (controls["high"] < 1)).sum())
    assert runs <= 8  # binomial(60, .05) exceeds it in 0.3% of cases
    assert 5 <= single <= 27  # binomial(300, .05): 99.8%


@pytest.mark.parametrize(
    ("low", "high", "share"),
    [([0.98, 0.99], [1.01, 1.05], 0.05), ([0.9], [1.05], 1 / 0.9 - 1), ([0.0], [math.inf], None), ([], [], None)],
)
def test_noise_floor_is_the_farthest_bounded_end(low: list[float], high: list[float], share: float | None) -> None:
    controls = pd.DataFrame({"low": low, "high": high, "verdict": "valid"})
    assert noise_floor_share(controls) == (share and pytest.approx(share))


def test_noise_floor_ignores_invalid_controls() -> None:
    controls = pd.DataFrame({"low": [0.98, 0.5], "high": [1.01, 2.0], "verdict": ["suspect", "invalid"]})
    assert noise_floor_share(controls) == pytest.approx(1 / 0.98 - 1)


def test_comparison_columns_of_numbers_are_numeric() -> None:
    comparisons = compare_rates({"asyncio/tcp": [[10.0]] * 4, "select/tcp": [[20.0]] * 4})
    assert all(comparisons[name].dtype == np.float64 for name in ("rate_rps", "ratio", "low", "high", "p_holm"))
