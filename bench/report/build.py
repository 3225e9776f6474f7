"""Build everything that is derived from a run: summary, comparisons, charts and report."""

from dataclasses import dataclass

import msgspec
import pandas as pd

from bench.analysis.search_results import objectives, summarise_searches
from bench.analysis.summary import compare, short_of_cores, summarise
from bench.plan.definition import plan_thresholds, reference_arms
from bench.report.chart_workers import ChartWorkers
from bench.report.charts.catalogue import ChartTables, chart_names, chart_requests
from bench.report.content import Picture
from bench.report.render import RunContext, render
from bench.report.tables import ResultTable, result_tables
from bench.store.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Report:
    """What was derived from a run."""

    summary: pd.DataFrame
    comparisons: pd.DataFrame
    trials: pd.DataFrame
    tables: list[ResultTable]
    charts: list[str]  # paths inside the folder; empty without chart workers
    changed_thresholds: list[str]


def build(folder: RunFolder, chart_workers: ChartWorkers | None) -> Report:
    """Write every derived file of a run. Without chart workers only the tables are written.

    Raises StoreError if the folder cannot be read or written or has no measurements, and PlanError for a bad plan.
    """
    plan, searches = folder.plan(), folder.limits()
    trials, slices = folder.measured() if searches is None else folder.trials(), folder.finished("slices")
    thresholds = plan_thresholds(plan)
    summary = summarise(trials, slices, thresholds)
    if searches is not None:
        summary = pd.concat([summary, summarise_searches(searches, thresholds)], ignore_index=True)
    comparisons = compare(slices, trials, reference_arms(plan), thresholds)
    folder.write_table("summary.csv", summary)
    folder.write_table("comparisons.csv", comparisons)
    pictures: list[Picture] = []
    if chart_workers is not None:
        chart_tables = ChartTables(summary, comparisons, folder.finished("histograms"), trials, slices)
        pictures = _draw(folder, chart_workers, chart_tables)
        plan_values = msgspec.to_builtins(plan)
        context = RunContext(folder.environment(), plan_values, objectives(searches), thresholds, folder.began())
        markdown, page = render(summary, comparisons, trials, context, pictures)
        folder.write_text("report.md", markdown)
        folder.write_text("report.html", page)
    tables = result_tables(summary, comparisons, short_of_cores(trials))
    paths = [picture.path for picture in pictures]
    return Report(summary, comparisons, trials, tables, paths, thresholds.changed())


def _draw(folder: RunFolder, chart_workers: ChartWorkers, tables: ChartTables) -> list[Picture]:
    """Draw and write all charts of a run."""
    chart_workers.start(tables)
    charts = chart_workers.draw(chart_requests(tables.summary, tables.trials))
    pictures = []
    for name, chart in zip(chart_names([chart.request for chart in charts]), charts, strict=True):
        path = folder.write_chart(name, chart.png, chart.svg)
        request = chart.request
        pictures.append(Picture(request.question, path, chart.svg, request.sweep.scenario, request.source))
    return pictures
