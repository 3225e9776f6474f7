"""The page about one metric over many runs: the sentences of the terminal, a chart for each load, and the values."""

from collections.abc import Sequence

from bench.compare.level_shifts import LevelShift
from bench.compare.series import Series
from bench.compare.series_text import point_columns, point_rows, series_sentences
from bench.escaping import all_visible
from bench.report.comparison_pictures import history_pictures
from bench.report.csv_tables import series_csv
from bench.report.html_pages import html_templates, models_of
from bench.report.terms import select_terms
from bench.schema.metrics import METRICS
from bench.translation import N_, gettext

_TERMS = ("baseline", "interval", N_("suspect, invalid"))
_MAX_OPEN = 3  # charts without a change that are open, if there is no other


def render_history(
    selected: Sequence[Series], all_series: Sequence[Series], shifts: Sequence[LevelShift], threshold: float
) -> str:
    """Return an HTML page that needs no other file.

    selected: series to show. all_series: with those of the baseline. shifts: changes of the selected ones.
    threshold: size from which on a change is reported, as a share.
    """
    changed = {str(shift.series.load_point) for shift in shifts if shift.is_large(threshold)}
    pictures = history_pictures(selected)
    opened = [picture for picture in pictures if picture.scenario in changed] or pictures[:_MAX_OPEN]
    content = {
        "title": gettext("{label} over several runs", label=METRICS[selected[0].metric].label),
        "sentences": all_visible(series_sentences(selected, shifts, threshold)),
        "pictures": opened,
        "more_pictures": [picture for picture in pictures if picture not in opened],
        "models": models_of(pictures),
        "columns": point_columns(selected[0].metric),
        "tables": [
            (f"{series.arm}, {series.load_point}", point_rows(series, series.machine_changes(all_series)))
            for series in selected
        ],
        "file_name": f"history-{selected[0].metric}.csv",
        "csv": series_csv(selected, shifts),
        "terms": select_terms(_TERMS),
    }
    return html_templates().get_template("history.html.j2").render(content)
