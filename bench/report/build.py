"""Build everything derived from a run: summary, comparisons, charts and report."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import pandas as pd

from bench.analysis.comparisons import compare_arms
from bench.analysis.predictions.machine_facts import recorded_cpus, recorded_units
from bench.analysis.predictions.summary_columns import add_predictions
from bench.analysis.rankings import unranked_models
from bench.analysis.recovering_load import recovery_table
from bench.analysis.search_results import objectives, summarise_run
from bench.escaping import all_visible
from bench.plan.matrix import reference_arms
from bench.report.chart_workers import ChartError, ChartWorkers, DrawnChart
from bench.report.charts.catalogue import (
    TOPICS_WITHOUT_COMPARISONS,
    ChartRequest,
    ChartTables,
    chart_histograms,
    chart_names,
    chart_requests,
    drawn_histograms,
)
from bench.report.computing_times import with_unit_times
from bench.report.content import Picture
from bench.report.first_screen import first_screen
from bench.report.generator_notes import generators_line
from bench.report.network_noise import network_noise
from bench.report.render import Results, RunContext, page_without_charts
from bench.report.tables import ResultTable, result_tables
from bench.report.trade_charts import answered
from bench.schema.load_time import LoadTime
from bench.store import file_names
from bench.store.reader import RunData
from bench.store.run_folder import RunFolder
from bench.translation import translate_line


@dataclass(frozen=True, slots=True)
class Report:
    """Everything derived from a run."""

    summary: pd.DataFrame
    comparisons: pd.DataFrame
    trials: pd.DataFrame
    tables: list[ResultTable]
    charts: list[str]  # paths inside the folder; empty without chart workers
    changed_thresholds: list[str]
    seconds: dict[str, float]  # of load on each arm in a block, by scenario
    sentences: list[str]  # that the report begins with
    notes: list[str]  # one line each on the noise floor, the machine, and caveats
    load_time: LoadTime | None  # None if the run is not complete, or of an older version
    chart_failure: str = ""  # why there are no charts


def build(run: RunData, chart_workers: ChartWorkers | None) -> Report:
    """Derive everything from a run and write it into its folder.

    Without chart workers only the tables are written. If the charts cannot be drawn, the report has none.

    Raises StoreError if the folder cannot be read or written, or has no measurements.
    """
    run.check_measured()
    folder, thresholds = RunFolder(run.path), run.thresholds
    trials = with_unit_times(run.trials, recorded_units(run.environment))
    summary = _with_predictions(run, summarise_run(trials, run.slices, run.max_rate, thresholds))
    requests: list[ChartRequest] = []
    if chart_workers is not None:  # they draw while this process continues
        requests = chart_requests(summary, trials)
        _draw_early(run, summary, trials, requests, chart_workers)
    comparisons = compare_arms(trials, run.slices, reference_arms(run.plan), thresholds)
    recovery = recovery_table(run.plan, trials)
    remarks: dict[str, str] = {}
    if chart_workers is not None:
        requests, remarks = _draw(run, summary, comparisons, trials, recovery, requests, chart_workers)
    files = _write_tables(folder, summary, comparisons, recovery)
    noise, environment, unranked = network_noise(run.environment, run.slices), run.environment, unranked_models(trials)
    generators = generators_line(run.generators, thresholds)
    first = first_screen(
        summary, comparisons, trials, unranked, recovery, environment, run.load_time, noise, generators
    )
    scenario_names = [scenario.name for scenario in run.plan.scenarios]
    tables = result_tables(summary, comparisons, unranked, scenario_names)
    pictures: list[Picture] = []
    chart_failure = ""
    if chart_workers is not None:
        results = Results(summary, comparisons, trials, tables, remarks)
        without_charts = page_without_charts(results, _context(run, files), first)
        try:
            pictures = _write_charts(folder, requests, chart_workers.charts())
        except ChartError as error:
            chart_failure = str(error)
        markdown, page = without_charts.render(pictures)
        folder.write_text("report.md", markdown)
        folder.write_text("report.html", page)
    paths = [picture.path for picture in pictures]
    seconds = {scenario.name: scenario.load_seconds for scenario in run.plan.scenarios}
    return Report(
        summary=summary,
        comparisons=comparisons,
        trials=trials,
        tables=tables,
        charts=paths,
        changed_thresholds=list(map(translate_line, thresholds.changed())),
        seconds=seconds,
        sentences=first.sentences,
        notes=[note.text for note in first.notes],
        chart_failure=chart_failure,
        load_time=run.load_time,
    )


def _with_predictions(run: RunData, summary: pd.DataFrame) -> pd.DataFrame:
    """Return the summary with what a textbook predicts for its figures."""
    return add_predictions(
        summary, run.trials, run.plan, recorded_units(run.environment), recorded_cpus(run.environment)
    )


def _draw_early(
    run: RunData,
    summary: pd.DataFrame,
    trials: pd.DataFrame,
    requests: Sequence[ChartRequest],
    chart_workers: ChartWorkers,
) -> None:
    """Start to draw charts while this process compares arms and uses one of the CPUs."""
    nothing = pd.DataFrame()
    tables = ChartTables(summary, nothing, nothing, trials, run.slices, replay=run.replay)
    chart_workers.start(tables, [request for request in requests if request.topic in TOPICS_WITHOUT_COMPARISONS])


def _draw(
    run: RunData,
    summary: pd.DataFrame,
    comparisons: pd.DataFrame,
    trials: pd.DataFrame,
    recovery: pd.DataFrame,
    requests: Sequence[ChartRequest],
    chart_workers: ChartWorkers,
) -> tuple[list[ChartRequest], dict[str, str]]:
    """Start to draw the other charts. Return all requests that have an answer, and remarks on those without."""
    histograms = chart_histograms(run.choose_histograms(lambda table: drawn_histograms(table, requests)))
    tables = ChartTables(
        summary,
        comparisons,
        histograms,
        trials,
        run.slices,
        run.timeline,
        recovery,
        run.latency_windows,
        run.replay,
    )
    remaining, remarks = answered(requests, tables)
    chart_workers.start(tables, [request for request in remaining if request.topic not in TOPICS_WITHOUT_COMPARISONS])
    return remaining, remarks


def _write_tables(
    folder: RunFolder, summary: pd.DataFrame, comparisons: pd.DataFrame, recovery: pd.DataFrame
) -> dict[str, str]:
    """Write the derived tables; return them as CSV, by name."""
    tables = {file_names.SUMMARY: summary, file_names.COMPARISONS: comparisons}
    if not recovery.empty:
        tables[file_names.RECOVERY] = recovery
    return {name: folder.write_table(name, table) for name, table in tables.items()}


def _write_charts(folder: RunFolder, requests: Sequence[ChartRequest], charts: Iterable[DrawnChart]) -> list[Picture]:
    """Write all charts of a run, in the order of their requests."""
    chart_of = {chart.request: chart for chart in charts}
    drawn = [request for request in requests if request in chart_of]
    pictures = []
    for name, request in zip(chart_names(drawn), drawn, strict=True):
        chart = chart_of[request]
        path = folder.write_chart(name, chart.png, chart.svg)
        scenario = request.sweep.scenario
        pictures.append(Picture(request.question, path, chart.svg, scenario, request.source, chart.narrow))
    return pictures


def _context(run: RunData, files: Mapping[str, str]) -> RunContext:
    plan = all_visible(msgspec.to_builtins(run.plan))
    start = run.known_start
    return RunContext(run.environment, plan, objectives(run.max_rate), run.thresholds, start, files, run.load_time)
