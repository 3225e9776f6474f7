import math
import re
from typing import Any

import pandas as pd
import pytest

from bench.analysis.comparisons import COMPARISON_COLUMNS, compare_arms
from bench.analysis.server_settings import server_settings, unequal_settings
from bench.analysis.summary import SUMMARY_COLUMNS, summarise
from bench.report.findings import answers, answers_of_searches
from bench.report.render import Picture, Run, escape, render
from tests.support import synthetic

REFERENCE = {"tcp": "asyncio/tcp", "udp": "asyncio/udp"}
ENVIRONMENT: dict[str, Any] = {
    "machine": {"cpu_model": "Fast | CPU", "cpus": 2, "packages": {"numba": "0.61"}},
    "git": {"revision": "abc123"},
    "command": ["holabench", "run", "--seed", "7"],
}


@pytest.fixture(scope="module")
def report() -> str:
    judged = {("iterative/udp", 64): ("invalid", "GENERATOR_SATURATED=0.93")}
    rows = synthetic.make_run(synthetic.TCP | synthetic.UDP, blocks=6, rounds=4, judged=judged)
    comparisons = compare_arms(rows.trials, rows.slices, REFERENCE)
    question = "How many requests per second can each model answer?"
    charts = [Picture(question, "charts/throughput.svg", b"<svg/>", "capacity", "summary.csv")]
    run = Run(ENVIRONMENT, {"seed": 7, "blocks": 6}, [])
    return render(summarise(rows.trials, rows.slices), comparisons, rows.trials, run, charts)[0]


def test_the_report_begins_with_the_answer_in_words_and_its_ratios(report: str) -> None:
    _, first, ratios, *_ = report.split("\n\n")
    assert first == (
        "**capacity, 64 connections, 64 bytes.** Over TCP, which of asyncio and select has the most requests per "
        "second could not be told. Over UDP, select has the most requests per second."
    )
    tcp, udp, across = ratios.splitlines()
    assert tcp.startswith("- TCP, against the requests per second of asyncio: ")
    assert udp.startswith("- UDP, against the requests per second of asyncio: ")
    assert "Not resolved: iterative " in ratios
    assert ", invalid)" in ratios
    assert across.startswith("- UDP against TCP of the same model: ")


def test_the_noise_floor_is_told(report: str) -> None:
    assert "An arm measured twice seemed to differ from itself by up to " in report


def test_charts_come_with_their_questions(report: str) -> None:
    assert "## How many requests per second can each model answer?\n" in report
    assert "](<charts/throughput.svg>)" in report


def test_each_scenario_tells_what_to_distrust_and_the_end_what_to_do(report: str) -> None:
    _, _, after = report.partition("**What to distrust in capacity**\n\n")
    here, _, rest = after.partition("\n\n")
    doubt, few, *gaps = here.splitlines()
    assert doubt.startswith("- **GENERATOR_SATURATED**, 1 of 34 rows: share of its CPU that the generator used")
    assert doubt.endswith("Seen in: iterative/udp at 64 connections, 64 bytes: 0.93")
    both = "the 99th percentile of the service time and the 99.9th percentile of the service time"
    assert few.startswith(f"- **FEW_SAMPLES**, 34 of 34 rows (of {both} alone): samples beyond")
    skipped = "skipped: serves one connection at a time (6 blocks)"
    assert f"- **iterative/tcp at 16 connections, 64 bytes**: {skipped}" in gaps
    doing = rest.partition("## What to distrust")[2].partition("\n## ")[0]
    assert "- **GENERATOR_SATURATED**: give the generator more CPUs" in doing
    assert report.count("share of its CPU that the generator used") == 1


def told_of(judged: dict[tuple[str, int], tuple[str, str]]) -> tuple[str, str]:
    """Report and page of a run with one arm at some numbers of connections."""
    rows = synthetic.make_run({"asyncio/tcp": dict.fromkeys((1, 2, 4, 16), 3e4)}, blocks=6, rounds=4, judged=judged)
    summary = summarise(rows.trials, rows.slices)
    summary = summary[~summary["metric"].str.startswith("service_p99")]  # for these there are too few replies
    return render(summary, compare_arms(rows.trials, rows.slices, {}), rows.trials, Run({}, {}, []), [])


def test_of_a_scenario_without_a_doubt_nothing_is_said() -> None:
    text, page = told_of({})
    assert "**What to distrust in capacity**: nothing here.\n" in text
    assert "No check raised a doubt, and every case was measured." in text
    assert re.search(r"What to distrust in capacity</h3>\s*<p>Nothing here", page)
    assert "No check raised a doubt, and every case was measured." in page


def test_of_a_code_that_many_rows_have_the_worst_is_told() -> None:
    text, page = told_of({("asyncio/tcp", count): ("suspect", f"LATE_REPLIES={count}") for count in (1, 2, 4)})
    assert "**LATE_REPLIES**, 3 of 4 rows: " in text
    assert "64 bytes: 1; asyncio/tcp at 2" in text
    text, page = told_of({("asyncio/tcp", count): ("suspect", f"LATE_REPLIES={count}") for count in (1, 4, 16, 2)})
    assert "**LATE_REPLIES**, 4 of 4 rows: " in text
    assert "Seen in: the worst of them asyncio/tcp at 16 connections, 64 bytes: 16\n" in text
    assert '<a href="#code-LATE_REPLIES">LATE_REPLIES</a></b>, 4 of 4 rows' in page
    assert page.count('id="code-LATE_REPLIES"') == 1


def test_machine_seed_and_commands_are_told_and_what_is_not_known_too(report: str) -> None:
    assert r"| cpu_model | Fast \| CPU |" in report
    assert "| kernel | unknown |" in report
    assert "| git | revision abc123 |" in report
    assert "Seed 7." in report
    assert "    holabench run --profile plan.toml\n" in report
    assert "    holabench run --seed 7\n" in report


def test_every_row_of_a_table_has_as_many_cells_as_its_head(report: str) -> None:
    for table in report.split("\n\n"):
        rows = [line.replace(r"\|", "") for line in table.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1


def test_a_run_without_results_has_a_report() -> None:
    empty = pd.DataFrame(columns=SUMMARY_COLUMNS), pd.DataFrame(columns=COMPARISON_COLUMNS)
    text, page = render(*empty, pd.DataFrame(), Run({}, {}, []), [])
    assert "No comparison could be made" in page
    assert "No comparison could be made" in text
    assert "No block was finished." in text
    assert "Seed unknown." in text


def test_a_search_is_answered_with_its_bounds() -> None:
    common = {
        "scenario": "max_rate",
        "connections": 4,
        "message_bytes": 64,
        "rate_rps": math.nan,
        "metric": "max_rate_rps",
    }
    bounds = {
        "a/tcp": (100.0, 110.0, "valid"),
        "b/tcp": (2000.0, math.nan, "suspect"),
        "c/tcp": (math.nan, 9.0, "suspect"),
    }
    rows = [
        {**common, "arm": arm, "low": low, "high": high, "verdict": verdict}
        for arm, (low, high, verdict) in bounds.items()
    ]
    (answer,) = answers_of_searches(pd.DataFrame(rows))
    assert answer.load == "max_rate, 4 connections, 64 bytes"
    assert answer.best.endswith("in requests per second: b 2.00k or more (suspect) and a 100 to 110.")
    assert answers_of_searches(pd.DataFrame(rows), ["a", "b"]) == []


def test_names_from_outside_cannot_write_markdown() -> None:
    assert escape("a|b\n# c `d` <e> [f](g) *h*") == r"a\|b \# c \`d\` \<e\> \[f\](g) \*h\*"
    assert escape("$x$") == r"\$x\$"  # which some pages take for mathematics
    assert escape("thread_per_client _x_") == r"thread_per_client \_x\_"
    rows = synthetic.make_run({"<b>|x/tcp": {1: 1e4}}, blocks=1, rounds=1)
    text, page = render(
        summarise(rows.trials, rows.slices),
        compare_arms(rows.trials, rows.slices, {}),
        rows.trials,
        Run({}, {}, []),
        [],
    )
    assert "&lt;b&gt;|x" in page
    assert "<b>|x" not in page
    assert r"| \<b\>\|x/tcp |" in text
    assert "<b>" not in text


def test_what_could_not_be_told_apart_is_said_so() -> None:
    rates = {"asyncio/tcp": {16: 3e4}, "select/tcp": {16: 3.001e4}, "iterative/tcp": {16: 3e4}}
    rows = synthetic.make_run(rates, blocks=6, rounds=6, noise=0.02, block_noise=0.001)
    (answer,) = answers(compare_arms(rows.trials, rows.slices, REFERENCE))
    assert "which of asyncio, iterative and select has the most requests per second could not be told" in answer.best
    assert "no model could be told from asyncio in requests per second." in answer.ratios[0]
    assert "Equivalent to it within 5 %: iterative " in answer.ratios[0]


def test_what_is_not_resolved_says_how_many_blocks_it_would_take() -> None:
    rates = {"asyncio/tcp": {16: 30e3}, "select/tcp": {16: 30.5e3}}
    rows = synthetic.make_run(rates, blocks=6, rounds=6, noise=0.2, block_noise=0.05)
    comparisons = compare_arms(rows.trials, rows.slices, {"tcp": "asyncio/tcp"})
    (answer,) = answers(comparisons)
    assert "Not resolved: select" in answer.ratios[0]
    assert "A difference of 5 % there would take some " in answer.ratios[0]


def test_what_differs_between_servers_of_a_transport_is_told() -> None:
    rows = synthetic.make_run({"asyncio/tcp": {16: 30e3}, "select/tcp": {16: 30e3}}, blocks=3, rounds=2)
    assert unequal_settings(rows.trials) == ""
    trials = rows.trials.assign(backlog=[1024 if arm == "asyncio/tcp" else 100 for arm in rows.trials["arm"]])
    assert unequal_settings(trials) == "backlog over tcp (100, 1024)"
    assert [row[0] for row in server_settings(trials)] == ["asyncio/tcp", "select/tcp"]


def test_of_models_that_are_not_ranked_nothing_is_said() -> None:
    rows = synthetic.make_run(synthetic.UDP, blocks=6, rounds=4)
    comparisons = compare_arms(rows.trials, rows.slices, REFERENCE)
    assert any("multiprocessing" in str(one) for one in answers(comparisons))
    assert not any("multiprocessing" in str(one) for one in answers(comparisons, ["multiprocessing"]))
