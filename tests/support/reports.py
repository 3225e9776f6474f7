"""Reports of made-up runs."""

import pandas as pd

from bench.analysis.rankings import unranked_models
from bench.report.content import Picture
from bench.report.first_screen import first_screen
from bench.report.render import Results, RunContext, page_without_charts
from bench.report.tables import result_tables


def make_report(
    summary: pd.DataFrame,
    comparisons: pd.DataFrame,
    trials: pd.DataFrame,
    run: RunContext | None = None,
    charts: list[Picture] | None = None,
) -> tuple[str, str]:
    """Return a report as Markdown and as an HTML page."""
    unranked = unranked_models(trials)
    first = first_screen(summary, comparisons, trials, unranked, environment=run.environment if run else None)
    results = Results(summary, comparisons, trials, result_tables(summary, comparisons, unranked))
    return page_without_charts(results, run or RunContext({}, {}), first).render(charts or [])
