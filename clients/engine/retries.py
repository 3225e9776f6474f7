"""Send a request again that got no reply within the timeout, compiled.

A request has one outcome and one intended time, however often it is sent. Over UDP the same datagram is sent on the
same socket. Over TCP a client that gives up waiting opens a new connection, because a late reply would come first.
"""

import socket

from clients.engine import syscalls
from clients.engine.connections import count_failure, open_connection
from clients.engine.jit import int64, jit_internal
from clients.engine.load_params import LoadParams
from clients.engine.messages import request_of
from clients.engine.phases import count_retry_in_phase
from clients.engine.records import CLOSED
from clients.engine.scheduler import fail
from clients.engine.thread_state import ThreadState
from clients.engine.views import attempts, connections, counters

_NO_SIGNAL = int(socket.MSG_NOSIGNAL)


@jit_internal
def send_again(state: ThreadState, params: LoadParams, i: int, slot: int, now_ns: int) -> None:
    """Send a request again, which must have a try left."""
    attempt = attempts(state, params, i)[slot]
    attempt["tries"] += 1
    attempt["last_sent_ns"] = now_ns
    counters(state)["retried"] += 1
    if params.phases:
        count_retry_in_phase(state, params, int64(attempt["phase"]))
    if params.tcp:
        _replace_connection(state, params, i, now_ns)
        return
    address, size = request_of(state, params, i, slot)
    sent = syscalls.send(connections(state)[i]["fd"], address, size, _NO_SIGNAL)
    if sent < 0:
        count_failure(state, -sent)
        fail(state, params, i, now_ns)


@jit_internal
def _replace_connection(state: ThreadState, params: LoadParams, i: int, now_ns: int) -> None:
    """Open a new connection for the request in flight: the only one, since retries over TCP have depth 1.

    ``replies.finish_connect`` writes it. The old connection is closed once its successor has its own port.
    """
    conn = connections(state)[i]
    if conn["stale_fd"] >= 0:
        syscalls.close(conn["stale_fd"])
    conn["stale_fd"] = conn["fd"]
    conn["fd"] = -1
    conn["state"] = CLOSED
    if open_connection(state, params, i, now_ns) == CLOSED:
        fail(state, params, i, now_ns)
        return
    conn["writing_serial"] = conn["serial"]
    conn["answered_serial"] = conn["serial"] - 1
    conn["requests_to_send"] = 0  # of a session of one request
