"""When a run may end before its last block: on the width of its intervals, never on what they say.

To stop once something is significant would find a difference between equals in a fifth of all runs; to stop once the
interval is as narrow as was wanted does not (docs/method.md).
"""

import math
from typing import TYPE_CHECKING

from bench.analyse import AGAINST, compare
from bench.metrics import headline
from bench.plan import Plan, reference_arms
from bench.stats import LEAST_BLOCKS_FOR_95
from bench.store import RunFolder

if TYPE_CHECKING:
    import pandas as pd


def is_enough(plan: Plan, folder: RunFolder, blocks: int, elapsed_s: float) -> bool:
    """Whether the run is to end after so many blocks and so much time."""
    if not plan.until:
        return False
    if elapsed_s > 60 * plan.at_most_min:
        return True
    if blocks < LEAST_BLOCKS_FOR_95:
        return False
    found = compare(folder.finished("slices"), folder.trials(), reference_arms(plan))
    return widest(found) <= plan.until


def widest(comparisons: "pd.DataFrame") -> float:
    """The largest half-width, as a share, of what each scenario asks for first; infinite if there is none."""
    widths = [
        math.sqrt(row["high"] / row["low"]) - 1 if row["low"] > 0 else math.inf
        for row in comparisons.to_dict("records")
        if row["kind"] == AGAINST and row["metric"] == headline(str(row["scenario"])) and row["verdict"] != "invalid"
    ]
    return max(widths, default=math.inf)
