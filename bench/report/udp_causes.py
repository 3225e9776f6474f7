"""Why a model's rate differs between UDP and TCP, as far as the run's own figures show it. Pure.

A server that is busy all the time answers as many requests as its CPU time allows. So the ratio of its rates is the
inverse ratio of its CPU times per request, unless one of both servers waits.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from bench.analysis.predictions.agreement import TOLERANCE
from bench.formatting import compact, format_ratio
from bench.schema.arms import Arm
from bench.schema.conclusions import ComparisonKind, Conclusion
from bench.translation import N_, gettext
from clients.quality_codes import INVALID

CPU = N_("{model} ({rate} times): a request takes {cpu} times the CPU time, and the CPU time is the limit over both")
SWITCHES = N_("; the server switches threads {udp} times per request over UDP, {tcp} times over TCP")
SPENT_ON = N_("; what it is spent on is not known from this run")
UNKNOWN = N_("{model} ({rate} times): the cause is not known from this run")
HEADING = N_("Cause of the differences between UDP and TCP:")
MIN_SWITCHES = 0.5  # per request; fewer cost hardly anything
APART = 1.5  # times: a difference of the switches that is stated


def udp_causes(comparisons: pd.DataFrame, trials: pd.DataFrame) -> list[str]:
    """Return a line for each model whose rates over UDP and TCP differ, below a heading; none without a difference.

    comparisons, trials: rows of one load point.
    """
    between = comparisons[(comparisons["kind"] == ComparisonKind.TRANSPORTS) & (comparisons["verdict"] != INVALID)]
    # astype: of no rows, pandas would take the result for a list of no columns
    different = between[between["conclusion"].map(lambda word: Conclusion(word).is_difference).astype(bool)]
    costs = {str(row["arm"]): row for row in different[different["metric"] == "cpu_us_per_request"].to_dict("records")}
    switches = trials.groupby("arm")["switches_per_request"].median().to_dict()
    rates = different[different["metric"] == "throughput_rps"].sort_values("ratio").to_dict("records")
    lines = [f"    {_cause(row, costs.get(str(row['arm'])), switches)}." for row in rates]
    return [gettext(HEADING), *lines] if lines else []


def _cause(rate: Mapping[Any, Any], cost: Mapping[Any, Any] | None, switches: Mapping[Any, float]) -> str:
    """Return the cause of one difference. cost: the difference of the CPU time; None if it is inconclusive."""
    model, ratio = Arm.parse(str(rate["arm"])).label, float(rate["ratio"])
    if cost is None or not 1 / TOLERANCE <= ratio * float(cost["ratio"]) <= TOLERANCE:
        return gettext(UNKNOWN, model=model, rate=format_ratio(ratio))
    cause = gettext(CPU, model=model, rate=format_ratio(ratio), cpu=format_ratio(float(cost["ratio"])))
    udp, tcp = (float(switches.get(str(rate[side]), float("nan"))) for side in ("arm", "reference"))
    low, high = sorted((udp, tcp))
    is_slower_side = (udp > tcp) == (ratio < 1)  # switches explain the side that has more of them
    if high >= MIN_SWITCHES and high > APART * low and is_slower_side:
        return cause + gettext(SWITCHES, udp=compact(udp), tcp=compact(tcp))
    return cause + gettext(SPENT_ON)
