"""The schedule of an open loop, compiled: constant, Poisson or in bursts.

Each time follows from the seed alone, whatever the server does, so a test can compute the same schedule in advance.
Times are made one by one, so an hour of load takes no more memory than a second.
"""

import numpy as np

from clients.engine.jit import int64, jit_inline, jit_internal
from clients.engine.load_params import BURST, CONSTANT, LoadParams
from clients.engine.random_numbers import exponential, next_state
from clients.engine.thread_state import ThreadState
from clients.engine.views import arrivals, progress, schedule

NEVER_NS = 1 << 62  # the schedule has ended


@jit_internal
def first_arrival(state: ThreadState, params: LoadParams) -> None:
    """Begin the schedule."""
    progress(state)["arrivals_random"] = schedule(state)["seed"]
    next_arrival(state, params)


@jit_inline
def next_arrival(state: ThreadState, params: LoadParams) -> None:
    """Advance to the next time of the schedule."""
    process = arrivals(state)
    gap_ns = process["gap_ns"]
    if params.arrivals != CONSTANT:
        random = next_state(progress(state)["arrivals_random"])
        progress(state)["arrivals_random"] = random
        gap_ns *= exponential(random)
    process["position_ns"] += gap_ns
    position_ns = process["position_ns"]
    if params.arrivals == BURST:  # Poisson inside a burst; the position excludes the time between bursts
        bursts = np.floor(position_ns / process["on_ns"])
        position_ns = bursts * process["period_ns"] + (position_ns - bursts * process["on_ns"])
    intended_ns = process["start_ns"] + position_ns  # compared as a float: a time beyond 64 bits is beyond the end, too
    progress(state)["next_due_ns"] = int64(intended_ns) if intended_ns < schedule(state)["end_ns"] else NEVER_NS


@jit_inline
def is_due(state: ThreadState, now_ns: int) -> bool:
    """Return whether the schedule has a request that should have been sent by now."""
    return bool(progress(state)["next_due_ns"] <= now_ns)


@jit_inline
def nothing_more_due(state: ThreadState) -> bool:
    """Return whether the schedule has ended."""
    return bool(progress(state)["next_due_ns"] == NEVER_NS)
