"""The two queues of connections that wait to send, compiled.

A load uses only one of them, so both share one ring. Idle slots (open loop): free slots, or clients that may begin a
session, with the time since when they are free. The slot that has been free for longest takes the next request of the
schedule, so all are used alike.

Thinking (closed loop with a time to think): clients with the time when their next request or session is due. All think
for the same time, so the ring is in the order of these times.
"""

from clients.engine.jit import jit_inline
from clients.engine.load_params import LoadParams
from clients.engine.thread_state import ThreadState
from clients.engine.views import progress, queue


@jit_inline
def _enqueue(state: ThreadState, params: LoadParams, i: int, time_ns: int) -> None:
    """Add connection ``i`` with a time."""
    ring, room = progress(state), state.connection_count * params.depth
    if ring["queue_length"] < room:
        position = (ring["queue_first"] + ring["queue_length"]) % room
        queue(state, params)[2 * position] = time_ns
        queue(state, params)[2 * position + 1] = i
        ring["queue_length"] += 1


@jit_inline
def _dequeue(state: ThreadState, params: LoadParams) -> tuple[int, int]:
    """Remove the first entry. Returns its time and its connection."""
    ring = progress(state)
    position = ring["queue_first"]
    ring["queue_first"] = (position + 1) % (state.connection_count * params.depth)
    ring["queue_length"] -= 1
    return queue(state, params)[2 * position], queue(state, params)[2 * position + 1]


# Aliases, because every function of its own costs compile time.
add_idle_slot = _enqueue  # time: since when the slot is free
take_idle_slot = _dequeue  # the slot that has been free for longest
add_thinking = _enqueue  # time: when the client's next request is due
take_thinking = _dequeue  # the client that is due first


@jit_inline
def first_thinking_due_ns(state: ThreadState, params: LoadParams) -> int:
    """Return when the first thinking client is due. The queue must not be empty."""
    due_ns: int = queue(state, params)[2 * progress(state)["queue_first"]]
    return due_ns


@jit_inline
def queue_is_empty(state: ThreadState) -> bool:
    """Return whether no connection waits to send."""
    return bool(progress(state)["queue_length"] == 0)
