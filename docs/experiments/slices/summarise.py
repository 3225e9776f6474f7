"""Summarise the runs of ``run.py``.

python docs/experiments/slices/summarise.py FOLDER > docs/experiments/slices/results.csv
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd


def main() -> None:
    """Write one row for each run, metric and comparison with asyncio.

    The means go to standard error.
    """
    rows = []
    for folder in sorted(Path(sys.argv[1]).glob("2*")):
        comparisons = pd.read_csv(folder / "comparisons.csv")
        rounds = pd.read_csv(folder / "rounds.csv")
        counted = rounds[~rounds["disturbed"]].groupby("block").size().median()
        selected = comparisons["kind"].isin(["control", "reference"]) & comparisons["metric"].isin(
            ["throughput_rps", "cpu_us_per_request"]
        )
        for row in comparisons[selected].to_dict("records"):
            half_width = np.sqrt(row["high"] / row["low"]) - 1
            rows.append(
                {
                    "run": folder.name.split("-", 1)[0],
                    "slices": folder.name.split("-", 1)[1],
                    "rounds": int(counted),
                    "disturbed_share": round(float(rounds["disturbed"].mean()), 3),
                    **{name: row[name] for name in ("metric", "arm", "kind")},
                    **{name: round(float(row[name]), 4) for name in ("ratio", "low", "high")},
                    "half_width_percent": round(100 * float(half_width), 2),
                }
            )
    table = pd.DataFrame(rows)
    table.to_csv(sys.stdout, index=False)
    short = table[table["slices"].str.match(r"s\d")]
    means = short.groupby(["metric", "kind", "slices"])["half_width_percent"].agg(["mean", "min", "max"]).round(2)
    sys.stderr.write(means.to_string() + "\n")
    long = table[~table["slices"].str.match(r"s\d")]
    both = long.pivot_table(index=["metric", "arm"], columns="slices", values=["ratio", "low", "high"])
    sys.stderr.write(both.to_string() + "\n")


if __name__ == "__main__":
    main()
