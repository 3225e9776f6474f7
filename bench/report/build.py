"""From a run's raw files to all that is made from them: summary, comparisons, charts, report."""

from dataclasses import dataclass

import msgspec
import pandas as pd

from bench.analysis.comparisons import compare_arms
from bench.analysis.rankings import unranked_models
from bench.analysis.search_results import objectives, summarise_run
from bench.plan.matrix import reference_arms
from bench.report import render
from bench.report.chart_workers import Helpers
from bench.report.charts.catalogue import names, wanted
from bench.store.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Derived:
    """What was made, for the terminal."""

    summary: pd.DataFrame
    comparisons: pd.DataFrame
    charts: list[str]  # paths inside the folder
    unranked: list[str]  # models
    changed_thresholds: list[str]


def derive(folder: RunFolder, helpers: Helpers | None) -> Derived:
    """Make every derived file anew. helpers: who draw; None for the tables alone, without charts and report.

    Raises StoreError if the folder is no run's or has nothing measured, PlanError if its plan cannot be.
    """
    run = folder.read()
    run.check_measured()
    plan, limits, trials, slices, thresholds = run.plan, run.max_rate, run.trials, run.slices, run.thresholds
    summary = summarise_run(trials, slices, limits, thresholds)
    comparisons = compare_arms(trials, slices, reference_arms(plan), thresholds)
    folder.write_table("summary.csv", summary)
    folder.write_table("comparisons.csv", comparisons)
    unranked = unranked_models(trials)
    if helpers is None:
        return Derived(summary, comparisons, [], unranked, thresholds.changed())
    drawn = helpers.draw(summary, comparisons, wanted(summary, trials))
    pictures = []
    for name, one in zip(names([one.wanted for one in drawn]), drawn, strict=True):
        path = folder.write_chart(name, one.png, one.svg)
        pictures.append(render.Picture(one.wanted.question, path, one.svg, one.wanted.load.scenario, one.wanted.source))
    told = render.Run(dict(run.environment), msgspec.to_builtins(plan), objectives(limits), thresholds.changed())
    markdown, page = render.render(summary, comparisons, trials, told, pictures)
    folder.write_text("render.md", markdown)
    folder.write_text("render.html", page)
    return Derived(summary, comparisons, [one.path for one in pictures], unranked, thresholds.changed())
