"""Print model / plain server of runs as CSV: ``python ratios.py RUN ...``.

A ratio is taken within each round. The value of a block is the median of its rounds, and the printed ratio is the
median of the blocks, with the lowest and the highest of them.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

HEADLINES = {"capacity": "throughput_rps", "sessions": "sessions_per_s"}
SLICE = ["scenario", "transport", "block", "round"]


def ratios(slices: pd.DataFrame) -> Iterator[str]:
    """Yield a line for each scenario, transport and model that has a plain server."""
    for (scenario, transport, model), rows in slices.groupby(["scenario", "transport", "model"]):
        headline = HEADLINES[scenario]
        both = rows.merge(slices[slices["model"] == f"plain_{model}"], on=SLICE, suffixes=("", "_plain"))
        both = both[(both[headline] > 0) & (both[f"{headline}_plain"] > 0)]  # a stalled slice has no ratio
        if both.empty:
            continue
        logarithms = np.log(both[headline] / both[f"{headline}_plain"])
        blocks = np.exp(logarithms.groupby(both["block"]).median())
        figures = f"{blocks.median():.3f},{blocks.min():.3f},{blocks.max():.3f}"
        yield f"{scenario},{transport},{model},{figures},{len(blocks)},{len(both)}"


def main() -> None:
    """Print the table of all runs."""
    print("scenario,transport,model,ratio,lowest_block,highest_block,blocks,rounds")  # noqa: T201 - the result
    for folder in sys.argv[1:]:
        for line in ratios(pd.read_csv(Path(folder) / "slices.csv.gz")):
            print(line)  # noqa: T201 - the result


if __name__ == "__main__":
    main()
