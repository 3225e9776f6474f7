"""When a run may end before its last block: on the width of its intervals, never on what they say.

To stop once something is significant would find a difference between equals in a fifth of all runs; to stop once the
interval is as narrow as was wanted does not (docs/method.md).
"""

import math
from typing import TYPE_CHECKING

from bench.plan.definition import Plan, reference_arms
from bench.schema.conclusions import ComparisonKind
from bench.schema.metrics import headline
from bench.store.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd


def is_enough(plan: Plan, width: float, elapsed_s: float) -> bool:
    """Whether a run that wants narrow intervals is to end. width: as ``width_now`` tells it."""
    return width <= plan.until or elapsed_s > 60 * plan.at_most_min


def width_now(plan: Plan, folder: RunFolder, blocks: int) -> float:
    """The largest half-width after so many blocks, as a share; infinite while they are too few for an interval."""
    # A run imports these while its generator starts, which takes as long; other commands need not wait for them.
    from bench.analysis.comparisons import compare_arms
    from bench.analysis.statistics import MIN_BLOCKS_FOR_95

    if blocks < MIN_BLOCKS_FOR_95:
        return math.inf
    run = folder.read()
    return widest(compare_arms(run.trials, run.slices, reference_arms(plan), run.thresholds))


def widest(comparisons: "pd.DataFrame") -> float:
    """The largest half-width, as a share, of what each scenario asks for first; infinite if there is none."""
    widths = [
        math.sqrt(row["high"] / row["low"]) - 1 if row["low"] > 0 else math.inf
        for row in comparisons.to_dict("records")
        if row["kind"] == ComparisonKind.REFERENCE
        and row["metric"] == headline(str(row["scenario_kind"]))
        and row["verdict"] != "invalid"
    ]
    return max(widths, default=math.inf)
