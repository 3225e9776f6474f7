"""From the trials of searches to their results: both bounds, and what was answered at the lower one. Pure."""

import math
from collections import Counter
from collections.abc import Iterator

import pandas as pd

from bench.analysis.summary import SUMMARY_COLUMNS
from bench.experiment.bisection import BEYOND, Votes, bounds
from bench.schema.metrics import METRICS
from clients import verdicts

_CASE = ["scenario", "connections", "message_bytes", "arm"]


def summarise_limits(trials: pd.DataFrame | None) -> pd.DataFrame:
    """One row of the summary for each search: low and high are its bounds, the median is what was answered at low.

    trials: rows of limits.csv. The bounds are no interval of confidence: a rate at which most trials met the
    objective, and the next one at which most did not.
    """
    rows = [] if trials is None else list(_rows(trials))
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


def _rows(trials: pd.DataFrame) -> Iterator[dict[str, object]]:
    for _, group in trials.groupby(_CASE, sort=False):
        counted = group[group["counted"]]
        votes: Votes = {}
        rates: dict[int, float] = {}
        for trial in counted.to_dict("records"):
            rung = int(trial["rung"])
            votes.setdefault(rung, Counter())[bool(trial["passed"])] += 1
            rates[rung] = float(trial["rate_rps"])
        lower, upper = bounds(votes)
        held = counted[(counted["rung"] == lower) & counted["passed"]]
        # That the next rate was too high for the server is no doubt; that it was for the generator is one.
        void = counted[(counted["rung"] == upper) & counted["verdict"].isin(["invalid", "failed"])]
        verdict, codes = _judged(void, held, {"no_lower_bound": lower, "no_upper_bound": upper})
        if counted.empty:
            verdict, codes = (str(group.iloc[-1][column]) for column in ("verdict", "codes"))
        first = group.iloc[0]
        yield {
            **{column: first[column] for column in SUMMARY_COLUMNS if column in first},
            "rate_rps": math.nan,
            "metric": "limit_rps",
            "unit": METRICS["limit_rps"].unit,
            "blocks": len(held),
            "median": float(held["throughput_rps"].median()) if len(held) else math.nan,
            "low": rates[lower] if lower is not None else math.nan,
            "high": rates[upper] if upper is not None else math.nan,
            "verdict": verdict,
            "codes": codes,
        }


def _judged(void: pd.DataFrame, held: pd.DataFrame, found: dict[str, int | None]) -> tuple[str, str]:
    """Verdict and codes of a search; of one that failed the reason. found: the bounds, by what to say without them."""
    failed = void.loc[void["verdict"] == "failed", "codes"]
    if len(failed):
        return "failed", str(failed.iloc[-1])
    codes = [str(text) for text in void["codes"].fillna("")]
    raised = {name: 1.0 for name, rung in found.items() if rung is None}
    beyond = BEYOND * float(held["scheduled"].median()) if len(held) else math.inf
    if beyond < verdicts.LEAST_REPLIES_BEYOND:
        raised["few_replies"] = beyond
    codes += [verdicts.cell(name, figure) for name, figure in raised.items()]
    return verdicts.worst([*void["verdict"], *("suspect" for _ in raised)]), verdicts.merge(codes)
