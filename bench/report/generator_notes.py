"""The line of a report that names load generators which fell behind the others. Pure."""

from collections.abc import Callable

import pandas as pd

from bench.formatting import format_percent
from bench.translation import N_, gettext
from clients.quality_codes import Thresholds

_BEHIND = N_("{host} sent up to {share} less than its share ({loads} of {count} loads)")
_MISSING = N_("{host} began late and missed up to {share} of the windows ({loads} of {count} loads)")
_BUSY = N_("{host} used up to {share} of its CPU ({loads} of {count} loads)")
_FIGURES = (  # text, column, and the code whose threshold decides
    (_BEHIND, "shortfall_share", "GENERATOR_BEHIND"),
    (_MISSING, "missing_share", "GENERATOR_MISSING"),
    (_BUSY, "generator_cpu_share", "GENERATOR_SATURATED"),
)


def generators_line(generators: pd.DataFrame | None, thresholds: Thresholds) -> str:
    """Return which of several generators were slower than the others, or busy; "" if none was.

    generators: rows of generators.csv.
    """
    if generators is None or generators.empty:
        return ""
    parts = [
        part
        for host, rows in generators.groupby("generator_host")
        for text, column, code in _FIGURES
        if (part := _describe(str(host), text, rows[column], thresholds.codes[code].is_raised))
    ]
    return gettext("Load generators: {parts}.", parts="; ".join(parts)) if parts else ""


def _describe(host: str, text: str, values: "pd.Series[float]", is_raised: Callable[[float], bool]) -> str:
    raised = [value for value in values if is_raised(value)]
    if not raised:
        return ""
    return gettext(text, host=host, share=format_percent(max(raised)), loads=len(raised), count=len(values))
