import math
import re

import pandas as pd

from bench.analysis.comparisons import COMPARISON_COLUMNS
from bench.report.answers import answers, noise_floor, search_answers
from tests.support import synthetic
from tests.support.results import comparisons_of


def make_comparisons(rates: synthetic.Rates, *, noise: float, block_noise: float, rounds: int = 6) -> pd.DataFrame:
    """Return the comparisons of a synthetic run of six blocks."""
    rows = synthetic.make_run(rates, blocks=6, rounds=rounds, noise=noise, block_noise=block_noise)
    return comparisons_of(rows)


def test_answers_of_equal_arms_report_no_difference() -> None:
    rates = {"asyncio/tcp": {16: 3e4}, "select/tcp": {16: 3.001e4}, "iterative/tcp": {16: 3e4}}
    (answer,) = answers(make_comparisons(rates, noise=0.02, block_noise=0.001))
    shared = "asyncio, iterative and select share the first rank in requests per second: no significant difference"
    assert shared in answer.best
    assert "no server differs significantly from asyncio in requests per second." in answer.ratios[0]
    assert "Equivalent within 5%: iterative " in answer.ratios[0]


def test_answers_of_inconclusive_arms_state_blocks_needed() -> None:
    rates = {"asyncio/tcp": {16: 30e3}, "select/tcp": {16: 30.5e3}}
    (answer,) = answers(make_comparisons(rates, noise=0.2, block_noise=0.05))
    assert "Inconclusive: select" in answer.ratios[0]
    assert "Detecting a difference of 5% would take about " in answer.ratios[0]


def test_answers_omit_unranked_models() -> None:
    rows = synthetic.make_run(synthetic.UDP, blocks=6, rounds=4)
    comparisons = comparisons_of(rows)
    assert any("multiprocessing" in str(answer) for answer in answers(comparisons))
    assert not any("multiprocessing" in str(answer) for answer in answers(comparisons, ["multiprocessing"]))


def test_answers_of_invalid_figures_draw_no_conclusion() -> None:
    comparisons = make_comparisons(synthetic.UDP, noise=0.02, block_noise=0.001)
    invalid = comparisons.assign(verdict="invalid", conclusion="inconclusive")
    for answer in answers(invalid):
        assert answer.best == "No conclusion over UDP: the figures are invalid (see caveats)."
        assert answer.ratios == ()
    assert noise_floor(invalid) == ""


def test_lead_below_noise_floor_is_remarked() -> None:
    common = {
        "scenario": "capacity",
        "scenario_kind": "capacity",
        "connections": 16,
        "message_bytes": 64,
        "population": "",
        "phase": "",
        "rate_rps": math.nan,
        "metric": "throughput_rps",
        "verdict": "valid",
        "codes": "",
        "findings": "",
        "blocks": 12,
        "p_holm": 0.001,
    }
    rows = [
        {"arm": "asyncio/tcp~control", "reference": "asyncio/tcp", "kind": "control", "ratio": 1.0}
        | {"low": 0.97, "high": 1.03, "conclusion": "equivalent"},
        {"arm": "select/tcp", "reference": "asyncio/tcp", "kind": "reference", "ratio": 1.02}
        | {"low": 1.01, "high": 1.03, "conclusion": "faster"},
    ]
    near = pd.DataFrame([common | row for row in rows])
    (answer,) = answers(near)
    remark = "select has the most requests per second, but its lead over asyncio (1.02 times) is within the noise floor"
    assert remark in answer.best
    far = near.assign(ratio=near["ratio"].replace(1.02, 1.2), high=near["high"].replace(1.03, 1.3))
    far.loc[far["kind"] == "control", "high"] = 1.03
    assert "Over TCP, select has the most requests per second." in answers(far)[0].best


def test_noise_floor_is_that_of_what_each_scenario_asks_for() -> None:
    rows = synthetic.make_run(synthetic.TCP, blocks=6, rounds=4)
    assert re.fullmatch(r"\d+\.\d% in requests per second", noise_floor(comparisons_of(rows)))
    assert noise_floor(pd.DataFrame(columns=COMPARISON_COLUMNS)) == ""


def test_search_answers_print_bounds() -> None:
    common = {
        "scenario": "max_rate",
        "connections": 4,
        "message_bytes": 64,
        "population": "",
        "phase": "",
        "rate_rps": math.nan,
        "metric": "max_rate_rps",
    }
    bounds = {
        "a/tcp": (100.0, 110.0, "valid"),
        "b/tcp": (2000.0, math.nan, "suspect"),
        "c/tcp": (math.nan, 9.0, "suspect"),
    }
    summary = pd.DataFrame(
        [
            common | {"arm": arm, "low": low, "high": high, "verdict": verdict}
            for arm, (low, high, verdict) in bounds.items()
        ]
    )
    (answer,) = search_answers(summary)
    assert answer.load == "max_rate, 4 connections, 64 bytes"
    assert answer.best.endswith("in requests per second: b 2.00k or more (suspect) and a 100 to 110.")
    assert search_answers(summary, ["a", "b"]) == []
