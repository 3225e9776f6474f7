import re
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from bench.analysis.comparisons import compare_arms
from bench.analysis.server_settings import server_settings, unequal_settings
from bench.analysis.summary import summarise
from bench.report.content import Picture
from bench.report.render import RunContext, escape
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.support import synthetic
from tests.support.reports import make_report
from tests.support.results import make_run_with_invalid_case, no_results, results_of

ENVIRONMENT: dict[str, Any] = {
    "machine": {"cpu_model": "Fast | CPU", "cpus": 2, "packages": {"numba": "0.61"}},
    "git": {"revision": "abc123"},
    "command": ["holabench", "run", "--seed", "7"],
}
QUESTION = "How many requests per second can each server answer?"


@pytest.fixture(scope="module")
def reports() -> tuple[str, str]:
    """Markdown and page of a synthetic run with one invalid case."""
    rows = make_run_with_invalid_case()
    charts = [Picture(QUESTION, "charts/throughput.svg", b"<svg/>", "capacity", "summary.csv")]
    run = RunContext(ENVIRONMENT, {"seed": 7, "blocks": 6}, started_at=datetime(2026, 11, 22, 7, 31, tzinfo=UTC))
    trials = rows.trials.assign(duration_s=1.5)
    return make_report(*results_of(rows), trials, run, charts)


@pytest.fixture(scope="module")
def markdown(reports: tuple[str, str]) -> str:
    return reports[0]


def make_reports(judged: dict[tuple[str, int], tuple[str, str]]) -> tuple[str, str]:
    """Return Markdown and page of a run with one arm and several load points."""
    rows = synthetic.make_run({"asyncio/tcp": dict.fromkeys((1, 2, 4, 16), 3e4)}, blocks=6, rounds=4, judged=judged)
    summary = summarise(rows.trials, rows.slices, DEFAULT_THRESHOLDS)
    summary = summary[~summary["metric"].str.startswith("service_p99")]  # for these there are too few replies
    comparisons = compare_arms(rows.trials, rows.slices, {}, DEFAULT_THRESHOLDS)
    return make_report(summary, comparisons, rows.trials)


def test_report_begins_with_sentences_and_the_table_of_servers(markdown: str) -> None:
    _, sentences, caption, table, *_ = markdown.split("\n\n")
    at_once, about_udp = sentences.splitlines()
    assert at_once.startswith(
        "- For handlers that do nothing, with 64 clients, select and asyncio serve most over TCP, "
    )
    assert about_udp.startswith("- For handlers that do nothing, with 64 clients, ")
    assert "over UDP" in about_udp
    assert caption.startswith("How far each server is behind the best one. In a round, every server is under load once")
    assert caption.endswith("doubts the figure of this server, or of one that is ahead of it.")
    assert table.splitlines()[0] == (
        "| server | handler replies at once: requests/s, TCP | handler replies at once: requests/s, UDP |"
    )


def test_report_states_ratios_at_each_load(markdown: str) -> None:
    ratios = markdown.partition("## Ratios at each load")[2].partition("\n## ")[0]
    first, tcp, saved, udp, _, across, *_ = ratios.strip().splitlines()
    assert first == (
        "- **capacity, 64 connections, 64 bytes.** Over TCP, asyncio and select share the first rank in requests per "
        "second: no significant difference. Over UDP, select has the most requests per second."
    )
    assert tcp.startswith("  - Over TCP, requests per second relative to asyncio: ")
    assert re.match(
        r"  - Over TCP, CPU time per request against asyncio: thread_per_client \d[.]\d+ µs more [(]\d[.]\d+ to ", saved
    )
    assert udp.startswith("  - Over UDP, requests per second relative to asyncio: ")
    assert "Inconclusive: iterative " in ratios
    assert ", invalid)" in ratios
    assert across.startswith("  - UDP relative to TCP, same model: ")


def test_report_states_noise_floor(reports: tuple[str, str]) -> None:
    for text in reports:
        assert "Noise floor, by which a server differed from itself (A/A control): at most " in text


def test_report_states_date_load_machine_and_network(reports: tuple[str, str]) -> None:
    markdown, page = reports
    assert "| measured | 2026-11-22 07:31 UTC |" in markdown
    time = "9.0 s for each server, scenario and number of clients, in 6 blocks together"
    assert f"| time under load | {time} |" in markdown
    assert r"| machine | 2 CPUs (Fast \| CPU) |" in markdown
    assert "| network | loopback only |" in markdown
    assert "<tr><td>measured</td><td>2026-11-22 07:31 UTC</td></tr>" in page
    assert "Machine: 2 CPUs, Fast | CPU" in page


def test_report_shows_charts_with_their_questions(markdown: str) -> None:
    assert f"## {QUESTION}\n" in markdown
    assert "](<charts/throughput.svg>)" in markdown


def test_tables_explain_ratios_and_roles(reports: tuple[str, str]) -> None:
    for text in reports:
        assert text.count("A ratio is measured inside each round, where both servers meet the same machine: ") == 3
        assert text.count("Brackets: 97% interval of the median of 6 blocks (at least 95%).") == 3
        assert "asyncio (control)" in text
        assert "~control" not in text


def test_caveats_print_meaning_code_cases_and_thresholds(markdown: str) -> None:
    _, _, after = markdown.partition("### Caveats of capacity\n\n")
    here, _, rest = after.partition("\n\n")
    saturated, few, *gaps = here.splitlines()
    assert saturated.startswith("- **Share of its CPU that the generator used")
    limits = "suspect above 70.0% in half of the blocks or above 90.0% in one, invalid above 90.0% in half of them"
    assert f"** (GENERATOR_SATURATED): 1 of 34 cases; {limits}. " in saturated
    assert saturated.endswith(
        "Seen in iterative/udp at 64 connections, 64 bytes: 93.0% or worse in half of the 6 blocks"
    )
    assert few.startswith("- **Samples beyond")
    assert "** (FEW_SAMPLES): p99.9: 34 of 34 cases; suspect below 25. " in few
    skipped = "skipped: serves one connection at a time (6 blocks)"
    assert f"- **iterative/tcp at 16 connections, 64 bytes**: {skipped}" in gaps
    advice = rest.partition("\n## ")[0]
    assert "- **GENERATOR_SATURATED**: give the generator more CPUs" in advice
    terms = markdown.partition("## Terms")[2]
    assert "| GENERATOR_SATURATED | Share of its CPU that the generator used: " in terms
    assert "| select | One thread, all connections: select. |" in terms


def test_caveats_are_in_one_place_and_scenarios_link_to_it(reports: tuple[str, str]) -> None:
    markdown, page = reports
    before, _, after = page.partition('<h2 id="caveats">')
    count = after.partition("<h3 id=")[2].partition("</ul>")[0].count("<li>")
    assert f'<a href="#caveats-1">Caveats of capacity: {count}</a>' in before
    assert '<h3 id="caveats-1">Caveats of capacity</h3>' in after
    assert "GENERATOR_SATURATED</a>" not in before
    before, _, after = markdown.partition("\n## Caveats\n")
    assert f"[Caveats of capacity: {count}](#caveats)" in before
    assert "### Caveats of capacity" in after


def test_unranked_models_are_named_once(reports: tuple[str, str]) -> None:
    for text in reports:
        assert text.count("Not ranked, because it needs several CPUs") == 1


def test_findings_are_sentences_apart_from_the_caveats() -> None:
    texts = make_reports({("asyncio/tcp", 16): ("valid", "UNFAIR_SERVICE=80.0%")})
    for text in texts:
        assert "Findings about the servers in capacity" in text
        assert "(UNFAIR_SERVICE): 1 of 4 cases. " in text
        assert "Seen in asyncio/tcp at 16 connections, 64 bytes: 80.0%." in text
        assert "No quality check failed" in text
        assert "valid *" in text.replace("\\*", "*")
    assert "Findings about the servers" not in make_reports({})[0]


def test_run_without_caveats_reports_none() -> None:
    text, page = make_reports({})
    assert "Caveats of capacity" not in text
    assert "No quality check failed, and every case was measured." in text
    assert "Caveats of capacity" not in page
    assert "No quality check failed, and every case was measured." in page


def test_caveat_of_many_cases_names_only_the_worst() -> None:
    text, page = make_reports({("asyncio/tcp", count): ("suspect", f"GENERATOR_GC={count}") for count in (1, 2, 4)})
    assert "(GENERATOR_GC): 3 of 4 cases" in text
    assert "64 bytes: 1; asyncio/tcp at 2" in text
    text, page = make_reports({("asyncio/tcp", count): ("suspect", f"GENERATOR_GC={count}") for count in (1, 4, 16, 2)})
    assert "(GENERATOR_GC): 4 of 4 cases" in text
    assert "Worst: asyncio/tcp at 16 connections, 64 bytes: 16\n" in text
    assert '<a href="#code-GENERATOR_GC">GENERATOR_GC</a>): 4 of 4 cases' in page
    assert page.count('id="code-GENERATOR_GC"') == 1


def test_report_lists_machine_seed_and_commands(markdown: str) -> None:
    assert r"| cpu_model | Fast \| CPU |" in markdown
    assert "unknown" not in markdown
    assert "| git | revision abc123 |" in markdown
    assert "Seed 7." in markdown
    assert "    holabench run plan.toml\n" in markdown
    assert "    holabench run --seed 7\n" in markdown


def test_rows_have_as_many_cells_as_their_heading(markdown: str) -> None:
    for table in markdown.split("\n\n"):
        rows = [line.replace(r"\|", "") for line in table.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1


def test_run_without_results_has_a_report() -> None:
    text, page = make_report(*no_results(), pd.DataFrame())
    assert "No comparison is possible" in page
    assert "No comparison is possible" in text
    assert "No block was finished." in text
    assert "Seed unknown." in text


def test_running_server_on_another_machine_is_named_as_network() -> None:
    servers = [{"name": "php", "target": "192.0.2.7:80"}, {"name": "local", "target": "[::1]:81"}]
    text, _ = make_report(*no_results(), pd.DataFrame(), RunContext({}, {"external_servers": servers}))
    assert "| network | to 192.0.2.7 for running servers; loopback for all others |" in text


def test_names_cannot_contain_markup() -> None:
    assert escape("a|b\n# c `d` <e> [f](g) *h*") == r"a\|b \# c \`d\` \<e\> \[f\](g) \*h\*"
    assert escape("$x$") == r"\$x\$"  # which some pages take for mathematics
    assert escape("thread_per_client _x_") == r"thread_per_client \_x\_"
    rows = synthetic.make_run({"<b>|x/tcp": {1: 1e4}}, blocks=1, rounds=1)
    summary, comparisons = (
        summarise(rows.trials, rows.slices, DEFAULT_THRESHOLDS),
        compare_arms(rows.trials, rows.slices, {}, DEFAULT_THRESHOLDS),
    )
    text, page = make_report(summary, comparisons, rows.trials)
    assert "&lt;b&gt;|x" in page
    assert "<b>|x" not in page
    assert r"| \<b\>\|x | TCP |" in text
    assert "<b>" not in text


def test_unequal_server_settings_are_listed() -> None:
    rows = synthetic.make_run({"asyncio/tcp": {16: 30e3}, "select/tcp": {16: 30e3}}, blocks=3, rounds=2)
    assert unequal_settings(rows.trials) == ""
    trials = rows.trials.assign(backlog=[1024 if arm == "asyncio/tcp" else 100 for arm in rows.trials["arm"]])
    assert unequal_settings(trials) == "backlog over tcp (100, 1024)"
    assert [row[0] for row in server_settings(trials)] == ["asyncio/tcp", "select/tcp"]


def test_page_hides_the_advice_on_a_pointer_where_there_is_none(reports: tuple[str, str]) -> None:
    _, page = reports
    assert page.count('<span class="pointer">Rest the pointer on a mark') == page.count("<figcaption>")
    assert "@media (hover: none) { .pointer { display: none; } }" in page


def test_narrow_page_marks_the_noise_floor_as_no_server(reports: tuple[str, str]) -> None:
    _, page = reports
    assert '.scorecard tr.quiet th::after { content: " (not a server)"; }' in page
