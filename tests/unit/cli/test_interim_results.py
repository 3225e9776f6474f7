import math
from dataclasses import replace

import numpy as np
import pytest

from bench.cli.interim_results import InterimResults, load_point_of
from bench.experiment.observer import CaseFinished, SliceFinished
from bench.schema.csv_schema import TrialRow
from clients.quality_catalogue import CATALOGUE, DEFAULT_THRESHOLDS
from clients.quality_codes import Thresholds
from tests.support import synthetic
from tests.unit.cli.events import make_open_loop_slice, make_slice, make_trial


def test_ranking_sorts_best_first_without_interval_of_two_blocks() -> None:
    results = InterimResults(DEFAULT_THRESHOLDS)
    rates = {"select/tcp": 100.0, "asyncio/tcp": 50.0, "asyncio/tcp~control": 51.0, "select/udp": 9.0}
    for block in range(2):
        for arm, rate_rps in rates.items():
            results.add_slice(make_slice(arm, rate_rps + block, block))
    ranking = results.ranking(load_point_of(make_slice("select/tcp", 1.0)), "tcp")
    assert [ranked.arm for ranked in ranking] == ["select/tcp", "asyncio/tcp"]
    assert ranking[0].median == 100.5
    assert math.isnan(ranking[0].half_width)


@pytest.mark.parametrize("blocks", [3, 10])
def test_ranking_interval_is_students(blocks: int) -> None:
    results = InterimResults(DEFAULT_THRESHOLDS)
    values = [100.0 + block for block in range(blocks)]
    for block, value in enumerate(values):
        results.add_slice(make_slice("select/tcp", value, block))
    (ranked,) = results.ranking(load_point_of(make_slice("select/tcp", 1.0)), "tcp")
    expected = synthetic.student_quantile(0.975, blocks - 1) * np.std(values, ddof=1) / math.sqrt(blocks)
    assert ranked.half_width == pytest.approx(expected)


def test_ranking_at_given_rate_sorts_lowest_cpu_time_first() -> None:
    results = InterimResults(DEFAULT_THRESHOLDS)
    for arm, cpu_us in (("asyncio/tcp", 14.0), ("target/tcp", math.nan), ("select/tcp", 12.0)):
        results.add_slice(make_open_loop_slice(arm, cpu_us))
    load = load_point_of(make_open_loop_slice("select/tcp", 1.0))
    ranking = results.ranking(load, "tcp", lowest_first=True)
    assert [ranked.arm for ranked in ranking] == ["select/tcp", "asyncio/tcp", "target/tcp"]
    assert results.sparkline(load, "target/tcp") == ""


def test_sparkline_spans_zero_to_highest() -> None:
    results = InterimResults(DEFAULT_THRESHOLDS)
    for rate_rps in (1.0, 50.0, 100.0):
        results.add_slice(make_slice("select/tcp", rate_rps))
    assert results.sparkline(load_point_of(make_slice("select/tcp", 1.0)), "select/tcp") == "▁▅█"


def test_slice_with_run_delay_is_counted() -> None:
    results = InterimResults(DEFAULT_THRESHOLDS)
    for share in (0.05, 0.5):
        event = make_slice("select/tcp", 1e4)
        results.add_slice(SliceFinished(0, "capacity", 16, 0, replace(event.row, run_delay_share=share)))
    assert results.delayed_slices == 1


def lines_of(results: InterimResults, *trials: TrialRow, repeated: int = 0) -> list[str]:
    return [notice.text for notice in results.add_case(CaseFinished([*trials], repeated))]


def test_notice_appears_once_for_each_code_of_a_run() -> None:
    results = InterimResults(DEFAULT_THRESHOLDS)
    (line,) = lines_of(results, make_trial("select/tcp", "RUN_DELAY=2.0% GENERATOR_GC=0"), make_trial("asyncio/tcp"))
    text = "suspect: generator preempted 2.0% of the time (RUN_DELAY)"
    assert line == f"select/tcp in capacity, 16 connections, 64 bytes: {text}"
    assert lines_of(results, make_trial("asyncio/tcp", "RUN_DELAY=9.0%", connections=64)) == []
    (line,) = lines_of(results, make_trial("select/tcp", "RUN_DELAY=9.0% CPU_STEAL=6.0%"))
    assert line.endswith(": invalid: hypervisor took 6.0% of the CPU time (CPU_STEAL)")


def test_notice_of_a_code_names_its_worst_percentile() -> None:
    (line,) = lines_of(
        InterimResults(DEFAULT_THRESHOLDS), make_trial("select/tcp", "LATE_SENDS@p99=0.30% LATE_SENDS@p99.9=0.20%")
    )
    assert line.endswith(": invalid: 0.20% of requests sent late (LATE_SENDS@p99.9)")


def test_notice_of_a_finding_is_no_warning() -> None:
    trial = replace(make_trial("select/tcp"), findings="ERRORS=3")
    (notice,) = InterimResults(DEFAULT_THRESHOLDS).add_case(CaseFinished([trial], 0))
    assert notice.is_finding
    assert notice.text.endswith(": other failed socket operations: 3 (ERRORS)")


def test_transient_finding_is_counted_but_one_block_does_not_show_it() -> None:
    results = InterimResults(DEFAULT_THRESHOLDS)
    assert lines_of(results, replace(make_trial("select/tcp"), findings="OVERLOAD=97.0%")) == []
    assert results.counts().startswith("OVERLOAD in 1 trial; ")


def test_counts_have_every_trial_with_a_code_and_the_repeated_rounds() -> None:
    results = InterimResults(DEFAULT_THRESHOLDS)
    assert results.counts() == ""
    for arm in ("select/tcp", "asyncio/tcp", "poll/tcp"):
        lines_of(results, make_trial(arm, "LATE_SENDS@p99=0.30% LATE_SENDS@p99.9=0.20%"), repeated=1)
    lines_of(results, make_trial("iterative/tcp", status="failed", reason="reset"))
    assert results.counts() == (
        "LATE_SENDS in 3 trials, failed in 1 trial; the report lists all of them, "
        "3 rounds repeated because of interference from other processes"
    )


def test_notice_follows_the_thresholds_of_the_plan() -> None:
    trial = make_trial("select/tcp", "RUN_DELAY=2.0%")
    lenient, strict = ({"RUN_DELAY": [suspect, 2 * suspect]} for suspect in (0.05, 0.005))
    assert lines_of(InterimResults(Thresholds(CATALOGUE, lenient)), trial) == []
    (line,) = lines_of(InterimResults(Thresholds(CATALOGUE, strict)), trial)
    assert ": invalid: " in line


def test_notice_marks_a_control_as_such() -> None:
    (line,) = lines_of(InterimResults(DEFAULT_THRESHOLDS), make_trial("select/tcp~control", "GENERATOR_GC=1"))
    assert line.startswith("select/tcp (control) in capacity, 16 connections, 64 bytes: suspect: ")


def test_notice_prints_unknown_code_as_it_was_read() -> None:
    (line,) = lines_of(InterimResults(DEFAULT_THRESHOLDS), make_trial("select/tcp", "NEW_CODE=3x"))
    assert line.endswith(": suspect: NEW_CODE=3x")


def test_notice_shortens_and_escapes_failure_reason() -> None:
    failed = make_trial("select/tcp", status="failed", reason="ended:\n\x1b[2Jboo " + 300 * "x")
    skipped = make_trial("iterative/tcp", status="skipped", reason="serves one connection at a time")
    results = InterimResults(DEFAULT_THRESHOLDS)
    (line,) = lines_of(results, failed, skipped)
    assert line.startswith("select/tcp in capacity, 16 connections, 64 bytes: failed: ended: \ufffd[2Jboo xxx")
    assert line.endswith(" ...")
    assert len(line) < 250
    assert lines_of(results, failed) == []
