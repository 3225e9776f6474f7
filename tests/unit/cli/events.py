"""Events of a run, made up."""

from dataclasses import replace

import numpy as np

from bench.experiment.observer import SliceFinished
from bench.schema.csv_schema import TrialRow
from tests.support import synthetic

_RANDOM = np.random.default_rng(1)


def make_slice(arm: str, rate_rps: float, block: int = 0) -> SliceFinished:
    """Return a slice of a closed loop."""
    row = synthetic.make_slice(block, 0, arm, 16, "capacity", rate_rps, _RANDOM)
    return SliceFinished(block, "capacity", 16, 0, replace(row, throughput_rps=rate_rps))


def make_open_loop_slice(arm: str, cpu_us: float, block: int = 0) -> SliceFinished:
    """Return a slice of an open loop at 10,000 requests per second."""
    row = synthetic.make_slice(block, 0, arm, 16, "latency", 1e4, _RANDOM)
    row = replace(row, rate_rps=1e4, throughput_rps=1e4, answered=100, server_cpu_us=100 * cpu_us)
    return SliceFinished(block, "latency", 16, 0, row)


def make_trial(arm: str, codes: str = "", connections: int = 16, status: str = "ok", reason: str = "") -> TrialRow:
    """Return a trial of a closed loop."""
    return synthetic.make_trial(0, arm, connections, "capacity", status=status, reason=reason, codes=codes)
