import io
import math

import pandas as pd

from bench.analysis.summary import SUMMARY_COLUMNS, summarise
from bench.schema.csv_schema import SliceRow, TrialRow
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.support import synthetic
from tests.unit.analysis.builders import make_tables, only_row, set_codes


def test_summary_is_median_over_blocks_of_medians_over_rounds() -> None:
    rates = [[100.0 * block, 100.0 * block + 1, 9e9] for block in range(1, 11)]
    row = only_row(summarise(*make_tables({"asyncio/tcp": rates}), DEFAULT_THRESHOLDS), metric="throughput_rps")
    assert (row["median"], row["low"], row["high"]) == (551.0, 201.0, 901.0)
    assert (row["blocks"], row["unit"]) == (10, "requests/s")
    assert (row["verdict"], row["codes"], row["status"], row["reason"]) == ("valid", "", "ok", "")


def test_summary_of_fewer_than_six_blocks_is_suspect() -> None:
    row = only_row(
        summarise(*make_tables({"asyncio/tcp": [[5.0], [1.0], [3.0]]}), DEFAULT_THRESHOLDS), metric="throughput_rps"
    )
    assert (row["low"], row["median"], row["high"]) == (1.0, 3.0, 5.0)
    assert (row["verdict"], row["codes"]) == ("suspect", "FEW_BLOCKS=3")


def test_summary_of_cpu_time_counts_answered_requests() -> None:
    trials, slices = make_tables({"asyncio/tcp": [[1e4] * 3] * 6})
    slices["server_cpu_us"], slices["answered"] = 3_000.0, 120
    slices.loc[slices["round"] == 0, "answered"] = 0
    assert only_row(summarise(trials, slices, DEFAULT_THRESHOLDS), metric="cpu_us_per_request")["median"] == 25.0


def test_summary_percentile_with_few_samples_beyond_is_empty() -> None:
    trials, slices = make_tables({"asyncio/tcp": [[1e4] * 3] * 6})
    for replies, shown, verdict in ((9_000, False, "suspect"), (20_000, True, "suspect"), (50_000, True, "valid")):
        trials["replies"] = replies
        row = only_row(summarise(trials, slices, DEFAULT_THRESHOLDS), metric="service_p99_9_us")
        assert (not math.isnan(row["median"]), row["verdict"]) == (shown, verdict)


def test_summary_of_unmeasured_case_has_status_and_reason() -> None:
    rows = [
        synthetic.make_trial(block, arm, 16, "capacity", status=status, reason=reason)
        for arm, status, reason in (("a/tcp", "failed", "did not get ready"), ("b/tcp", "skipped", "one at a time"))
        for block in range(3)
    ]
    summary = summarise(synthetic.read_back(rows, TrialRow), synthetic.read_back([], SliceRow), DEFAULT_THRESHOLDS)
    failed, skipped = (only_row(summary, arm=arm, metric="throughput_rps") for arm in ("a/tcp", "b/tcp"))
    assert (failed["status"], failed["reason"], failed["blocks"]) == ("failed", "did not get ready", 0)
    assert (skipped["status"], skipped["reason"]) == ("skipped", "one at a time")
    assert (failed["verdict"], failed["codes"]) == (skipped["verdict"], skipped["codes"]) == ("", "")
    assert summary["median"].isna().all()


def test_summary_with_failed_block_is_suspect() -> None:
    trials, slices = make_tables({"asyncio/tcp": [[10.0]] * 7})
    trials["reason"] = trials["reason"].astype(object)
    trials.loc[trials["block"] == 6, ["status", "reason"]] = ["failed", "reset"]
    row = only_row(summarise(trials, slices, DEFAULT_THRESHOLDS), metric="throughput_rps")
    assert (row["blocks"], row["verdict"], row["codes"]) == (6, "suspect", "FAILED_BLOCKS=1")
    assert row["status"] == "ok"


def test_summary_leaves_out_slices_of_unfinished_block() -> None:
    trials, slices = make_tables({"asyncio/tcp": [[10.0]] * 6 + [[99.0]]})
    row = only_row(summarise(trials[trials["block"] < 6], slices, DEFAULT_THRESHOLDS), metric="throughput_rps")
    assert (row["blocks"], row["high"]) == (6, 10.0)


def test_summary_leaves_out_disturbed_rounds() -> None:
    trials, slices = make_tables({"asyncio/tcp": [[10.0] * 3] * 4, "select/tcp": [[20.0] * 3] * 4})
    slices["codes"] = slices["codes"].astype(object)
    slices.loc[slices["round"] == 1, "throughput_rps"] = 1e9
    slices.loc[slices["round"] == 1, "codes"] = "DISTURBED"
    assert summarise(trials, slices, DEFAULT_THRESHOLDS).query("metric == 'throughput_rps'")["high"].max() == 20.0


def test_summary_has_the_worst_verdict_of_its_blocks() -> None:
    trials, slices = make_tables({"asyncio/tcp": [[10.0]] * 6})
    set_codes(trials, "suspect", "LITTLES_LAW_VIOLATED=3.0%", trials["block"] == 2)
    set_codes(trials, "invalid", "LITTLES_LAW_VIOLATED=7.0%", trials["block"] == 4)
    row = only_row(summarise(trials, slices, DEFAULT_THRESHOLDS), metric="throughput_rps")
    assert (row["verdict"], row["codes"]) == ("invalid", "LITTLES_LAW_VIOLATED=7.0%")


def test_summary_has_findings_apart_from_doubts() -> None:
    trials, slices = make_tables({"multiprocessing/tcp": [[10.0]] * 6})
    trials["findings"] = "UNFAIR_SERVICE=80.0% ERRORS=3"
    table = summarise(trials, slices, DEFAULT_THRESHOLDS)
    assert set(table["verdict"]) == {"valid", "suspect"}
    row = only_row(table, metric="throughput_rps")
    assert (row["verdict"], row["codes"], row["findings"]) == ("valid", "", "ERRORS=3 UNFAIR_SERVICE=80.0%")
    assert only_row(table, metric="memory_mb")["findings"] == "ERRORS=3", "unfair service does not concern memory"


def test_summary_of_an_older_run_sorts_its_codes_into_both_groups() -> None:
    trials, slices = make_tables({"multiprocessing/tcp": [[10.0]] * 6})
    set_codes(trials, "suspect", "RUN_DELAY=2.0% UNFAIR_SERVICE=80.0%", trials["block"] >= 0)
    row = only_row(summarise(trials.drop(columns="findings"), slices, DEFAULT_THRESHOLDS), metric="throughput_rps")
    assert (row["verdict"], row["codes"], row["findings"]) == ("suspect", "RUN_DELAY=2.0%", "UNFAIR_SERVICE=80.0%")


def test_summary_of_a_rate_of_zero_is_invalid_without_any_code() -> None:
    trials, slices = make_tables({"asyncio/tcp": [[1e4] * 3] * 6})
    slices["throughput_rps"] = 0.0
    row = only_row(summarise(trials, slices, DEFAULT_THRESHOLDS), metric="throughput_rps")
    assert (row["median"], row["verdict"], row["codes"]) == (0.0, "invalid", "NO_REPLIES")


def test_summary_of_a_phase_whose_requests_are_answered_later_is_valid() -> None:
    trials, slices = make_tables({"asyncio/tcp": [[1e4] * 3] * 6})
    slices["throughput_rps"] = 0.0
    trials["phase"] = slices["phase"] = "burst"
    row = only_row(summarise(trials, slices, DEFAULT_THRESHOLDS), metric="throughput_rps")
    assert (row["median"], row["verdict"], row["codes"]) == (0.0, "valid", "")


def test_summary_judges_each_percentile_by_itself() -> None:
    rows = synthetic.make_run({"asyncio/tcp": {16: 3e5}}, blocks=6, rounds=4)
    codes = "LATE_SENDS@p50=0.50% LATE_SENDS@p99=0.50% LATE_SENDS@p99.9=0.50%"
    times = {"latency_p50_us": 30.0, "latency_p99_us": 90.0, "latency_p99_9_us": 200.0, "latency_max_us": 900.0}
    trials = rows.trials.assign(codes=codes, **times)
    slices = rows.slices.assign(latency_p50_us=30.0)
    table = summarise(trials, slices, DEFAULT_THRESHOLDS).set_index("metric")
    verdicts = [table.loc[f"latency_{name}_us", "verdict"] for name in ("p50", "p99", "p99_9", "max")]
    assert verdicts == ["valid", "suspect", "invalid", "valid"]
    assert table.loc["latency_p99_us", "codes"] == "LATE_SENDS@p99=0.50%"


def test_summary_of_no_rows_has_its_columns() -> None:
    assert list(summarise(pd.DataFrame(), pd.DataFrame(), DEFAULT_THRESHOLDS).columns) == SUMMARY_COLUMNS
    assert summarise(synthetic.read_back([], TrialRow), synthetic.read_back([], SliceRow), DEFAULT_THRESHOLDS).empty


def test_summary_saturated_generator_affects_rates_but_not_costs() -> None:
    trials, slices = make_tables({"asyncio/tcp": [[1e4]] * 6, "select/tcp": [[2e4]] * 6})
    set_codes(trials, "invalid", "GENERATOR_SATURATED=95.0% SHARED_CPUS", trials["arm"] == "select/tcp")
    summary = summarise(trials, slices, DEFAULT_THRESHOLDS).query("arm == 'select/tcp'").set_index("metric")
    assert summary.loc["throughput_rps", "verdict"] == "invalid"
    cost = summary.loc["cpu_us_per_request"]
    assert (cost["verdict"], cost["codes"]) == ("suspect", "SHARED_CPUS")


def test_summary_late_sends_affect_times_but_not_costs() -> None:
    rows = synthetic.make_run({"asyncio/tcp": {16: 3e4}, "select/tcp": {16: 3e4}}, blocks=6, rounds=2)
    codes = "LATE_SENDS=99.00% LATENESS_IN_LATENCY=30.0% POLL_BATCH_DELAY=31.0%"
    table = summarise(rows.trials.assign(codes=codes, verdict="invalid"), rows.slices, DEFAULT_THRESHOLDS)
    verdicts = table[table["arm"] == "select/tcp"].set_index("metric")["verdict"]
    assert verdicts["service_p50_us"] == "invalid"
    assert verdicts["cpu_us_per_request"] == "valid"


def test_summary_columns_survive_csv() -> None:
    rows = synthetic.make_run({"asyncio/tcp": {1: 1e4}, "select/tcp": {1: 1e4}}, blocks=6, rounds=3)
    summary = summarise(rows.trials, rows.slices, DEFAULT_THRESHOLDS)
    assert list(pd.read_csv(io.StringIO(summary.to_csv(index=False))).columns) == SUMMARY_COLUMNS
