"""From a run's raw files to all that is made from them: summary, comparisons, charts, report."""

from dataclasses import dataclass

import msgspec
import pandas as pd

from bench import analyse, report
from bench.bounds import objectives, summarise_limits
from bench.charts.questions import names, wanted
from bench.helpers import Helpers
from bench.plan import apply_thresholds, reference_arms
from bench.store import RunFolder


@dataclass(frozen=True, slots=True)
class Derived:
    """What was made, for the terminal."""

    summary: pd.DataFrame
    comparisons: pd.DataFrame
    charts: list[str]  # paths inside the folder
    unranked: list[str]  # models


def derive(folder: RunFolder, helpers: Helpers | None) -> Derived:
    """Make every derived file anew. helpers: who draw; None for the tables alone, without charts and report.

    Raises StoreError if the folder is no run's or has nothing measured, PlanError if its plan cannot be.
    """
    plan, limits = folder.plan(), folder.limits()
    trials, slices = folder.measured() if limits is None else folder.trials(), folder.finished("slices")
    apply_thresholds(plan)
    summary = analyse.summarise(trials, slices)
    if limits is not None:
        summary = pd.concat([summary, summarise_limits(limits)], ignore_index=True)
    comparisons = analyse.compare(slices, trials, reference_arms(plan))
    folder.write_table("summary.csv", summary)
    folder.write_table("comparisons.csv", comparisons)
    unranked = analyse.short_of_cores(trials)
    if helpers is None:
        return Derived(summary, comparisons, [], unranked)
    drawn = helpers.draw(summary, comparisons, wanted(summary, trials))
    pictures = []
    for name, one in zip(names([one.wanted for one in drawn]), drawn, strict=True):
        path = folder.write_chart(name, one.png, one.svg)
        pictures.append(report.Picture(one.wanted.question, path, one.svg, one.wanted.load.scenario, one.wanted.source))
    told = report.Run(folder.environment(), msgspec.to_builtins(plan), objectives(limits))
    markdown, page = report.render(summary, comparisons, trials, told, pictures)
    folder.write_text("report.md", markdown)
    folder.write_text("report.html", page)
    return Derived(summary, comparisons, [one.path for one in pictures], unranked)
