import io
import math
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from bench.cli.progress import Standing, case_of, shown
from bench.experiment.observer import CaseFinished, SliceFinished
from bench.schema.rows import TrialRow
from tests.support import synthetic

RANDOM = np.random.default_rng(1)


def moment(arm: str, rate: float, block: int = 0) -> SliceFinished:
    row = synthetic.make_slice(block, 0, arm, 16, "capacity", rate, RANDOM)
    return SliceFinished(block, "capacity", 16, 0, replace(row, throughput_rps=rate))


def at_a_rate(arm: str, cpu_us: float, block: int = 0) -> SliceFinished:
    row = synthetic.make_slice(block, 0, arm, 16, "latency", 1e4, RANDOM)
    row = replace(row, rate_rps=1e4, throughput_rps=1e4, answered=100, server_cpu_us=100 * cpu_us)
    return SliceFinished(block, "latency", 16, 0, row)


def trial(arm: str, codes: str = "", connections: int = 16, status: str = "ok", reason: str = "") -> TrialRow:
    return synthetic.make_trial(0, arm, connections, "capacity", status=status, reason=reason, codes=codes)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_first_ranking_has_the_most_on_top_and_no_interval_of_two_blocks() -> None:
    standings = Standing()
    for block in range(2):
        for arm, rate in (
            ("select/tcp", 100.0),
            ("asyncio/tcp", 50.0),
            ("asyncio/tcp~control", 51.0),
            ("select/udp", 9.0),
        ):
            standings.add(moment(arm, rate + block, block))
    ranking = standings.ranking(case_of(moment("select/tcp", 1.0)), "tcp")
    assert [arm for arm, _, _ in ranking] == ["select/tcp", "asyncio/tcp"]
    assert ranking[0][1] == 100.5
    assert math.isnan(ranking[0][2])


@pytest.mark.parametrize("blocks", [3, 10])
def test_the_interval_of_the_first_ranking_is_students_for_so_many_blocks(blocks: int) -> None:
    standings = Standing()
    values = [100.0 + block for block in range(blocks)]
    for block, value in enumerate(values):
        standings.add(moment("select/tcp", value, block))
    ((_, _, half),) = standings.ranking(case_of(moment("select/tcp", 1.0)), "tcp")
    expected = synthetic.student_quantile(0.975, blocks - 1) * np.std(values, ddof=1) / math.sqrt(blocks)
    assert half == pytest.approx(expected)


def test_a_sparkline_goes_from_nought_to_the_highest() -> None:
    standings = Standing()
    for rate in (1.0, 50.0, 100.0):
        standings.add(moment("select/tcp", rate))
    assert standings.sparkline(case_of(moment("select/tcp", 1.0)), "select/tcp") == "▁▅█"


def test_at_a_rate_that_the_plan_sets_the_least_cpu_time_of_a_request_is_on_top() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    told = [("asyncio/tcp", 14.0), ("target/tcp", math.nan), ("select/tcp", 12.0)]
    with shown(console, slices=0, blocks=1) as tell:
        standings = Standing()
        for arm, cpu_us in told:
            standings.add(at_a_rate(arm, cpu_us))
        tell(at_a_rate("select/tcp", 12.0))
    case = case_of(at_a_rate("select/tcp", 1.0))
    ranking = standings.ranking(case, "tcp", least_first=True)
    assert [arm for arm, _, _ in ranking] == ["select/tcp", "asyncio/tcp", "target/tcp"]
    assert standings.sparkline(case, "target/tcp") == ""
    assert "CPU µs a request, least first" in text_of(console)
    assert "12.0" in text_of(console)


def test_every_code_of_an_arm_is_told_once_and_once_more_where_it_makes_a_trial_invalid() -> None:
    standings = Standing()
    (line,) = standings.warnings(
        CaseFinished([trial("select/tcp", "RUN_DELAY=2.0% GENERATOR_GC=0"), trial("asyncio/tcp")], 0)
    )
    assert line == "select/tcp in capacity, 16 connections, 64 bytes: suspect, RUN_DELAY=2.0%"
    assert standings.warnings(CaseFinished([trial("select/tcp", "RUN_DELAY=3.0%", connections=64)], 0)) == []
    (line,) = standings.warnings(CaseFinished([trial("select/tcp", "RUN_DELAY=9.0% LATE_REPLIES=1")], 0))
    assert line.endswith("invalid, RUN_DELAY=9.0% LATE_REPLIES=1")


def test_a_failure_is_told_with_its_reason_made_short_and_harmless_and_a_skipped_case_is_no_warning() -> None:
    failed = trial("select/tcp", status="failed", reason="ended:\n\x1b[2Jboo " + 300 * "x")
    skipped = trial("iterative/tcp", status="skipped", reason="serves one connection at a time")
    (line,) = Standing().warnings(CaseFinished([failed, skipped], 0))
    assert line.startswith("select/tcp in capacity, 16 connections, 64 bytes: failed, ended: \ufffd[2Jboo xxx")
    assert line.endswith(" ...")
    assert len(line) < 250


@pytest.mark.parametrize("width", [40, 120])
def test_a_terminal_shows_bar_ranking_and_what_was_noticed(width: int) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=width)
    with shown(console, slices=2, blocks=1) as tell:
        late = moment("select/tcp", 1e4)
        tell(CaseFinished([trial("select/tcp", "LATE_REPLIES=1")], 1))
        tell(SliceFinished(0, "capacity", 16, 0, replace(late.row, run_delay_share=0.5)))
    text = text_of(console)
    assert "select/tcp" in text
    assert "10.0k" in text
    assert "others had" in text
    assert "LATE_REPLIES=1" in text
    assert "1 round was disturbed" in text


def test_without_a_terminal_each_case_and_each_new_warning_is_a_line() -> None:
    console = Console(file=io.StringIO(), width=60)
    with shown(console, slices=2, blocks=1) as tell:
        for _ in range(3):
            tell(moment("select/tcp", 1e4))
        for _ in range(2):
            tell(CaseFinished([trial("select/tcp", "LATE_REPLIES=1")], 0))
        tell(CaseFinished([], 2))
    assert text_of(console).splitlines() == [
        "block 1 of 1: capacity, 16 connections, 64 bytes",
        "warning: select/tcp in capacity, 16 connections, 64 bytes: suspect, LATE_REPLIES=1",
        "warning: 2 rounds were disturbed by others on the machine and run again",
    ]
