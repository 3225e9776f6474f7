"""From the trials of searches to their results: both bounds, and what was answered at the lower one. Pure."""

import math
from collections import Counter
from collections.abc import Iterator

import pandas as pd

from bench.analysis.summary import SUMMARY_COLUMNS
from bench.experiment.bisection import BEYOND, Votes, bounds
from bench.schema.metrics import METRICS
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from clients.quality_codes import MIN_SAMPLES_BEYOND, Thresholds, format_flags, worst_verdict

_CASE = ["scenario", "connections", "message_bytes", "arm"]


def summarise_searches(trials: pd.DataFrame | None, thresholds: Thresholds = DEFAULT_THRESHOLDS) -> pd.DataFrame:
    """One row of the summary for each search: low and high are its bounds, the median is what was answered at low.

    trials: rows of max_rate.csv. The bounds are no interval of confidence: a rate at which most trials met the
    objective, and the next one at which most did not.
    """
    rows = [] if trials is None else list(_rows(trials, thresholds))
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def objectives(trials: pd.DataFrame | None) -> list[str]:
    """What each search asked for, in words."""
    if trials is None:
        return []
    columns = ["scenario", "connections", "message_bytes", "objective_p99_us", "objective_lost_share"]
    return [
        f"{row['scenario']}, {row['connections']} connections: 99 % of the requests answered within "
        f"{float(row['objective_p99_us']) / 1e3:.3g} ms, at most {float(row['objective_lost_share']):.2%} lost"
        for row in trials[columns].drop_duplicates().to_dict("records")
    ]


def _rows(trials: pd.DataFrame, thresholds: Thresholds) -> Iterator[dict[str, object]]:
    for _, group in trials.groupby(_CASE, sort=False):
        counted = group[group["counted"]]
        votes: Votes = {}
        rates: dict[int, float] = {}
        for trial in counted.to_dict("records"):
            step = int(trial["step"])
            votes.setdefault(step, Counter())[bool(trial["passed"])] += 1
            rates[step] = float(trial["rate_rps"])
        lower, upper = bounds(votes)
        held = counted[(counted["step"] == lower) & counted["passed"]]
        # That the next rate was too high for the server is no doubt; that it was for the generator is one.
        void = counted[(counted["step"] == upper) & counted["verdict"].isin(["invalid", "failed"])]
        bounds_by_code = {"NO_PASSING_RATE": lower, "NO_FAILING_RATE": upper}
        verdict, codes = _judged(void, held, bounds_by_code, thresholds)
        if counted.empty:
            verdict, codes = (str(group.iloc[-1][column]) for column in ("verdict", "codes"))
        first = group.iloc[0]
        yield {
            **{column: first[column] for column in SUMMARY_COLUMNS if column in first},
            "rate_rps": math.nan,
            "metric": "max_rate_rps",
            "unit": METRICS["max_rate_rps"].unit,
            "blocks": len(held),
            "median": float(held["throughput_rps"].median()) if len(held) else math.nan,
            "low": rates[lower] if lower is not None else math.nan,
            "high": rates[upper] if upper is not None else math.nan,
            "verdict": verdict,
            "codes": codes,
        }


def _judged(
    void: pd.DataFrame, held: pd.DataFrame, bounds_by_code: dict[str, int | None], thresholds: Thresholds
) -> tuple[str, str]:
    """Return verdict and codes of a search; of a failed one the reason.

    void: trials at the upper bound whose numbers were invalid. bounds_by_code: each bound by the code for its absence.
    """
    failed = void.loc[void["verdict"] == "failed", "codes"]
    if len(failed):
        return "failed", str(failed.iloc[-1])
    raised = [thresholds.flag(name) for name, step in bounds_by_code.items() if step is None]
    beyond = BEYOND * float(held["scheduled"].median()) if len(held) else math.inf
    if beyond < MIN_SAMPLES_BEYOND:
        raised.append(thresholds.flag("FEW_SAMPLES", beyond))
    flags = [flag for cell in void["codes"].fillna("") for flag in thresholds.parse(str(cell))]
    verdict = worst_verdict([*void["verdict"], *("suspect" for _ in raised)])
    return verdict, format_flags(thresholds.merge([*flags, *raised]))
