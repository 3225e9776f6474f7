"""The memory of a server for each further connection: of its processes, of the kernel and of its sockets. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.analysis.statistics import Interval, median_interval
from bench.translation import N_

KIB_PER_MB = 1e6 / 1024
# Column of trials.csv, and where the memory is in words.
PARTS = {
    "memory_mb": N_("in its processes"),
    "opening_kernel_mb": N_("in the kernel"),
    "socket_mb": N_("in its sockets"),
}


@dataclass(frozen=True, slots=True)
class ConnectionMemory:
    """KiB of one part of the memory for each further connection of an arm."""

    arm: str
    column: str  # of PARTS
    kib: Interval


def connection_memory(trials: pd.DataFrame) -> list[ConnectionMemory]:
    """Return the memory for each further connection, by arm and part.

    trials: of one scenario and population, at several numbers of connections.

    The value of a block is the slope of a line through its numbers of connections, by least squares. The estimate is
    the median over the blocks, with the interval of every median. Parts that are unknown are left out.
    """
    measured = trials[trials["status"] == "ok"]
    found = []
    for column in PARTS:
        known = measured[measured[column].notna()]
        for arm, of_arm in known.groupby("arm", sort=True):
            slopes = [
                _slope_kib(of_block["connections"].tolist(), of_block[column].tolist())
                for _, of_block in of_arm.groupby("block")
            ]
            slopes = [slope for slope in slopes if not math.isnan(slope)]
            if slopes:
                found.append(ConnectionMemory(str(arm), column, median_interval(slopes)))
    return found


def _slope_kib(connections: Sequence[float], memory_mb: Sequence[float]) -> float:
    """Return the slope in KiB per connection; nan with fewer than two numbers of connections."""
    x, y = np.asarray(connections, dtype=float), np.asarray(memory_mb, dtype=float)
    distances = x - x.mean()
    if not distances.any():
        return math.nan
    return KIB_PER_MB * float(distances @ (y - y.mean()) / (distances @ distances))
