"""Print a run of two versions of a server as a comment for a pull request, in Markdown.

    python examples/github/comment.py results/RUN > comment.md
    python examples/github/comment.py results/RUN --fail-if-worse 10

The run has the servers ``base``, which is the reference, and ``head``; examples/github/holabench.yml measures it. With
--fail-if-worse, the exit code is 1 if a figure of ``head`` is significantly worse by more than this share. These
figures are listed.
"""

import argparse
import sys
from collections.abc import Iterator

import pandas as pd

from bench import load
from bench.report.answers import noise_floor
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import METRICS

BASE, HEAD = "base", "head"
CONCLUSIONS = {"faster": "better", "slower": "**worse**", "equivalent": "no change (within 5%)"}


def compare_head(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of comparisons.csv that compare head with base."""
    is_of_head = (comparisons["model"] == HEAD) & (comparisons["kind"] == "reference")
    return comparisons[is_of_head & comparisons["reference"].str.startswith(f"{BASE}/") & comparisons["ratio"].notna()]


def print_comment(comparisons: pd.DataFrame) -> None:
    """Print the comparison of head with base, and the noise floor."""
    of_head = compare_head(comparisons)
    print("### holabench: head compared with base\n")
    if of_head.empty:
        print(f"`{HEAD}` and `{BASE}` have no load in common that both served; the report lists the reasons.")
        return
    print("| load | metric | head / base | conclusion | verdict |")
    print("|---|---|---|---|---|")
    for _, row in of_head.iterrows():
        print(f"| {LoadPoint.from_row(row)} | {METRICS[row['metric']].label} | {cells(row)} |")
    print("\nRatios with 95% intervals over the blocks, inside rounds in which both servers took turns.")
    if noise := noise_floor(comparisons):
        print(f"Noise floor, from measuring `{BASE}` twice: {noise}. A smaller change may be noise.")


def cells(row: pd.Series) -> str:
    """Return the ratio, the conclusion and the verdict of a comparison. An invalid one has no number."""
    if row["verdict"] == "invalid":
        return f"- | - | invalid: {row['codes']}"
    ratio = f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
    doubts = f": {row['codes']}" if row["codes"] else ""
    return f"{ratio} | {CONCLUSIONS.get(row['conclusion'], row['conclusion'])} | {row['verdict']}{doubts}"


def worse_figures(comparisons: pd.DataFrame, percent: float) -> Iterator[str]:
    """Yield a line for each figure of head that is worse than that of base by more than a share.

    percent: the share. Invalid comparisons, and those without a significant difference, are left out.
    """
    rows = compare_head(comparisons)
    for _, row in rows[(rows["conclusion"] == "slower") & (rows["verdict"] != "invalid")].iterrows():
        if max(row["ratio"], 1 / row["ratio"]) > 1 + percent / 100:
            yield f"worse by more than {percent:g}%: {METRICS[row['metric']].label} at {LoadPoint.from_row(row)}"


def main() -> None:
    """Print the comment; or else list what is worse, and exit with code 1 if there is anything."""
    parser = argparse.ArgumentParser(description="Print a run of two versions of a server as a comment.")
    parser.add_argument("folder", help="folder of the run")
    parser.add_argument("--fail-if-worse", type=float, metavar="PERCENT", help="exit with code 1 if head is worse")
    options = parser.parse_args()
    comparisons = load(options.folder).comparisons
    if options.fail_if_worse is None:
        print_comment(comparisons)
        return
    worse = list(worse_figures(comparisons, options.fail_if_worse))
    print("\n".join(worse))
    sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()
