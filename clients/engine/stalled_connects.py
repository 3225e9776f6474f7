"""Connects that a full listen queue left without an answer, compiled.

Linux drops the SYN of a connect that finds the queue full, and sends it again after 1, 3 and 7 s. Before a load, the
queue is full whenever the server accepts more slowly than the generator connects. A limit of connects in flight does
not prevent that: a connection is established for its client before the server has accepted it. Eight of nine openings
of 3,000 connections took 1 or 2 s longer for that reason. 10,000 connections took up to 13 s, and one server had
accepted only 7,000 of them after 20 s. A new socket sends its SYN at once.

Only connects before a load are opened again: those inside it are what is measured.
"""

from clients.engine.connections import close_connection, open_connection
from clients.engine.jit import int64, jit_internal
from clients.engine.load_params import LoadParams
from clients.engine.records import CONNECTING
from clients.engine.thread_state import ThreadState
from clients.engine.views import connections

CONNECTS_AT_ONCE = 128  # each costs about 15 us when it is opened again
UNKNOWN_NS = 1 << 62  # of the shortest connect, before the first one succeeds
_LEAST_NS = 20_000_000  # a connect over loopback takes less than 0.1 ms unless a busy server delays it
_TIMES_SHORTEST = 4  # over a network the time of a round trip varies


@jit_internal
def reopen_stalled(state: ThreadState, params: LoadParams, now_ns: int, shortest_ns: int) -> int:
    """Open connects again that have no answer for much longer than the shortest one took.

    shortest_ns: UNKNOWN_NS leaves all to the kernel. Returns how many are no longer connecting, because they failed.
    """
    if shortest_ns == UNKNOWN_NS:
        return int64(0)
    begun_by_ns = now_ns - _LEAST_NS - _TIMES_SHORTEST * shortest_ns
    failed = int64(0)
    for i in range(state.connection_count):
        conn = connections(state)[i]
        if conn["state"] == CONNECTING and conn["state_since_ns"] < begun_by_ns:
            close_connection(state, i)
            if open_connection(state, params, i, now_ns) != CONNECTING:
                failed += 1
    return failed
