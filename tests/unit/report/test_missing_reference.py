"""Sentences and tables of a run whose reference, asyncio, was skipped or failed."""

import re

import pytest

from bench.report.answers import answers
from bench.report.reference_ratios import ratio_sentences
from bench.report.scorecard import scorecard
from bench.report.tables import result_tables
from tests.support import synthetic
from tests.support.reports import make_report
from tests.support.results import comparisons_of, results_of

OTHERS = {"select/tcp": {16: 38e3}, "poll/tcp": {16: 30e3}, "epoll/tcp": {16: 38e3}}
SKIPPED: synthetic.Rates = {"asyncio/tcp": {1: 30e3}}  # nothing at 16 connections


def make_rows(others: synthetic.Rates) -> synthetic.Rows:
    """Return a run at 16 connections, without asyncio."""
    rows = synthetic.make_run({**SKIPPED, **others}, blocks=6, rounds=6, noise=0.01, block_noise=0.001)
    slices, trials = (table[table["connections"] == 16] for table in (rows.slices, rows.trials))
    return synthetic.Rows(slices, trials, rows.histograms)


@pytest.fixture(scope="module")
def three() -> synthetic.Rows:
    return make_rows(OTHERS)


def test_answer_names_the_first_of_the_measured_servers(three: synthetic.Rows) -> None:
    (answer,) = answers(comparisons_of(three))
    assert answer.best == (
        "Over TCP, epoll and select share the first rank in requests per second: no significant difference."
    )


def test_ratios_are_those_to_the_first_server(three: synthetic.Rows) -> None:
    (answer,) = answers(comparisons_of(three))
    (ratios,) = answer.ratios
    assert ratios.startswith(
        "asyncio was not measured over TCP. Over TCP, requests per second relative to epoll: poll "
    )
    assert re.search(
        r": poll 0\.(78|79) times \(0\.\d\d to 0\.\d\d\)\. Equivalent within 5%: select 1\.00 times", ratios
    )
    assert "unknown" not in ratios


def test_two_servers_are_compared_in_both_directions(three: synthetic.Rows) -> None:
    """The rows compare epoll with poll, and the sentence compares poll with epoll."""
    comparisons = comparisons_of(three)
    of_rate = comparisons[(comparisons["metric"] == "throughput_rps") & (comparisons["arm"] != "select/tcp")]
    rows = of_rate[of_rate["reference"] != "select/tcp"].to_dict("records")
    (known,) = [row for row in rows if row["reference"] == "poll/tcp"]
    assert (known["arm"], known["conclusion"]) == ("epoll/tcp", "faster")
    assert "relative to epoll: poll 0." in ratio_sentences(rows, "tcp", "requests per second")


def test_page_shows_no_unknown_ratio(three: synthetic.Rows) -> None:
    markdown, page = make_report(*results_of(three), three.trials)
    assert not re.search(r"unknown[ ,\]]", markdown.partition("## Machine")[0])
    assert "unknown [" not in page


def test_single_server_without_reference_has_no_rank_and_no_ratio() -> None:
    rows = make_rows({"select/tcp": {16: 38e3}})
    summary, comparisons = results_of(rows)
    (answer,) = answers(comparisons)
    assert answer.best == "Over TCP, only select was measured: without asyncio there is no comparison."
    assert answer.ratios == ()
    assert scorecard(summary, comparisons, rows.trials).rows == []


def test_server_that_shares_no_block_with_the_reference_is_named() -> None:
    rows = synthetic.make_run({"asyncio/tcp": {16: 30e3}, **OTHERS}, blocks=6, rounds=6, noise=0.01, block_noise=0.001)
    trials, slices = rows.trials, rows.slices
    late = {"asyncio/tcp": slices["block"] < 3, "poll/tcp": slices["block"] >= 3}
    for arm, kept in late.items():
        slices = slices[(slices["arm"] != arm) | kept.reindex(slices.index)]
    (answer,) = answers(comparisons_of(synthetic.Rows(slices, trials, rows.histograms)))
    assert "No block measured asyncio together with poll." in answer.ratios[0]
    assert "unknown" not in str(answer)


def test_table_shows_no_ratio_to_a_missing_reference(three: synthetic.Rows) -> None:
    (table,) = result_tables(*results_of(three))
    assert {row.arm.label: str(row.ratio or "-") for row in table.rows} == {
        "select": "-",
        "epoll": "-",
        "poll": "-",
        "asyncio": "1.00 reference",
    }
    assert {row.arm.label: row.rank for row in table.rows} == {
        "select": (1, 2),
        "epoll": (1, 2),
        "poll": (3, 3),
        "asyncio": None,
    }
