import math

import pandas as pd
import pytest

from bench.analysis.block_values import block_log_ratios, block_values, valid_slices
from tests.unit.analysis.builders import make_tables

INF, NAN = math.inf, math.nan


def make_rounds(left: list[float], right: list[float]) -> pd.DataFrame:
    """Return one block of rounds with two arms."""
    index = pd.MultiIndex.from_tuples([(0, number) for number in range(len(left))], names=["block", "round"])
    return pd.DataFrame({"a": left, "b": right}, index=index)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ([20.0, 20.0, 20.0], [10.0, 10.0, 20.0], [math.log(2)]),
        ([0.0, 10.0, 10.0], [10.0, 10.0, 10.0], [0.0]),  # nothing served in one round: the median bears it
        ([0.0, 0.0, 10.0], [10.0, 10.0, 10.0], [-INF]),
        ([INF, INF, 10.0], [10.0, 10.0, 10.0], [INF]),  # infinite latency in most rounds
        ([0.0], [0.0], [0.0]),  # both zero are equal
        ([INF], [INF], [0.0]),  # both infinite are equal
        ([INF, 10.0], [5.0, INF], [0.0]),  # a tie of infinitely more and infinitely less
        ([NAN, 20.0], [10.0, 10.0], [math.log(2)]),  # a round that one arm lacks does not count
        ([NAN, 20.0], [10.0, NAN], []),
    ],
)
def test_block_log_ratio_is_median_over_common_rounds(
    left: list[float], right: list[float], expected: list[float]
) -> None:
    assert block_log_ratios(make_rounds(left, right), [("a", "b")]) == {("a", "b"): pytest.approx(expected)}


def test_block_log_ratios_have_one_value_per_block_and_pair() -> None:
    index = pd.MultiIndex.from_product([(0, 1), (0, 1)], names=["block", "round"])
    rounds = pd.DataFrame({"a": [1.0, 1.0, 4.0, 4.0], "b": [1.0] * 4, "c": [2.0] * 4}, index=index)
    ratios = block_log_ratios(rounds, [("a", "b"), ("c", "b")])
    assert ratios == {
        ("a", "b"): pytest.approx([0.0, math.log(4)]),
        ("c", "b"): pytest.approx([math.log(2), math.log(2)]),
    }


def test_block_values_are_medians_of_rounds_and_of_trials() -> None:
    trials, slices = make_tables({"asyncio/tcp": [[10.0, 30.0, 900.0], [5.0, 7.0, 6.0]]})
    (values,) = block_values(trials, slices).values()
    assert values["throughput_rps"] == {0: 30.0, 1: 6.0}
    assert list(values["memory_mb"].values()) == trials["memory_mb"].tolist()


def test_block_values_leave_out_failed_trials_and_missing_values() -> None:
    trials, slices = make_tables({"asyncio/tcp": [[10.0], [20.0], [30.0]]})
    trials["status"], trials["memory_mb"] = ["ok", "ok", "failed"], [NAN, 11.0, 12.0]
    (values,) = block_values(trials, valid_slices(slices, trials)).values()
    assert values["memory_mb"] == {1: 11.0}
    assert values["throughput_rps"] == {0: 10.0, 1: 20.0}


def test_valid_slices_skip_disturbed_rounds_and_unfinished_blocks() -> None:
    trials, slices = make_tables({"asyncio/tcp": [[10.0, 20.0], [30.0, 40.0]]})
    slices["codes"] = ["DISTURBED", "", "", ""]
    valid = valid_slices(slices, trials[trials["block"] == 0])
    assert valid["throughput_rps"].tolist() == [20.0]


def test_valid_slices_divide_cpu_time_by_answered_requests() -> None:
    trials, slices = make_tables({"asyncio/tcp": [[1e4, 1e4]]})
    slices["server_cpu_us"], slices["answered"] = 3_000.0, [0, 120]
    cpu = valid_slices(slices, trials)["cpu_us_per_request"]
    assert math.isnan(cpu[0])
    assert cpu[1] == 25.0
