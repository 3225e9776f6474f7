"""The records of one connection, one request and one raw row.

They are numpy dtypes, which compiled code can use. A connection is in one of four states; the diagram is in
``clients.engine.connections``.
"""

import numpy as np

CLOSED, CONNECTING, OPEN, CLOSING = range(4)

CONNECTION = np.dtype(
    [
        ("fd", np.int32),
        ("stale_fd", np.int32),  # given up; closed once its successor has its own port
        ("state", np.int32),  # CLOSED, CONNECTING, OPEN or CLOSING
        ("in_flight", np.int32),  # requests without an answer
        ("free_slots", np.int32),  # datagrams: number of slots on the stack of free ones
        ("parked_slots", np.int32),  # open loop: idle slots that return to the queue once the connection is open again
        ("state_since_ns", np.int64),  # when the connection became CONNECTING, CLOSING or CLOSED
        ("serial", np.int64),  # number of requests sent so far
        ("answered_serial", np.int64),  # streams: serial number of the last request answered
        ("newest_serial", np.int64),  # datagrams: largest serial number answered
        ("writing_serial", np.int64),  # streams: serial number of the request that is being written, or is next
        ("written_bytes", np.int64),  # bytes of that request that were sent
        ("read_bytes", np.int64),  # bytes of the current reply that arrived and were correct
        ("requests_to_send", np.int64),  # in the current session
        ("replies_to_come", np.int64),  # in the current session
        ("adios_number", np.int64),  # number of the request that is adios; 0 before it is sent
        ("intended_ns", np.int64),  # open loop: when the current session should have begun
        ("next_byte_ns", np.int64),  # trickle, never reads: when it writes next, as in the queue; 0: it is not queued
        ("poured_bytes", np.int64),  # never reads: bytes sent so far, over all connects
        ("start_delay_ns", np.int64),  # open loop: the generator's part of the delay until the session began
        ("served", np.int64),  # replies inside the window
    ],
    align=True,
)

REQUEST = np.dtype(
    [
        ("number", np.int64),  # as in the message's header: serial number x depth + slot; 0: the slot is free
        ("intended_ns", np.int64),  # open loop: when the schedule asks for the request
        ("ready_ns", np.int64),  # when it could be sent: the later of intended and a slot being free (or connected)
        ("sent_ns", np.int64),  # for the first time
        ("size_bytes", np.int64),  # of the message
    ],
    align=True,
)

# What a load with retries or phases also knows of a request. Other loads have none. Larger requests cost a deep
# pipeline 2% of its rate (4 connections of depth 64): they probably no longer fit into the processor's first cache.
ATTEMPT = np.dtype(
    [
        ("last_sent_ns", np.int64),  # for the last time; the timeout counts from here
        ("tries", np.int32),  # times that it was sent again
        ("phase", np.int32),  # of the load, in which the request began; see clients.engine.phases
    ]
)

# One row of a raw record. intended_ns is 0 in a closed loop, received_ns is 0 if no reply came.
RAW = np.dtype(
    [
        ("connection", np.int32),
        ("outcome", np.int32),
        ("number", np.int64),
        ("intended_ns", np.int64),
        ("ready_ns", np.int64),
        ("sent_ns", np.int64),
        ("received_ns", np.int64),
    ],
    align=True,
)
OUTCOME_OK, OUTCOME_LATE, OUTCOME_LOST, OUTCOME_CORRUPT = range(4)
