"""Draw the charts of a page about several runs."""

from collections.abc import Sequence

import bench.report.charts.plain_matplotlib  # noqa: F401 - first, see there
from bench.compare.run_comparison import RunComparison
from bench.compare.run_values import COMPARED_METRICS
from bench.compare.series import Series
from bench.compare.wording import change_question, history_question
from bench.report.charts.changes import draw_changes
from bench.report.charts.encode import encode_svg
from bench.report.charts.history import draw_history
from bench.report.charts.narrow import narrow_view
from bench.report.charts.style import look
from bench.report.content import Picture


def change_pictures(comparison: RunComparison, threshold: float, number: int) -> list[Picture]:
    """Return a chart for each metric that has a figure in both runs. number: of the comparison on its page."""
    pictures = []
    with look():
        for metric in COMPARED_METRICS:
            of_metric = [change for change in comparison.judged if change.metric == metric]
            if figure := draw_changes(of_metric, comparison.names, threshold) if of_metric else None:
                title = change_question(metric)
                pictures.append(
                    Picture(title, f"{metric}-{number}", encode_svg(figure), metric, "", narrow_view(figure))
                )
    return pictures


def history_pictures(series: Sequence[Series]) -> list[Picture]:
    """Return a chart for each load point."""
    pictures = []
    with look():
        for number, load_point in enumerate(dict.fromkeys(each.load_point for each in series), start=1):
            figure = draw_history([each for each in series if each.load_point == load_point])
            title = f"{history_question(series[0].metric)} {load_point}"
            pictures.append(
                Picture(title, f"history-{number}", encode_svg(figure), str(load_point), "", narrow_view(figure))
            )
    return pictures
