import math
import re

import pandas as pd
import pytest

from bench.report.answers import answers, of_first_populations
from bench.report.headlines import headlines
from tests.support import synthetic
from tests.support.results import comparisons_of, results_of
from tests.unit.report.work_runs import WAITING, make_mixed, make_waiting

AT_ONCE = {"asyncio/tcp": {64: 209e3}, "select/tcp": {64: 275e3}, "thread_per_client/tcp": {64: 176e3}}


def make_headlines(rows: synthetic.Rows, unranked: list[str] | None = None) -> list[str]:
    """Return the first sentences of a run."""
    summary, comparisons = results_of(rows)
    asked = of_first_populations(comparisons, rows.trials)
    return headlines(summary, asked, rows.trials, unranked or [])


@pytest.fixture(scope="module")
def at_once() -> synthetic.Rows:
    return synthetic.make_run(AT_ONCE, blocks=6, rounds=4, block_noise=0.001, noise=0.01)


def test_run_without_work_has_one_headline(at_once: synthetic.Rows) -> None:
    (sentence,) = make_headlines(at_once)
    assert sentence.startswith("When the handler replies at once, the most requests per second with 64 clients: ")


def test_headlines_name_the_best_model_under_each_condition(at_once: synthetic.Rows) -> None:
    first, second, third = make_headlines(synthetic.concat_runs(make_mixed(), make_waiting(5_000.0, WAITING), at_once))
    assert first.startswith("When the handler replies at once, the most requests per second with 64 clients: ")
    assert re.search(r": over TCP select \(27\dk/s\), fewest thread_per_client \(17\dk/s\)\.$", first)
    assert second.startswith("When the handler waits 5 ms, the most requests per second with 64 clients: over TCP ")
    assert re.search(r" thread_per_client \(12\.\dk/s\), fewest asyncio_blocking \(19\d/s\)\.$", second)
    assert third == (
        "Beside heavy requests (each computes about 10 ms with the lock), the shortest 99th percentile of light "
        "requests: over TCP thread_per_client (5.01 ms), longest select (30.1 ms)."
    )


def test_headline_of_equal_arms_names_all_of_them() -> None:
    rates = {"asyncio/tcp": {64: 12_000.0}, "select/tcp": {64: 12_000.0}}
    (sentence,) = make_headlines(make_waiting(5_000.0, rates))
    assert sentence.endswith("k/s) (no significant difference).")
    assert {"asyncio", "select"} < set(re.findall(r"\w+", sentence))
    assert "fewest" not in sentence


def test_headline_compares_transports_at_the_first_load() -> None:
    rates = {"select/tcp": {64: 200e3}, "select/udp": {64: 300e3}, "asyncio/tcp": {64: 200e3}}
    rows = synthetic.make_run(rates, blocks=6, rounds=4, block_noise=0.001, noise=0.01)
    _, sentence = make_headlines(rows)
    assert re.fullmatch(
        r"Over UDP, a model's requests per second relative to TCP, with 64 clients: select 1\.[45]\d times\.", sentence
    )


def test_at_most_five_headlines() -> None:
    waits = [make_waiting(1_000.0 * wait, WAITING, scenario=f"wait_{wait}") for wait in range(1, 8)]
    assert len(make_headlines(synthetic.concat_runs(*waits))) == 4  # the fifth would be about UDP


def test_headline_is_left_out_if_an_arm_has_no_number() -> None:
    rows = make_mixed({"thread_per_client": 5_000.0, "asyncio": 12_000.0, "select": math.nan})
    assert make_headlines(rows) == []


def test_headline_leaves_unranked_models_out() -> None:
    (sentence,) = make_headlines(make_waiting(5_000.0, WAITING), ["thread_per_client"])
    assert ": over TCP asyncio (10." in sentence


def test_answers_are_about_the_first_population() -> None:
    rows = make_mixed()
    comparisons = comparisons_of(rows)
    assert set(comparisons["population"]) == {"light", "heavy"}
    asked = of_first_populations(comparisons, rows.trials)
    assert [answer.load.split(", ")[3] for answer in answers(asked)] == ["light"]


def test_rows_of_unknown_scenarios_are_kept() -> None:
    comparisons = pd.DataFrame({"scenario": ["other"], "population": [""]})
    assert len(of_first_populations(comparisons, make_mixed().trials)) == 1
