"""The schedule of an open loop, compiled: constant, Poisson or in bursts.

Each time follows from the seed alone, whatever the server does, so a test can compute the same schedule in advance.
Times are made one by one, so an hour of load takes no more memory than a second.
"""

import numpy as np

from clients.engine.jit import int64, jit_inline, jit_internal
from clients.engine.load_params import BURST, CONSTANT, LoadParams
from clients.engine.random_numbers import exponential, next_state
from clients.engine.thread_state import ThreadState
from clients.engine.views import arrivals, phases, progress, schedule

NEVER_NS = 1 << 62  # the schedule has ended


@jit_internal
def first_arrival(state: ThreadState, params: LoadParams) -> None:
    """Begin the schedule."""
    progress(state)["arrivals_random"] = schedule(state)["seed"]
    next_arrival(state, params)


@jit_inline
def next_arrival(state: ThreadState, params: LoadParams) -> None:
    """Advance to the next time of the schedule."""
    if params.phases:
        _next_arrival_of_phases(state, params)
        return
    intended_ns = _advance(state, params)  # compared as a float: a time beyond 64 bits is beyond the end, too
    progress(state)["next_due_ns"] = int64(intended_ns) if intended_ns < schedule(state)["end_ns"] else NEVER_NS


@jit_internal
def _next_arrival_of_phases(state: ThreadState, params: LoadParams) -> None:
    """Advance to the next time of this phase, or to the first of the next phase that has any.

    Each phase begins its arrivals again. For Poisson arrivals that makes no difference: they have no memory.
    """
    process, end_ns = arrivals(state), schedule(state)["end_ns"]
    index = progress(state)["due_phase"]
    while index <= params.phases:
        phase = phases(state, params)[index]
        if process["gap_ns"] > 0.0:
            intended_ns = _advance(state, params)
            if intended_ns < phase["end_ns"] and intended_ns < end_ns:
                progress(state)["next_due_ns"] = int64(intended_ns)
                return
        index += 1
        progress(state)["due_phase"] = index
        if index <= params.phases:
            gap_ns = phases(state, params)[index]["gap_ns"]
            process["gap_ns"] = gap_ns
            process["start_ns"] = phase["end_ns"]
            process["position_ns"] = gap_ns * (process["first_gap_share"] - 1.0) if params.arrivals == CONSTANT else 0.0
    progress(state)["next_due_ns"] = NEVER_NS


@jit_inline
def _advance(state: ThreadState, params: LoadParams) -> float:
    """Draw the next time of the arrival process and return it."""
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
    return float(process["start_ns"] + position_ns)


@jit_inline
def is_due(state: ThreadState, now_ns: int) -> bool:
    """Return whether the schedule has a request that should have been sent by now."""
    return bool(progress(state)["next_due_ns"] <= now_ns)


@jit_inline
def nothing_more_due(state: ThreadState) -> bool:
    """Return whether the schedule has ended."""
    return bool(progress(state)["next_due_ns"] == NEVER_NS)
