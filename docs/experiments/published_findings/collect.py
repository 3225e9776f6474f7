"""Print the figures of the page as CSV: ``python docs/experiments/published_findings/collect.py RUN ...``.

A row is one of ``summary.csv`` or of ``comparisons.csv`` of a run. Counts and the kernel's memory come from its
``trials.csv``: their median over the blocks, with the lowest and the highest.
"""

import sys
from pathlib import Path

import pandas as pd

METRICS = {
    "backlog": ("latency_p50_us", "latency_max_us"),
    "blocking_call": ("latency_p50_us",),
    "idle_connections": ("latency_p50_us", "cpu_us_per_request", "memory_mb"),
    "message_budget": ("latency_p50_us", "throughput_rps"),
    "never_reads": ("memory_mb",),
    "overload": ("recovery_s",),
    "slow_clients": ("latency_p50_us",),
}
TRIAL_COLUMNS = {
    "backlog": ("listen_overflows", "lost"),
    "idle_connections": ("opening_kernel_mb",),
    "slow_clients": ("replies", "lost", "unsent"),
}
LOAD_POINT = ["scenario", "connections", "message_bytes", "population", "phase"]
FIGURES = ["blocks", "value", "low", "high", "predicted", "verdict", "codes", "findings", "status", "reason"]
COLUMNS = ["plan", *LOAD_POINT, "arm", "reference", "metric", *FIGURES]
RATIOS = ("reference", "control")


def rows_of(folder: Path) -> pd.DataFrame:
    """Return the rows of a run: its figures, its ratios, then its counts."""
    plan = folder.name.partition("-")[2]
    summary = pd.read_csv(folder / "summary.csv").rename(columns={"median": "value"})
    ratios = pd.read_csv(folder / "comparisons.csv").rename(columns={"ratio": "value"})
    trials = pd.read_csv(folder / "trials.csv")
    parts = [
        summary[summary["metric"].isin(METRICS[plan])],
        ratios[ratios["metric"].isin(METRICS[plan]) & ratios["kind"].isin(RATIOS)],
        *(over_blocks(trials, column) for column in TRIAL_COLUMNS.get(plan, ())),
    ]
    rows = pd.concat(parts, ignore_index=True).assign(plan=plan).reindex(columns=COLUMNS)
    return rows.astype(dict.fromkeys(("value", "low", "high", "predicted"), float))


def over_blocks(trials: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the median of a column of ``trials.csv`` for each case, with the lowest and the highest block."""
    measured = trials[(trials["status"] == "ok") & trials[column].notna()]
    of_cases = measured.groupby([*LOAD_POINT, "arm"], dropna=False)[column]
    rows = of_cases.agg(value="median", low="min", high="max", blocks="count")
    return rows.reset_index().assign(metric=column)


def main() -> None:
    """Print the rows of all runs."""
    rows = pd.concat([rows_of(Path(folder)) for folder in sys.argv[1:]], ignore_index=True)
    print(rows.to_csv(index=False, float_format="%.4g"), end="")  # noqa: T201 - the result


if __name__ == "__main__":
    main()
