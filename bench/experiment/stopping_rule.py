"""The stopping rule of a run with a target precision.

The run stops by the width of its intervals, never by their position. Stopping once a difference is significant would
find one between equal servers in a fifth of all runs. Stopping once the intervals are narrow enough does not
(docs/statistics.md).
"""

import math
from typing import TYPE_CHECKING

from bench.plan.definition import Plan
from bench.plan.schedule import Schedule
from bench.schema.conclusions import ComparisonKind
from bench.schema.metrics import headline
from bench.store.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd


def should_stop(plan: Plan, precision: float, elapsed_s: float) -> bool:
    """Return whether a run may stop. precision: see ``current_precision``."""
    return precision <= plan.target_precision or elapsed_s > 60 * plan.max_minutes


def current_precision(schedule: Schedule, folder: RunFolder, blocks: int) -> float:
    """Return the largest half-width of the intervals so far, as a share.

    It is infinite while the blocks are too few for an interval.
    """
    # Imported here, because a run imports these while its generator starts, and other commands need not wait for them.
    from bench.analysis.comparisons import compare_arms
    from bench.analysis.statistics import MIN_BLOCKS_FOR_95

    if blocks < MIN_BLOCKS_FOR_95:
        return math.inf
    run = folder.read()
    return widest_interval(compare_arms(run.trials, run.slices, schedule.reference_arms, schedule.thresholds))


def widest_interval(comparisons: "pd.DataFrame") -> float:
    """Return the largest half-width of the headline metrics, as a share.

    It is infinite if there is no interval.
    """
    widths = [
        math.sqrt(row["high"] / row["low"]) - 1 if row["low"] > 0 else math.inf
        for row in comparisons.to_dict("records")
        if row["kind"] == ComparisonKind.REFERENCE
        and row["metric"] == headline(str(row["scenario_kind"]))
        and row["verdict"] != "invalid"
    ]
    return max(widths, default=math.inf)
