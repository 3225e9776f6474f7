"""Differences within the noise floor: one rule for the table of servers, the ratios and all lists."""

import math

import pytest

from bench.analysis.comparisons import is_within_noise
from bench.report.answers import answers
from bench.report.content import comparison_rows
from bench.report.questions import questions
from bench.report.standings import standings
from bench.report.tables import result_tables
from bench.schema.metrics import METRICS
from tests.support import synthetic
from tests.support.results import results_of

RATES = {"asyncio/tcp": {64: 100e3}, "select/tcp": {64: 104e3}, "epoll/tcp": {64: 150e3}}
NOISY = RATES | {"asyncio/tcp~control": {64: 110e3}}  # the same server twice differs by a tenth


@pytest.mark.parametrize(
    ("ratio", "noise", "expected"),
    [(1.05, 0.06, True), (1 / 1.05, 0.06, True), (1.07, 0.06, False), (1.05, None, False), (0.0, 0.06, False)],
)
def test_ratio_is_within_noise_in_both_directions(ratio: float, noise: float | None, expected: bool) -> None:
    assert is_within_noise(ratio, noise) is expected
    assert not is_within_noise(math.nan, noise)


def test_difference_within_the_noise_floor_is_marked_everywhere() -> None:
    rows = synthetic.make_run(NOISY, blocks=6, rounds=4, block_noise=0.001, noise=0.01)
    summary, comparisons = results_of(rows)
    asked = questions(comparisons, rows.trials)
    assert standings(asked[0], comparisons)["asyncio/tcp"].times_behind > 1.3  # behind epoll
    (answer,) = answers(comparisons)
    assert "within the noise floor" in answer.ratios[0].partition("select ")[2].partition(")")[0]
    assert "within the noise floor" not in answer.ratios[0].partition("epoll ")[2].partition(")")[0]
    (table,) = result_tables(summary, comparisons)
    ratio_of = {row.arm.name: row.ratio for row in table.rows}
    assert str(ratio_of["select/tcp"]).endswith("] faster ~")
    assert str(ratio_of["epoll/tcp"]).endswith("] faster")
    cells = [row for row in comparison_rows(comparisons) if row[4].text == METRICS["throughput_rps"].label]
    conclusions = {(row[5].text, row[6].text): row[10].text for row in cells}
    assert conclusions["select/tcp", "asyncio/tcp"].startswith("faster (within the noise floor of 1")
    assert conclusions["epoll/tcp", "asyncio/tcp"] == "faster"
