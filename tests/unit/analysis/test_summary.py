import io
import math

import numpy as np
import pandas as pd
import pytest

from bench.analysis.summary import COMPARISON_COLUMNS, SUMMARY_COLUMNS, block_log_ratios, compare, summarise
from bench.schema.rows import SliceRow, TrialRow
from tests.support import synthetic

REFERENCE = {"tcp": "asyncio/tcp", "udp": "asyncio/udp"}


def row(frame: pd.DataFrame, **wanted: object) -> pd.Series:
    for column, value in wanted.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def small(values: dict[str, list[list[float]]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trials and slices at 16 connections from the rates of each arm, by block and round."""
    random = np.random.default_rng(0)
    slices, trials = [], []
    for arm, blocks in values.items():
        for block, rates in enumerate(blocks):
            rows = [synthetic.slice_of(block, at, arm, 16, "capacity", rate, random) for at, rate in enumerate(rates)]
            slices += rows
            trials.append(synthetic.finished(block, arm, 16, "capacity", rows, "valid", ""))
    return synthetic.read_back(trials, TrialRow), synthetic.read_back(slices, SliceRow)


def test_a_block_is_the_median_of_its_rounds_and_the_summary_the_median_of_the_blocks() -> None:
    rates = [[100.0 * block, 100.0 * block + 1, 9e9] for block in range(1, 11)]
    throughput = row(summarise(*small({"asyncio/tcp": rates})), metric="throughput_rps")
    assert (throughput["median"], throughput["low"], throughput["high"]) == (551.0, 201.0, 901.0)
    assert (throughput["blocks"], throughput["unit"], throughput["verdict"], throughput["codes"]) == (
        10,
        "requests/s",
        "valid",
        "",
    )


def test_fewer_than_six_blocks_are_told() -> None:
    throughput = row(summarise(*small({"asyncio/tcp": [[5.0], [1.0], [3.0]]})), metric="throughput_rps")
    assert (throughput["low"], throughput["median"], throughput["high"]) == (1.0, 3.0, 5.0)
    assert (throughput["verdict"], throughput["codes"]) == ("suspect", "FEW_BLOCKS=3")


def test_cpu_time_of_a_request_is_that_of_the_slice_over_what_it_answered() -> None:
    trials, slices = small({"asyncio/tcp": [[1e4] * 3] * 6})
    slices["server_cpu_us"], slices["answered"] = 3_000.0, 120
    slices.loc[slices["round"] == 0, "answered"] = 0
    assert row(summarise(trials, slices), metric="cpu_us_per_request")["median"] == 25.0


def test_a_percentile_with_fewer_than_ten_replies_beyond_is_left_empty() -> None:
    trials, slices = small({"asyncio/tcp": [[1e4] * 3] * 6})
    for replies, shown, verdict in ((9_000, False, "suspect"), (50_000, True, "suspect"), (200_000, True, "valid")):
        trials["replies"] = replies
        rare = row(summarise(trials, slices), metric="service_p99_9_us")
        assert (not math.isnan(rare["median"]), rare["verdict"]) == (shown, verdict)


def test_failed_and_skipped_cases_keep_their_rows_with_the_reason() -> None:
    rows = [
        synthetic.trial(block, arm, 16, "capacity", status=status, reason=reason)
        for arm, status, reason in (("a/tcp", "failed", "did not get ready"), ("b/tcp", "skipped", "one at a time"))
        for block in range(3)
    ]
    summary = summarise(synthetic.read_back(rows, TrialRow), synthetic.read_back([], SliceRow))
    failed, skipped = (row(summary, arm=arm, metric="throughput_rps") for arm in ("a/tcp", "b/tcp"))
    assert (failed["verdict"], failed["codes"], failed["blocks"]) == ("failed", "did not get ready", 0)
    assert (skipped["verdict"], skipped["codes"]) == ("skipped", "one at a time")
    assert summary["median"].isna().all()


def test_a_block_that_failed_makes_the_others_suspect() -> None:
    trials, slices = small({"asyncio/tcp": [[10.0]] * 7})
    trials["reason"] = trials["reason"].astype(object)
    trials.loc[trials["block"] == 6, ["status", "reason"]] = ["failed", "reset"]
    throughput = row(summarise(trials, slices), metric="throughput_rps")
    assert (throughput["blocks"], throughput["verdict"], throughput["codes"]) == (6, "suspect", "FAILED_BLOCKS=1")


def test_slices_of_a_block_that_was_cut_off_are_left_out() -> None:
    trials, slices = small({"asyncio/tcp": [[10.0]] * 6 + [[99.0]]})
    throughput = row(summarise(trials[trials["block"] < 6], slices), metric="throughput_rps")
    assert (throughput["blocks"], throughput["high"]) == (6, 10.0)


def test_the_verdict_of_a_case_is_the_worst_of_its_blocks() -> None:
    trials, slices = small({"asyncio/tcp": [[10.0]] * 6})
    trials["codes"] = trials["codes"].astype(object)
    trials.loc[2, ["verdict", "codes"]] = ["suspect", "LOSS=0.010%"]
    trials.loc[4, ["verdict", "codes"]] = ["invalid", "LOSS=0.300%"]
    throughput = row(summarise(trials, slices), metric="throughput_rps")
    assert (throughput["verdict"], throughput["codes"]) == ("invalid", "LOSS=0.300%")


def test_no_rows_give_empty_tables_with_their_columns() -> None:
    assert list(summarise(pd.DataFrame(), pd.DataFrame()).columns) == SUMMARY_COLUMNS
    assert list(compare(pd.DataFrame(), pd.DataFrame(), REFERENCE).columns) == COMPARISON_COLUMNS
    trials, slices = synthetic.read_back([], TrialRow), synthetic.read_back([], SliceRow)
    assert summarise(trials, slices).empty
    assert compare(slices, trials, REFERENCE).empty


def test_the_ratio_is_taken_inside_a_round_so_that_a_shared_drift_is_no_difference() -> None:
    drift = [[100.0, 200.0, 50.0], [70.0, 300.0, 20.0], [10.0, 11.0, 90.0], [60.0, 30.0, 40.0]]
    faster = [[1.2 * rate for rate in rates] for rates in drift]
    trials, slices = small({"asyncio/tcp": drift, "select/tcp": faster})
    found = row(compare(slices, trials, REFERENCE), metric="throughput_rps")
    assert (found["arm"], found["reference"], found["blocks"], found["conclusion"]) == (
        "select/tcp",
        "asyncio/tcp",
        4,
        "faster",
    )
    assert (found["ratio"], found["low"], found["high"]) == pytest.approx((1.2, 1.2, 1.2))


def test_a_missing_round_is_left_out_of_both_arms() -> None:
    trials, slices = small({"asyncio/tcp": [[10.0, 1000.0]] * 3, "select/tcp": [[20.0, 1000.0]] * 3})
    slices = slices[~((slices["arm"] == "select/tcp") & (slices["round"] == 1))]
    assert row(compare(slices, trials, REFERENCE), metric="throughput_rps")["ratio"] == pytest.approx(2.0)


def test_a_round_whose_median_took_for_ever_counts_in_its_block() -> None:
    columns = {
        "a": [math.inf, math.inf, 10.0, math.inf, math.inf, 10.0],
        "b": [10.0, 10.0, 10.0, math.inf, 5.0, math.inf],
    }
    index = pd.MultiIndex.from_tuples([(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1)], names=["block", "round"])
    (logs,) = block_log_ratios(pd.DataFrame(columns, index=index), [("a", "b")]).values()
    assert logs == [math.inf, 0.0, 0.0]


def test_every_arm_meets_its_reference_and_every_udp_its_tcp() -> None:
    rates = {
        arm: [[10.0]] * 3 for arm in ("asyncio/tcp", "asyncio/tcp~control", "select/tcp", "asyncio/udp", "select/udp")
    }
    trials, slices = small(rates)
    found = compare(slices, trials, REFERENCE)
    pairs = found.loc[found["metric"] == "throughput_rps", ["arm", "reference"]]
    assert set(pairs.itertuples(index=False, name=None)) == {
        ("asyncio/tcp~control", "asyncio/tcp"),
        ("select/tcp", "asyncio/tcp"),
        ("select/udp", "asyncio/udp"),
        ("asyncio/udp", "asyncio/tcp"),
        ("select/udp", "select/tcp"),
    }


def test_two_blocks_are_too_few_to_say_anything() -> None:
    trials, slices = small({"asyncio/tcp": [[10.0]] * 2, "select/tcp": [[20.0]] * 2})
    found = row(compare(slices, trials, REFERENCE), metric="throughput_rps")
    assert (found["conclusion"], found["codes"], found["verdict"]) == ("inconclusive", "FEW_BLOCKS=2", "suspect")


def test_an_arm_without_its_reference_keeps_its_row() -> None:
    trials, slices = small({"select/tcp": [[20.0]] * 4})
    found = row(compare(slices, trials, REFERENCE), metric="throughput_rps")
    assert (found["conclusion"], found["blocks"], found["codes"]) == ("inconclusive", 0, "FEW_BLOCKS=0")


def test_invalid_numbers_are_not_compared() -> None:
    trials, slices = small({"asyncio/tcp": [[10.0]] * 4, "select/tcp": [[20.0]] * 4})
    trials["codes"] = trials["codes"].astype(object)
    trials.loc[trials["arm"] == "select/tcp", ["verdict", "codes"]] = ["invalid", "CORRUPT_REPLIES=1"]
    found = row(compare(slices, trials, REFERENCE), metric="throughput_rps")
    assert (found["conclusion"], found["verdict"], found["codes"]) == ("inconclusive", "invalid", "CORRUPT_REPLIES=1")


def test_whoever_takes_or_costs_less_is_faster() -> None:
    trials, slices = small({"asyncio/tcp": [[1e4] * 3] * 6, "select/tcp": [[2e4] * 3] * 6})
    words = compare(slices, trials, REFERENCE).set_index("metric")["conclusion"].to_dict()
    assert words == {"throughput_rps": "faster", "cpu_us_per_request": "faster", "service_p50_us": "faster"}


def test_every_pair_of_a_transport_is_compared_and_the_limit_with_nobody() -> None:
    arms = (
        "asyncio/tcp",
        "asyncio/tcp~control",
        "select/tcp",
        "iterative/tcp",
        "native/tcp",
        "asyncio/udp",
        "select/udp",
    )
    trials, slices = small({arm: [[10.0, 10.1]] * 4 for arm in arms})
    found = compare(slices, trials, REFERENCE)
    found = found[found["metric"] == "throughput_rps"]
    assert {(one["arm"], one["reference"], one["kind"]) for one in found.to_dict("records")} == {
        ("asyncio/tcp~control", "asyncio/tcp", "control"),
        ("iterative/tcp", "asyncio/tcp", "reference"),
        ("select/tcp", "asyncio/tcp", "reference"),
        ("iterative/tcp", "select/tcp", "pair"),
        ("select/udp", "asyncio/udp", "reference"),
        ("asyncio/udp", "asyncio/tcp", "udp-vs-tcp"),
        ("select/udp", "select/tcp", "udp-vs-tcp"),
    }


def test_slices_of_spoiled_rounds_count_nowhere() -> None:
    trials, slices = small({"asyncio/tcp": [[10.0] * 3] * 4, "select/tcp": [[20.0] * 3] * 4})
    slices["codes"] = slices["codes"].astype(object)
    slices.loc[slices["round"] == 1, "throughput_rps"] = 1e9
    slices.loc[slices["round"] == 1, "codes"] = "DISTURBED"
    assert row(compare(slices, trials, REFERENCE), metric="throughput_rps")["ratio"] == pytest.approx(2.0)
    assert summarise(trials, slices).query("metric == 'throughput_rps'")["high"].max() == 20.0


def test_a_busy_generator_is_held_against_rates_and_not_against_costs() -> None:
    trials, slices = small({"asyncio/tcp": [[1e4]] * 6, "select/tcp": [[2e4]] * 6})
    trials["codes"] = trials["codes"].astype(object)
    trials.loc[trials["arm"] == "select/tcp", ["verdict", "codes"]] = [
        "invalid",
        "GENERATOR_SATURATED=0.95 LATE_REPLIES=1",
    ]
    summary = summarise(trials, slices).query("arm == 'select/tcp'").set_index("metric")
    assert summary.loc["throughput_rps", "verdict"] == "invalid"
    found = summary.loc["cpu_us_per_request"]
    assert (found["verdict"], found["codes"]) == ("suspect", "LATE_REPLIES=1")


def test_a_planted_difference_is_found_and_a_twin_is_not_called_different() -> None:
    found = called = 0
    for seed in range(30):
        rates = {"asyncio/tcp": {16: 30e3}, "select/tcp": {16: 33e3}, "iterative/tcp": {16: 30e3}}
        rows = synthetic.run(rates, blocks=10, rounds=8, block_noise=0.015, seed=seed)
        compared = compare(rows.slices, rows.trials, REFERENCE)
        words = compared.query("metric == 'throughput_rps' and kind == 'reference'").set_index("arm")["conclusion"]
        found += words["select/tcp"] == "faster"
        called += words["iterative/tcp"] in ("faster", "slower")
    assert found >= 28
    assert called <= 4  # binomial(30, .05) exceeds it in 2 % of cases


def test_the_words_of_a_run_s_twins_are_one_question_while_their_intervals_are_single_ones() -> None:
    words = single = 0
    for seed in range(60):
        rates = {arm: dict.fromkeys((1, 4, 16, 64, 256), 30e3) for arm in ("asyncio/tcp", "asyncio/tcp~control")}
        rows = synthetic.run(rates, blocks=6, rounds=4, block_noise=0.015, seed=seed)
        compared = compare(rows.slices, rows.trials, REFERENCE)
        controls = compared.query("metric == 'throughput_rps' and kind == 'control'")
        words += int(controls["conclusion"].isin(["faster", "slower"]).any())
        single += int(((controls["low"] > 1) | (controls["high"] < 1)).sum())
    assert words <= 8  # binomial(60, .05) exceeds it in 0.3 % of cases
    assert 5 <= single <= 27  # binomial(300, .05): 99.8 %


def test_tables_survive_their_way_through_csv() -> None:
    rows = synthetic.run({"asyncio/tcp": {1: 1e4}, "select/tcp": {1: 1e4}}, blocks=6, rounds=3)
    summary = summarise(rows.trials, rows.slices)
    assert list(pd.read_csv(io.StringIO(summary.to_csv(index=False))).columns) == SUMMARY_COLUMNS


def test_how_punctual_requests_were_says_nothing_against_what_they_cost() -> None:
    rows = synthetic.run({"asyncio/tcp": {16: 3e4}, "select/tcp": {16: 3e4}}, blocks=6, rounds=2)
    codes = "LATE_SENDS=0.9900 LATENESS_IN_LATENCY=30.0% POLL_BATCH_DELAY=31.0%"
    table = summarise(rows.trials.assign(codes=codes, verdict="invalid"), rows.slices)
    verdicts = table[table["arm"] == "select/tcp"].set_index("metric")["verdict"]
    assert verdicts["service_p50_us"] == "invalid"
    assert verdicts["cpu_us_per_request"] == "valid"
