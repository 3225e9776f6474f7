import math
import re
from dataclasses import replace
from typing import Any

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


def make_run(rates: synthetic.Rates, **more: Any) -> synthetic.Rows:
    """Return a run with little noise."""
    return synthetic.make_run(rates, blocks=6, rounds=4, block_noise=0.001, noise=0.01, **more)


@pytest.fixture(scope="module")
def at_once() -> synthetic.Rows:
    return synthetic.make_run(AT_ONCE, blocks=6, rounds=4, block_noise=0.001, noise=0.01)


def test_run_without_work_has_one_headline(at_once: synthetic.Rows) -> None:
    (sentence,) = make_headlines(at_once)
    assert re.fullmatch(
        r"For handlers that do nothing, with 64 clients, select serves most over TCP, 3\d% more than asyncio: "
        r"use select if requests per second decide\.",
        sentence,
    )


def test_headlines_name_the_best_model_under_each_condition(at_once: synthetic.Rows) -> None:
    first, second, third = make_headlines(synthetic.concat_runs(make_mixed(), make_waiting(5_000.0, WAITING), at_once))
    assert first.startswith("For handlers that do nothing, with 64 clients, select serves most over TCP, ")
    assert re.fullmatch(
        r"When the handler waits 5 ms, with 64 clients, thread_per_client serves most over TCP, "
        r"1\d% more than asyncio: "
        r"use thread_per_client if requests per second decide\.",
        second,
    )
    assert third == (
        "Beside heavy requests, thread_per_client answers light requests soonest over TCP; the slowest hundredth of "
        "them take 2.4 times as long with asyncio: use thread_per_client if such delays decide."
    )


def test_headlines_have_no_brackets_and_one_number_beside_the_condition(at_once: synthetic.Rows) -> None:
    for sentence in make_headlines(synthetic.concat_runs(make_waiting(5_000.0, WAITING), at_once)):
        claim = re.sub(r"^[^,]*, (with \d+ clients, )?", "", sentence)
        assert len(re.findall(r"\d+", claim)) == 1
        assert not set(sentence) & set("()[];")


def test_headline_of_equal_arms_names_all_of_them() -> None:
    rates = {"asyncio/tcp": {64: 12_000.0}, "select/tcp": {64: 12_000.0}}
    (sentence,) = make_headlines(make_waiting(5_000.0, rates))
    assert re.fullmatch(
        r"When the handler waits 5 ms, with 64 clients, (asyncio and select|select and asyncio) are equal over TCP"
        r" in requests per second: their difference is known to be small\.",
        sentence,
    )


def test_headline_of_equal_arms_states_the_noise_floor() -> None:
    rates = {"asyncio/tcp": {64: 100e3}, "select/tcp": {64: 104e3}, "asyncio/tcp~control": {64: 110e3}}
    (sentence,) = make_headlines(make_run(rates))
    assert re.search(r" and differences below 1\d% may be noise in this run\.$", sentence)


def test_headline_of_a_small_lead_gives_no_advice() -> None:
    (sentence,) = make_headlines(make_run({"asyncio/tcp": {64: 100e3}, "select/tcp": {64: 103e3}}))
    assert re.fullmatch(
        r"For handlers that do nothing, with 64 clients, select serves most over TCP, "
        r"but only [234]% more than asyncio\.",
        sentence,
    )


def test_headline_of_suspect_figures_calls_them_doubtful() -> None:
    judged = {("asyncio/tcp", 64): ("suspect", "RATE_UNDERESTIMATED=10.0%")}
    (sentence,) = make_headlines(make_run({"asyncio/tcp": {64: 100e3}, "select/tcp": {64: 300e3}}, judged=judged))
    assert re.fullmatch(
        r"For handlers that do nothing, with 64 clients, select may serve most over TCP, "
        r"[23]\.\d times as much as asyncio, "
        r"but these figures are doubtful\.",
        sentence,
    )


def test_headline_of_a_shared_first_place_names_the_next() -> None:
    rates = {"asyncio/tcp": {64: 100e3}, "select/tcp": {64: 300e3}, "epoll/tcp": {64: 300e3}}
    (sentence,) = make_headlines(make_run(rates))
    assert re.fullmatch(
        r"For handlers that do nothing, with 64 clients, (select and epoll|epoll and select) serve most over TCP, "
        r"[23]\.\d times as much as asyncio; they are equal: their difference is known to be small\.",
        sentence,
    )


def test_headline_of_an_unknown_difference_does_not_call_it_equal() -> None:
    rates = {"asyncio/tcp": {64: 100e3}, "select/tcp": {64: 300e3}, "epoll/tcp": {64: 310e3}}
    noisy = rates | {"asyncio/tcp~control": {64: 110e3}}
    (sentence,) = make_headlines(make_run(noisy))
    assert sentence.endswith(" times as much as asyncio; no difference was found between them.")


def test_headline_compares_transports_at_the_first_load() -> None:
    rates = {"select/tcp": {64: 200e3}, "select/udp": {64: 300e3}, "asyncio/tcp": {64: 200e3}}
    *_, sentence = make_headlines(make_run(rates))
    assert re.fullmatch(
        r"For handlers that do nothing, with 64 clients, select serves [45]\d% more over UDP than over TCP\.", sentence
    )


def test_headline_about_udp_names_who_loses_by_it() -> None:
    rates = {"select/tcp": {64: 200e3}, "select/udp": {64: 240e3}, "asyncio/tcp": {64: 200e3}}
    rates |= {"asyncio/udp": {64: 60e3}, "thread_per_client/tcp": {64: 200e3}, "thread_per_client/udp": {64: 80e3}}
    *_, sentence = make_headlines(make_run(rates))
    assert re.fullmatch(
        r"For handlers that do nothing, with 64 clients, select serves [12]\d% more over UDP than over TCP, "
        r"but asyncio and thread_per_client serve less\.",
        sentence,
    )
    *_, ranked = make_headlines(make_run(rates), ["asyncio"])
    assert re.search(r", but thread_per_client serves less\.$", ranked)


def test_advice_names_the_limit_where_another_server_is_cheaper_below_it(at_once: synthetic.Rows) -> None:
    fixed = make_run({arm: {16: 30e3} for arm in AT_ONCE}, scenario="fixed")
    trials = fixed.trials.assign(scenario_kind="latency", loop="open", rate_rps=12e3)
    cost_of = {"thread_per_client/tcp": 12.0, "select/tcp": 13.2, "asyncio/tcp": 15.0}
    cpu_us = fixed.slices["arm"].map(cost_of) * fixed.slices["answered"]
    slices = fixed.slices.assign(rate_rps=12e3, server_cpu_us=cpu_us * (1 + 0.001 * fixed.slices["block"]))
    both = synthetic.concat_runs(at_once, replace(fixed, trials=trials, slices=slices))
    sentence, *_ = make_headlines(both)
    assert sentence.endswith(
        ": use select if the server works at its limit; at 12,000 requests/s from 16 clients, thread_per_client needs "
        "less CPU time."
    )
    assert make_headlines(both, ["thread_per_client"])[0].endswith(": use select if requests per second decide.")


def test_at_most_five_headlines() -> None:
    waits = [make_waiting(1_000.0 * wait, WAITING, scenario=f"wait_{wait}") for wait in range(1, 8)]
    assert len(make_headlines(synthetic.concat_runs(*waits))) == 4  # the fifth would be about UDP


def test_headline_is_left_out_if_an_arm_has_no_number() -> None:
    rows = make_mixed({"thread_per_client": 5_000.0, "asyncio": 12_000.0, "select": math.nan})
    assert make_headlines(rows) == []


def test_headline_leaves_unranked_models_out() -> None:
    (sentence,) = make_headlines(make_waiting(5_000.0, WAITING), ["thread_per_client"])
    assert "asyncio serves most over TCP" in sentence
    assert "thread_per_client" not in sentence


def test_answers_are_about_the_first_population() -> None:
    rows = make_mixed()
    comparisons = comparisons_of(rows)
    assert set(comparisons["population"]) == {"light", "heavy"}
    asked = of_first_populations(comparisons, rows.trials)
    assert [answer.load.split(", ")[3] for answer in answers(asked)] == ["light"]


def test_rows_of_unknown_scenarios_are_kept() -> None:
    comparisons = pd.DataFrame({"scenario": ["other"], "population": [""]})
    assert len(of_first_populations(comparisons, make_mixed().trials)) == 1
