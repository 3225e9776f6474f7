"""When the requests of an open loop are to leave, compiled: constant, Poisson or in bursts.

Each time follows from the seed alone, whatever the server does. They are made one at a time, so that an hour of load
takes no more memory than a second. numba's random numbers are those of numpy.random.RandomState, bit for bit: so a test
makes the same schedule beforehand.
"""

import numpy as np

from clients.engine.jit import inlined, inner, int64
from clients.engine.thread_state import (
    BURST,
    CONSTANT,
    END,
    GAP,
    NEXT,
    ON,
    PERIOD,
    POSITION,
    SEED,
    START,
    LoadParams,
    ThreadState,
    arrivals,
    schedule,
)

NEVER_NS = 1 << 62  # no request is to leave any more


@inner
def first_arrival(lane: ThreadState, load: LoadParams) -> None:
    """Begin the schedule."""
    np.random.seed(schedule(lane)[SEED])  # noqa: NPY002 - compiled code knows the old interface alone
    next_arrival(lane, load)


@inlined
def next_arrival(lane: ThreadState, load: LoadParams) -> None:
    """Go on to the next time of the schedule."""
    process = arrivals(lane)
    gap_ns = process[GAP]
    if load.arrivals != CONSTANT:
        gap_ns *= np.random.standard_exponential()  # noqa: NPY002 - as above
    process[POSITION] += gap_ns
    position_ns = process[POSITION]
    if load.arrivals == BURST:  # Poisson while it is on; the time that it is off is left out of the position
        bursts = np.floor(position_ns / process[ON])
        position_ns = bursts * process[PERIOD] + (position_ns - bursts * process[ON])
    intended_ns = process[START] + position_ns  # compared as a float: one beyond 64 bits is beyond the end, too
    schedule(lane)[NEXT] = int64(intended_ns) if intended_ns < schedule(lane)[END] else NEVER_NS
