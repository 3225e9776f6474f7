from typing import Any

import pytest

from bench.report.caveats import advice, collect_caveats
from bench.report.facts import generator_has_own_cpus
from tests.support import synthetic
from tests.support.results import results_of

RATES = {"asyncio/tcp": {16: 3e4}, "select/tcp": {16: 3e4}}


def advice_of(rows: synthetic.Rows, **options: Any) -> dict[str, str]:
    """Return the advice of a report, by code."""
    return dict(advice(collect_caveats(results_of(rows)[0], rows.trials, **options).values()))


def test_advice_on_too_few_blocks_is_more_blocks() -> None:
    assert "--blocks 10" in advice_of(synthetic.make_run(RATES, blocks=4, rounds=2))["FEW_BLOCKS"]


def test_missing_replies_are_no_lack_of_blocks() -> None:
    rows = synthetic.make_run(RATES, blocks=9, rounds=2)
    silent = rows.trials.assign(service_p99_9_us=float("nan"))
    texts = advice_of(synthetic.Rows(rows.slices, silent, rows.histograms))
    assert "FEW_BLOCKS" not in texts
    assert "--seconds" in texts["FEW_SAMPLES"]


def test_values_of_some_blocks_need_longer_loads() -> None:
    rows = synthetic.make_run(RATES, blocks=9, rounds=2)
    some = rows.trials["service_p99_us"].where(rows.trials["block"] < 4)
    text = advice_of(synthetic.Rows(rows.slices, rows.trials.assign(service_p99_us=some), rows.histograms))[
        "FEW_BLOCKS"
    ]
    assert "--seconds" in text
    assert "9 blocks" in text


def test_caveat_names_the_percentile_with_its_cases() -> None:
    rows = synthetic.make_run(RATES, blocks=6, rounds=2)
    (few,) = collect_caveats(results_of(rows)[0], rows.trials)["capacity"].caveats
    assert few.code == "FEW_SAMPLES"
    assert "p99.9: 2 of 2 cases" in few.cases
    assert ", p99.9: " in few.places


@pytest.mark.parametrize("own_cpus", [True, False])
def test_generator_gets_no_advice_that_it_follows(own_cpus: bool) -> None:
    judged = {("select/tcp", 16): ("suspect", "LATE_SENDS@p99=0.50%")}
    rows = synthetic.make_run(RATES, blocks=6, rounds=2, judged=judged)
    text = advice_of(rows, own_cpus=own_cpus)["LATE_SENDS"]
    assert ("a CPU of its own" in text) != own_cpus


def test_cpus_of_the_generator_are_its_own_if_no_server_has_them() -> None:
    apart, together = ({"server_cpus": [1], "generator_cpus": cpus} for cpus in ([0], [0, 1]))
    assert generator_has_own_cpus({"machine": apart})
    assert not generator_has_own_cpus({"machine": together})
    assert not generator_has_own_cpus({})
