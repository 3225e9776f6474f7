"""Print a run of two versions of a server as a comment for a pull request, in Markdown.

    python examples/github/comment.py results/RUN > comment.md

The run has the servers ``base``, which is the reference, and ``head``; examples/github/holabench.yml measures it.
"""

import sys

import pandas as pd

from bench import load
from bench.report.answers import noise_floor
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import METRICS

BASE, HEAD = "base", "head"
CONCLUSIONS = {"faster": "better", "slower": "**worse**", "equivalent": "no change (within 5%)"}


def print_comment(folder: str) -> None:
    """Print the comparison of head with base, and the noise floor."""
    run = load(folder)
    rows = run.comparisons[run.comparisons["ratio"].notna()]
    of_head = rows[
        (rows["model"] == HEAD) & rows["reference"].str.startswith(f"{BASE}/") & (rows["kind"] == "reference")
    ]
    print("### holabench: head compared with base\n")
    if of_head.empty:
        print(f"`{HEAD}` and `{BASE}` have no load in common that both served; the report lists the reasons.")
        return
    print("| load | metric | head / base | conclusion | verdict |")
    print("|---|---|---|---|---|")
    for _, row in of_head.iterrows():
        print(f"| {LoadPoint.from_row(row)} | {METRICS[row['metric']].label} | {cells(row)} |")
    print("\nRatios with 95% intervals over the blocks, inside rounds in which both servers took turns.")
    if noise := noise_floor(run.comparisons):
        print(f"Noise floor, from measuring `{BASE}` twice: {noise}. A smaller change may be noise.")


def cells(row: pd.Series) -> str:
    """Return the ratio, the conclusion and the verdict of a comparison. An invalid one has no number."""
    if row["verdict"] == "invalid":
        return f"- | - | invalid: {row['codes']}"
    ratio = f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
    doubts = f": {row['codes']}" if row["codes"] else ""
    return f"{ratio} | {CONCLUSIONS.get(row['conclusion'], row['conclusion'])} | {row['verdict']}{doubts}"


if __name__ == "__main__":
    print_comment(sys.argv[1])
