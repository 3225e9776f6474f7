"""The small table at the top of a report."""

import pandas as pd
import pytest

from bench.analysis.comparisons import compare_arms
from bench.analysis.summary import summarise
from bench.report.answers import of_first_populations
from bench.report.scorecard import Scorecard, scorecard
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.support import synthetic
from tests.unit.report.work_runs import WAITING, make_mixed, make_waiting

RATES = {
    "asyncio/tcp": {64: 200e3},
    "select/tcp": {64: 400e3},
    "epoll/tcp": {64: 400e3},
    "thread_per_client/tcp": {64: 100e3},
    "iterative/tcp": {1: 50e3},
    "asyncio/udp": {64: 50e3},
    "select/udp": {64: 400e3},
}


def make_scorecard(rows: synthetic.Rows, unranked: list[str] | None = None) -> Scorecard:
    summary = summarise(rows.trials, rows.slices, DEFAULT_THRESHOLDS)
    reference = {"tcp": "asyncio/tcp", "udp": "asyncio/udp"}
    comparisons = compare_arms(rows.trials, rows.slices, reference, DEFAULT_THRESHOLDS)
    return scorecard(summary, of_first_populations(comparisons, rows.trials), rows.trials, unranked or [])


def make_run(rates: synthetic.Rates, **more: object) -> synthetic.Rows:
    return synthetic.make_run(rates, blocks=6, rounds=4, block_noise=0.001, noise=0.01, **more)  # type: ignore[arg-type] # options of make_run, passed on


def texts(card: Scorecard) -> dict[str, list[str]]:
    return {label: [cell.text for cell in cells] for label, cells in card.rows}


def test_cells_state_the_best_its_equals_and_the_factor_behind() -> None:
    card = make_scorecard(make_run(RATES))
    assert [(column.question, column.transport) for column in card.columns] == [
        ("handler replies at once: requests/s", "TCP"),
        ("handler replies at once: requests/s", "UDP"),
    ]
    assert card.questions == [("handler replies at once: requests/s", 2)]
    cells = texts(card)
    assert {cells["select"][0], cells["epoll"][0]} == {"best", "equal to the best"}
    assert (cells["select"][1], cells["epoll"][1]) == ("best", "-")
    assert cells["iterative"] == ["-", "-"]
    assert float(cells["asyncio"][0].removesuffix(" times behind")) == pytest.approx(2, rel=0.05)
    assert float(cells["asyncio"][1].removesuffix(" times behind")) == pytest.approx(8, rel=0.05)
    assert float(cells["thread_per_client"][0].removesuffix(" times behind")) == pytest.approx(4, rel=0.05)


def test_best_of_equal_servers_is_the_one_with_the_best_median() -> None:
    rows = make_run(RATES)
    summary = summarise(rows.trials, rows.slices, DEFAULT_THRESHOLDS)
    rates = summary[(summary["metric"] == "throughput_rps") & summary["connections"].eq(64)].set_index("arm")["median"]
    first, second = sorted(("select", "epoll"), key=lambda label: -rates[f"{label}/tcp"])
    cells = texts(make_scorecard(rows))
    assert [cells[first][0], cells[second][0]] == ["best", "equal to the best"]


def test_suspect_figure_is_marked_in_words_and_not_as_best() -> None:
    codes = ("suspect", "RATE_UNDERESTIMATED=10.0%")
    judged = {(arm, 64): codes for arm in ("select/tcp", "epoll/tcp", "select/udp")}
    card = make_scorecard(make_run(RATES, judged=judged))
    cells = dict(card.rows)
    assert {cells["select"][0].text, cells["epoll"][0].text} == {"best, suspect", "equal to the best, suspect"}
    assert cells["select"][1].text == "best, suspect"
    assert [cell.style for cell in cells["select"]] == ["suspect", "suspect"]
    assert cells["asyncio"][0].text.endswith(" times behind, suspect")  # a suspect one is ahead of it


def test_servers_that_are_best_most_often_come_first() -> None:
    assert [label for label, _ in make_scorecard(make_run(RATES)).rows][:2] == ["select", "epoll"]


def test_lead_within_the_noise_floor_is_none() -> None:
    rates = {"asyncio/tcp": {64: 100e3}, "select/tcp": {64: 104e3}, "asyncio/tcp~control": {64: 100e3}}
    assert texts(make_scorecard(make_run(rates)))["asyncio"] == ["1.04 times behind"]
    noisy = rates | {"asyncio/tcp~control": {64: 110e3}}  # the same server twice differs by a tenth
    card = make_scorecard(make_run(noisy))
    assert texts(card)["asyncio"] == ["no difference found"]  # nor is it known to be small
    assert float(card.noise[0].rstrip("%")) == pytest.approx(10, abs=1)


def test_noise_of_another_load_does_not_count() -> None:
    rates = {"asyncio/tcp": {1: 100e3, 64: 100e3}, "select/tcp": {1: 100e3, 64: 104e3}}
    noisy = rates | {"asyncio/tcp~control": {1: 130e3, 64: 100e3}}
    assert texts(make_scorecard(make_run(noisy)))["asyncio"] == ["1.04 times behind"]


def test_unranked_servers_are_listed_once_without_a_row() -> None:
    judged = {("thread_per_client/tcp", 64): ("invalid", "RUN_DELAY=60%")}
    scorecard = make_scorecard(make_run(RATES, judged=judged), ["epoll"])
    cells = texts(scorecard)
    assert "epoll" not in cells
    assert scorecard.unranked == ["epoll"]
    assert cells["thread_per_client"] == ["invalid", "-"]
    assert cells["select"] == ["best", "best"]


def test_each_condition_has_a_column() -> None:
    card = make_scorecard(synthetic.concat_runs(make_mixed(), make_waiting(5_000.0, WAITING)))
    assert [column.question for column in card.columns] == [
        "handler waits 5 ms: requests/s",
        "beside heavy requests: p99 of light requests",
    ]
    assert texts(card)["thread_per_client"] == ["best", "best"]
    assert texts(card)["select"][1] == "6.00 times behind"


def test_no_rows_without_comparisons() -> None:
    assert scorecard(pd.DataFrame(), pd.DataFrame(), pd.DataFrame()).rows == []
