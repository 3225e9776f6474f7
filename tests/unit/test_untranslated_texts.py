"""Every text that a reader sees is translated, but for names, numbers, units and codes.

A text that is not passed to the functions of ``bench.translation`` stays without marks in the language of these tests.
"""

import html
import re
from collections.abc import Callable, Iterator

import pytest
from rich.table import Table

from bench.analysis.server_settings import SERVER_SETTINGS
from bench.cli.tables import render_tables, sample_size_advice
from bench.compare.comparison_sentences import detail_lines, first_sentences
from bench.compare.digest import make_digest
from bench.compare.gates import parse_rule
from bench.compare.run_comparison import compare_runs
from bench.report.charts import layout, narrow
from bench.report.charts.builders import build_chart
from bench.report.charts.catalogue import ChartTables, chart_requests
from bench.report.comparison_page import render_comparisons
from bench.report.render import RunContext
from bench.report.tables import result_tables
from clients.quality_catalogue import CATALOGUE
from clients.quality_codes import Thresholds
from tests.support import synthetic
from tests.support.pseudo_locale import find_untranslated, marked_texts
from tests.support.reports import make_report
from tests.support.results import results_of
from tests.unit.compare.builders import make_failing_values, make_values_with_baseline
from tests.unit.report.chart_texts import visible_texts
from tests.unit.report.disturbed_runs import SELECT_LIMIT, make_disturbed, make_idle
from tests.unit.report.work_runs import WAITING, make_mixed, make_waiting

REASON = ["serves", "one", "connection", "at", "a", "time"]  # of a made-up run, as its CSV file has it
SCENARIOS = ["Silent", "capacity", "sessions", "mixed", "wait", "silent", "quiet", "slow", "light", "heavy", "idle"]
NAMES = (*REASON, *SELECT_LIMIT.split(), *SCENARIOS)
PRESETS = ("waiting", "pollers", "standard")
PROTOCOLS = ("echo", "hola", "work")


@pytest.fixture(autouse=True)
def _marked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(layout, "NOTE_CHARACTERS", 10_000)  # a text that is wrapped has its marks on two lines
    monkeypatch.setattr(layout, "SUBTITLE_CHARACTERS", 10_000)
    monkeypatch.setattr(narrow, "LABEL_CHARACTERS", 10_000)
    with marked_texts():
        yield


def make_capacity() -> synthetic.Rows:
    """Return closed loops with doubts and findings."""
    judged = {
        ("thread_per_client/tcp", 64): ("suspect", "CPU_STEAL=2.0% UNFAIR_SERVICE=90.0%"),
        ("iterative/udp", 64): ("invalid", "GENERATOR_SATURATED=93.0%"),
    }
    capacity = synthetic.make_run(synthetic.TCP | synthetic.UDP, blocks=6, rounds=4, judged=judged, histograms=True)
    return synthetic.concat_runs(
        capacity, synthetic.make_run(synthetic.SESSIONS, scenario="sessions", blocks=3, rounds=4)
    )


RUN = RunContext(
    {"machine": {"cpu_model": "AMD", "cpus": 2, "server_cpus": [0], "generator_cpus": [1], "hypervisor": True}},
    {"name": "standard", "seed": 7},
    thresholds=Thresholds(CATALOGUE, {"RUN_DELAY": [0.02, 0.5]}),
)
# The plan and the machine as they are recorded, the settings that a server reports, the thresholds of the plan, and the
# command that repeats the run.
RUN_WORDS = re.findall(r"[A-Za-z]+", f"{RUN.plan} {RUN.environment} {SERVER_SETTINGS} suspect invalid default run plan")
COMPARED = (
    "control",
    "monday",
    "tuesday",
    "before",
    "now",
    "no",
    "ready",
    "line",
)  # names of runs, environment, and a reason


RUNS: dict[str, Callable[[], synthetic.Rows]] = {
    "capacity": make_capacity,
    "waiting": lambda: make_waiting(5_000.0, WAITING),
    "computing": lambda: make_waiting(0.0, WAITING, units=1_000.0, kind="lock"),
    "mixed": make_mixed,
    "disturbed": make_disturbed,
    "idle": make_idle,
}


@pytest.fixture(scope="module", params=RUNS)
def rows(request: pytest.FixtureRequest) -> synthetic.Rows:
    return RUNS[request.param]()


def test_texts_of_charts_are_translated(rows: synthetic.Rows) -> None:
    summary, comparisons = results_of(rows)
    tables = ChartTables(summary, comparisons, rows.histograms, rows.trials, rows.slices)
    texts = [
        text
        for request in chart_requests(summary, rows.trials)
        if (figure := build_chart(request, tables)) is not None
        for text, _ in visible_texts(figure)
    ]
    assert len(texts) > 10
    assert find_untranslated(texts, (*NAMES, *PROTOCOLS)) == []


def test_texts_of_terminal_tables_are_translated(rows: synthetic.Rows) -> None:
    tables = result_tables(*results_of(rows))
    texts = [text for table in render_tables(tables, width=250) for text in texts_of_table(table)]
    texts += sample_size_advice(tables, {table.load_point.scenario: 1.0 for table in tables})
    assert find_untranslated(texts, NAMES) == []


def test_texts_of_reports_are_translated(rows: synthetic.Rows) -> None:
    markdown, page = make_report(*results_of(rows), rows.trials.assign(duration_s=1.5), RUN)
    names = (*NAMES, *PROTOCOLS, *PRESETS, *RUN_WORDS)
    assert find_untranslated([re.sub(r"</?(details|summary)>", "", markdown)], names) == []
    assert find_untranslated(texts_of_page(page), names) == []


@pytest.mark.parametrize("environment", [(), ("cpu_model: A before, B now",)])
def test_texts_of_comparisons_are_translated(environment: tuple[str, ...]) -> None:
    rules = [parse_rule("throughput_rps<-5%"), parse_rule("cpu_us_per_request>5%")]
    for after in (make_values_with_baseline(2, 0.88, of_select=0.7), make_failing_values()):
        runs = (make_values_with_baseline(1, 1.0), after)
        comparison = compare_runs(["monday", "tuesday"], environment, runs, rules)
        texts = [*first_sentences(comparison, make_digest(comparison.changes), 0.05), *detail_lines(comparison)]
        texts += texts_of_page(render_comparisons([comparison], 0.05))
        assert find_untranslated(texts, (*NAMES, *COMPARED)) == []


def texts_of_page(page: str) -> list[str]:
    """Return the texts of an HTML page outside scripts, styles, data and preformatted commands."""
    visible = re.sub(r"<(script|style|pre)\b.*?</\1>", " ", page, flags=re.DOTALL)
    visible = re.sub(r"</?(a|b|span)\b[^>]*>", "", visible.replace("</a><a", "</a> <a"))  # inside of a sentence
    return [html.unescape(text) for text in re.split(r"<[^>]*>", visible) if text.strip()]


def texts_of_table(table: Table) -> Iterator[str]:
    """Yield the title, the headings, the cells and the caption of a table."""
    yield from filter(None, (str(table.title), str(table.caption or "")))
    for column in table.columns:
        yield str(column.header)
        yield from (str(cell) for cell in column.cells)
