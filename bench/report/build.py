"""Build everything derived from a run: summary, comparisons, charts and report."""

from collections.abc import Mapping, Sequence
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
from bench.report.charts.catalogue import ChartTables, chart_histograms, chart_names, chart_requests, drawn_histograms
from bench.report.computing_times import with_unit_times
from bench.report.content import Picture
from bench.report.first_screen import first_screen
from bench.report.render import Results, RunContext, render
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
    comparisons = compare_arms(trials, run.slices, reference_arms(run.plan), thresholds)
    scenario_names = [scenario.name for scenario in run.plan.scenarios]
    files = {
        name: folder.write_table(name, table)
        for name, table in ((file_names.SUMMARY, summary), (file_names.COMPARISONS, comparisons))
    }
    recovery = recovery_table(run.plan, trials)
    if not recovery.empty:
        files[file_names.RECOVERY] = folder.write_table(file_names.RECOVERY, recovery)
    remarks: dict[str, str] = {}
    if chart_workers is not None:  # they draw while this process continues
        requests = chart_requests(summary, trials)
        histograms = chart_histograms(run.choose_histograms(lambda table: drawn_histograms(table, requests)))
        chart_tables = ChartTables(
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
        requests, remarks = answered(requests, chart_tables)
        chart_workers.start(chart_tables, requests)
    first = first_screen(
        summary, comparisons, trials, unranked_models(trials), recovery, run.environment, run.load_time
    )
    tables = result_tables(summary, comparisons, unranked_models(trials), scenario_names)
    pictures: list[Picture] = []
    chart_failure = ""
    if chart_workers is not None:
        try:
            pictures = _write_charts(folder, chart_workers.charts())
        except ChartError as error:
            chart_failure = str(error)
        results = Results(summary, comparisons, trials, tables, remarks)
        markdown, page = render(results, _context(run, files), pictures, first)
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


def _write_charts(folder: RunFolder, charts: Sequence[DrawnChart]) -> list[Picture]:
    """Write all charts of a run."""
    pictures = []
    for name, chart in zip(chart_names([chart.request for chart in charts]), charts, strict=True):
        path = folder.write_chart(name, chart.png, chart.svg)
        request = chart.request
        pictures.append(Picture(request.question, path, chart.svg, request.sweep.scenario, request.source))
    return pictures


def _context(run: RunData, files: Mapping[str, str]) -> RunContext:
    plan = all_visible(msgspec.to_builtins(run.plan))
    start = run.known_start
    return RunContext(run.environment, plan, objectives(run.max_rate), run.thresholds, start, files, run.load_time)
