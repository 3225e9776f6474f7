"""From a run's raw files to all that is made from them: summary, comparisons, charts, report."""

from dataclasses import dataclass

import msgspec
import pandas as pd

from bench import analyse, charts, report
from bench.bounds import objectives, summarise_limits
from bench.plan import apply_thresholds, reference_arms
from bench.store import RunFolder


@dataclass(frozen=True, slots=True)
class Derived:
    """What was made, for the terminal."""

    summary: pd.DataFrame
    comparisons: pd.DataFrame
    charts: list[str]  # paths inside the folder
    unranked: list[str]  # models


def derive(folder: RunFolder) -> Derived:
    """Make every derived file anew. Raises StoreError if the folder is not a run's."""
    plan, trials, slices = folder.plan(), folder.trials(), folder.finished("slices")
    apply_thresholds(plan)
    limits = folder.limits()
    summary = analyse.summarise(trials, slices)
    if limits is not None:
        summary = pd.concat([summary, summarise_limits(limits)], ignore_index=True)
    comparisons = analyse.compare(slices, trials, reference_arms(plan))
    folder.write_table("summary.csv", summary)
    folder.write_table("comparisons.csv", comparisons)
    drawn = charts.draw(summary, comparisons, folder.finished("histograms"), trials, slices)
    pictures = []
    for name, chart in drawn.items():
        path, svg = folder.write_chart(name, chart.figure)
        pictures.append(report.Picture(charts.question(name), path, svg, chart.scenario, chart.source))
    told = report.Run(folder.environment(), msgspec.to_builtins(plan), objectives(limits))
    markdown, page = report.render(summary, comparisons, trials, told, pictures)
    folder.write_text("report.md", markdown)
    folder.write_text("report.html", page)
    return Derived(summary, comparisons, [one.path for one in pictures], analyse.short_of_cores(trials))
