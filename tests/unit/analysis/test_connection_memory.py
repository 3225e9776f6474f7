import math

import pandas as pd
import pytest

from bench.analysis.connection_memory import connection_memory


def make_trials(blocks: list[list[tuple[int, float]]], status: str = "ok") -> pd.DataFrame:
    """Return the trials of asyncio. blocks: connections and memory in MB of each trial of each block."""
    rows = [
        {"block": block, "connections": connections, "memory_mb": memory_mb}
        for block, of_block in enumerate(blocks)
        for connections, memory_mb in of_block
    ]
    unknown = {"opening_kernel_mb": math.nan, "socket_mb": 1.0}
    return pd.DataFrame(rows).assign(arm="asyncio/tcp", status=status, **unknown)


def test_memory_of_a_connection_is_the_median_slope_of_the_blocks() -> None:
    blocks = [[(100, 10.0 + 0.1024 * slope), (1100, 10.0 + 1.1264 * slope)] for slope in (3.0, 1.0, 2.0)]
    in_processes, in_sockets = connection_memory(make_trials(blocks))
    assert (in_processes.arm, in_processes.column) == ("asyncio/tcp", "memory_mb")
    # 1.024 MB more for 1,000 connections are 1 KiB for each.
    assert (in_processes.kib.estimate, in_processes.kib.low, in_processes.kib.high) == pytest.approx((2.0, 1.0, 3.0))
    assert (in_sockets.column, in_sockets.kib.estimate) == ("socket_mb", 0.0)


def test_line_through_three_numbers_is_that_of_least_squares() -> None:
    """Distances from the mean are -1000, 0 and 1000, so the middle value has no weight."""
    memory = connection_memory(make_trials([[(0, 0.0), (1000, 9.0), (2000, 2.048)]]))
    assert memory[0].kib.estimate == pytest.approx(1.0)


def test_one_number_of_connections_or_failed_trials_have_no_slope() -> None:
    assert connection_memory(make_trials([[(100, 10.0)], [(1000, 12.0)]])) == []
    assert connection_memory(make_trials([[(0, 1.0), (1, 2.0)]], status="failed")) == []
