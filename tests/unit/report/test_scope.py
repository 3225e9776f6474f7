"""The loads that a run did not measure, and its valid figures."""

import pytest

from bench.plan.toml import load_plan
from bench.report.answers import of_first_populations
from bench.report.questions import questions
from bench.report.scope import MOST_CLIENTS, WAITING_PRESET, larger_presets, scope_sentences, trust_sentence
from tests.support import synthetic
from tests.support.results import results_of
from tests.unit.report.work_runs import WAITING, make_waiting


def make_sentences(rows: synthetic.Rows) -> list[str]:
    """Return the sentences about loads that a run did not measure."""
    _, comparisons = results_of(rows)
    return scope_sentences(questions(of_first_populations(comparisons, rows.trials), rows.trials))


def test_run_of_waiting_handlers_names_the_preset_with_more_clients() -> None:
    assert make_sentences(make_waiting(5_000.0, WAITING)) == [
        "Not measured: more than 64 clients whose handlers wait. The preset waiting measures up to 1,000."
    ]


def test_run_without_waiting_handlers_states_that_they_were_not_measured() -> None:
    rows = synthetic.make_run({"asyncio/tcp": {64: 2e5}, "select/tcp": {64: 3e5}}, blocks=6, rounds=4)
    assert make_sentences(rows) == [
        "Not measured: more than 64 clients whose handlers do nothing. The preset pollers measures up to 900.",
        "Not measured: handlers that wait, as for a database. The preset waiting measures up to 1,000 clients.",
    ]


@pytest.mark.parametrize("preset", MOST_CLIENTS)
def test_presets_have_as_many_clients_as_the_report_states(preset: str) -> None:
    scenarios = load_plan(preset).scenarios
    counts = [count for scenario in scenarios for count in scenario.connections or ()]
    assert max(counts) == MOST_CLIENTS[preset]
    assert any(scenario.wait_ms for scenario in scenarios) == (preset == WAITING_PRESET)
    assert f"preset {preset} " in larger_presets()


def test_trust_counts_the_figures_that_the_scenarios_ask_for() -> None:
    rates = {
        "asyncio/tcp": {1: 1e4, 64: 2e5},
        "select/tcp": {1: 1e4, 64: 3e5},
        "asyncio/tcp~control": {1: 1e4, 64: 2e5},
    }
    rows = synthetic.make_run(rates, blocks=6, rounds=4)
    assert trust_sentence(results_of(rows)[0], rows.trials) == "All 4 results that the scenarios ask for are valid."
    judged = {("select/tcp", 64): ("suspect", "RATE_UNDERESTIMATED=10.0%")}
    doubtful = synthetic.make_run(rates, blocks=6, rounds=4, judged=judged)
    assert trust_sentence(results_of(doubtful)[0], doubtful.trials) == (
        "Of 4 results that the scenarios ask for, 3 are valid; see the caveats of capacity."
    )
